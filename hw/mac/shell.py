"""What every multiply-accumulate unit has: the stream of operands, the beat at hand, the accumulator."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import stream
from amaranth.lib.data import StructLayout, View
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec.precision import WORD_BITS
from quadrille.hw.base import Block, Parameter

from .layouts import operands_layout, sum_layout

__all__ = ["SHELL_PARAMETERS", "Beat", "MacUnit", "Pass", "delayed", "plus_or_minus", "total_of"]

SHELL_PARAMETERS = (
    Parameter("units", 8, 1, 256, "units whose products are summed before they are accumulated"),
    Parameter("accumulator_bits", 48, 8, 64, "width of the signed sum"),
)


@dataclass(frozen=True)
class Pass:
    """What decides a pass: the number `last` of the last pass of the beat, and what a unit's products need to know."""

    last: Value
    routing: Any = None


@dataclass(frozen=True)
class Taken:
    """What a unit keeps of a beat: `busy` if there is one; and of the beat that it is offered, before it is kept."""

    busy: Value
    words: dict[str, Value]
    operands: dict[str, Any]
    decoded: dict[str, Any]
    loaded: dict[str, Value]
    first: Value
    last: Value


@dataclass(frozen=True)
class Beat:
    """The beat at hand, in one of its cycles.

    Attributes
    ----------
    busy : whether there is one
    words, operands : by "a" and "b" the words of all `units` side by side, and the decoded precision
    number : of the pass; bit : what is left of the pass in cycles, less 1
    starts : the first cycle of a pass; ends : its last
    first : of the first pass of a dot product; last : in the last cycle of a dot product
    routing : what else `decode_pass` found
    """

    busy: Value
    words: dict[str, Value]
    operands: dict[str, Any]
    units: int
    number: Value
    bit: Value
    starts: Value
    ends: Value
    first: Value
    last: Value
    routing: Any = None

    def word(self, name: str, unit: int) -> Value:
        """The word of one unit, as wide as it is kept; of a column of units beside the first, unit + column * units."""
        width = WORD_BITS if name == "a" else len(self.words[name]) // self.units
        return self.words[name][unit * width : (unit + 1) * width]


class MacUnit(Block, metaclass=ABCMeta):
    """A unit in the common shell: words of 16 bits of either operand for each of `units`, at most one beat a cycle.

    Parameters
    ----------
    units : units whose products are summed before they are accumulated
    accumulator_bits : width of the signed sum; it must hold every dot product of its user

    Members
    -------
    i : stream of `operands_layout`, a word of 16 bits for each unit
    o : stream {sum}, or {sums} of a unit that makes several dot products at the same time, and {cycles} of one whose
        cycles depend on the data

    Raises
    ------
    InvalidInput
        For a parameter out of range.
    """

    parameters = SHELL_PARAMETERS

    units: int
    accumulator_bits: int

    i: stream.Interface
    o: stream.Interface

    operand: StructLayout
    """What is decoded of a precision; with a field `last_bit` where a pass takes more than one cycle."""
    serial: str = "b"
    """The operand whose `last_bit` counts the cycles of a pass."""
    columns: int = 1
    """Words of a for each of b; the shell has as many sums for them."""
    counts_cycles: bool = False
    """Whether a sum comes with the cycles that its beats took."""

    def __init__(self, *, units: int = 8, accumulator_bits: int = 48, **own: object):
        self.take(units=units, accumulator_bits=accumulator_bits, **own)
        super().__init__(
            {
                "i": In(stream.Signature(operands_layout(self.units, WORD_BITS, self.columns))),
                "o": Out(stream.Signature(sum_layout(self.accumulator_bits, self.sums, self.counts_cycles))),
            }
        )

    @property
    def sums(self) -> int:
        """Dot products at the same time."""
        return 1

    @abstractmethod
    def decode(self, m: Module, operand: Any, bits: Value, signed: Value) -> None:
        """Fill `operand` for a precision of `bits` + 1 bits."""

    def decode_pass(self, m: Module, operands: dict[str, Any], number: Value) -> Pass:
        """Pass `number` of a beat of decoded `operands`: by default the only one."""
        return Pass(Const(0, 2))

    @abstractmethod
    def elaborate_sum(self, m: Module, enable: Value, beat: Beat) -> None:
        """From the beat at hand to `o`; it reads of its unit nothing that `beat` does not hold."""

    def elaborate(self, platform: object) -> Module:
        """The beat at hand and its sum; all stands still while a sum waits."""
        m = Module()
        enable = self.moving(m)
        self.elaborate_sum(m, enable, self.elaborate_beat(m, enable))
        return m

    def loaded(self, m: Module, name: str, word: Value, decoded: Any) -> Value:
        """The words of operand `name` as they are kept."""
        return word

    def elaborate_taken(self, m: Module) -> Taken:
        """Registers for a beat, loaded whenever `ready` is high; driving `ready` is left to the caller."""
        payload: Any = self.i.payload
        operands: dict[str, Any] = {}
        decoded: dict[str, Any] = {}
        words: dict[str, Value] = {}
        loaded: dict[str, Value] = {}
        busy, first, last = Signal(), Signal(reset_less=True), Signal(reset_less=True)
        for name in "ab":
            operands[name] = Signal(self.operand, name=f"operand_{name}", reset_less=True)
            decoded[name] = Signal(self.operand, name=f"decoded_{name}")
            self.decode(m, decoded[name], payload[f"{name}_bits"], payload[f"{name}_signed"])
            loaded[name] = self.loaded(m, name, payload[name].as_value(), decoded[name])
            words[name] = Signal(len(loaded[name]), name=f"word_{name}", reset_less=True)
        with m.If(self.i.ready):
            m.d.sync += [busy.eq(self.i.valid), first.eq(payload.first), last.eq(payload.last)]
            for name in "ab":
                m.d.sync += [words[name].eq(loaded[name]), operands[name].eq(decoded[name])]
        return Taken(busy, words, operands, decoded, loaded, first, last)

    def elaborate_beat(self, m: Module, enable: Value) -> Beat:
        """The beat at hand, and where in it we are; the next one is taken in its last cycle."""
        taken = self.elaborate_taken(m)
        serial = "last_bit" in self.operand.members
        bits = len(View(self.operand, taken.decoded[self.serial]).last_bit) if serial else 1
        bit, number, last_cycle = Signal(bits), Signal(2), Signal()
        at_hand = self.decode_pass(m, taken.operands, number)
        m.d.comb += [
            last_cycle.eq((bit == 0) & (number == at_hand.last)),
            self.i.ready.eq(enable & (~taken.busy | last_cycle)),
        ]
        full, next_full = (of[self.serial].last_bit if serial else 0 for of in (taken.operands, taken.decoded))
        with m.If(self.i.ready):
            m.d.sync += [number.eq(0), bit.eq(next_full)]
        with m.Elif(enable):
            with m.If(bit == 0):
                m.d.sync += [bit.eq(full), number.eq(number + 1)]
            with m.Else():
                m.d.sync += bit.eq(bit - 1)
        return Beat(
            busy=taken.busy,
            words=taken.words,
            operands=taken.operands,
            units=self.units,
            number=number,
            bit=bit,
            starts=bit == full,
            ends=bit == 0,
            first=taken.first & (number == 0),
            last=taken.last & last_cycle,
            routing=at_hand.routing,
        )

    def elaborate_total(
        self, m: Module, enable: Value, *groups: Value, valid: Value, first: Value, last: Value
    ) -> None:
        """`sum = (0 if first else sum) + group` of each of the unit's sums, handed out after the last."""
        totals: list[Value] = []
        for number, group in enumerate(groups):
            accumulator = Signal(signed(self.accumulator_bits), name=f"accumulator_{number}", reset_less=True)
            with m.If(enable & valid):
                m.d.sync += accumulator.eq(Mux(first, 0, accumulator) + group)
            totals.append(accumulator)
        with m.If(enable):
            m.d.sync += self.o.valid.eq(valid & last)
        m.d.comb += self.o.payload.as_value().eq(Cat(totals))

    def moving(self, m: Module) -> Signal:
        """High in the cycles in which nothing waits for a sum to be taken: all stages move together."""
        enable = Signal()
        m.d.comb += enable.eq(~self.o.valid | self.o.ready)
        return enable


def delayed(m: Module, enable: Value, value: Value, name: str, *, reset: bool = False) -> Signal:
    """`value` a cycle later; with `reset` it is 0 after a reset."""
    register = Signal(value.shape(), name=name, reset_less=not reset)
    with m.If(enable):
        m.d.sync += register.eq(value)
    return register


def plus_or_minus(total: Value, value: Value, subtracts: Value) -> Value:
    """`total - value` if it `subtracts`, else `total + value`, with one adder; `value` is signed."""
    return total + (value.as_unsigned() ^ subtracts.replicate(len(value))).as_signed() + subtracts


def total_of(values: Sequence[Value]) -> Value:
    """The sum of all, as a balanced tree."""
    level = list(values)
    while len(level) > 1:
        pairs = [level[n] + level[n + 1] for n in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]
