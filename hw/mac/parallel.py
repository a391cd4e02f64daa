"""Units that multiply whole elements in a cycle, and the plainest of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.data import StructLayout

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.precision import GREATEST_PRECISION, WORD_BITS, rounded_up
from quadrille.hw.base import Parameter

from .shell import SHELL_PARAMETERS, Beat, MacUnit, delayed, total_of

__all__ = ["SLOTS", "ParallelMac", "PlainMac", "extended"]

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

    def summed(self, m: Module, enable: Value, beat: Beat, products: list[Value]) -> list[Value]:
        """The sum of `products`, of a cycle before, over all units: one for each of the unit's dot products."""
        return [total_of(products)]

    def placed(self, m: Module, enable: Value, beat: Beat, group: Value) -> Value:
        """`group`, a sum over all units two cycles after their products, at its place in the dot product."""
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
        sums = self.summed(m, enable, beat, products)
        groups = [delayed(m, enable, group, f"group_{number}") for number, group in enumerate(sums)]
        placed = [self.placed(m, enable, beat, group) for group in groups]
        self.elaborate_total(m, enable, *placed, valid=valid, first=first, last=last)


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
