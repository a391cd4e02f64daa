"""What a precision means for the chunks of an operand of the spatio-temporal unit, and which sub-unit gets which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from amaranth import Const, Module, Mux, Signal, Value
from amaranth.lib.data import StructLayout

from quadrille.algo.spec.precision import GREATEST_PRECISION
from quadrille.algo.spec.spatio_temporal import SUB_UNITS, Chunks

__all__ = ["CHUNKED", "Arrangement", "Counted", "decode_chunks", "either", "last_pass", "spread_bits", "spread_chunks"]

CHUNKED = StructLayout(
    {
        "two": 1,  # chunks, or
        "four": 1,  # of them, or else one
        "last_bit": 2,  # bits of a chunk, less 1: a chunk stands so many bits above the next
        "half": 4,  # bits of the lower half of the chunks
        "signed": 1,
        "binary": 1,
    }
)
"""What the datapath needs to know of an operand."""


@dataclass(frozen=True)
class Counted:
    """Whether an operand has one, two or four chunks."""

    one: Value
    two: Value
    four: Value

    @classmethod
    def of_bits(cls, bits: Value) -> Counted:
        """From a precision of `bits` + 1 bits: one up to 4, two up to 8, else four."""
        return cls(~bits[2] & ~bits[3], bits[2] & ~bits[3], bits[3])

    @classmethod
    def of(cls, operand: Any) -> Counted:
        """From a `CHUNKED`."""
        return cls(~operand.two & ~operand.four, operand.two, operand.four)


def decode_chunks(m: Module, operand: Any, bits: Value, signed: Value) -> None:
    """Fill a `CHUNKED` for a precision of `bits` + 1 bits."""
    chunks = Counted.of_bits(bits)
    m.d.comb += [
        operand.two.eq(chunks.two),
        operand.four.eq(chunks.four),
        operand.half.eq((bits >> 1) + 1),
        operand.signed.eq(signed),
        operand.binary.eq(signed & (bits == 0)),
    ]
    with m.Switch(bits):
        for number in range(1, GREATEST_PRECISION + 1):
            with m.Case(number - 1):
                m.d.comb += operand.last_bit.eq(Chunks(number).serial_bits - 1)


def either(*choices: tuple[Value, Value]) -> Value:
    """Of words that are chosen by a bit each, the one whose bit is set; 0 if none is."""
    return reduce(or_, (chosen.replicate(len(word)) & word for chosen, word in choices))


def last_pass(a: Counted, b: Counted) -> Value:
    """The number of the last pass of a beat: four products of chunks a pass."""
    return Mux(a.four & b.four, 3, (a.four & b.two) | (a.two & b.four))


def spread_chunks(nibbles: Sequence[Value], a: Counted, b: Counted) -> list[Value]:
    """Of the four `nibbles` of a those that the sub-units multiply, the same in all passes.

    Where a fills the word, each has its own. Two nibbles go to the sub-units 0, 1, 0, 1, a single one to all.
    """
    alone, pair = a.one & b.four, ~a.four & ~b.one
    second = Mux(alone, nibbles[0], nibbles[1])
    # A single nibble is one of a pair as well.
    return [nibbles[0], second, Mux(pair, nibbles[0], nibbles[2]), Mux(pair, second, nibbles[3])]


def spread_bits(bits: Sequence[Value], a: Counted, b: Counted, number: Value) -> list[Value]:
    """Of the bits at hand of the four nibbles of b those that the sub-units get in pass `number`.

    Four chunks of a meet one chunk of b after the other; two chunks of a, side by side, two of b.
    """
    wide = a.two & b.four
    # With one pass, or two chunks of a, pass n is that of nibble n as well.
    first = either(*((number == n, bits[n]) for n in range(SUB_UNITS)))
    second = either((a.one & ~b.two, bits[1]), (a.one & b.two, bits[2]), (~a.one, first))
    third = either(
        (a.four, first),
        ((a.one & ~b.two) | (wide & ~number[0]), bits[2]),
        ((a.one & b.two) | (a.two & ~b.four), bits[1]),
        (wide & number[0], bits[3]),
    )
    return [first, second, third, either((a.one, bits[3]), (~a.one, third))]


class Arrangement:
    """How the counts c[k] of the sub-units stand to one another in a beat.

    `T = ((c[0] << inner) + c[1] << outer) + (c[2] << inner) + c[3]`; in the first cycle of a signed b some of them are
    negative: c[0] alone, both of the first pair, or all.

    Attributes
    ----------
    inner, outer : shifts
    tops : for each sub-unit, whether it has the first chunk of an element of a
    first_turns, pair_turns, all_turn : which are negative then
    """

    def __init__(self, m: Module, operands: dict[str, Any]) -> None:
        a, b = (Counted.of(operands[name]) for name in "ab")
        self.inner, self.outer = Signal(range(5)), Signal(range(9))
        self.tops = [Const(1, 1), a.one, ~a.four, a.one]
        self.first_turns = a.one & b.four
        self.pair_turns = (~a.four & b.two) | (a.two & b.four)
        self.all_turn = a.four | b.one
        with m.If(~a.one):
            m.d.comb += self.inner.eq(operands["a"].last_bit + 1)
        with m.Elif(b.four):
            m.d.comb += self.inner.eq(operands["b"].last_bit + 1)
        with m.If(a.four):
            m.d.comb += self.outer.eq(operands["a"].half)
        with m.Elif(~b.one):
            m.d.comb += self.outer.eq(operands["b"].half)
