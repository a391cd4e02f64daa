"""Pieces of a quadratic: segments with integer coefficients, and the symmetry that halves their table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from .errors import InvalidInput
from .formats import Interval
from .kinds import check_kinds
from .stages import Stage

__all__ = ["Form", "Polynomial", "Reflection", "Segment"]


class Form(Enum):
    """How a quadratic is computed: equal where `inner_shift` is 0."""

    HORNER = "horner"
    SQUARE = "square"


@dataclass(frozen=True)
class Segment:
    """The piece from code `start` on: with d = a - start, c0 + c1 d + c2 d^2 in the units of a Polynomial."""

    start: int
    c0: int
    c1: int = 0
    c2: int = 0

    def __post_init__(self) -> None:
        check_kinds(self, "a segment")


@dataclass(frozen=True)
class Reflection:
    """What the negative half is made of: for u < 0, with a = |u|, `v = sign * p(a) + constant + slope * a`.

    (1, 0, 0) is an even function, (-1, 0, 0) an odd one, (-1, 1.0, 0) the sigmoid's f(-x) = 1 - f(x), and (1, 0, -1.0)
    f(-x) = f(x) - x of gelu, silu and softplus; 1.0 in the unit of the coefficients, per code for the slope.

    Raises
    ------
    InvalidInput
        If the sign is neither 1 nor -1.
    """

    sign: int
    constant: int = 0
    slope: int = 0

    def __post_init__(self) -> None:
        check_kinds(self, "a reflection")
        if self.sign not in (1, -1):
            raise InvalidInput(f"Sign of a reflection must be 1 or -1, not {self.sign}")


@dataclass(frozen=True)
class Polynomial(Stage):
    """Quadratics by pieces.

    `a = |u|` with a reflection, else `a = u`; j is the last segment with `start[j] <= a`; `d = a - start[j]`;
    HORNER: `p = c0[j] + (c1[j] + round_shift(c2[j]*d, inner_shift)) * d`;
    SQUARE: `p = c0[j] + c1[j]*d + c2[j]*round_shift(d*d, inner_shift)`;
    `y = p`, and with a reflection and u < 0 `y = sign*p + constant + slope*a`.
    With HORNER c2 has `inner_shift` fraction bits more than c1; with SQUARE it stands for d*d shifted as much.
    """

    kind: ClassVar[str] = "polynomial"

    segments: tuple[Segment, ...]
    inner_shift: int = 0
    reflection: Reflection | None = None
    form: Form = Form.HORNER

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.segments:
            raise InvalidInput("Segments of a polynomial must be one or more, not none")
        for before, after in zip(self.segments, self.segments[1:], strict=False):
            if after.start <= before.start:
                raise InvalidInput(
                    f"Segments must start one after the other, and one at {after.start} follows {before.start}"
                )
        self.check_shift("Inner shift", self.inner_shift)

    def argument(self, source: Interval) -> Interval:
        """The interval of a.

        Raises
        ------
        InvalidInput
            If the first segment does not start at its low end or below, or the last is empty.
        """
        found = source
        if self.reflection is not None:
            low = 0 if source.lo <= 0 <= source.hi else min(abs(source.lo), abs(source.hi))
            found = Interval(low, max(abs(source.lo), abs(source.hi)))
        if self.segments[0].start > found.lo:
            raise InvalidInput(f"First segment must start at {found.lo} or below, not at {self.segments[0].start}")
        if self.segments[-1].start > found.hi:
            raise InvalidInput(f"Last segment must start at {found.hi} or below, not at {self.segments[-1].start}")
        return found

    def pieces(self, argument: Interval) -> Iterator[tuple[Segment, Interval]]:
        """Each segment that arguments reach, with its interval of d."""
        ends = [segment.start - 1 for segment in self.segments[1:]] + [argument.hi]
        for segment, end in zip(self.segments, ends, strict=True):
            low, high = max(argument.lo, segment.start), min(end, argument.hi)
            if low <= high:
                yield segment, Interval(low - segment.start, high - segment.start)

    def piece_interval(self, segment: Segment, offsets: Interval) -> Interval:
        """What p stays within on one segment: the exact quadratic's extremes, and what rounding can add."""
        scale, factor = 1 << self.inner_shift, segment.c2 if self.form is Form.HORNER else offsets.hi
        self.check_products(Interval(min(factor, 0), max(factor, 0)) * Interval(0, offsets.hi))
        points = {offsets.lo, offsets.hi}
        if segment.c2:
            # The vertex is at -c1 * scale / (2 * c2): its two neighbours bound the quadratic of integers.
            vertex = -segment.c1 * scale // (2 * segment.c2)
            points |= {min(max(point, offsets.lo), offsets.hi) for point in (vertex, vertex + 1)}
        scaled = [segment.c2 * d * d + scale * (segment.c1 * d + segment.c0) for d in points]
        if self.inner_shift == 0:
            return Interval(min(scaled), max(scaled))
        slack = offsets.hi if self.form is Form.HORNER else abs(segment.c2)
        slack = (slack + 1) // 2 + 1
        return Interval((min(scaled) >> self.inner_shift) - slack, -(-max(scaled) >> self.inner_shift) + slack)

    def interval(self, source: Interval) -> Interval:
        """The hull over the segments, and of the reflected half."""
        argument = self.argument(source)
        found = Interval.hull(*(self.piece_interval(segment, d) for segment, d in self.pieces(argument)))
        if self.reflection is None or source.lo >= 0:
            return found
        reflection = self.reflection
        mirrored = Interval.hull(
            *(
                self.piece_interval(segment, d) * Interval(reflection.sign, reflection.sign)
                + (d + Interval(segment.start, segment.start)) * Interval(reflection.slope, reflection.slope)
                for segment, d in self.pieces(argument)
            )
        ) + Interval(reflection.constant, reflection.constant)
        return mirrored if source.hi < 0 else Interval.hull(found, mirrored)

    @property
    def table_bits(self) -> int:
        """Bits of the table: starts beyond the first and coefficients, each column as wide as its widest number."""
        columns: list[Interval] = []
        for name in ("c0", "c1", "c2"):
            numbers = [getattr(segment, name) for segment in self.segments]
            columns.append(Interval(min(numbers), max(numbers)))
        rows, widths = len(self.segments), [0 if c == Interval(0, 0) else c.format.bits for c in columns]
        starts = [abs(segment.start) for segment in self.segments[1:]]
        return rows * sum(widths) + len(starts) * max((start.bit_length() for start in starts), default=0)
