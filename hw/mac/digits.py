"""What the units of the bit-weight dimension share: recoded operands, rows of partial products, redundant sums."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.data import StructLayout

from quadrille.algo.spec.digits import BYTE, DIGIT_BITS, DIGITS
from quadrille.algo.spec.precision import WORD_BITS
from quadrille.hw.base.compress import full_adder

from .layouts import CYCLE_BITS
from .shell import Beat, MacUnit, delayed

__all__ = ["BYTES", "ROW_BIAS", "DigitMac", "booth", "carry_save", "ent", "row_of"]

BYTES = WORD_BITS // BYTE.bits
"""Elements of a word."""
RECODED = 3
"""Bits of a recoded digit: whether it is 1 or -1, whether it is 2 or -2, whether it is negative."""
PIECE = 16
"""Bits of a sum that are added in one cycle."""
ROW_BIAS = 1 << BYTE.bits
"""What a row of a partial product is more than it means."""


def booth(m: Module, byte: Value, name: str) -> list[Value]:
    """The digits of a signed byte by Booth's rule, each of the three bits about its place, without a carry."""
    digits: list[Value] = []
    bits = Cat(Const(0, 1), byte)
    for start in range(0, BYTE.bits, DIGIT_BITS):
        low, middle, high = bits[start], bits[start + 1], bits[start + 2]
        digits.append(Cat(low ^ middle, (low == middle) & (middle != high), high))
    return digits


def ent(m: Module, byte: Value, name: str) -> list[Value]:
    """The digits of a signed byte in the code EN-T: `ent_digits`."""
    sign, magnitude = byte[-1], Signal(BYTE.bits, name=f"magnitude_{name}")
    m.d.comb += magnitude.eq(Mux(sign, -byte, byte))
    carry: Value = Const(0, 1)
    digits: list[Value] = []
    for number in range(DIGITS):
        low, high = magnitude.word_select(number, DIGIT_BITS)
        odd, two = low ^ carry, (high & ~low & ~carry) | (~high & low & carry)
        digits.append(Cat(odd, two, sign ^ (odd & high)))
        carry = high & (low | carry)
    return digits


def row_of(m: Module, byte: Value, digit: Value, name: str) -> Value:
    """`byte * digit + ROW_BIAS`, less 1 where the digit is negative: nine bits, unsigned, made without a carry."""
    one, two, negative = digit
    multiple = Mux(two, Cat(Const(0, 1), byte), Mux(one, Cat(byte, byte[-1]), 0))
    row = Signal(BYTE.bits + 1, name=name)
    m.d.comb += row.eq(multiple ^ negative.replicate(BYTE.bits) ^ Cat(Const(0, BYTE.bits), ~negative))
    return row


def carry_save(m: Module, rows: Sequence[Value], width: int, name: str) -> list[Value]:
    """Two rows, or fewer, of the same sum modulo `2**width`, by levels of full adders; the last rows come in last."""
    at: list[Value] = []
    for number, row in enumerate(rows):
        at.append(Signal(width, name=f"{name}_in_{number}"))
        m.d.comb += at[-1].eq(row)
    level = 0
    while len(at) > 2:
        after: list[Value] = []
        for number in range(0, len(at) - 2, 3):
            total, carry = full_adder(m, at[number : number + 3], f"{name}_{level}_{number}")
            after += [total, Cat(Const(0, 1), carry)[:width]]
        at, level = after + at[len(at) // 3 * 3 :], level + 1
    return at


class DigitMac(MacUnit):
    """Operands | rows | sum and carry | their one addition, at the end of a dot product, `PIECE` bits in a cycle.

    The sum of a dot product stands in two rows, to which those of a beat are added by full adders alone: no carry runs
    further than `PIECE` bits in a cycle.
    """

    operand = StructLayout({"binary": 1})

    @property
    def latency(self) -> int:
        """Three registers, and one for each piece of the addition."""
        return 3 + -(-self.accumulator_bits // PIECE)

    def decode(self, m: Module, operand: Any, bits: Value, signed: Value) -> None:
        """Bytes have their signs with them; those of -1 and +1 are made of one bit."""
        m.d.comb += operand.binary.eq(signed & (bits == 0))

    @abstractmethod
    def recode(self, m: Module, byte: Value, name: str) -> list[Value]:
        """The digits of a byte of b."""

    def loaded(self, m: Module, name: str, word: Value, decoded: Any) -> Value:
        """Bytes of a, digits of b: these are recoded once, however many units of a they meet."""
        bytes_of: list[Value] = []
        for number in range(len(word) // BYTE.bits):
            field = word.word_select(number, BYTE.bits)
            byte = Signal(BYTE.bits, name=f"byte_{name}_{number}")
            one = Cat(Const(1, 1), (~field[0]).replicate(BYTE.bits - 1))
            m.d.comb += byte.eq(Mux(decoded.binary, one, field))
            bytes_of.append(byte if name == "a" else Cat(*self.recode(m, byte, str(number))))
        # A name for the whole: what is made of parts of it must not be made of a copy of all.
        loaded = Signal(sum(map(len, bytes_of)), name=f"loaded_{name}")
        m.d.comb += loaded.eq(Cat(*bytes_of))
        return loaded

    @abstractmethod
    def rows(self, m: Module, beat: Beat, column: int) -> tuple[list[Value], int]:
        """Rows, unsigned, that add up to what this cycle has for the sum of a column, and a bias, which is returned."""

    @staticmethod
    def byte(beat: Beat, unit: int, element: int) -> Value:
        """An element of a."""
        return beat.word("a", unit).word_select(element, BYTE.bits)

    @staticmethod
    def digits(beat: Beat, unit: int) -> list[Value]:
        """The digits of all elements of a unit's word of b."""
        word = beat.word("b", unit)
        return [word.word_select(number, RECODED) for number in range(len(word) // RECODED)]

    def elaborate_sum(self, m: Module, enable: Value, beat: Beat) -> None:
        """Rows are kept, then added to sum and carry; what a dot product leaves of these goes on to `elaborate_end`."""
        valid = delayed(m, enable, beat.busy, "rows_valid", reset=True)
        first = delayed(m, enable, beat.first & beat.starts, "rows_first")
        last = delayed(m, enable, beat.last, "rows_last")
        ended = delayed(m, enable, valid & last, "ended", reset=True)
        pairs: list[list[Value]] = []
        for column in range(self.columns):
            rows, bias = self.rows(m, beat, column)
            kept: list[Value] = [Const(-bias, self.accumulator_bits)]
            for number, row in enumerate(rows):
                register = Signal(len(row), name=f"row_{column}_{number}", reset_less=True)
                with m.If(enable & beat.busy):
                    m.d.sync += register.eq(row)
                kept.append(register)
            held = [
                Signal(self.accumulator_bits, name=f"{name}_{column}", reset_less=True) for name in ("sum", "carry")
            ]
            kept += [Mux(first, 0, word) for word in held]
            total = carry_save(m, kept, self.accumulator_bits, f"total_{column}")
            with m.If(enable & valid):
                m.d.sync += [word.eq(new) for word, new in zip(held, total, strict=True)]
            pairs.append([*held])
        count = Signal(CYCLE_BITS, reset_less=True)
        if self.counts_cycles:
            with m.If(enable & valid):
                m.d.sync += count.eq(Mux(first, 1, count + 1))
        self.elaborate_end(m, enable, pairs, [count] if self.counts_cycles else [], ended)

    def elaborate_end(
        self, m: Module, enable: Value, pairs: list[list[Value]], beside: list[Value], ended: Value
    ) -> None:
        """The sum and the carry of each column added, piece by piece, and handed out with what goes beside them."""

        def kept(value: Value, name: str) -> Signal:
            register = Signal(len(value), name=f"{name}_{start}", reset_less=True)
            with m.If(enable & valid):
                m.d.sync += register.eq(value)
            return register

        totals: list[list[Value]] = [[] for _ in pairs]
        carries: list[Value] = [Const(0, 1)] * len(pairs)
        valid = ended
        for start in range(0, self.accumulator_bits, PIECE):
            for column, (sum_word, carry_word) in enumerate(pairs):
                added = sum_word[:PIECE] + carry_word[:PIECE] + carries[column]
                piece = kept(added, f"piece_{column}")
                size = len(sum_word[:PIECE])
                totals[column] = [kept(total, f"total_{column}_{n}") for n, total in enumerate(totals[column])]
                totals[column].append(piece[:size])
                carries[column] = piece[size]
                rest = [(sum_word, "sum"), (carry_word, "carry")] if len(sum_word) > PIECE else []
                pairs[column] = [kept(word[PIECE:], f"{name}_rest_{column}") for word, name in rest]
            beside = [kept(value, f"beside_{n}") for n, value in enumerate(beside)]
            valid = delayed(m, enable, valid, f"end_valid_{start}", reset=True)
        m.d.comb += [
            self.o.valid.eq(valid),
            self.o.payload.as_value().eq(Cat(*(part for total in totals for part in total), *beside)),
        ]
