"""What the units behind the dequantizer share: a table of routes beside a stalled core, and rounding to a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import stream
from amaranth.lib.data import StructLayout, View
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec import IntFormat
from quadrille.hw.base import (
    Block,
    Core,
    Parameter,
    Stalled,
    flat_register,
    halve,
    outside,
    select,
    shift_to_half,
    truncate,
)
from quadrille.hw.base.table import Table, table_write

from .values import route_bits, values_layout

__all__ = ["LANE_CUTS", "MEMORY_CUTS", "SIDEBAND", "ValueCore", "ValueUnit"]

SIDEBAND = ("route", "frame", "first")
MEMORY_CUTS = Parameter("memory_cuts", 0, 0, 1, "registers behind the memories")
LANE_CUTS = Parameter("lane_cuts", 0, 0, 2, "further registers in a lane")


class ValueUnit(Block):
    """A block that takes beats of `values_layout`, and does with each what the row of its route says.

    Members
    -------
    i, o : streams of `values_layout`
    i_table : stream {address, row} that writes the table, always ready
    """

    lanes: int
    value_bits: int
    table_rows: int
    frame_bits: int
    memory_cuts: int

    core: ValueCore
    row: StructLayout
    table: tuple[int, ...]

    i: stream.Interface
    i_table: stream.Interface
    o: stream.Interface

    def connect(self, row: StructLayout, core: ValueCore, table: Sequence[int], members: Mapping[str, Any]) -> None:
        """Make the members: those of every unit, and `members`."""
        self.row, self.core, self.table = row, core, tuple(table)
        shapes = core.signature.members
        super().__init__(
            {
                "i": In(stream.Signature(shapes["i"].shape)),
                "i_table": In(stream.Signature(table_write(row, self.table_rows), always_ready=True)),
                "o": Out(stream.Signature(shapes["o"].shape)),
                **members,
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a beat, or the last of those that make one, to the result."""
        return self.core.latency

    def elaborate(self, platform: object) -> Module:
        """The table beside the stalled core; a beat that does not leave ends here."""
        m = Module()
        m.submodules.table = table = Table(self.row, self.table_rows, self.table)
        m.submodules.lanes = stalled = Stalled(self.core)
        m.d.comb += [
            stalled.i.valid.eq(self.i.valid),
            stalled.i.payload.eq(self.i.payload),
            self.i.ready.eq(stalled.i.ready),
            table.i.valid.eq(self.i_table.valid),
            table.i.payload.eq(self.i_table.payload),
            table.address.eq(self.i.payload.route),
            table.enable.eq(stalled.enable & self.i.valid),
            self.core.row.eq(table.row),
            self.o.valid.eq(stalled.o.valid & self.core.leaves),
            self.o.payload.eq(stalled.o.payload),
            stalled.o.ready.eq(self.o.ready | ~self.core.leaves),
        ]
        self.beside(m, stalled.enable)
        return m

    def beside(self, m: Module, enable: Value) -> None:
        """Add what else stands beside the core; `enable` is high in the cycles in which it moves."""


class ValueCore(Core):
    """The lanes of a unit. They move for real beats only, which a simulator is spared the others for.

    Members
    -------
    row : the row of the beat of the last cycle, flat
    leaves : whether what is on `o` is a beat at all
    """

    row: Signal
    leaves: Signal

    def __init__(
        self, unit: ValueUnit, row: StructLayout, *, result_bits: int, members: Mapping[str, Any] | None = None
    ):
        self.row_layout = row
        self.memory_cuts = unit.memory_cuts
        beats = {"lanes": unit.lanes, "route_bits": route_bits(unit.table_rows), "frame_bits": unit.frame_bits}
        super().__init__(
            values_layout(value_bits=unit.value_bits, **beats),
            values_layout(value_bits=result_bits, **beats),
            {"row": In(row.size), "leaves": Out(1), **(members or {})},
        )

    def enter(self, m: Module) -> tuple[Any, Any, Value]:
        """The beat, which has waited for its row; the row; and `valid` of the stages behind."""
        beat: Any = flat_register(self.i.shape(), "beat")
        with m.If(self.i_valid):
            m.d.sync += beat.as_value().eq(self.i.as_value())
        row: Value = self.row
        for cut in range(self.memory_cuts):
            held = Signal(len(row), name=f"row_{cut}", reset_less=True)
            later: Any = flat_register(self.i.shape(), f"beat_{cut}")
            with m.If(self.valid[1 + cut]):
                m.d.sync += [held.eq(row), later.as_value().eq(beat.as_value())]
            row, beat = held, later
        return beat, View(self.row_layout, row), self.valid[1 + self.memory_cuts :]

    @property
    def result_bits(self) -> int:
        """Width of a result."""
        return Value.cast(self.o.values[0]).shape().width

    def scale(self, row: Any, beat: Any) -> Any:
        """A register for what rounding needs to know, and the statements that fill it."""
        result = signed(self.result_bits)
        form = IntFormat(self.result_bits, signed=True).interval
        sideband = {name: self.o.shape()[name].shape for name in SIDEBAND}
        layout = StructLayout({**sideband, "shift": len(row.shift), "low": result, "high": result})
        scale: Any = Signal(layout, name="scale", reset_less=True)
        return scale, [
            scale.shift.eq(Mux(row.enable, row.shift, 0)),
            scale.low.eq(Mux(row.enable, row.low, form.lo)),
            scale.high.eq(Mux(row.enable, row.high, form.hi)),
            *(scale[name].eq(beat[name]) for name in SIDEBAND),
        ]

    def round(self, m: Module, sums: Sequence[Signal], scale: Any, valid: Value, cuts: int = 0) -> None:
        """Two stages, shifted | clamped, whose beats `valid` marks: `sums` go down to results by `scale`.

        Of `cuts` further ones the first stands before rounding adds, the second before clamping selects.
        """
        shape, result = sums[0].shape(), signed(self.result_bits)

        def stage(name: str, values: Sequence[Value]) -> list[Signal]:
            """Registers for `values`, and for what they are rounded by."""
            nonlocal scale, valid
            found = [Signal(value.shape(), name=f"{name}_{n}", reset_less=True) for n, value in enumerate(values)]
            later: Any = Signal.like(scale, name=f"{name}_scale", reset_less=True)
            with m.If(valid[0]):
                m.d.sync += later.eq(scale)
                m.d.sync += [register.eq(value) for register, value in zip(found, values, strict=True)]
            scale, valid = later, valid[1:]
            return found

        halves: Sequence[Value] = [shift_to_half(value, scale.shift) for value in sums]
        if cuts > 0:
            halves = stage("halves", halves)
        shifted: Sequence[Value] = stage("shifted", [truncate(halve(value), shape) for value in halves])
        places = [outside(value, scale.low, scale.high) for value in shifted]
        if cuts > 1:
            both = stage("places", [Cat(value, *place) for value, place in zip(shifted, places, strict=True)])
            shifted = [word[: shape.width].as_signed() for word in both]
            places = [(word[shape.width], word[shape.width + 1]) for word in both]
        output: Any = flat_register(self.o.shape(), "output")
        with m.If(valid[0]):
            for n, (value, place) in enumerate(zip(shifted, places, strict=True)):
                m.d.sync += output.values[n].eq(truncate(select(place, value, scale.low, scale.high), result))
            m.d.sync += [output[name].eq(scale[name]) for name in SIDEBAND]
        m.d.comb += [self.o.eq(output), self.leaves.eq(1)]
