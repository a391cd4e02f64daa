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

Layout = tuple[list[int], list[Piece]]
"""The places where pieces start, and the pieces."""

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

    def next_anchor(self, grid: Grid, piece: Piece, offset: int) -> int | None:
        """What c0 of the piece that begins at `offset` of `piece` must be, or None where any will do."""
        if not self.continuous:
            return None
        return piece.c0 + piece.c1 * offset + int(grid.squared(piece.c2, np.array([offset], dtype=np.int64))[0])

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

    def piece(self, grid: Grid, start: int, end: int, c0: int | None, *, final: bool = False) -> Piece | None:
        """A piece of `grid` from `start` to `end`; the one with most room if `final`.

        Where pieces must be continuous it also holds for the start of the next.
        """
        joint = self.continuous and end < self.count - 1
        low, high = (bound[start : end + 1 + joint] for bound in self.bounds(grid.shift))
        if joint:
            # In the middle of its bounds, so that the next piece has room from there.
            low, high = low.copy(), high.copy()
            margin = (int(high[-1]) - int(low[-1])) * 7 // 16
            low[-1] += margin
            high[-1] -= margin
        scale = float(1 << grid.shift)
        a, b, c = self.centre(start, end)
        return fit_piece(low, high, grid, (a * scale, b * scale, c * scale), c0=c0, any_will_do=not final)

    def greedy(self, grid: Grid, most: int, needed: Sequence[int]) -> Layout | None:
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
            piece = self.piece(grid, start, good, c0, final=True)
            assert piece is not None
            found.append(piece)
            if good == self.count - 1:
                return starts, found
            c0 = self.next_anchor(grid, piece, good + 1 - start)
            start = good + 1
            starts.append(start)

    def _reach(self, grid: Grid, start: int, must: int, far: int, c0: int | None) -> int | None:
        """The farthest end from `must` to `far` that a piece of `grid` reaches."""
        if self.piece(grid, start, far, c0) is not None:
            return far
        if self.piece(grid, start, must, c0) is None:
            return None
        good, bad = must, far
        while bad - good > 1:
            middle = (good + bad) // 2
            if self.piece(grid, start, middle, c0) is None:
                bad = middle
            else:
                good = middle
        return good

    def uniform(self, grid: Grid, most: int, least: int = 1) -> Layout | None:
        """The fewest pieces of one width, from `least` to `most` of them."""
        # A last argument that would stand alone, such as 2**n, belongs to the piece before it.
        span = max(1, self.count - 1 if self.count % 2 else self.count)
        for bits in range((span - 1).bit_length(), -1, -1):
            starts = range(0, span, 1 << bits)
            if len(starts) > most:
                return None
            pieces = self._chain(grid, starts) if len(starts) >= least else None
            if pieces is not None:
                return list(starts), pieces
        return None

    def _chain(self, grid: Grid, starts: Sequence[int]) -> list[Piece] | None:
        """The pieces that begin at `starts`, or None if one cannot be."""
        found: list[Piece] = []
        c0 = self.anchor(grid)
        for start, end in zip(starts, [*(start - 1 for start in starts[1:]), self.count - 1], strict=True):
            piece = self.piece(grid, start, end, c0, final=True)
            if piece is None:
                return None
            found.append(piece)
            c0 = self.next_anchor(grid, piece, end + 1 - start)
        return found

    def dyadic(self, grid: Grid, most: int) -> Layout | None:
        """The fewest pieces at prefixes, at most `most`: what does not fit is halved, from left to right."""
        first = self.corridor.first
        last = first + self.count - 1
        # A last argument that would stand alone, such as 2**n, belongs to the piece before it.
        bits = max((-first - 1 if first < 0 else 0).bit_length(), max(last - 1, 0).bit_length())
        starts: list[int] = []
        found: list[Piece] = []
        c0, following = self.anchor(grid), first
        waiting = [(0, bits)] if first >= 0 else [(0, bits), (-(1 << bits), bits)]
        while waiting:
            low, width = waiting.pop()
            high = low + (1 << width)
            start, end = max(low, following), last if high == last else min(high - 1, last)
            if start > end:
                continue
            piece = self.piece(grid, start - first, end - first, c0, final=True)
            if piece is None and width > 0:
                half = 1 << (width - 1)
                waiting += [(low + half, width - 1), (low, width - 1)]
                continue
            if piece is None or len(starts) == most:
                return None
            starts.append(start - first)
            found.append(piece)
            c0 = self.next_anchor(grid, piece, end + 1 - start)
            following = end + 1
        return starts, found


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
