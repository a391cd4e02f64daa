"""Frozen dataclasses of integers, strings, formats and tensors to and from JSON, by their type hints alone.

A new node kind needs nothing here as long as its fields are of the kinds below: str, int, bool, IntFormat,
enumerations, IntTensor, homogeneous tuples, dataclasses of these, and any of them or None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from quadrille.algo.spec import IntFormat, IntTensor, InvalidInput
from quadrille.algo.spec.kinds import field_hints

__all__ = ["RecordReader", "decode_record", "encode_record"]

RecordT = TypeVar("RecordT")


@dataclass
class RecordReader:
    """The tensors of a file, and the names of those that a record has asked for."""

    tensors: Mapping[str, IntTensor]
    read: set[str] = field(default_factory=set)


def encode_record(record: Any, place: str, tensors: dict[str, IntTensor]) -> dict[str, Any]:
    """The fields of `record` as JSON values; its tensors go to `tensors`, named `place.field`.

    Raises
    ------
    InvalidInput
        If there is a tensor of that name already.
    """
    return {name: _encode(getattr(record, name), f"{place}.{name}", tensors) for name in field_hints(type(record))}


def _encode(value: Any, place: str, tensors: dict[str, IntTensor]) -> Any:
    if isinstance(value, IntTensor):
        if place in tensors:
            raise InvalidInput(f"Tensor {place!r} must be named once, and two nodes' fields give that name")
        tensors[place] = value
        return place
    if isinstance(value, IntFormat):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return encode_record(value, place, tensors)
    if isinstance(value, tuple):
        return [_encode(item, f"{place}.{index}", tensors) for index, item in enumerate(value)]
    return value


def decode_record(kind: type[RecordT], values: object, place: str, reader: RecordReader) -> RecordT:
    """The record of class `kind` whose fields are the JSON `values`.

    Raises
    ------
    InvalidInput
        If a field is missing, unknown or of another type, or a tensor is not in the file.
    """
    if not isinstance(values, dict):
        raise InvalidInput(f"{_noun(place)} must be an object, not {values!r}")
    hints = field_hints(kind)
    for name in values:
        if name not in hints:
            raise InvalidInput(f"{_noun(place, name)} must be one of {', '.join(hints)}")
    required = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}  # pyright: ignore[reportArgumentType]
    for name in hints:
        if name in required and name not in values:
            raise InvalidInput(f"{_noun(place, name)} must be given, and is missing")
    return kind(**{name: _decode(hints[name], values[name], f"{place}.{name}", reader) for name in values})


def _noun(place: str, name: str = "") -> str:
    """The field in words: what follows the node's name in `place`."""
    return f"field {name or place.rpartition('.')[2]}"


def _decode(hint: Any, value: Any, place: str, reader: RecordReader) -> Any:
    noun = _noun(place)
    if get_origin(hint) in (Union, UnionType):
        options = [option for option in get_args(hint) if option is not NoneType]
        assert len(options) == 1, f"{hint} is none of the kinds that a record may have"
        return None if value is None else _decode(options[0], value, place, reader)
    if get_origin(hint) is tuple:
        (item, *_) = get_args(hint)
        if not isinstance(value, list):
            raise InvalidInput(f"{noun} must be a list, not {value!r}")
        return tuple(_decode(item, element, f"{place}.{index}", reader) for index, element in enumerate(value))
    if hint is IntTensor:
        if not isinstance(value, str) or value not in reader.tensors:
            raise InvalidInput(f"{noun} must be a tensor of the file, and {value!r} is none")
        if value in reader.read:
            raise InvalidInput(f"{noun} must have a tensor of its own, and {value!r} is another's")
        reader.read.add(value)
        return reader.tensors[value]
    if hint is IntFormat:
        if not isinstance(value, str):
            raise InvalidInput(f"{noun} must be a format like u4 or s8, not {value!r}")
        return IntFormat.parse(value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        names = {member.value: member for member in hint}
        if not isinstance(value, str) or value not in names:
            raise InvalidInput(f"{noun} must be one of {', '.join(names)}, not {value!r}")
        return names[value]
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return decode_record(hint, value, place, reader)
    names = {int: "an integer", str: "a string", bool: "true or false"}
    assert hint in names, f"{hint} is none of the kinds that a record may have"
    if type(value) is not hint:
        raise InvalidInput(f"{noun} must be {names[hint]}, not {value!r}")
    return value
