"""How the designs that the spatio-temporal unit is measured against take operands in."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidInput
from .precision import WORD_BITS, MacMode, Operand, Scheme, rounded_up

__all__ = ["BRICK_BITS", "ActivationSerial", "BitFusion", "Packed", "Plain", "SerialSerial", "SubWord", "WeightSerial"]

BRICK_BITS = 2
BRICKS = 16


@dataclass(frozen=True)
class Plain(Scheme):
    """Multipliers of `width` x `width` bits side by side, as many as fill a word; one beat a cycle."""

    width: int = 8

    def check(self, mode: MacMode) -> None:
        """Refuse operands that are wider than the multipliers."""
        bits = max(mode.a.bits, mode.b.bits)
        if bits > self.width:
            raise InvalidInput(f"Precision of a plain multiplier of {self.width} bits must be at most that, not {bits}")

    def slot(self, operand: Operand, mode: MacMode) -> int:
        """The width of a multiplier, whatever the precision."""
        return self.width

    def elements(self, mode: MacMode) -> int:
        """Multipliers of a unit."""
        return WORD_BITS // self.width

    def cycles(self, mode: MacMode) -> int:
        """One."""
        return 1


class BitFusion(Scheme):
    """Sixteen bricks of 2 x 2 bits that are fused to products of 2, 4 or 8 bits each side; 16 bits take passes of 8.

    A precision between is rounded up. Elements are as many as bricks and words hold. Source: Sharma et al., Bit Fusion
    (ISCA 2018), with the operand bandwidth of this shell.
    """

    widths = (2, 4, 8, 16)

    def slot(self, operand: Operand, mode: MacMode) -> int:
        """The precision, rounded up."""
        return rounded_up(operand.bits, self.widths)

    def elements(self, mode: MacMode) -> int:
        """As the bricks and the words allow."""
        a, b = self.slot(mode.a, mode), self.slot(mode.b, mode)
        bricks = (min(a, 8) // BRICK_BITS) * (min(b, 8) // BRICK_BITS)
        return min(BRICKS // bricks, WORD_BITS // a, WORD_BITS // b)

    def passes(self, mode: MacMode) -> int:
        """Halves of a by halves of b."""
        return -(-self.slot(mode.a, mode) // 8) * -(-self.slot(mode.b, mode) // 8)

    def cycles(self, mode: MacMode) -> int:
        """One for each pass."""
        return self.passes(mode)


@dataclass(frozen=True)
class SubWord(Scheme):
    """One array multiplier of 16 x 16 bits whose rows are gated: 1 product of 16 bits, 2 of 8, 4 of 4.

    Both operands have one slot, that of the wider. The products are summed together: the slots of b lie in reverse, so
    that they meet at one weight; or, `apart`, each belongs to a dot product of its own. Source: Moons et al., DVAFS
    (DATE 2017).
    """

    apart: bool = False

    widths = (4, 8, 16)

    @property
    def descending(self) -> tuple[str, ...]:
        """Slots of b, where products are summed together."""
        return () if self.apart else ("b",)

    @property
    def sums(self) -> int:
        """One, or one for each of the narrowest slots."""
        return WORD_BITS // self.widths[0] if self.apart else 1

    def pairs(self, mode: MacMode) -> tuple[tuple[int, int, int], ...]:
        """Slot by slot."""
        return tuple((slot, slot, slot if self.apart else 0) for slot in range(self.elements(mode)))

    def vectors(self, mode: MacMode) -> int:
        """One, or one for each slot."""
        return self.elements(mode) if self.apart else 1

    def slot(self, operand: Operand, mode: MacMode) -> int:
        """The wider precision, rounded up."""
        return rounded_up(max(mode.a.bits, mode.b.bits), self.widths)

    def elements(self, mode: MacMode) -> int:
        """Slots of a word."""
        return WORD_BITS // self.slot(mode.a, mode)

    def cycles(self, mode: MacMode) -> int:
        """One."""
        return 1


class Packed(Scheme):
    """Two multipliers of 27 x 18 bits: products of two elements of a and one or two of b stand side by side in each.

    What is packed shares operands: two vectors of a and two of b are multiplied each with each, so that four dot
    products come of them, number 2*i + j of vector i of a and j of b. At 5 to 8 bits a multiplier makes two products,
    of both vectors of a with one of b, at up to 4 bits all four, and the other takes the next elements. Source: Xilinx
    WP486 and WP521.
    """

    widths = (4, 8)

    def check(self, mode: MacMode) -> None:
        """Refuse operands that are wider than a half of the word."""
        bits = max(mode.a.bits, mode.b.bits)
        if bits > self.widths[-1]:
            raise InvalidInput(f"Precision of packed products must be at most {self.widths[-1]} bits, not {bits}")

    @property
    def sums(self) -> int:
        """Each of two vectors by each of two."""
        return 4

    def slot(self, operand: Operand, mode: MacMode) -> int:
        """The wider precision, rounded up."""
        return rounded_up(max(mode.a.bits, mode.b.bits), self.widths)

    def elements(self, mode: MacMode) -> int:
        """Slots of a word."""
        return WORD_BITS // self.slot(mode.a, mode)

    def cycles(self, mode: MacMode) -> int:
        """One."""
        return 1

    def vectors(self, mode: MacMode) -> int:
        """Two of either operand."""
        return 2

    def pairs(self, mode: MacMode) -> tuple[tuple[int, int, int], ...]:
        """Elements of one place, each with each."""
        starts = range(0, self.elements(mode), 2)
        return tuple((start + i, start + j, 2 * i + j) for start in starts for i in range(2) for j in range(2))


class _WordSerial(Scheme):
    """An element of up to 16 bits a word: what bit-serial units of one operand have in common."""

    def slot(self, operand: Operand, mode: MacMode) -> int:
        """A word."""
        return WORD_BITS

    def elements(self, mode: MacMode) -> int:
        """One."""
        return 1


class ActivationSerial(_WordSerial):
    """A weight of up to 16 bits by one bit of the activation a cycle, the most significant first.

    `a` is the weight, `b` the activation. Source: Judd et al., Stripes (MICRO 2016).
    """

    def cycles(self, mode: MacMode) -> int:
        """A bit of the activation a cycle."""
        return mode.b.bits


class WeightSerial(_WordSerial):
    """An activation of up to 16 bits by one bit of the weight a cycle, the most significant first.

    `a` is the weight, `b` the activation. Source: Lee et al., UNPU (JSSC 2019).
    """

    def cycles(self, mode: MacMode) -> int:
        """A bit of the weight a cycle."""
        return mode.a.bits


class SerialSerial(Scheme):
    """One bit of sixteen elements of either operand a cycle: a beat for each pair of bits, a word a bit plane.

    The planes come most significant first, those of b for each of a: what fills a word of any precision is sixteen
    elements, and they are sent again, a's planes once for each of b's and the other way round, rather than kept in a
    unit that is hardly larger than such a store. Source: Sharify et al., Loom (DAC 2018), one bit of either a cycle.
    """

    planes = True

    def slot(self, operand: Operand, mode: MacMode) -> int:
        """A bit."""
        return 1

    def elements(self, mode: MacMode) -> int:
        """As many as a word has bits."""
        return WORD_BITS

    def beats(self, mode: MacMode) -> int:
        """One for each pair of bits."""
        return mode.a.bits * mode.b.bits

    def cycles(self, mode: MacMode) -> int:
        """One for each beat."""
        return self.beats(mode)
