"""A scalar function in integers: a format, a tuple of stages, a format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from .errors import InvalidInput
from .formats import Interval, IntFormat
from .kinds import check_kinds, field_hints
from .stages import STAGE_KINDS, WIDEST_VALUE, Round, Stage

__all__ = ["Function"]


@dataclass(frozen=True)
class Function:
    """`y = stages[-1](... stages[0](x))` for every code x of the format `input`; the last stage is a Round.

    `input_fraction` and `output_fraction` say what a code stands for, x / 2**input_fraction; they change no integer.

    Raises
    ------
    InvalidInput
        If the last stage is no Round, a stage cannot take what the one before it leaves, or a value needs more than
        62 bits.
    """

    name: str
    input: IntFormat
    stages: tuple[Stage, ...]
    input_fraction: int = 0
    output_fraction: int = 0

    def __post_init__(self) -> None:
        check_kinds(self, f"function {self.name!r}")
        if not self.stages or not isinstance(self.stages[-1], Round):
            raise InvalidInput(f"Last stage of function {self.name!r} must be a round")
        for stage, interval in zip(self.stages, self.intervals[1:], strict=True):
            if interval not in WIDEST_VALUE:
                raise InvalidInput(
                    f"Values of function {self.name!r} must fit 62 bits, and those of {stage.kind!r} lie in {interval}"
                )

    @property
    def output(self) -> IntFormat:
        """The format of a result."""
        last = self.stages[-1]
        assert isinstance(last, Round)
        return last.format

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The interval of x and of what leaves each stage."""
        found = [self.input.interval]
        for stage in self.stages:
            found.append(stage.interval(found[-1]))
        return tuple(found)

    def record(self) -> dict[str, Any]:
        """This function as JSON values: what a manifest and a function file hold."""
        return _encode(self)

    @classmethod
    def from_record(cls, values: object) -> Function:
        """The function that `record` wrote.

        Raises
        ------
        InvalidInput
            If `values` are no such record; the sentence names the field.
        """
        return _decode(cls, values, "function")


def _encode(value: Any) -> Any:
    if isinstance(value, IntFormat):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        own = {item.name: _encode(getattr(value, item.name)) for item in fields(value)}
        return {"kind": value.kind, **own} if isinstance(value, Stage) else own
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return value


def _decode(hint: Any, value: Any, place: str) -> Any:
    """`value` as the kind `hint`; `place` names it when it is refused."""
    if get_origin(hint) in (Union, UnionType):
        (option,) = (option for option in get_args(hint) if option is not NoneType)
        return None if value is None else _decode(option, value, place)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise InvalidInput(f"Field {place} must be a list, not {value!r}")
        return tuple(_decode(get_args(hint)[0], item, f"{place}[{n}]") for n, item in enumerate(value))
    if hint is IntFormat and isinstance(value, str):
        return IntFormat.parse(value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        names = {member.value: member for member in hint}
        if value not in names:
            raise InvalidInput(f"Field {place} must be one of {', '.join(names)}, not {value!r}")
        return names[value]
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise InvalidInput(f"Field {place} must be an object, not {value!r}")
        kind: Any = hint
        values = dict(value)
        if hint is Stage:
            name = values.pop("kind", None)
            if name not in STAGE_KINDS:
                raise InvalidInput(f"Field {place}.kind must be one of {', '.join(STAGE_KINDS)}, not {name!r}")
            kind = STAGE_KINDS[name]
        hints = field_hints(kind)
        if set(values) != set(hints):
            raise InvalidInput(f"Field {place} must have {', '.join(hints)}, not {', '.join(map(str, values))}")
        return kind(**{name: _decode(hints[name], values[name], f"{place}.{name}") for name in hints})
    if type(value) is not hint:
        raise InvalidInput(f"Field {place} must be of class {hint.__name__}, not {value!r}")
    return value
