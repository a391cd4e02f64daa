"""Where pieces begin: as far apart as a target allows, all equally wide, or at prefixes of the argument.

A piece may always be shortened, so the farthest end from each start, one after the other, makes the fewest pieces.
Reals say how few there can be; integers of a grid must then do as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

import numpy as np

from quadrille.algo.integer.arithmetic import IntArray
from quadrille.algo.spec import Segment

from .corridor import Corridor, reflection_of
from .exchange import Reals, between
from .named import Symmetry
from .pieces import Grid, Piece, fit_piece

__all__ = ["MOST_SEGMENTS", "Placement", "Placer", "segments_of"]

MOST_SEGMENTS = 1024
DEEPEST_SHIFT = 20


class Placement(Enum):
    """Where segments may start."""

    ERROR = "error"
    """Anywhere: the fewest segments."""
    UNIFORM = "uniform"
    """At multiples of one power of two from the first argument on: the high bits are the row."""
    POWER_OF_TWO = "power-of-two"
    """Each as wide as some power of two and at a multiple of its width: a prefix of the argument is the row."""


class Placer:
    """Pieces within one corridor. Places count from its first argument."""

    def __init__(self, corridor: Corridor, degree: int = 2, *, continuous: bool = False) -> None:
        self.corridor = corridor
        self.degree = degree
        self.continuous = continuous
        self.count = corridor.count
        self.deepest = max(DEEPEST_SHIFT, corridor.input_fraction - corridor.output_fraction)
        low, high = corridor.bounds(self.deepest)
        self.low, self.high = np.ldexp(low, -self.deepest), np.ldexp(high, -self.deepest)
        self.possible = bool((low <= high).all())
        self._farthest: dict[int, int] = {}
        self._centres: dict[tuple[int, int], tuple[float, float, float]] = {}
        self._bounds: dict[int, tuple[IntArray, IntArray]] = {}

    def bounds(self, shift: int) -> tuple[IntArray, IntArray]:
        """The integer bounds at `shift`."""
        if shift not in self._bounds:
            self._bounds[shift] = self.corridor.bounds(shift)
        return self._bounds[shift]

    def anchor(self, grid: Grid) -> int | None:
        """What c0 of the first piece must be so that a negative half joins it, or None where any will do."""
        corridor = self.corridor
        if not self.continuous or corridor.symmetry is Symmetry.NONE:
            return None
        reflection = reflection_of(corridor.symmetry, grid.shift, corridor.input_fraction, corridor.output_fraction)
        return reflection.constant // 2 if reflection.sign < 0 else None

    def farthest(self, start: int) -> int:
        """The last place that one real polynomial from `start` on reaches."""
        if start not in self._farthest:
            self._farthest[start] = _farthest(self.low[start:], self.high[start:], self.degree) + start
        return self._farthest[start]

    def real_starts(self) -> list[int] | None:
        """The starts of the fewest real pieces, or None beyond MOST_SEGMENTS."""
        return _starts(self.farthest, self.count)

    def needed(self) -> list[int]:
        """At place k, the least start from which k real pieces reach the end."""
        low, high = self.low[::-1], self.high[::-1]
        starts = _starts(lambda start: _farthest(low[start:], high[start:], self.degree) + start, self.count)
        assert starts is not None
        return [self.count - start for start in [*starts, self.count]]

    def centre(self, start: int, end: int) -> tuple[float, float, float]:
        """The real polynomial with most room from `start` to `end`, in units of the last place."""
        if (start, end) not in self._centres:
            found = between(self.low[start : end + 1], self.high[start : end + 1], self.degree)
            self._centres[start, end] = found.coefficients
        return self._centres[start, end]

    def piece(self, grid: Grid, start: int, end: int, c0: int | None = None, *, final: bool = False) -> Piece | None:
        """A piece of `grid` from `start` to `end`; the one with most room if `final`."""
        low, high = self.bounds(grid.shift)
        scale = float(1 << grid.shift)
        a, b, c = self.centre(start, end)
        centre = (a * scale, b * scale, c * scale)
        return fit_piece(low[start : end + 1], high[start : end + 1], grid, centre, c0=c0, any_will_do=not final)

    def fixed(self, grid: Grid, starts: Sequence[int]) -> list[Piece] | None:
        """The pieces that begin at `starts`, or None if one cannot be."""
        ends = [*(start - 1 for start in starts[1:]), self.count - 1]
        found: list[Piece] = []
        c0 = self.anchor(grid)
        for start, end in zip(starts, ends, strict=True):
            piece = self.joined(grid, start, end, c0, final=True)
            if piece is None:
                return None
            found.append(piece)
            c0 = None if not self.continuous else value_at(grid, piece, end + 1 - start)
        return found

    def joined(self, grid: Grid, start: int, end: int, c0: int | None, *, final: bool = False) -> Piece | None:
        """A piece from `start` to `end`; where pieces must be continuous it also holds for the start of the next."""
        if self.continuous:
            end = min(end + 1, self.count - 1)
        return self.piece(grid, start, end, c0, final=final)

    def greedy(self, grid: Grid, most: int, needed: Sequence[int]) -> tuple[list[int], list[Piece]] | None:
        """Starts and pieces, each as far as it reaches, if at most `most` of them reach the end."""
        starts, found, start = [0], [], 0
        c0 = self.anchor(grid)
        while True:
            left = most - len(starts)
            must = max(start, needed[min(left, len(needed) - 1)] - 1)
            far = self.farthest(start)
            if far < must or left < 0:
                return None
            good = self._reach(grid, start, must, far, c0)
            if good is None:
                return None
            piece = self.joined(grid, start, good, c0, final=True)
            assert piece is not None
            found.append(piece)
            if good == self.count - 1:
                return starts, found
            c0 = None if not self.continuous else value_at(grid, piece, good + 1 - start)
            start = good + 1
            starts.append(start)

    def _reach(self, grid: Grid, start: int, must: int, far: int, c0: int | None) -> int | None:
        """The farthest end from `must` to `far` that a piece of `grid` reaches."""
        if self.joined(grid, start, far, c0) is not None:
            return far
        if self.joined(grid, start, must, c0) is None:
            return None
        good, bad = must, far
        while bad - good > 1:
            middle = (good + bad) // 2
            if self.joined(grid, start, middle, c0) is None:
                bad = middle
            else:
                good = middle
        return good

    def uniform(self, grid: Grid, most: int | None) -> list[int] | None:
        """The starts of the fewest pieces of one width that `grid` can do; exactly `most` if given."""
        bits = max(0, (self.count - 2).bit_length())
        for width in (1 << n for n in range(bits, -1, -1)):
            # The argument 2**n, which only the lowest code has, belongs to the last piece.
            starts = list(range(0, max(1, self.count - 1 if self.count % 2 else self.count), width))
            if len(starts) > MOST_SEGMENTS or (most is not None and len(starts) > most):
                return None
            if (most is None or len(starts) == most) and self.fixed(grid, starts) is not None:
                return starts
        return None

    def dyadic(self, grid: Grid, most: int | None) -> list[int] | None:
        """The starts of the fewest pieces at prefixes that `grid` can do."""
        first = self.corridor.first
        last = first + self.count - 1
        bits = max(abs(first), abs(last + 1)).bit_length()
        starts: list[int] = []
        waiting = [(0, bits - 1)] if first >= 0 else [(0, bits - 1), (-(1 << (bits - 1)), bits - 1)]
        while waiting:
            low, width = waiting.pop()
            start, end = max(low, first), min(low + (1 << width) - 1, last)
            if end == last - 1 and first == 0 and last == 1 << width:
                end = last
            if start > end:
                continue
            if width == 0 or self.joined(grid, start - first, end - first, None) is not None:
                starts.append(start - first)
                if len(starts) > (MOST_SEGMENTS if most is None else most):
                    return None
            else:
                waiting += [(low + (1 << (width - 1)), width - 1), (low, width - 1)]
        return starts


def value_at(grid: Grid, piece: Piece, offset: int) -> int:
    """The piece's value at `offset`."""
    return piece.c0 + piece.c1 * offset + int(grid.squared(piece.c2, np.array([offset], dtype=np.int64))[0])


def segments_of(first: int, starts: Sequence[int], pieces: Sequence[Piece]) -> tuple[Segment, ...]:
    """The rows of the table."""
    return tuple(
        Segment(first + start, piece.c0, piece.c1, piece.c2) for start, piece in zip(starts, pieces, strict=True)
    )


def _starts(farthest: Callable[[int], int], count: int) -> list[int] | None:
    starts, start = [], 0
    while start < count:
        if len(starts) == MOST_SEGMENTS:
            return None
        starts.append(start)
        start = farthest(start) + 1
    return starts


def _farthest(low: Reals, high: Reals, degree: int) -> int:
    """The last index that one polynomial from index 0 on reaches."""
    good, bad, end = 0, len(low), min(len(low) - 1, 32)
    while bad - good > 1:
        found = between(low[: end + 1], high[: end + 1], degree, any_will_do=True)
        if found.fits:
            good = end
            end = min(3 * end + 1, (good + bad) // 2 if bad < len(low) else len(low) - 1)
        else:
            bad = min(end, found.proof or end)
            end = (good + bad) // 2
        end = max(end, good + 1)
        if bad <= good:  # rounding at the edge of what fits
            break
    return good
