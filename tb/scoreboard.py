"""In-order comparison of the beats of a stream with what the integer reference expects."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy

from .fields import FieldValue
from .manifest import StreamPort
from .streams import Transfer

__all__ = ["Mismatch", "Scoreboard"]

Beat: TypeAlias = Mapping[str, FieldValue | Sequence[int | None]]


class Mismatch(AssertionError):
    """A beat is not what the reference expects, or none was expected."""


class Scoreboard:
    """Holds what a stream must deliver, and compares each of its beats on arrival.

    `label` names block and parameters in every message. A beat may be seen through `observe`, a function from the
    fields of the payload to the values compared, where the payload is redundant (a sum and a carry). An expectation
    may leave out fields, and hold None for lanes: they are not compared.
    """

    def __init__(self, stream: StreamPort, label: str, observe: Callable[[Beat], Beat] | None = None) -> None:
        self.stream = stream
        self.label = label
        self.observe = observe
        self.beats = 0
        self._expected: deque[Beat] = deque()

    @property
    def missing(self) -> int:
        """Beats expected and not seen."""
        return len(self._expected)

    def expect(self, beat: Beat) -> None:
        """Append one expected beat."""
        self._expected.append(beat)

    def reset(self) -> None:
        """Expect nothing any more."""
        self.beats = 0
        self._expected.clear()

    def check(self, transfer: Transfer) -> None:
        """Compare one beat with the oldest expectation.

        Raises
        ------
        Mismatch
            Naming field, lane, beat, cycle, the expected and the received value, and the parameters.
        """
        where = f"{self.label}: stream {self.stream.name} beat {self.beats} at cycle {transfer.cycle}"
        got: Beat = self.stream.unpack(transfer.payload)
        if not self._expected:
            raise Mismatch(f"{where}: no beat was expected, got {got}")
        if self.observe is not None:
            got = self.observe(got)
        for name, expected in self._expected.popleft().items():
            self._compare(where, name, _values(expected), _values(got[name]))
        self.beats += 1

    def finish(self) -> None:
        """Check that nothing is missing.

        Raises
        ------
        Mismatch
            If it is.
        """
        if self._expected:
            expected = self.beats + len(self._expected)
            raise Mismatch(f"{self.label}: stream {self.stream.name} must deliver {expected} beats, not {self.beats}")

    def _compare(self, where: str, name: str, expected: Sequence[int | None], got: Sequence[int | None]) -> None:
        if len(expected) != len(got):
            raise Mismatch(f"{where}: field {name} must have {len(expected)} lanes, not {len(got)}")
        wrong = [lane for lane, (e, g) in enumerate(zip(expected, got, strict=True)) if e is not None and e != g]
        if wrong:
            lane = wrong[0]
            place = f"field {name} lane {lane}" if len(expected) > 1 else f"field {name}"
            more = f", and {len(wrong) - 1} more lanes" if len(wrong) > 1 else ""
            raise Mismatch(f"{where}: {place} expected {expected[lane]}, got {got[lane]}{more}")


def _values(value: FieldValue | Sequence[int | None]) -> Sequence[int | None]:
    if isinstance(value, numpy.ndarray):
        return value.reshape(-1).tolist()
    return value if isinstance(value, Sequence) else [int(value)]
