"""An array of spatio-temporal units, bit-sliced: what a sub-unit does in all units and columns is a tree over words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.data import StructLayout

from quadrille.algo.spec.spatio_temporal import CHUNK_BITS, SUB_UNITS, Chunks
from quadrille.hw.base import shape_of
from quadrille.hw.base.columns import gated_groups
from quadrille.hw.base.compress import popcount

from .chunk_columns import ChunkColumns, Share, shares_of

if TYPE_CHECKING:
    from .array import MacArray

__all__ = ["ChunkArray"]


class ChunkArray:
    """The datapath of a MacArray of spatio-temporal units: window | bits of chunks | tree | sums of chunks | shift-add.

    Weights are written where the sub-units want them: the nibble of every sub-unit stays in its place, so that nothing
    chooses between chunks of weights while it computes.
    """

    def __init__(self, array: MacArray):
        self.array = array
        self.shares = [shares_of(precision) for precision in array.precisions]
        self.arrangements = [(n, number) for n, passes in enumerate(self.shares) for number in range(len(passes))]

    @property
    def latency(self) -> int:
        """Bits, cuts, sums of chunks, shifted sum: a register each."""
        return 3 + self.array.cuts

    def elaborate(self, m: Module) -> None:
        """All stand still while sums wait."""
        array = self.array
        enable = Signal()
        m.d.comb += enable.eq(~array.o.valid | array.o.ready)
        control = StructLayout(
            {
                "valid": 1,
                "starts": 1,
                "ends": 1,
                "first_pass": 1,
                "last": 1,
                "negative": SUB_UNITS,
                "arrangement": range(max(2, len(self.arrangements))),
                "tag": array.tag_bits,
                **({"used": array.gates} if array.gates else {}),
            }
        )
        at: Any = Signal(control)
        active = Signal()
        chosen = self.elaborate_window(m, enable, at, active)

        # The bits of this cycle, registered: the tree must not hang on the choice of them.
        bits = [Signal(array.units, name=f"bits_{k}", reset_less=True) for k in range(SUB_UNITS)]
        reads = Signal()  # the weight plane that these bits meet
        entering = [Mux(at.valid, now, bit) for bit, now in zip(bits, chosen, strict=True)] if array.gates else chosen
        with m.If(enable):
            m.d.sync += [reads.eq(active), *(bit.eq(now) for bit, now in zip(bits, entering, strict=True))]
        m.d.comb += array.swapped.eq(enable & (reads != active))
        stages = [at]
        for n in range(2 + array.cuts):
            stage: Any = Signal(control, name=f"control_{n}")
            with m.If(enable):
                m.d.sync += stage.eq(stages[-1])
            stages.append(stage)
        moving, summed = stages[-2], stages[-1]
        with m.If(enable):
            m.d.sync += array.o.valid.eq(summed.valid & summed.last)
        self.elaborate_columns(m, enable, bits, reads, stages)
        self.elaborate_reference(m, enable, bits, stages[1], moving, summed)
        if array.tag_bits:
            tag = Signal(array.tag_bits, reset_less=True)
            with m.If(enable):
                m.d.sync += tag.eq(summed.tag)
            m.d.comb += array.o.payload.tag.eq(tag)

    def elaborate_window(self, m: Module, enable: Value, at: Any, active: Signal) -> list[Signal]:
        """The window at hand, where in it we are, and the bits that the sub-units multiply by in this cycle."""
        array = self.array
        payload: Any = array.i.payload
        window = Signal(len(payload.elements), reset_less=True)
        precision = Signal.like(payload.precision, reset_less=True)
        tag = Signal(array.tag_bits, reset_less=True)
        busy, full, bit, number = Signal(), Signal(2), Signal(2), Signal(2)
        last_pass, next_full = Signal(2), Signal(2)
        takes = Signal()
        m.d.comb += [
            at.valid.eq(busy),
            at.starts.eq(bit == full),
            at.ends.eq(bit == 0),
            at.first_pass.eq(number == 0),
            at.last.eq((bit == 0) & (number == last_pass)),
            at.tag.eq(tag),
            array.i.ready.eq(enable & (~busy | at.last)),
            takes.eq(array.i.ready & array.i.valid),
        ]
        with m.Switch(payload.precision):
            for n, held in enumerate(array.precisions):
                with m.Case(n):
                    m.d.comb += next_full.eq(Chunks(held.activation.bits).serial_bits - 1)
        with m.If(array.i.ready):
            m.d.sync += [busy.eq(array.i.valid), number.eq(0), bit.eq(next_full), full.eq(next_full)]
        with m.Elif(enable):
            m.d.sync += bit.eq(Mux(bit == 0, full, bit - 1))
            with m.If(bit == 0):
                m.d.sync += number.eq(number + 1)
        if array.gates:
            used = Signal(array.gates, reset_less=True)
            m.d.comb += at.used.eq(used)
            with m.If(takes):
                m.d.sync += used.eq(payload.used)
        with m.If(takes):
            m.d.sync += [window.eq(payload.elements), precision.eq(payload.precision)]
            if array.tag_bits:
                m.d.sync += tag.eq(payload.tag)
            if array.planes == 2:
                m.d.sync += active.eq(active ^ payload.swap)

        chosen = [Signal(array.units, name=f"chosen_{k}") for k in range(SUB_UNITS)]
        for index, (n, place) in enumerate(self.arrangements):
            shares = self.shares[n][place]
            signs = sum(1 << k for k, share in enumerate(shares) if share.top)
            with m.If((precision == n) & (number == place)):
                m.d.comb += [
                    at.arrangement.eq(index),
                    at.negative.eq(Mux(at.starts, signs, 0)),
                    last_pass.eq(len(self.shares[n]) - 1),
                ]
                with m.Switch(bit):
                    for t in range(Chunks(array.precisions[n].activation.bits).serial_bits):
                        with m.Case(t):
                            words = [self.word(window, share, t) for share in shares]
                            m.d.comb += [now.eq(word) for now, word in zip(chosen, words, strict=True)]
        return chosen

    def word(self, window: Value, share: Share, t: int) -> Value:
        """Bit `t` of a chunk of the activations in all units."""
        units, (offset, width) = self.array.units, share.activation
        if t >= width and not share.top:
            return Const(0, units)
        start = (offset + min(t, width - 1)) * self.array.rows + share.element * units
        return window[start : start + units]

    def elaborate_columns(self, m: Module, enable: Value, bits: list[Signal], reads: Value, stages: list[Any]) -> None:
        """The columns group by group, and the writing of their weights."""
        array = self.array
        moving, summed = stages[-2:]
        row: Any = array.i_weights.payload
        write = Signal()
        m.d.comb += write.eq(array.i_weights.valid & array.i_weights.ready)
        m.d.comb += array.i_weights.ready.eq(1 if array.planes == 2 else enable)
        unit, takers = self.elaborate_write(m, write)
        places = [[self.shares[n][place][k].place for n, place in self.arrangements] for k in range(SUB_UNITS)]
        start, parts = 0, []
        for number, (count, gate) in enumerate(gated_groups(array.columns, array.gated_columns)):
            columns: Any = ChunkColumns(array, count, places)
            m.submodules[f"columns_{number}"] = columns
            parts.append(columns)
            planes = [
                row.cells[j * array.columns + start : j * array.columns + start + count]
                for j in range(array.weight_bits)
            ]
            # The stages at which bits are that use these columns, from those that the tree adds on.
            uses = [stage.valid & stage.used[gate] if array.gates else stage.valid for stage in stages[1:]]
            m.d.comb += [
                columns.enable.eq(enable & Cat(uses[:-2]).any() if array.gates else enable),
                columns.active.eq(reads),
                *(columns.bits[k].eq(bits[k]) for k in range(SUB_UNITS)),
                columns.moves.eq(enable & uses[-2]),
                columns.first.eq(moving.starts),
                columns.negative.eq(moving.negative),
                columns.ends.eq(enable & uses[-1] & summed.ends),
                columns.first_pass.eq(summed.first_pass),
                columns.arrangement.eq(summed.arrangement),
                columns.write.eq(takers),
                columns.row.eq(unit),
            ]
            with m.Switch(row.precision):
                for n in range(len(array.precisions)):
                    with m.Case(n):
                        m.d.comb += [columns.nibbles[k].eq(Cat(self.nibble(n, k, planes))) for k in range(SUB_UNITS)]
            start += count
        words = range(array.partial_format.bits)
        for name in ("sum", "carry"):
            flats = [(getattr(part, name), part.columns) for part in parts]
            m.d.comb += getattr(array.o.payload, name).eq(Cat(f[k * w : (k + 1) * w] for k in words for f, w in flats))

    def nibble(self, n: int, k: int, planes: list[Value]) -> list[Value]:
        """The chunk of sub-unit k of the weights whose bits are `planes`, in precision n."""
        offset, width = self.shares[n][0][k].weight
        dropped = self.array.weight_bits - self.array.precisions[n].weight_bits
        none = Const(0, len(planes[0]))
        return [planes[dropped + offset + j] if j < width else none for j in range(CHUNK_BITS)]

    def elaborate_write(self, m: Module, write: Value) -> tuple[Value, Value]:
        """The unit whose weights are written, and the sub-units that take them."""
        array = self.array
        row: Any = array.i_weights.payload
        unit, element, takers = Signal(range(max(2, array.units))), Signal(2), Signal(SUB_UNITS)
        m.d.comb += unit.eq(row.row)
        for number in range(1, array.rows // array.units):
            with m.If(row.row >= number * array.units):
                m.d.comb += [element.eq(number), unit.eq(row.row - number * array.units)]
        with m.Switch(row.precision):
            for n, passes in enumerate(self.shares):
                with m.Case(n):
                    m.d.comb += takers.eq(Cat(write & (element == share.element) for share in passes[0]))
        return unit, takers

    def elaborate_reference(
        self, m: Module, enable: Value, bits: list[Signal], placed: Any, moving: Any, summed: Any
    ) -> None:
        """`X = sum_r x[r]`: a column of weights 1, so only the sub-units with the last chunk of the weights count."""
        array = self.array
        shape = shape_of(array.reference_format)
        terms: list[Value] = []
        for k in range(SUB_UNITS):
            counted = [n for n, (p, place) in enumerate(self.arrangements) if self.shares[p][place][k].lowest]
            if not counted:
                continue
            one = Signal(name=f"counts_{k}")
            with m.Switch(placed.arrangement), m.Case(*counted):
                m.d.comb += one.eq(1)
            count: Value = popcount(m, Mux(one, bits[k], 0), name=f"reference_{k}")
            for n in range(array.cuts):
                later = Signal(len(count), name=f"reference_{k}_{n}", reset_less=True)
                with m.If(enable):
                    m.d.sync += later.eq(count)
                count = later
            total = Signal(shape, name=f"reference_sum_{k}", reset_less=True)
            doubled = Mux(moving.starts, 0, total.shift_left(1))
            with m.If(enable & moving.valid):
                m.d.sync += total.eq(Mux(moving.negative[k], doubled - count, doubled + count))
            shifted = Signal(shape, name=f"reference_placed_{k}")
            with m.Switch(summed.arrangement):
                for number in counted:
                    n, place = self.arrangements[number]
                    with m.Case(number):
                        m.d.comb += shifted.eq(total.shift_left(self.shares[n][place][k].place))
            terms.append(shifted)
        reference = Signal(shape, reset_less=True)
        group = terms[0]
        for term in terms[1:]:
            group = group + term
        with m.If(enable & summed.valid & summed.ends):
            m.d.sync += reference.eq(Mux(summed.first_pass, 0, reference) + group)
        m.d.comb += array.o.payload.reference.eq(reference)
