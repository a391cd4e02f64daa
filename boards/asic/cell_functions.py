"""What the cells of a library compute: whether designs can be made of them, and which are buffers and constants."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from quadrille.algo.spec import InvalidInput

from .boolean import rule
from .liberty import Library

__all__ = ["Gate", "Ties", "buffer_of", "check_complete", "gates", "ties_of"]

# In the order in which they stand in a file: pins, and what is said of each.
WORD = re.compile(
    r'(?<!\w)(?:(pin|pg_pin)\s*\(\s*"?([^"\s)]+)"?\s*\)|(direction)\s*:\s*"?(\w+)"?'
    r'|(function)\s*:\s*"([^"]*)"|(ff|latch|statetable)\s*\()'
)
CLOCK = re.compile(r'clocked_on\s*:\s*"([^"]*)"')
MOST_INPUTS = 4


@dataclass(frozen=True)
class Gate:
    """A cell without state: its inputs, and what each output computes, one bit for each case of them."""

    name: str
    inputs: tuple[str, ...]
    outputs: Mapping[str, int]


@dataclass(frozen=True)
class Ties:
    """Cells and pins that are always high and always low."""

    high: tuple[str, str]
    low: tuple[str, str]


@lru_cache(maxsize=4)
def gates(library: Library) -> tuple[Gate, ...]:
    """The cells of up to four inputs that have no state."""
    found: list[Gate] = []
    for name in library.names:
        inputs: list[str] = []
        functions: dict[str, str] = {}
        pin, state = "", False
        for match in WORD.finditer(library.text(name)):
            kind = next(group for group in match.groups() if group)
            value = match.group(match.lastindex or 0)
            if kind in ("pin", "pg_pin"):
                pin = value if kind == "pin" else ""
            elif kind == "direction" and value == "input" and pin:
                inputs.append(pin)
            elif kind == "function":
                functions[pin] = value
            elif kind in ("ff", "latch", "statetable"):
                state = True
        if not state and functions and len(inputs) <= MOST_INPUTS:
            found.append(Gate(name, tuple(inputs), {pin: _table(text, inputs) for pin, text in functions.items()}))
    return tuple(found)


def _table(text: str, inputs: Sequence[str]) -> int:
    """The truth table of a function: bit n is its value where input k is bit k of n."""
    cases = range(1 << len(inputs))
    values = [sum((case >> place & 1) << case for case in cases) for place in range(len(inputs))]
    return rule(text, tuple(inputs))((1 << len(cases)) - 1, *values)


def check_complete(library: Library, dont_use: Sequence[str] = ()) -> None:
    """Refuse a library of which not every clocked design can be made.

    Raises
    ------
    InvalidInput
        If no cell is a flip-flop with a rising clock, or none inverts, or none joins two inputs.
    """
    noun = f"Cell library of {', '.join(path.name for path in library.files)}"
    usable = [name for name in library.names if not _shunned(name, dont_use)]
    clocks = (CLOCK.search(library.text(name)) for name in usable)
    if not any(match is not None and re.fullmatch(r"\(?\s*\w+\s*\)?", match.group(1)) for match in clocks):
        raise InvalidInput(f"{noun} must have a flip-flop with a rising clock, and has none")
    tables = {
        (len(gate.inputs), table)
        for gate in gates(library)
        if gate.name in set(usable)
        for table in gate.outputs.values()
    }
    if (1, 0b01) not in tables:
        raise InvalidInput(f"{noun} must have an inverter, and has none")
    if not tables & {(2, 0b0111), (2, 0b0001), (2, 0b1000), (2, 0b1110)}:
        raise InvalidInput(f"{noun} must have a NAND, NOR, AND or OR of two inputs, and has none")


def buffer_of(library: Library, dont_use: Sequence[str] = ()) -> tuple[str, str, str] | None:
    """The smallest buffer with its input and its output; none if there is none."""
    found = [
        (library[gate.name].area, gate.name, gate.inputs[0], pin)
        for gate in gates(library)
        for pin, table in gate.outputs.items()
        if len(gate.inputs) == 1 and table == 0b10 and not _shunned(gate.name, dont_use)
    ]
    return min(found)[1:] if found else None


def ties_of(library: Library, dont_use: Sequence[str] = ()) -> Ties | None:
    """The smallest cells that are always high and always low; none if either is missing."""
    found: list[tuple[str, str] | None] = []
    for wanted in (1, 0):
        cells = [
            (library[gate.name].area, gate.name, pin)
            for gate in gates(library)
            for pin, table in gate.outputs.items()
            if not gate.inputs and table == wanted and not _shunned(gate.name, dont_use)
        ]
        found.append(min(cells)[1:] if cells else None)
    high, low = found
    return None if high is None or low is None else Ties(high, low)


def _shunned(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
