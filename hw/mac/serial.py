"""A unit that takes one operand a bit at a time."""

from __future__ import annotations

from typing import Any

from amaranth import Const, Module, Mux, Signal, Value, signed
from amaranth.lib.data import StructLayout

from quadrille.algo.spec.precision import WORD_BITS

from .parallel import extended
from .shell import SHELL_PARAMETERS, MacUnit, delayed, total_of

__all__ = ["ActivationSerialMac"]


class ActivationSerialMac(MacUnit):
    """A weight of up to 16 bits by a bit of the activation a cycle: `sum = sum_k a[k] * b[k]`, a the weights.

    `C = 2*C + sum_u a[u]*bit(b[u])` over the bits of b, the most significant first, that of a signed b subtracted; then
    `sum += C`. Source: Judd et al., Stripes (MICRO 2016).

    Parameters
    ----------
    units, accumulator_bits : of the shell

    Members
    -------
    i : stream of `operands_layout`, an element for each unit
    o : stream {sum}

    Attributes
    ----------
    latency : 4 cycles from the acceptance of a last beat of one bit; interval : 1

    Raises
    ------
    InvalidInput
        For a parameter out of range.
    """

    block_name = "activation-serial-mac"
    parameters = SHELL_PARAMETERS
    operand = StructLayout({"last_bit": 4, "signed": 1, "binary": 1})

    def __init__(self, *, units: int = 8, accumulator_bits: int = 48):
        self.take(units=units, accumulator_bits=accumulator_bits)
        self.shell()

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

    def last_pass(self, m: Module, operands: dict[str, Any], number: Value) -> Value:
        """There is one pass."""
        return Const(0, 2)

    def elaborate(self, platform: object) -> Module:
        """Gated weights, their tree, and the bits of b one after the other."""
        m = Module()
        enable = self.moving(m)
        beat = self.elaborate_beat(m, enable)
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
        return m
