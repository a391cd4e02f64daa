"""An array of any unit: columns of units side by side, one beat register and one decoder for all of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from amaranth import Cat, Const, Module, Mux, Signal, Value

from quadrille.algo.spec.precision import WORD_BITS, Operand

from .carry_save import CarrySaveMac, SameWeightMac
from .fusion import FusionMac
from .parallel import PlainMac
from .serial import ActivationSerialMac, WeightSerialMac
from .shell import MacUnit
from .sub_word import SubWordMac

if TYPE_CHECKING:
    from .array import MacArray

__all__ = ["UnitArray"]

KINDS = {
    "fusion": FusionMac,
    "activation-serial": ActivationSerialMac,
    "weight-serial": WeightSerialMac,
    "sub-word": SubWordMac,
    "carry-save": CarrySaveMac,
    "same-weight": SameWeightMac,
    "plain-8": partial(PlainMac, width=8),
    "plain-16": partial(PlainMac, width=16),
}


ENTERING = ("b", "a_bits", "b_bits", "b_signed", "first", "last")
"""What a window sets of a beat."""


class UnitArray:
    """The datapath of a MacArray: words of weights in each unit of each column, and beats that pass all columns."""

    def __init__(self, array: MacArray):
        self.array = array

    def unit(self) -> MacUnit:
        """A column's units."""
        unit = KINDS[self.array.unit](units=self.array.units, accumulator_bits=self.array.partial_format.bits)
        unit.inspected()  # its parts are elaborated here, not the unit itself
        return unit

    @property
    def latency(self) -> int:
        """Of a unit, but for its beat register."""
        return self.unit().latency - 1

    def elaborate(self, m: Module) -> None:
        """The unit that leads has the beat register; its own column sums up the activations."""
        array = self.array
        payload: Any = array.i.payload
        lead = self.unit()
        enable = lead.moving(m)
        beat = lead.elaborate_beat(m, enable)
        entering: Any = lead.i.payload
        takes, swaps, active = Signal(), Signal(), Signal()
        m.d.comb += [
            lead.i.valid.eq(array.i.valid),
            array.i.ready.eq(lead.i.ready),
            takes.eq(array.i.valid & array.i.ready),
            lead.o.ready.eq(array.o.ready),
            array.o.valid.eq(lead.o.valid),
            array.swapped.eq(enable & swaps),
        ]
        ones, held = Signal(WORD_BITS), Signal(WORD_BITS, reset_less=True)
        # Every field through a Signal of its own: one word driven by constants and by a switch is more than simulators
        # take.
        fields = {name: Signal.like(Value.cast(getattr(entering, name)), name=f"entering_{name}") for name in ENTERING}
        m.d.comb += [Value.cast(getattr(entering, name)).eq(field) for name, field in fields.items()]
        m.d.comb += [fields["first"].eq(1), fields["last"].eq(1)]
        with m.Switch(payload.precision):
            for n, precision in enumerate(array.precisions):
                mode = precision.mode
                with m.Case(n):
                    m.d.comb += [
                        fields["a_bits"].eq(mode.a.bits - 1),
                        fields["b_bits"].eq(mode.b.bits - 1),
                        fields["b_signed"].eq(mode.b.signed),
                        ones.eq(self.ones(n)),
                        fields["b"].eq(Cat(self.activations(n, u) for u in range(array.units))),
                    ]
        with m.If(enable):
            m.d.sync += swaps.eq(0)
        with m.If(takes):
            m.d.sync += held.eq(ones)
            if array.planes == 2:
                m.d.sync += [active.eq(active ^ payload.swap), swaps.eq(payload.swap)]
        lead.elaborate_sum(m, enable, replace(beat, words={"a": held.replicate(array.units), "b": beat.words["b"]}))
        m.d.comb += array.o.payload.reference.eq(lead.o.payload.sum)
        self.elaborate_columns(m, self.elaborate_enables(m, enable, takes, beat.busy), enable, active, beat)
        if array.tag_bits:
            tag = Signal(array.tag_bits, reset_less=True)
            with m.If(takes):
                m.d.sync += tag.eq(payload.tag)
            for n in range(self.latency):
                later = Signal(array.tag_bits, name=f"tag_{n}", reset_less=True)
                with m.If(enable):
                    m.d.sync += later.eq(tag)
                tag = later
            m.d.comb += array.o.payload.tag.eq(tag)

    def elaborate_enables(self, m: Module, enable: Value, takes: Value, busy: Value) -> list[Value]:
        """For each gated group of columns, when its units move: while a window is in them that uses these columns."""
        array = self.array
        if not array.gates:
            return [enable]
        used = Signal(array.gates, reset_less=True)
        with m.If(takes):
            m.d.sync += used.eq(array.i.payload.used)
        stages: list[Value] = [Mux(busy, used, 0)]
        for n in range(1, self.latency):
            stage = Signal(array.gates, name=f"used_{n}")
            with m.If(enable):
                m.d.sync += stage.eq(stages[-1])
            stages.append(stage)
        return [enable & Cat(stage[gate] for stage in stages).any() for gate in range(array.gates)]

    def elaborate_columns(self, m: Module, enables: list[Value], enable: Value, active: Value, beat: Any) -> None:
        """The weights, a word for each unit of each column, and the columns that they belong to."""
        array = self.array
        planes = self.elaborate_weights(m, enable, active)
        sums: list[Value] = []
        for column in range(array.columns):
            at = slice(WORD_BITS * column, WORD_BITS * (column + 1))
            words = [Cat(word[at] for word in plane) for plane in planes]
            weights = words[0] if len(words) == 1 else Mux(active, words[1], words[0])
            unit, part = self.unit(), Module()
            m.submodules[f"column_{column}"] = part
            moves = enables[column // array.gated_columns if array.gates else 0]
            unit.elaborate_sum(part, moves, replace(beat, words={"a": weights, "b": beat.words["b"]}))
            sums.append(unit.o.payload.sum)
        bits = range(array.partial_format.bits)
        m.d.comb += array.o.payload.sum.eq(Cat(total[k] for k in bits for total in sums))

    def elaborate_weights(self, m: Module, enable: Value, active: Value) -> list[list[Signal]]:
        """For each plane and unit the words of all columns; a row takes its place in the words of its unit."""
        array = self.array
        row: Any = array.i_weights.payload
        write = Signal()
        width = WORD_BITS * array.columns
        m.d.comb += [
            array.i_weights.ready.eq(1 if array.planes == 2 else enable),
            write.eq(array.i_weights.valid & array.i_weights.ready),
        ]
        unit, element = Signal(range(max(2, array.units))), Signal(range(max(2, WORD_BITS)))
        m.d.comb += unit.eq(row.row)
        for number in range(1, array.rows // array.units):
            with m.If(row.row >= number * array.units):
                m.d.comb += [element.eq(number), unit.eq(row.row - number * array.units)]
        mask, data = Signal(width), Signal(width)
        for n, precision in enumerate(array.precisions):
            for number in range(array.scheme.elements(precision.mode)):
                with m.If((row.precision == n) & (element == number)):
                    words = [self.weight(n, number, column) for column in range(array.columns)]
                    covered = self.slot(n, number, Const(-1, WORD_BITS), precision.mode.a, "a")
                    m.d.comb += [data.eq(Cat(words)), mask.eq(Cat(covered).replicate(array.columns))]
        planes = [
            [Signal(width, name=f"weights_{n}_{u}", reset_less=True) for u in range(array.units)]
            for n in range(array.planes)
        ]
        for n, plane in enumerate(planes):
            for u, word in enumerate(plane):
                with m.If(write & (unit == u) & ((active != n) if array.planes == 2 else 1)):
                    m.d.sync += word.eq((word & ~mask) | (data & mask))
        return planes

    def slot(self, n: int, element: int, value: Value, operand: Operand, side: str) -> list[Value]:
        """A word that holds `value` (of all bits, sign and all) as element `element`, 0 elsewhere."""
        scheme, mode = self.array.scheme, self.array.precisions[n].mode
        size, elements = min(WORD_BITS, scheme.slot(operand, mode)), scheme.elements(mode)
        start = size * (elements - 1 - element if side in scheme.descending else element)
        word: list[Value] = [Const(0, 1)] * WORD_BITS
        for low, at, bits in scheme.offsets(operand):
            for j in range(min(bits, size - at)):
                word[start + at + j] = value[min(low + j, len(value) - 1)]
        return word

    def ones(self, n: int) -> Value:
        """A word of weights that are 1."""
        precision = self.array.precisions[n]
        words = [
            Cat(self.slot(n, number, Const(1, WORD_BITS + 1), precision.mode.a, "a"))
            for number in range(self.array.scheme.elements(precision.mode))
        ]
        total = words[0]
        for word in words[1:]:
            total = total | word
        return total

    def weight(self, n: int, element: int, column: int) -> Value:
        """The word of the weight of `column` in the row that is written."""
        array = self.array
        bits = array.precisions[n].weight_bits
        cells: Any = array.i_weights.payload.cells
        planes = [cells[j * array.columns + column] for j in range(array.weight_bits - bits, array.weight_bits)]
        return Cat(self.slot(n, element, Cat(*planes, Const(0, WORD_BITS + 1)), array.precisions[n].mode.a, "a"))

    def activations(self, n: int, unit: int) -> Value:
        """The word of the activations of `unit` in the window that enters."""
        array = self.array
        form = array.precisions[n].activation
        elements: Any = array.i.payload.elements
        total: Value = Const(0, WORD_BITS)
        for number in range(array.scheme.elements(array.precisions[n].mode)):
            at = number * array.units + unit
            bits = Cat(elements[j * array.rows + at] for j in range(form.bits))
            sign = bits[-1] if form.signed else Const(0, 1)
            value = Cat(bits, sign.replicate(WORD_BITS + 1))
            total = total | Cat(self.slot(n, number, value, array.precisions[n].mode.b, "b"))
        return total
