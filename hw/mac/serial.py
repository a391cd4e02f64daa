"""Units that take one operand a bit at a time."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib.data import StructLayout

from quadrille.algo.spec.precision import WORD_BITS

from .parallel import extended
from .shell import Beat, MacUnit, delayed, plus_or_minus, total_of

__all__ = ["ActivationSerialMac", "WeightSerialMac"]

TABLED = 4
"""Activations whose sums stand in one table."""


class SerialMac(MacUnit):
    """Operands | what a bit of the serial operand counts | its bits | accumulator: a register each."""

    operand = StructLayout({"last_bit": 4, "signed": 1, "binary": 1})

    @property
    def latency(self) -> int:
        """Four registers."""
        return 4

    def decode(self, m: Module, operand: Any, bits: Value, signed: Value) -> None:
        """The precision is the number of bits."""
        m.d.comb += [
            operand.last_bit.eq(bits),
            operand.signed.eq(signed),
            operand.binary.eq(signed & (bits == 0)),
        ]

    @abstractmethod
    def counted(self, m: Module, beat: Beat) -> Value:
        """What the bit at hand of the serial operand adds up to over all units."""

    def elaborate_sum(self, m: Module, enable: Value, beat: Beat) -> None:
        """The bits of the serial operand one after the other."""
        operand = beat.operands[self.serial]
        count = Signal(signed(WORD_BITS + 2 + self.units.bit_length()), reset_less=True)
        with m.If(enable & beat.busy):
            m.d.sync += count.eq(self.counted(m, beat))
        valid = delayed(m, enable, beat.busy, "count_valid", reset=True)
        subtracts = delayed(m, enable, beat.starts & operand.signed & ~operand.binary, "count_subtracts")
        starts, ends, first, last = (
            delayed(m, enable, getattr(beat, name), f"count_{name}") for name in ("starts", "ends", "first", "last")
        )

        bits = Signal(signed(2 * WORD_BITS + 2 + self.units.bit_length()), reset_less=True)
        with m.If(enable & valid):
            m.d.sync += bits.eq(plus_or_minus(Mux(starts, 0, bits << 1), count, subtracts))
        self.elaborate_total(
            m,
            enable,
            bits,
            valid=delayed(m, enable, valid & ends, "bits_valid", reset=True),
            first=delayed(m, enable, first, "bits_first"),
            last=delayed(m, enable, last, "bits_last"),
        )


class ActivationSerialMac(SerialMac):
    """A weight of up to 16 bits by a bit of the activation a cycle: `sum = sum_k a[k] * b[k]`, a the weights.

    `C = 2*C + sum_u a[u]*bit(b[u])` over the bits of b, the most significant first, that of a signed b subtracted; then
    `sum += C`. Source: Judd et al., Stripes (MICRO 2016).

    Attributes
    ----------
    latency : 4 cycles from the acceptance of a last beat of one bit; interval : 1
    """

    block_name = "activation-serial-mac"

    def counted(self, m: Module, beat: Beat) -> Value:
        """Gated weights and their tree."""
        a, b = beat.operands["a"], beat.operands["b"]
        terms: list[Value] = []
        for unit in range(self.units):
            weight = extended(a, beat.word("a", unit))
            chosen = beat.word("b", unit).bit_select(beat.bit, 1)
            terms.append(Mux(chosen, weight, Mux(b.binary, -weight, 0)))
        return total_of(terms)


class WeightSerialMac(SerialMac):
    """A bit of the weight a cycle by a whole activation, from tables: `sum = sum_k a[k] * b[k]`, a the weights.

    The activations b of four units have a table of the sums of every choice among them, made once for a beat; a bit of
    each of the four weights is its index: `C = 2*C + sum_g table[g][bits]` over the bits of a, the most significant
    first, that of a signed a subtracted; then `sum += C`. Of weights of -1 and +1 the table gives those that are +1:
    `C = 2 * sum_g table[g][bits] - sum_u b[u]`. Source: Lee et al., UNPU (JSSC 2019), for the table; its size, and that
    adders make it that stand still during a beat, without a memory, is [INFERRED].

    Attributes
    ----------
    latency : 4 cycles from the acceptance of a last beat of one bit; interval : 1
    """

    block_name = "weight-serial-mac"
    serial = "a"

    def counted(self, m: Module, beat: Beat) -> Value:
        """A table for each four units, and what is found in all."""
        a, b = beat.operands["a"], beat.operands["b"]
        found: list[Value] = []
        everything: list[Value] = []
        for start in range(0, self.units, TABLED):
            group = range(start, min(start + TABLED, self.units))
            bits = Signal(len(group), name=f"bits_{start}")
            m.d.comb += bits.eq(Cat(beat.word("a", unit).bit_select(beat.bit, 1) for unit in group))
            table: list[Value] = [Const(0, signed(1))]
            for unit in group:  # the sums with this activation are those without it, and it
                value = Signal(signed(WORD_BITS + 1), name=f"activation_{unit}")
                m.d.comb += value.eq(extended(b, beat.word("b", unit)))
                for number in range(len(table)):
                    entry = Signal(signed(WORD_BITS + TABLED), name=f"sum_{start}_{len(table)}")
                    m.d.comb += entry.eq(table[number] + value if number else value)
                    table.append(entry)
            entry = table[-1]
            for number in range(len(table) - 1):
                entry = Mux(bits == number, table[number], entry)
            found.append(entry)
            everything.append(table[-1])
        total = Signal(signed(WORD_BITS + 1 + self.units.bit_length()), name="total")
        m.d.comb += total.eq(total_of(found))
        return Mux(a.binary, (total << 1) - total_of(everything), total)
