"""Units that multiply whole elements in a cycle: plain multipliers, bricks that fuse, an array multiplier in parts."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib.data import StructLayout

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.mac_schemes import SubWord
from quadrille.algo.spec.precision import GREATEST_PRECISION, WORD_BITS, rounded_up
from quadrille.hw.base import Parameter

from .shell import SHELL_PARAMETERS, Beat, MacUnit, delayed, total_of

__all__ = ["ParallelMac", "PlainMac", "SubWordMac"]

SLOTS = (2, 4, 8, 16)
SLOTTED = StructLayout({"slot": 2, "signed": 1, "binary": 1})
"""What parallel units need to know of an operand: the number of its slot's width in SLOTS, and its kind of sign."""


class ParallelMac(MacUnit):
    """Operands | products of a unit | their sum over all units | accumulator: a register each."""

    operand = SLOTTED
    slots: tuple[int, ...] = SLOTS

    @property
    def latency(self) -> int:
        """Four registers."""
        return 4

    def decode(self, m: Module, operand: Any, bits: Value, signed: Value) -> None:
        """The slot of a precision by itself."""
        m.d.comb += [operand.signed.eq(signed), operand.binary.eq(signed & (bits == 0))]
        with m.Switch(bits):
            for number in range(1, GREATEST_PRECISION + 1):
                with m.Case(number - 1):
                    m.d.comb += operand.slot.eq(SLOTS.index(rounded_up(number, self.slots)))

    @abstractmethod
    def unit_product(self, m: Module, beat: Beat, unit: int) -> Value:
        """The sum of the products of one unit in this cycle."""

    def placed(self, m: Module, enable: Value, beat: Beat, group: Value) -> Value:
        """`group`, the sum over all units two cycles after their products, at its place in the dot product."""
        return group

    def elaborate_sum(self, m: Module, enable: Value, beat: Beat) -> None:
        """The pipeline, under one enable."""
        products: list[Value] = []
        for unit in range(self.units):
            product = self.unit_product(m, beat, unit)
            register = Signal(product.shape(), name=f"product_{unit}", reset_less=True)
            with m.If(enable & beat.busy):
                m.d.sync += register.eq(product)
            products.append(register)
        valid, first, last = beat.busy, beat.first, beat.last
        for name in ("product", "group"):
            valid = delayed(m, enable, valid, f"{name}_valid", reset=True)
            first, last = delayed(m, enable, first, f"{name}_first"), delayed(m, enable, last, f"{name}_last")
        group = delayed(m, enable, total_of(products), "group")
        self.elaborate_total(m, enable, self.placed(m, enable, beat, group), valid=valid, first=first, last=last)


def extended(operand: Any, field: Value) -> Value:
    """A slot as a signed number: its sign where the operand has one; a binary one's lowest bit is -1 or +1."""
    sign = field[-1] & operand.signed
    one = Cat(Const(1, 1), (~field[0]).replicate(len(field))).as_signed()
    return Mux(operand.binary, one, Cat(field, sign).as_signed())


class PlainMac(ParallelMac):
    """Multipliers of one width, as many as fill a word: `sum = sum_k a[k] * b[k]`, one beat a cycle.

    Parameters
    ----------
    width : of the multipliers, 8 or 16; an operand has at most so many bits, which the user sees to

    Attributes
    ----------
    latency : 4 cycles; interval : 1
    """

    block_name = "plain-mac"
    parameters = (Parameter("width", 8, 8, 16, "width of a multiplier, 8 or 16 bits"), *SHELL_PARAMETERS)

    width: int

    def __init__(self, *, width: int = 8, units: int = 8, accumulator_bits: int = 48):
        super().__init__(units=units, accumulator_bits=accumulator_bits, width=width)
        if width not in (8, 16):
            self.inspected()
            raise InvalidInput(f"Parameter width of plain-mac must be 8 or 16, not {width}")
        self.slots = (width,)

    def unit_product(self, m: Module, beat: Beat, unit: int) -> Value:
        """Slot by slot."""
        products: list[Value] = []
        for start in range(0, WORD_BITS, self.width):
            a, b = (extended(beat.operands[name], beat.word(name, unit)[start : start + self.width]) for name in "ab")
            products.append(a * b)
        return total_of(products)


class SubWordMac(ParallelMac):
    """An array multiplier of 16 x 16 bits whose rows are gated: `sum = sum_k a[k] * b[k]`, one beat a cycle.

    Row r of the array is bit r of b times the slot of a that stands as far from the top as the row's slot of b from the
    bottom, so that the products of all slots, w bits wide, meet at the weight 2**(16 - w) and are summed by the array
    itself.

    Attributes
    ----------
    latency : 4 cycles; interval : 1
    """

    block_name = "sub-word-mac"
    slots = SubWord.widths

    def unit_product(self, m: Module, beat: Beat, unit: int) -> Value:
        """Sixteen rows, one tree, one way out for each slot."""
        a, b = beat.operands["a"], beat.operands["b"]
        slot = Signal(2, name=f"slot_{unit}")
        m.d.comb += slot.eq(Mux(a.slot > b.slot, a.slot, b.slot))
        words = [self.widened(m, beat.operands[name], beat.word(name, unit), slot, f"{name}_{unit}") for name in "ab"]
        rows: list[Value] = []
        for row in range(WORD_BITS):
            chosen: Value = Const(0, signed(WORD_BITS + 1))
            negative: Value = Const(0, 1)
            for width in self.slots:
                number = row // width
                start = WORD_BITS - width * (number + 1)
                field = words[0][start : start + width]
                fill = (field[-1] & a.signed).replicate(WORD_BITS + 1 - start - width)
                this = slot == SLOTS.index(width)
                chosen = Mux(this, Cat(Const(0, start), field, fill).as_signed(), chosen)
                if row % width == width - 1:
                    negative = Mux(this, b.signed, negative)
            gated = Mux(words[1][row], chosen, 0)
            rows.append(Mux(negative, -gated, gated) << row)
        total = total_of(rows)
        result = total >> (WORD_BITS - self.slots[-1])
        for width in self.slots[:-1]:
            result = Mux(slot == SLOTS.index(width), total >> (WORD_BITS - width), result)
        return result

    def widened(self, m: Module, operand: Any, word: Value, slot: Value, name: str) -> Value:
        """`word` with -1 and +1 of a binary operand spread over their slots."""
        spread = Signal(WORD_BITS, name=f"spread_{name}")
        m.d.comb += spread.eq(word)
        with m.If(operand.binary), m.Switch(slot):
            for width in self.slots:
                with m.Case(SLOTS.index(width)):
                    parts = [
                        Cat(Const(1, 1), (~word[start]).replicate(width - 1)) for start in range(0, WORD_BITS, width)
                    ]
                    m.d.comb += spread.eq(Cat(*parts))
        return spread
