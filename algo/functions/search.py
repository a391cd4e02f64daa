"""The table of a fit: the fewest segments that reach a target, then the narrowest coefficients that still do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from quadrille.algo.spec import Form, Interval, Polynomial

from .corridor import Corridor, Reference, reflection_of
from .named import Symmetry
from .pieces import Grid, Piece
from .placement import Placement, Placer, segments_of

__all__ = ["Problem", "Table", "column_widths"]

Widths = tuple[int, int, int] | int | None

MORE_SEGMENTS = 3  # how many more than reals need are tried where integers need them


@dataclass(frozen=True)
class Table:
    """A grid and the polynomial on it."""

    grid: Grid
    polynomial: Polynomial

    @property
    def rank(self) -> tuple[int, int]:
        """What is made small: segments, then bits."""
        return len(self.polynomial.segments), self.polynomial.table_bits


def column_widths(polynomial: Polynomial) -> tuple[int, int, int]:
    """The bits of c0, c1 and c2 in the table, 0 for a column of zeros."""
    widths = []
    for name in ("c0", "c1", "c2"):
        numbers = [getattr(segment, name) for segment in polynomial.segments]
        interval = Interval(min(numbers), max(numbers))
        widths.append(0 if interval == Interval(0, 0) else interval.format.bits)
    return widths[0], widths[1], widths[2]


def excess(polynomial: Polynomial, widths: Widths) -> tuple[int, int]:
    """How many bits c0 or c1, and c2, are too wide; of a total, all of it counts against c2."""
    found = column_widths(polynomial)
    if widths is None:
        return 0, 0
    if isinstance(widths, int):
        return 0, max(0, sum(found) - widths)
    return max(0, found[0] - widths[0], found[1] - widths[1]), max(0, found[2] - widths[2])


@dataclass(frozen=True)
class Problem:
    """What is to be fitted, under which symmetry, with which kind of pieces."""

    reference: Reference
    symmetry: Symmetry
    input_fraction: int
    output_fraction: int
    placement: Placement = Placement.ERROR
    segments: int | None = None
    widths: Widths = None
    continuous: bool = False
    degree: int = 2
    form: Form = Form.HORNER

    def placer(self, target: float) -> Placer:
        """The pieces within `target`."""
        corridor = Corridor(self.reference, self.symmetry, self.input_fraction, self.output_fraction, target)
        return Placer(corridor, self.degree, continuous=self.continuous)

    @property
    def least_shift(self) -> int:
        """The least shift at which the reflection's slope is an integer."""
        return max(0, self.input_fraction - self.output_fraction) if self.symmetry is Symmetry.RAMP else 0

    def solve(self, target: float) -> Table | None:
        """The smallest table found that reaches `target`."""
        placer = self.placer(target)
        if not placer.possible:
            return None
        if self.placement is Placement.ERROR:
            real = placer.real_starts()
            if real is None or (self.segments is not None and len(real) > self.segments):
                return None
            return self._by_error(placer, real)
        return self._by_width(placer)

    def best(self, start: float) -> float:
        """The least target that `solve` reaches, to some hundredths; from `start` on, which it does not."""
        low, high = start, max(2 * start, 1.0)
        while self.solve(high) is None:
            low, high = high, 2 * high
        while high - low > max(0.02, 0.02 * low):
            middle = (low + high) / 2
            if self.solve(middle) is None:
                low = middle
            else:
                high = middle
        return high

    def least(self) -> Table:
        """The table that reaches the least target found."""
        table = self.solve(self.best(float(max(self.reference.least_error, Fraction(1, 2)))))
        assert table is not None
        return table

    def _grids(self, longest: int, shift: int | None = None) -> Iterator[Grid]:
        """Of one shift every inner shift, narrowest first; of none given the finest of each shift."""
        finest = longest.bit_length() + 3 if self.degree == 2 else 0
        if shift is not None:
            for inner in range(finest + 1):
                yield Grid(shift, inner, self.degree, self.form)
            return
        deepest = max(self.least_shift + 1, min(20, longest.bit_length() + 6))
        for shift in range(self.least_shift, deepest + 1):
            yield Grid(shift, finest, self.degree, self.form)

    def _table(self, placer: Placer, grid: Grid, starts: Sequence[int], pieces: Sequence[Piece]) -> Table:
        reflection = None
        if self.symmetry is not Symmetry.NONE:
            reflection = reflection_of(self.symmetry, grid.shift, self.input_fraction, self.output_fraction)
        segments = segments_of(placer.corridor.first, starts, pieces)
        inner = grid.inner if any(segment.c2 for segment in segments) else 0
        return Table(grid, Polynomial(segments, inner, reflection, self.form))

    def _by_error(self, placer: Placer, real: Sequence[int]) -> Table | None:
        needed = placer.needed()
        ends = [*real[1:], placer.count]
        longest = max(end - start for start, end in zip(real, ends, strict=True))
        counts = [self.segments] if self.segments is not None else [len(real) + n for n in range(MORE_SEGMENTS + 1)]
        if self.continuous or self.widths is not None:
            counts = [self.segments or placer.count]
        for most in counts:
            best: Table | None = None
            for coarse in self._grids(longest):
                found = placer.greedy(coarse, most, needed)
                if found is None:
                    continue
                table = self._table(placer, coarse, *found)
                over, over_c2 = excess(table.polynomial, self.widths)
                if over:
                    break
                if best is not None and len(table.polynomial.segments) >= best.rank[0] and self.segments is None:
                    continue
                narrow = self._narrowest(placer, longest, coarse.shift, len(found[0]), needed)
                if narrow is None or excess(narrow.polynomial, self.widths) != (0, 0):
                    continue
                order = -1 if self.segments else 1
                if best is None or narrow.rank[::order] < best.rank[::order]:
                    best = narrow
                if len(found[0]) == len(real):
                    break
            if best is not None:
                return best
        return None

    def _narrowest(self, placer: Placer, longest: int, shift: int, most: int, needed: Sequence[int]) -> Table | None:
        for grid in self._grids(longest, shift):
            found = placer.greedy(grid, most, needed)
            if found is not None:
                return self._table(placer, grid, *found)
        return None

    def _by_width(self, placer: Placer) -> Table | None:
        deepest = list(self._grids(placer.count))[-1]
        place = placer.uniform if self.placement is Placement.UNIFORM else placer.dyadic
        starts = place(deepest, self.segments)
        if starts is None:
            return None
        longest = max(end - start for start, end in zip(starts, [*starts[1:], placer.count], strict=True))
        for coarse in self._grids(longest):
            if placer.fixed(coarse, starts) is None:
                continue
            for grid in self._grids(longest, coarse.shift):
                pieces = placer.fixed(grid, starts)
                if pieces is not None:
                    table = self._table(placer, grid, starts, pieces)
                    if excess(table.polynomial, self.widths) == (0, 0):
                        return table
        return None
