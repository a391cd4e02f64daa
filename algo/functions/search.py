"""The table of a fit: the fewest segments that reach a target, then the narrowest coefficients that still do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from quadrille.algo.spec import Form, Interval, Polynomial

from .corridor import Corridor, Reference, reflection_of
from .named import Symmetry
from .pieces import Grid
from .placement import MOST_SEGMENTS, Layout, Placement, Placer, segments_of

__all__ = ["Problem", "Table", "column_widths"]

Widths = tuple[int, int, int] | int | None

SHIFTS_FURTHER = 2
MORE_SEGMENTS = 3  # how many more than reals need are tried where integers need them


@dataclass(frozen=True)
class Table:
    """A grid and the polynomial on it."""

    grid: Grid
    polynomial: Polynomial


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
        """The least shift at which the reflection's slope or constant is an integer."""
        needed = {Symmetry.RAMP: self.input_fraction, Symmetry.COMPLEMENT: 0}
        return max(0, needed.get(self.symmetry, self.output_fraction) - self.output_fraction)

    def solve(self, target: float) -> Table | None:
        """The smallest table found that reaches `target`."""
        placer = self.placer(target)
        if not placer.possible:
            return None
        starts = placer.real_starts() if self.placement is Placement.ERROR else self._finest_starts(placer)
        if starts is None or (self.segments is not None and len(starts) > self.segments):
            return None
        longest = max(end - start for start, end in zip(starts, [*starts[1:], placer.count], strict=True))
        search = _Search(self, placer, longest, placer.needed() if self.placement is Placement.ERROR else ())
        if self.continuous or self.widths is not None:
            return search.downward(self.segments or MOST_SEGMENTS)
        if self.segments is not None:
            return search.within(self.segments, len(starts))
        for more in range(MORE_SEGMENTS + 1 if self.placement is Placement.ERROR else 1):
            table = search.within(len(starts) + more, len(starts))
            if table is not None:
                return table
        return None

    def _finest_starts(self, placer: Placer) -> Sequence[int] | None:
        """Where pieces start on a grid so fine that it limits nothing."""
        found = _Search(self, placer, placer.count, ())
        layout = found.layout(found.limitless, self.segments or MOST_SEGMENTS)
        return None if layout is None else layout[0]

    def best(self, start: float) -> float | None:
        """The least target that `solve` reaches, above `start`, which it does not; None if none.

        To some hundredths, and under widths, where each try is a search of its own, to a factor of two.
        """
        low, high = start, max(2 * start, 1.0)
        while not self._reaches(high):
            low, high = high, 2 * high
            if high > 2.0 ** (self.reference.output.bits + 1):
                return None
        while self.widths is None and high - low > max(0.02, 0.02 * low):
            middle = (low + high) / 2
            if self._reaches(middle):
                high = middle
            else:
                low = middle
        return high

    def _reaches(self, target: float) -> bool:
        """Whether `solve` would find a table, nearly always, and sooner."""
        if self.widths is not None:
            return self.solve(target) is not None
        placer = self.placer(target)
        if not placer.possible:
            return False
        most = self.segments or MOST_SEGMENTS
        if self.placement is not Placement.ERROR:
            return self._finest_starts(placer) is not None
        starts = placer.real_starts()
        if starts is None or len(starts) > most:
            return False
        search = _Search(self, placer, placer.count, placer.needed())
        return search.layout(search.limitless, most) is not None

    def least(self, start: float) -> Table | None:
        """The table that reaches the least target found above `start`."""
        best = self.best(start)
        for _ in range(8):
            table = None if best is None else self.solve(best)
            if best is None or table is not None:
                return table
            best *= 1.05
        return None


@dataclass(frozen=True)
class _Search:
    """The search over grids within one corridor, whose longest piece in reals has `longest` places."""

    problem: Problem
    placer: Placer
    longest: int
    needed: Sequence[int]

    @property
    def shifts(self) -> range:
        """The shifts to try: from the least to where c1 is finer than any piece can tell."""
        least = self.problem.least_shift
        bits = self.longest.bit_length() * (2 if self.problem.form is Form.SQUARE else 1)
        return range(least, max(least + 1, min(20, bits + 6)) + 1)

    def finest(self, shift: int) -> Grid:
        """The grid of `shift` whose c2 is finer than any piece can tell."""
        problem = self.problem
        return Grid(shift, self.longest.bit_length() + 3 if problem.degree == 2 else 0, problem.degree, problem.form)

    @property
    def limitless(self) -> Grid:
        """A grid so fine that it limits nothing: of squares midway, where neither c2 nor the square is coarse."""
        grid = self.finest(self.shifts[-1])
        return grid if self.problem.form is Form.HORNER else replace(grid, inner=grid.inner // 2)

    def layout(self, grid: Grid, most: int) -> Layout | None:
        """At most `most` pieces of `grid`."""
        match self.problem.placement:
            case Placement.ERROR:
                return self.placer.greedy(grid, most, self.needed)
            case Placement.UNIFORM:
                return self.placer.uniform(grid, most, self.problem.segments or 1)
            case _:
                return self.placer.dyadic(grid, most)

    def within(self, most: int, least: int) -> Table | None:
        """The smallest table of at most `most` segments; fewer than `least` there cannot be.

        A bit of shift costs one bit in each column, a bit of the inner shift one in c2 alone: so shifts are tried from
        the least, some further than they must, for a finer c1 may let c2 be short; of each the least inner shift that
        keeps the segments few.
        """
        best: Table | None = None
        further = SHIFTS_FURTHER
        for shift in self.shifts:
            table = self._widest(self.finest(shift), most)
            if table is None:
                continue
            narrow = self._narrowest(table)
            if best is None or self._rank(narrow) < self._rank(best):
                best = narrow
            if len(table.polynomial.segments) == least:
                further -= 1
            if further < 0:
                break
        return best

    def downward(self, most: int) -> Table | None:
        """The same where widths or joints limit what reals do not tell: from the greatest shift that the widths allow.

        It has the fewest segments; a lesser shift is taken as long as it needs no more.
        """
        best: Table | None = None
        missed = 0
        for shift in reversed(self.shifts):
            table = self._widest(self.finest(shift), most)
            if table is None:
                missed += 1
                if best is not None and missed > 1:
                    break
            elif not self._excess(table)[0] and (best is None or self._rank(table) < self._rank(best)):
                best, missed = table, 0
                most = len(table.polynomial.segments) if self.problem.segments is None else most
        return None if best is None else self._narrowest(best)

    def _rank(self, table: Table) -> tuple[int, int]:
        """What is made small: segments, then bits; bits first where the number of segments is given."""
        segments, bits = len(table.polynomial.segments), table.polynomial.table_bits
        return (segments, bits) if self.problem.segments is None else (bits, segments)

    def _excess(self, table: Table) -> tuple[int, int]:
        return excess(table.polynomial, self.problem.widths)

    def _table(self, grid: Grid, layout: Layout) -> Table:
        problem, reflection = self.problem, None
        if problem.symmetry is not Symmetry.NONE:
            reflection = reflection_of(problem.symmetry, grid.shift, problem.input_fraction, problem.output_fraction)
        segments = segments_of(self.placer.corridor.first, *layout)
        inner = grid.inner if any(segment.c2 for segment in segments) else 0
        return Table(grid, Polynomial(segments, inner, reflection, problem.form))

    def _widest(self, grid: Grid, most: int) -> Table | None:
        """The table of the finest c2 that the widths allow, or one that c0 and c1 exceed."""
        if self.problem.form is Form.SQUARE:
            return self._of_squares(grid, most)
        while True:
            layout = self.layout(grid, most)
            if layout is None:
                return None
            table = self._table(grid, layout)
            over, over_c2 = self._excess(table)
            if over or not over_c2:
                return table
            if grid.inner == 0:
                return None
            grid = replace(grid, inner=max(0, grid.inner - over_c2))

    def _of_squares(self, grid: Grid, most: int) -> Table | None:
        """The best table of any inner shift: each bit of it makes c2 finer and the square coarser."""
        best: Table | None = None
        for inner in range(grid.inner + 1):
            layout = self.layout(replace(grid, inner=inner), most)
            if layout is None:
                continue
            table = self._table(replace(grid, inner=inner), layout)
            if self._excess(table) == (0, 0) and (best is None or self._rank(table) < self._rank(best)):
                best = table
                most = min(most, len(table.polynomial.segments))
        return best

    def _narrowest(self, table: Table) -> Table:
        """One with as few segments and the least inner shift."""
        if self.problem.form is Form.SQUARE:
            return table  # of all inner shifts already
        for inner in range(table.grid.inner):
            grid = replace(table.grid, inner=inner)
            layout = self.layout(grid, len(table.polynomial.segments))
            if layout is not None:
                narrow = self._table(grid, layout)
                if self._excess(narrow) == (0, 0):
                    return narrow
        return table
