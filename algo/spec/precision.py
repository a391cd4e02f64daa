"""How operands of any precision are cut for multipliers of four bits by one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .errors import InvalidInput
from .formats import Interval, IntFormat

__all__ = ["CHUNK_BITS", "GREATEST_PRECISION", "SUB_UNITS", "MacMode", "Operand", "Route"]

CHUNK_BITS = 4
SUB_UNITS = 4
GREATEST_PRECISION = 16


@dataclass(frozen=True)
class Operand:
    """One side of a product: `bits` from 1 to 16, signed or not; one signed bit is -1 (0) or +1 (1).

    An operand of up to 4 bits is one chunk, one of up to 8 two, others four, the most significant first. With
    h = ceil(bits / 2), two chunks stand at h and 0; four, with l = ceil(h / 2), at h + l, h, l and 0. The first chunk
    has the sign, the others are unsigned: `x = sum_j chunk[j] << offsets[j]`. Source: the 2-in-1 accelerator
    (arXiv 2109.05223) for the cut into halves [INFERRED].

    Raises
    ------
    InvalidInput
        If `bits` is not from 1 to 16.
    """

    bits: int
    signed: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= GREATEST_PRECISION:
            raise InvalidInput(f"Precision must be from 1 to {GREATEST_PRECISION} bits, not {self.bits}")

    @property
    def binary(self) -> bool:
        """Whether the values are -1 and +1."""
        return self.signed and self.bits == 1

    @property
    def interval(self) -> Interval:
        """All values; of a binary operand 0 is none."""
        return Interval(-1, 1) if self.binary else IntFormat(self.bits, self.signed).interval

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where the chunks stand, the most significant first."""
        half = -(-self.bits // 2)
        if self.bits <= CHUNK_BITS:
            return (0,)
        if self.bits <= 2 * CHUNK_BITS:
            return (half, 0)
        quarter = -(-half // 2)
        return (half + quarter, half, quarter, 0)

    @property
    def chunks(self) -> int:
        """Chunks of a value: 1, 2 or 4."""
        return len(self.offsets)

    @property
    def serial_bits(self) -> int:
        """Bits of the widest chunk: what a chunk takes one bit at a time."""
        edges = (self.bits, *self.offsets)
        return max(above - below for above, below in zip(edges, edges[1:], strict=False))

    def cut(self, value: int) -> tuple[int, ...]:
        """The chunks of `value` as fields of 4 bits: the first carries its sign on, one bit stands for -1 or +1.

        Raises
        ------
        InvalidInput
            If the operand has no such value.
        """
        if value not in self.interval or (self.binary and value == 0):
            allowed = "-1 or +1" if self.binary else f"in {self.interval}"
            raise InvalidInput(f"Operand of {self.bits} bits must be {allowed}, not {value}")
        if self.binary:
            return ((value + 1) // 2,)
        above = (self.bits, *self.offsets)
        widths = [CHUNK_BITS, *(high - low for high, low in zip(above[1:], self.offsets[1:], strict=False))]
        return tuple((value >> low) & ((1 << width) - 1) for low, width in zip(self.offsets, widths, strict=True))


@dataclass(frozen=True)
class Route:
    """What a sub-unit multiplies: of element `element` the chunks `a` and `b`."""

    element: int
    a: int
    b: int


@dataclass(frozen=True)
class MacMode:
    """Products of operands `a` and `b` on units of four sub-units, each of a chunk of `a` by one bit of `b` a cycle.

    The chunk products of an element are shared out over the four sub-units. Where there are fewer than four, a unit
    takes several elements at a time; where there are more, passes follow one another.
    """

    a: Operand
    b: Operand

    @property
    def products(self) -> int:
        """Chunk products of an element."""
        return self.a.chunks * self.b.chunks

    @property
    def elements(self) -> int:
        """Elements that a unit takes at a time."""
        return max(1, SUB_UNITS // self.products)

    @property
    def passes(self) -> int:
        """Passes over the same elements."""
        return max(1, self.products // SUB_UNITS)

    @property
    def cycles(self) -> int:
        """Cycles for the elements that a unit takes at a time: `passes * b.serial_bits`."""
        return self.passes * self.b.serial_bits

    @cached_property
    def routes(self) -> tuple[tuple[Route, ...], ...]:
        """For each pass, what each of the four sub-units multiplies."""
        return tuple(tuple(self._route(number, k) for k in range(SUB_UNITS)) for number in range(self.passes))

    def _route(self, number: int, k: int) -> Route:
        b = self.b.chunks
        if self.products <= SUB_UNITS:
            element, rest = divmod(k, self.products)
            return Route(element, rest // b, rest % b)
        # Two chunks of either side in a pass; the passes go through the pairs of a, then of b.
        down, across = divmod(number, b // 2)
        return Route(0, 2 * down + k // 2, 2 * across + k % 2)

    def sum_interval(self, length: int) -> Interval:
        """The dot product of `length` elements."""
        return (self.a.interval * self.b.interval).sum_of(length)
