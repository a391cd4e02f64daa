"""The residual unit: adds to each value what an earlier layer left in the unit's own memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Mux, Signal, Value, signed
from amaranth.lib import stream
from amaranth.lib.data import ArrayLayout, StructLayout, View
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec import Interval, IntFormat
from quadrille.hw.base import Parameter
from quadrille.hw.base.table import Table

from .value_unit import LANE_CUTS, MEMORY_CUTS, ValueCore, ValueUnit
from .values import walk

__all__ = ["ResidualUnit", "residual_row", "residual_words"]


def residual_row(
    *,
    mantissa_bits: int,
    shift_bits: int,
    result_bits: int,
    depth: int,
    groups: int,
    width: int,
    height: int,
) -> StructLayout:
    """One row of the table of a residual unit: what to add on one route, and where it lies."""
    address = range(max(2, depth))
    return StructLayout(
        {
            "enable": 1,
            "mantissa_value": signed(mantissa_bits),
            "mantissa_residual": signed(mantissa_bits),
            "shift": shift_bits,
            "low": signed(result_bits),
            "high": signed(result_bits),
            "base": address,  # of the first frame's first window, group 0
            "groups": range(groups + 1),  # of this route in each window
            "present": range(groups + 1),  # of those, how many have a residual; that of the others is 0
            "width": range(width + 1),  # windows across
            "height": range(height + 1),  # windows down
            "step_window": address,  # what is added to the address of group 0, modulo the address's width, on the way
            "step_row": address,  # to the next window, to the next row's first window,
            "step_frame": address,  # to the next frame's first window
        }
    )


def residual_words(*, lanes: int, residual_bits: int, depth: int) -> StructLayout:
    """The payload of the stream that writes the memory of a residual unit."""
    return StructLayout({"address": range(max(2, depth)), "values": ArrayLayout(signed(residual_bits), lanes)})


class ResidualUnit(ValueUnit):
    """Adds a stored residual to each value, both brought to a common scale, and rounds and saturates the sum.

    For each lane, with the row of the table that the beat's `route` names:
    `y = min(max(round_shift(mantissa_value * v + mantissa_residual * r, shift), low), high)` with
    `round_shift(v, n) = (v + (1 << (n-1))) >> n`. The sum is exact. A row without `enable` passes `y = v`, saturated
    to a result's format.

    The unit walks through its memory by itself. The residual of group g lies at the address of its window plus g; it is
    0 where g is not below `present`. The window's address is `base` at the beat with `first`, and then grows by
    `step_window`, or `step_row` after a row's last window, or `step_frame` after a frame's last, modulo
    `2 ** address_bits`. Beats of rows without `enable` leave the walk where it is.
    A word that is written in the cycle in which it is read is read as it was before.

    Parameters
    ----------
    lanes, value_bits, residual_bits, result_bits, mantissa_bits, shift_bits
        Number of lanes, and widths; values, stored residuals, results and mantissas are signed.
    table_rows
        Rows of the table: routes.
    depth
        Words of `lanes` residuals in the memory.
    groups, width, height
        The most groups, windows across and windows down that a row can name.
    frame_bits
        Width of the frame number handed on.
    memory_cuts
        Registers behind the memories, before what is read is used.
    lane_cuts
        Further registers in a lane: between products and their sum, between shift and rounding, and with 2 also
        between the comparisons and the saturation.
    table
        Rows, as integers, that are there from the start.

    Members
    -------
    i : stream of `values_layout` with `value_bits`
    i_table : stream {address, row} that writes the table, always ready
    i_words : stream {address, values} that writes the memory, always ready
    o : stream of `values_layout` with `result_bits`

    Attributes
    ----------
    row : layout of a row of the table
    latency : 5 cycles and those of the cuts; interval : 1

    Raises
    ------
    InvalidInput
        For a parameter out of range.
    """

    block_name = "residual-unit"
    parameters = (
        Parameter("lanes", 16, 1, 1024, "values handled in one beat"),
        Parameter("value_bits", 16, 1, 32, "width of a signed value"),
        Parameter("residual_bits", 9, 1, 32, "width of a signed stored residual"),
        Parameter("result_bits", 16, 2, 32, "width of a signed result"),
        Parameter("mantissa_bits", 16, 2, 24, "width of a signed mantissa"),
        Parameter("shift_bits", 5, 1, 6, "width of the shift amount"),
        Parameter("table_rows", 16, 1, 1 << 16, "rows of the table: routes"),
        Parameter("depth", 1024, 1, 1 << 20, "words of the memory, one residual for each lane in each"),
        Parameter("groups", 16, 1, 1 << 12, "most groups of a route in each window"),
        Parameter("width", 64, 1, 1 << 12, "most windows across a map"),
        Parameter("height", 64, 1, 1 << 12, "most windows down a map"),
        Parameter("frame_bits", 5, 1, 64, "width of the frame number handed on"),
        MEMORY_CUTS,
        LANE_CUTS,
    )

    residual_bits: int
    result_bits: int
    mantissa_bits: int
    shift_bits: int
    depth: int
    groups: int
    width: int
    height: int
    lane_cuts: int

    i_words: stream.Interface

    def __init__(
        self,
        *,
        lanes: int = 16,
        value_bits: int = 16,
        residual_bits: int = 9,
        result_bits: int = 16,
        mantissa_bits: int = 16,
        shift_bits: int = 5,
        table_rows: int = 16,
        depth: int = 1024,
        groups: int = 16,
        width: int = 64,
        height: int = 64,
        frame_bits: int = 5,
        memory_cuts: int = 0,
        lane_cuts: int = 0,
        table: tuple[int, ...] = (),
    ):
        self.take(
            lanes=lanes,
            value_bits=value_bits,
            residual_bits=residual_bits,
            result_bits=result_bits,
            mantissa_bits=mantissa_bits,
            shift_bits=shift_bits,
            table_rows=table_rows,
            depth=depth,
            groups=groups,
            width=width,
            height=height,
            frame_bits=frame_bits,
            memory_cuts=memory_cuts,
            lane_cuts=lane_cuts,
        )
        row = residual_row(
            mantissa_bits=mantissa_bits,
            shift_bits=shift_bits,
            result_bits=result_bits,
            depth=depth,
            groups=groups,
            width=width,
            height=height,
        )
        self.residuals = ResidualCore(self, row)
        words = residual_words(lanes=lanes, residual_bits=residual_bits, depth=depth)
        self.connect(row, self.residuals, table, {"i_words": In(stream.Signature(words, always_ready=True))})

    @property
    def accumulator(self) -> Interval:
        """Every sum that can occur."""
        mantissa = IntFormat(self.mantissa_bits, signed=True).interval
        value, residual = (IntFormat(bits, signed=True).interval for bits in (self.value_bits, self.residual_bits))
        return mantissa * value + mantissa * residual

    def beside(self, m: Module, enable: Value) -> None:
        """The memory, which can be written while the core stands still."""
        m.submodules.words = words = Table(ArrayLayout(signed(self.residual_bits), self.lanes), self.depth)
        m.d.comb += [
            words.i.valid.eq(self.i_words.valid),
            words.i.payload.address.eq(self.i_words.payload.address),
            words.i.payload.row.eq(self.i_words.payload.values),
            words.address.eq(self.residuals.word_address),
            words.enable.eq(enable & self.residuals.word_enable),
            self.residuals.word.eq(words.row),
        ]


class ResidualCore(ValueCore):
    """The lanes and the walk: values and row | product, word on its way | sum | shifted | clamped."""

    word_address: Signal
    word_enable: Signal
    word: Signal

    def __init__(self, block: ResidualUnit, row: StructLayout):
        self.block = block
        address, bits = range(max(2, block.depth)), block.lanes * block.residual_bits
        members = {"word_address": Out(address), "word_enable": Out(1), "word": In(bits)}
        super().__init__(block, row, result_bits=block.result_bits, members=members)

    @property
    def latency(self) -> int:
        """One cycle for each stage."""
        return 5 + 2 * self.block.memory_cuts + self.block.lane_cuts + min(1, self.block.lane_cuts)

    def elaborate(self, platform: object) -> Module:
        """Products and sums here, then the common way down; a row that is not enabled multiplies by 1 and by 0."""
        m = Module()
        block, lanes = self.block, range(self.block.lanes)
        beat, row, valid = self.enter(m)

        # Stage 2: the product of the value. The residual's word is read; what is not there is multiplied by 0.
        present = self.walk(m, row, valid[0] & row.enable, beat.first)
        filled, fill = self.scale(row, beat)
        mantissas = signed(block.mantissa_bits)
        mantissa, mantissa_residual = Signal(mantissas), Signal(mantissas, reset_less=True)
        product = signed(block.value_bits + block.mantissa_bits)
        products = [Signal(product, name=f"product_{n}", reset_less=True) for n in lanes]
        m.d.comb += mantissa.eq(Mux(row.enable, row.mantissa_value, 1))
        with m.If(valid[0]):
            m.d.sync += [*(lane.eq(beat.values[n] * mantissa) for n, lane in enumerate(products)), *fill]
            m.d.sync += mantissa_residual.eq(Mux(present, row.mantissa_residual, 0))

        # Stage 3: the sum.
        accumulator = signed(block.accumulator.format.bits)
        sums = [Signal(accumulator, name=f"sum_{n}", reset_less=True) for n in lanes]
        scale: Any = filled
        valid, word = valid[1:], self.word

        def stage(name: str, *values: Value) -> list[Signal]:
            """Registers for `values`, and for what they will be rounded by."""
            nonlocal scale, valid
            found = [Signal(value.shape(), name=f"{name}_{n}", reset_less=True) for n, value in enumerate(values)]
            later = Signal.like(filled, name=f"{name}_scale", reset_less=True)
            with m.If(valid[0]):
                m.d.sync += [later.eq(scale), *(r.eq(value) for r, value in zip(found, values, strict=True))]
            scale, valid = later, valid[1:]
            return found

        addends: Sequence[Value] = products
        if block.memory_cuts:
            mantissa_residual, word, *addends = stage("read", mantissa_residual, word, *addends)
        residuals: Any = View(ArrayLayout(signed(block.residual_bits), block.lanes), word)
        others: Sequence[Value] = [residuals[n] * mantissa_residual for n in lanes]
        if block.lane_cuts:
            both = stage("addend", *addends, *others)
            addends, others = both[: block.lanes], both[block.lanes :]
        later = Signal.like(filled, name="sum_scale", reset_less=True)
        with m.If(valid[0]):
            m.d.sync += later.eq(scale)
            m.d.sync += [sums[n].eq(addends[n] + others[n]) for n in lanes]
        self.round(m, sums, later, valid[1:], block.lane_cuts)
        return m

    def walk(self, m: Module, row: Any, moves: Any, first: Any) -> Any:
        """Drive the address of the present beat's residual; whether it has one."""
        place = walk(m, moves=moves, first=first, groups=row.groups, width=row.width, height=row.height)
        held = Signal.like(self.word_address, name="walk_window", reset_less=True)
        window = Signal.like(held, name="window")
        step = Signal.like(held, name="step")
        m.d.comb += [
            window.eq(Mux(first, row.base, held)),
            step.eq(Mux(place.frame_ends, row.step_frame, Mux(place.row_ends, row.step_row, row.step_window))),
            self.word_address.eq(window + place.group),
            self.word_enable.eq(moves),
        ]
        with m.If(moves):
            m.d.sync += held.eq(Mux(place.window_ends, window + step, window))
        return row.enable & (place.group < row.present)
