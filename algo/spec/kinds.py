"""Fields of frozen dataclasses held to the kinds that they are declared with."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

__all__ = ["check_kinds", "field_hints"]

_NAMES = {int: "an integer", str: "a string", bool: "True or False", NoneType: "None"}


@cache
def field_hints(kind: type[Any]) -> dict[str, Any]:
    """The declared type of each field of the dataclass `kind`, by name."""
    hints = get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind)}


def check_kinds(record: Any, owner: str) -> None:
    """Refuse a dataclass instance, called `owner`, with a field of another kind than declared.

    A list where a tuple belongs, or a number of numpy where an integer does, would be found out far from its cause.

    Raises
    ------
    TypeError
        Naming field, owner and value.
    """
    for name, hint in field_hints(type(record)).items():
        value = getattr(record, name)
        if not _fits(value, hint):
            raise TypeError(f"Field {name} of {owner} must be {_words(hint)}, not {value!r}")


def _fits(value: object, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(item, get_args(hint)[0]) for item in value)
    if origin is dict:
        keys, values = get_args(hint)
        return isinstance(value, dict) and all(_fits(k, keys) and _fits(v, values) for k, v in value.items())
    return isinstance(value, hint) and not (hint is int and isinstance(value, bool))


def _words(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_words(option) for option in arguments)
    if origin is tuple:
        return f"a tuple, each element {_words(arguments[0])}"
    if origin is dict:
        return f"a dictionary, each key {_words(arguments[0])} and each value {_words(arguments[1])}"
    return _NAMES.get(hint) or f"of class {hint.__name__}"
