"""The pooling unit: the maximum or the sum of each window of a feature map, while the map streams by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from amaranth import Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib.data import ArrayLayout, StructLayout, View
from amaranth.lib.memory import Memory

from quadrille.algo.spec import InvalidInput
from quadrille.hw.base import Parameter, flat_register, wrap

from .value_unit import MEMORY_CUTS, SIDEBAND, ValueCore, ValueUnit
from .values import walk

__all__ = ["PoolingKind", "PoolingUnit", "pooling_row"]


class PoolingKind:
    """What a row of a pooling unit's table does with a window."""

    NONE: ClassVar[int] = 0
    MAX: ClassVar[int] = 1
    SUM: ClassVar[int] = 2


def pooling_row(*, groups: int, width: int, height: int) -> StructLayout:
    """One row of the table of a pooling unit: how a route's maps are pooled."""
    return StructLayout(
        {
            "kind": unsigned(2),  # PoolingKind
            "groups": range(groups + 1),  # of this route at each element
            "window_width": range(width + 1),
            "window_height": range(height + 1),
            "width": range(width + 1),  # of the map that comes
            "height": range(height + 1),
        }
    )


class PoolingUnit(ValueUnit):
    """Maximum or sum over windows that do not overlap.

    With the row of the table that the beat's `route` names, for each lane, group and window (Y, X) of the pooled map:
    `y[Y, X]` is the maximum or the sum of `v[Y * window_height + i, X * window_width + j]` over
    `0 <= i < window_height, 0 <= j < window_width`.
    A sum is kept modulo `2 ** pool_bits`. Windows that would reach beyond the right or the lower edge are left out, as
    in PyTorch. A row of kind NONE passes every beat, `y = v`.

    A result leaves with the last element of its window, its `route` and `frame` those of that element; `first` marks
    the first beat that leaves since the beat with `first` came. Beats of rows of kind NONE leave the place in the map
    where it is.

    Parameters
    ----------
    lanes, value_bits, pool_bits
        Number of lanes, and widths; values and results are signed.
    table_rows
        Rows of the table: routes.
    depth
        Words of `lanes` partial results: at least windows across the pooled map times groups, of every route.
    groups, width, height
        The most groups, elements across and elements down that a row can name.
    frame_bits
        Width of the frame number handed on.
    memory_cuts
        Registers behind the memories, before what is read is used.
    table
        Rows, as integers, that are there from the start.

    Members
    -------
    i : stream of `values_layout` with `value_bits`
    i_table : stream {address, row} that writes the table, always ready
    o : stream of `values_layout` with `pool_bits`

    Attributes
    ----------
    row : layout of a row of the table
    latency : 3 + 2 * memory_cuts cycles, from the last element of a window; interval : 1

    Raises
    ------
    InvalidInput
        For a parameter out of range, or results narrower than values.
    """

    block_name = "pooling-unit"
    parameters = (
        Parameter("lanes", 16, 1, 1024, "values handled in one beat"),
        Parameter("value_bits", 16, 1, 32, "width of a signed value"),
        Parameter("pool_bits", 16, 1, 40, "width of a signed result"),
        Parameter("table_rows", 16, 1, 1 << 16, "rows of the table: routes"),
        Parameter("depth", 128, 1, 1 << 16, "words of partial results, one for each lane in each"),
        Parameter("groups", 16, 1, 1 << 12, "most groups of a route at each element"),
        Parameter("width", 64, 1, 1 << 12, "most elements across a map"),
        Parameter("height", 64, 1, 1 << 12, "most elements down a map"),
        Parameter("frame_bits", 5, 1, 64, "width of the frame number handed on"),
        MEMORY_CUTS,
    )

    pool_bits: int
    depth: int
    groups: int
    width: int
    height: int

    def __init__(
        self,
        *,
        lanes: int = 16,
        value_bits: int = 16,
        pool_bits: int = 16,
        table_rows: int = 16,
        depth: int = 128,
        groups: int = 16,
        width: int = 64,
        height: int = 64,
        frame_bits: int = 5,
        memory_cuts: int = 0,
        table: tuple[int, ...] = (),
    ):
        self.take(
            lanes=lanes,
            value_bits=value_bits,
            pool_bits=pool_bits,
            table_rows=table_rows,
            depth=depth,
            groups=groups,
            width=width,
            height=height,
            frame_bits=frame_bits,
            memory_cuts=memory_cuts,
        )
        if pool_bits < value_bits:
            self.inspected()
            raise InvalidInput(
                f"Parameter pool_bits of {self.block_name} must be at least the {value_bits} bits of a value, "
                f"not {pool_bits}"
            )
        row = pooling_row(groups=groups, width=width, height=height)
        self.connect(row, PoolingCore(self, row), table, {})


@dataclass(frozen=True)
class Element:
    """Where an element stands in its window: word of the partial result, whether it is the first, the last, inside."""

    address: Value
    starts: Value
    completes: Value
    inside: Value


class PoolingCore(ValueCore):
    """The lanes and the walk: values and row | partial result on its way | combined."""

    def __init__(self, block: PoolingUnit, row: StructLayout):
        self.block = block
        super().__init__(block, row, result_bits=block.pool_bits)

    @property
    def latency(self) -> int:
        """One cycle for each stage."""
        return 3 + 2 * self.block.memory_cuts

    def elaborate(self, platform: object) -> Module:
        """Three stages; lanes move for real beats only."""
        m = Module()
        block, pool = self.block, signed(self.block.pool_bits)
        beat, row, valid = self.enter(m)

        # Stage 1: where the beat stands in its window.
        pools = Signal()
        m.d.comb += pools.eq(row.kind != PoolingKind.NONE)
        element = self.walk(m, row, valid[0] & pools, beat.first)
        completes = Signal()
        first, waits = Signal(), Signal()  # nothing has left since the first beat of the pass: neither now nor before
        m.d.comb += [completes.eq(~pools | element.completes), first.eq(beat.first | waits)]

        # Stage 2: the partial result. The read port is transparent, so it shows what the element before the last left.
        m.submodules.partials = memory = Memory(shape=block.lanes * block.pool_bits, depth=max(2, block.depth), init=[])
        write = memory.write_port()
        read = memory.read_port(transparent_for=(write,))
        m.d.comb += [read.addr.eq(element.address), read.en.eq(valid[0] & pools)]
        waiting: Any = flat_register(self.i.shape(), "waiting")
        flags = StructLayout({"starts": 1, "maximum": 1, "complete": 1, "inside": 1, "address": write.addr.shape()})
        control: Any = Signal(flags, reset_less=True)
        with m.If(valid[0]):
            m.d.sync += [
                waiting.as_value().eq(beat.as_value()),
                waiting.first.eq(first),
                waits.eq(first & ~completes),
                control.starts.eq(~pools | element.starts),
                control.maximum.eq(row.kind == PoolingKind.MAX),
                control.complete.eq(completes),
                control.inside.eq(pools & element.inside),
                control.address.eq(element.address),
            ]

        # Stage 3: combined with the value. The result is written from its register, one cycle later: to an element that
        # comes right behind, as in a map of a single group, it is handed on from there.
        partials: Value = read.data
        output: Any = flat_register(self.o.shape(), "output")
        leaves = Signal(reset_less=True)
        writes, written = Signal(), Signal.like(write.addr, reset_less=True)

        def latest(stored: Value, name: str) -> Value:
            """What was `stored`, or the result that is just being written in its place."""
            forward = Signal(name=name)
            m.d.comb += forward.eq(writes & (written == control.address))
            return Mux(forward, output.values.as_value(), stored)

        now = valid[1:]
        if block.memory_cuts:
            held = Signal(len(partials), name="held_partials", reset_less=True)
            later: Any = Signal(flags, name="held_control", reset_less=True)
            later_beat: Any = flat_register(self.i.shape(), "held_waiting")
            with m.If(now[0]):
                m.d.sync += [
                    held.eq(latest(partials, "overtaken")),
                    later.eq(control),
                    later_beat.as_value().eq(waiting.as_value()),
                ]
            partials, control, waiting, now = held, later, later_beat, now[1:]
        m.d.sync += writes.eq(now[0] & control.inside)
        m.d.comb += [
            write.addr.eq(written),
            write.data.eq(output.values.as_value()),
            write.en.eq(writes),
            self.o.eq(output),
            self.leaves.eq(leaves),
        ]
        before: Any = View(ArrayLayout(pool, block.lanes), latest(partials, "forward"))
        with m.If(now[0]):
            for n in range(block.lanes):
                m.d.sync += output.values[n].eq(self.combine(waiting.values[n], before[n], control))
            m.d.sync += [written.eq(control.address), leaves.eq(control.complete)]
            m.d.sync += [output[name].eq(waiting[name]) for name in SIDEBAND]
        return m

    def combine(self, value: Value, partial: Value, control: Any) -> Value:
        """A value with its window's partial result, in a lane of the latter's width."""
        alone = control.starts | (control.maximum & (value > partial))
        result = Mux(alone, value, Mux(control.maximum, partial, value + partial))
        return wrap(result, signed(self.block.pool_bits))

    def walk(self, m: Module, row: Any, moves: Value, first: Value) -> Element:
        """Follow the present beat through the windows of its map."""
        place = walk(m, moves=moves, first=first, groups=row.groups, width=row.width, height=row.height)
        depth = range(max(2, self.block.depth))

        def register(name: str, shape: Any) -> tuple[Signal, Signal]:
            held, now = Signal(shape, name=f"walk_{name}", reset_less=True), Signal(shape, name=name)
            m.d.comb += now.eq(Mux(first, 0, held))
            return held, now

        # Column and line within the window, its first column and line, and the word of its group 0.
        (held_column, column), (held_left, left) = (register(name, len(row.width)) for name in ("column", "left"))
        (held_line, line), (held_top, top) = (register(name, len(row.height)) for name in ("line", "top"))
        held_word, word = register("word", depth)
        last_column, last_line = Signal(), Signal()
        m.d.comb += [last_column.eq(column + 1 == row.window_width), last_line.eq(line + 1 == row.window_height)]
        with m.If(moves):
            m.d.sync += [held.eq(now) for held, now in ((held_column, column), (held_left, left), (held_word, word))]
            m.d.sync += [held.eq(now) for held, now in ((held_line, line), (held_top, top))]
        with m.If(place.window_ends):
            m.d.sync += held_column.eq(column + 1)
            with m.If(last_column):
                m.d.sync += [held_column.eq(0), held_left.eq(place.x + 1), held_word.eq(word + row.groups)]
        with m.If(place.row_ends):
            m.d.sync += [held_column.eq(0), held_left.eq(0), held_word.eq(0), held_line.eq(line + 1)]
            with m.If(last_line):
                m.d.sync += [held_line.eq(0), held_top.eq(place.y + 1)]
        with m.If(place.frame_ends):
            m.d.sync += [held_line.eq(0), held_top.eq(0)]

        address, inside = Signal(depth), Signal()
        m.d.comb += [
            address.eq(word + place.group),
            inside.eq((left + row.window_width <= row.width) & (top + row.window_height <= row.height)),
        ]
        return Element(address, (column == 0) & (line == 0), inside & last_column & last_line, inside)
