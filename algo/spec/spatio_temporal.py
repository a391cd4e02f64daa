"""How the spatio-temporal unit cuts operands: chunks of four bits, multiplied by one bit of another a cycle."""

from __future__ import annotations

from dataclasses import dataclass

from .precision import MacMode, Operand, Scheme

__all__ = ["CHUNK_BITS", "SUB_UNITS", "Chunks", "Route", "SpatioTemporal"]

CHUNK_BITS = 4
SUB_UNITS = 4


@dataclass(frozen=True)
class Chunks:
    """The chunks of an operand of `bits` bits, the most significant first: one up to 4 bits, two up to 8, else four.

    With h = ceil(bits / 2), two chunks stand at h and 0; four, with l = ceil(h / 2), at h + l, h, l and 0. The first
    has the sign, the others are unsigned: `x = sum_j chunk[j] << offsets[j]`. Source: the 2-in-1 accelerator
    (arXiv 2109.05223) for the cut into halves [INFERRED].
    """

    bits: int

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where the chunks stand."""
        half = -(-self.bits // 2)
        if self.bits <= CHUNK_BITS:
            return (0,)
        if self.bits <= 2 * CHUNK_BITS:
            return (half, 0)
        quarter = -(-half // 2)
        return (half + quarter, half, quarter, 0)

    @property
    def count(self) -> int:
        """1, 2 or 4."""
        return len(self.offsets)

    @property
    def widths(self) -> tuple[int, ...]:
        """Bits of each chunk."""
        edges = (self.bits, *self.offsets)
        return tuple(above - below for above, below in zip(edges, edges[1:], strict=False))

    @property
    def serial_bits(self) -> int:
        """Bits of the widest chunk: cycles in which a chunk passes one bit at a time."""
        return max(self.widths)


@dataclass(frozen=True)
class Route:
    """What a sub-unit multiplies: of element `element` the chunks `a` and `b`."""

    element: int
    a: int
    b: int


class SpatioTemporal(Scheme):
    """Four sub-units, each of a chunk of `a` by one bit of `b` a cycle.

    The chunk products of an element are shared out over the four sub-units. Where there are fewer than four, a unit
    takes several elements at a time; where there are more, passes follow one another.
    """

    @staticmethod
    def products(mode: MacMode) -> int:
        """Chunk products of an element."""
        return Chunks(mode.a.bits).count * Chunks(mode.b.bits).count

    def slot(self, operand: Operand, mode: MacMode) -> int:
        """Four bits for each chunk."""
        return CHUNK_BITS * Chunks(operand.bits).count

    def elements(self, mode: MacMode) -> int:
        """4, 2 or 1."""
        return max(1, SUB_UNITS // self.products(mode))

    def passes(self, mode: MacMode) -> int:
        """Passes over the same elements."""
        return max(1, self.products(mode) // SUB_UNITS)

    def cycles(self, mode: MacMode) -> int:
        """A bit of each chunk of b a cycle, in every pass."""
        return self.passes(mode) * Chunks(mode.b.bits).serial_bits

    def offsets(self, operand: Operand) -> tuple[tuple[int, int, int], ...]:
        """A nibble for each chunk, the most significant first."""
        chunks = Chunks(operand.bits)
        widths = (CHUNK_BITS, *chunks.widths[1:])
        return tuple(
            (start, CHUNK_BITS * n, width) for n, (start, width) in enumerate(zip(chunks.offsets, widths, strict=True))
        )

    def routes(self, mode: MacMode) -> tuple[tuple[Route, ...], ...]:
        """For each pass, what each of the four sub-units multiplies; its chunk of a is the same in all passes.

        The chunks of all elements of a are dealt out to the sub-units, over again where that leaves some. Those that
        have the same chunk share out the chunks of b, each as many consecutive ones as there are passes.
        """
        chunks, passes = Chunks(mode.a.bits).count, self.passes(mode)
        held = self.elements(mode) * chunks
        return tuple(
            tuple(Route(k % held // chunks, k % held % chunks, k // held * passes + number) for k in range(SUB_UNITS))
            for number in range(passes)
        )
