"""A unit that takes one operand a bit at a time."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal, Value, signed
from amaranth.lib.data import StructLayout

from quadrille.algo.spec.precision import WORD_BITS

from .parallel import extended
from .shell import Beat, MacUnit, delayed, total_of

__all__ = ["ActivationSerialMac"]


class ActivationSerialMac(MacUnit):
    """A weight of up to 16 bits by a bit of the activation a cycle: `sum = sum_k a[k] * b[k]`, a the weights.

    `C = 2*C + sum_u a[u]*bit(b[u])` over the bits of b, the most significant first, that of a signed b subtracted; then
    `sum += C`. Source: Judd et al., Stripes (MICRO 2016).

    Attributes
    ----------
    latency : 4 cycles from the acceptance of a last beat of one bit; interval : 1
    """

    block_name = "activation-serial-mac"
    operand = StructLayout({"last_bit": 4, "signed": 1, "binary": 1})

    @property
    def latency(self) -> int:
        """Operands, sum of a bit, sum of bits, accumulator: a register each."""
        return 4

    def decode(self, m: Module, operand: Any, bits: Value, signed: Value) -> None:
        """The precision is the number of bits."""
        m.d.comb += [
            operand.last_bit.eq(bits),
            operand.signed.eq(signed),
            operand.binary.eq(signed & (bits == 0)),
        ]

    def elaborate_sum(self, m: Module, enable: Value, beat: Beat) -> None:
        """Gated weights, their tree, and the bits of b one after the other."""
        a, b = beat.operands["a"], beat.operands["b"]
        terms: list[Value] = []
        for unit in range(self.units):
            weight = extended(a, beat.word("a", unit))
            chosen = beat.word("b", unit).bit_select(beat.bit, 1)
            terms.append(Mux(chosen, weight, Mux(b.binary, -weight, 0)))
        count = Signal(signed(WORD_BITS + 2 + self.units.bit_length()), reset_less=True)
        with m.If(enable & beat.busy):
            m.d.sync += count.eq(total_of(terms))
        valid = delayed(m, enable, beat.busy, "count_valid", reset=True)
        subtracts = delayed(m, enable, beat.starts & b.signed & ~b.binary, "count_subtracts")
        starts, ends, first, last = (
            delayed(m, enable, getattr(beat, name), f"count_{name}") for name in ("starts", "ends", "first", "last")
        )

        bits = Signal(signed(2 * WORD_BITS + 2 + self.units.bit_length()), reset_less=True)
        with m.If(enable & valid):
            doubled = Mux(starts, 0, bits << 1)
            m.d.sync += bits.eq(Mux(subtracts, doubled - count, doubled + count))
        self.elaborate_total(
            m,
            enable,
            bits,
            valid=delayed(m, enable, valid & ends, "bits_valid", reset=True),
            first=delayed(m, enable, first, "bits_first"),
            last=delayed(m, enable, last, "bits_last"),
        )
