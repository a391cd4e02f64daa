"""Block: a component whose parameters are described once, for its constructor, the command line and the manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from amaranth import Elaboratable
from amaranth.lib import wiring

from quadrille.algo.spec import Function, InvalidInput

__all__ = ["Block", "Choice", "Described", "Flag", "Parameter", "Record", "recorded"]


class Described(Protocol):
    """What every kind of parameter has; one whose values are no JSON also has `record(value)`, which makes them so."""

    @property
    def name(self) -> str:
        """The attribute and keyword."""
        ...

    @property
    def default(self) -> Any:
        """The value if none is given."""
        ...

    @property
    def help(self) -> str:
        """What it is, in a line."""
        ...

    @property
    def range(self) -> str:
        """What the value may be, in words."""
        ...

    def check(self, owner: str, value: object, /) -> Any:
        """`value`, if `owner` may have it."""
        ...

    def parse(self, owner: str, text: str, /) -> Any:
        """The value written `text` on a command line, checked."""
        ...


@dataclass(frozen=True)
class Parameter:
    """An integer parameter from `low` to `high`."""

    name: str
    default: int
    low: int
    high: int
    help: str

    @property
    def range(self) -> str:
        """What the value may be, in words."""
        return f"from {self.low} to {self.high}"

    def check(self, owner: str, value: object) -> int:
        """`value`, if `owner` may have it.

        Raises
        ------
        TypeError
            If it is no integer.
        InvalidInput
            If it is out of range.
        """
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"Parameter {self.name} of {owner} must be an integer, not {value!r}")
        if not self.low <= value <= self.high:
            raise InvalidInput(f"Parameter {self.name} of {owner} must be {self.range}, not {value}")
        return value

    def parse(self, owner: str, text: str) -> int:
        """The value written `text` on a command line, checked."""
        try:
            return self.check(owner, int(text, 0))
        except ValueError as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"Parameter {self.name} of {owner} must be an integer, not {text!r}") from None


@dataclass(frozen=True)
class Choice:
    """A parameter that is one of `options`."""

    name: str
    default: str
    options: tuple[str, ...]
    help: str

    @property
    def range(self) -> str:
        """What the value may be, in words."""
        return f"one of {', '.join(self.options)}"

    def check(self, owner: str, value: object) -> str:
        """`value`, if `owner` may have it; InvalidInput if not."""
        if not isinstance(value, str) or value not in self.options:
            raise InvalidInput(f"Parameter {self.name} of {owner} must be {self.range}, not {value!r}")
        return value

    parse = check


@dataclass(frozen=True)
class Flag:
    """A parameter that is True or False."""

    name: str
    default: bool
    help: str

    @property
    def range(self) -> str:
        """What the value may be, in words."""
        return "true or false"

    def check(self, owner: str, value: object) -> bool:
        """`value`, if it is a bool; TypeError if not."""
        if not isinstance(value, bool):
            raise TypeError(f"Parameter {self.name} of {owner} must be True or False, not {value!r}")
        return value

    def parse(self, owner: str, text: str) -> bool:
        """The value written `text` on a command line."""
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.lower() not in words:
            raise InvalidInput(f"Parameter {self.name} of {owner} must be {self.range}, not {text!r}")
        return words[text.lower()]


@dataclass(frozen=True)
class Record:
    """A parameter that is a scalar function; in the manifest, and wherever else it is written, its record."""

    name: str
    default: Function
    help: str

    @property
    def range(self) -> str:
        """What the value may be, in words."""
        return "a function's record as JSON, or the path of a .json file that holds it"

    def check(self, owner: str, value: object) -> Function:
        """`value`, or the function whose record it is; TypeError if it is neither."""
        if isinstance(value, Function):
            return value
        if not isinstance(value, Mapping):
            raise TypeError(f"Parameter {self.name} of {owner} must be a function or its record, not {value!r}")
        return Function.from_record(value)

    def parse(self, owner: str, text: str) -> Function:
        """The function that `text` is the record of, or names the file of."""
        try:
            content = Path(text).read_text(encoding="utf-8") if text.endswith(".json") else text
            return Function.from_record(json.loads(content))
        except (OSError, ValueError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"Parameter {self.name} of {owner} must be {self.range}, not {text!r}") from None

    def record(self, value: Function) -> dict[str, Any]:
        """What a manifest holds for `value`."""
        return value.record()


class Block(wiring.Component):
    """A component that `quadrille component` can export by name.

    A subclass lists its `parameters` and calls `take` with the values first thing in its constructor, before anything
    is created; each is then an attribute of the same name.

    Attributes
    ----------
    latency : int
        Cycles from the acceptance of the input beat that completes an operation to the validity of its first output
        beat, when nothing stalls.
    interval : int
        Cycles between two inputs that can be sustained.
    """

    block_name: ClassVar[str]
    parameters: ClassVar[tuple[Described, ...]] = ()

    @property
    def latency(self) -> int:
        """Cycles from the last input beat of an operation to its first output beat."""
        return 0

    @property
    def interval(self) -> int:
        """Cycles between two inputs."""
        return 1

    def take(self, **values: object) -> None:
        """Check each parameter and keep it as an attribute.

        Raises
        ------
        TypeError, InvalidInput
            For the first value that is of the wrong kind or out of range.
        """
        try:
            for parameter in self.parameters:
                setattr(self, parameter.name, parameter.check(self.block_name, values.pop(parameter.name)))
        except (TypeError, InvalidInput):
            self.inspected()
            raise
        assert not values, f"{type(self).__name__} does not describe its parameters {sorted(values)}"

    def inspected(self) -> None:
        """Say that this block is only asked about, or refused: Amaranth need not warn that it was never elaborated."""
        for part in (self, *vars(self).values()):
            if isinstance(part, Elaboratable):
                vars(part)["_MustUse__used"] = True

    def documents(self, top: str) -> dict[str, str]:
        """Further texts that are shipped beside the Verilog of module `top`, by the ending of their file's name."""
        del top
        return {}

    def parameter_values(self) -> dict[str, Any]:
        """The parameters by name, as the manifest holds them."""
        return recorded(self.parameters, self)


def recorded(parameters: Iterable[Described], owner: object) -> dict[str, Any]:
    """The attributes of `owner` that `parameters` describe, by name, as JSON values."""
    return {
        parameter.name: getattr(parameter, "record", lambda value: value)(getattr(owner, parameter.name))
        for parameter in parameters
    }
