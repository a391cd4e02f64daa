"""A unit that takes one digit of an operand a cycle and leaves out those that are 0."""

from __future__ import annotations

from dataclasses import replace

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed

from quadrille.algo.spec.digits import BYTE, DIGIT_BITS, DIGITS
from quadrille.hw.base import Parameter
from quadrille.hw.base.compress import popcount

from .digits import BYTES, DigitMac, ent
from .shell import SHELL_PARAMETERS, Beat

__all__ = ["SparseDigitMac"]

SHIFTED_BITS = BYTE.bits + 1 + DIGIT_BITS * (DIGITS - 1)
"""Of a partial product at the place of its digit."""


class SparseDigitMac(DigitMac):
    """One digit of b a cycle, those that are 0 left out: `sums[c] = sum_k a[c,k] * b[k]`, as many cycles as it takes.

    An encoder for each unit goes through the digits of its word of b, in the code EN-T, that are not 0, the lowest
    first. All columns share it: each multiplies an element of its own a by the digit, -2, -1, 1 or 2, at the digit's
    place, and adds the products of all units to its sum and carry by full adders; they are added to one another after
    the last beat. A beat takes the cycles of the unit that has most digits, at least one, and `cycles` counts them.
    Source: OPT3 and OPT4C of Wu et al. (HPCA 2025); there each place has a sum of its own, here a digit's product is
    shifted [INFERRED].

    Parameters
    ----------
    columns : elements of a that share an encoder, and sums

    Attributes
    ----------
    latency : 3 cycles, and one for each 16 bits of the accumulator, from the acceptance of a last beat of at most one
        digit to a unit; interval : 1
    """

    block_name = "sparse-digit-mac"
    parameters = (*SHELL_PARAMETERS, Parameter("columns", 1, 1, 64, "sums that share the encoders of b"))
    counts_cycles = True

    columns: int

    def __init__(self, *, units: int = 8, accumulator_bits: int = 48, columns: int = 1):
        super().__init__(units=units, accumulator_bits=accumulator_bits, columns=columns)

    @property
    def sums(self) -> int:
        """One for each column."""
        return self.columns

    def recode(self, m: Module, byte: Value, name: str) -> list[Value]:
        """EN-T."""
        return ent(m, byte, name)

    def elaborate_beat(self, m: Module, enable: Value) -> Beat:
        """The digits that are left of each unit's word of b; the routing is, for each, the one at hand."""
        taken = self.elaborate_taken(m)
        places = DIGITS * BYTES
        left = Signal(places * self.units)
        rest = Signal(places * self.units)
        last_cycle, starts = Signal(), Signal(reset_less=True)
        m.d.comb += [last_cycle.eq(rest == 0), self.i.ready.eq(enable & (~taken.busy | last_cycle))]
        offered = taken.loaded["b"]
        with m.If(self.i.ready):
            nonzero = [offered[start] | offered[start + 1] for start in range(0, len(offered), 3)]
            m.d.sync += [left.eq(Cat(*nonzero)), starts.eq(1)]
        with m.Elif(enable):
            m.d.sync += [left.eq(rest), starts.eq(0)]
        beat = Beat(
            busy=taken.busy,
            words=taken.words,
            operands=taken.operands,
            units=self.units,
            number=Const(0, 2),
            bit=Const(0, 1),
            starts=starts,
            ends=last_cycle,
            first=taken.first,
            last=taken.last & last_cycle,
        )
        routing: list[Value] = []
        for unit in range(self.units):
            own = left[places * unit : places * (unit + 1)]
            lowest = Signal(places, name=f"lowest_{unit}")
            m.d.comb += [
                lowest.eq(own & -own),
                rest[places * unit : places * (unit + 1)].eq(own & ~lowest),
            ]
            chosen = Signal(3, name=f"digit_{unit}")
            digits = [Mux(lowest[number], digit, 0) for number, digit in enumerate(self.digits(beat, unit))]
            m.d.comb += chosen.eq(_any(digits))
            place = _any([lowest[DIGITS * element : DIGITS * (element + 1)] for element in range(BYTES)])
            upper = lowest[DIGITS:].any()
            routed = Signal(3 + 1 + DIGITS, name=f"routed_{unit}")
            m.d.comb += routed.eq(Cat(chosen, upper, place))
            routing.append(routed)
        return replace(beat, routing=routing)

    def rows(self, m: Module, beat: Beat, column: int) -> tuple[list[Value], int]:
        """One of each unit, and what the negative ones lack."""
        rows: list[Value] = []
        lacking: list[Value] = []
        for unit in range(self.units):
            routed = beat.routing[unit]
            two, negative, upper, place = routed[1], routed[2], routed[3], routed[4:]
            byte = Mux(
                upper, self.byte(beat, column * self.units + unit, 1), self.byte(beat, column * self.units + unit, 0)
            )
            multiple = Signal(signed(SHIFTED_BITS), name=f"multiple_{column}_{unit}")
            m.d.comb += multiple.eq(Mux(two, byte.as_signed() << 1, byte.as_signed()))
            row = Signal(SHIFTED_BITS, name=f"product_{column}_{unit}")
            shifted = _any([Mux(place[n], multiple << (DIGIT_BITS * n), 0)[:SHIFTED_BITS] for n in range(DIGITS)])
            top = Cat(Const(0, SHIFTED_BITS - 1), ~negative)
            m.d.comb += row.eq(shifted ^ negative.replicate(SHIFTED_BITS - 1) ^ top)
            rows.append(row)
            lacking.append(negative)
        rows.append(popcount(m, Cat(*lacking), name=f"lacking_{column}"))
        return rows, self.units << (SHIFTED_BITS - 1)


def _any(words: list[Value]) -> Value:
    """The words joined by OR, as a balanced tree."""
    while len(words) > 1:
        words = [words[n] | words[n + 1] if n + 1 < len(words) else words[n] for n in range(0, len(words), 2)]
    return words[0]
