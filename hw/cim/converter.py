"""What all converters share: from redundant column sums to P, and past the ADC where none is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from amaranth import Module, Shape, Signal, Value, signed
from amaranth.lib import stream
from amaranth.lib.data import ArrayLayout, StructLayout, View
from amaranth.lib.wiring import In, Out

from quadrille.hw.base import Block, Core, Flag, Parameter, Stalled, add, flat_register
from quadrille.hw.base.table import Table, table_write

from .reader import column_steps_layout

__all__ = ["Converter"]

COMMON = (
    Parameter("lanes", 32, 1, 1024, "columns converted in one step"),
    Parameter("partial_bits", 11, 1, 32, "width of a column's sum word and of its carry word"),
    Flag("partial_signed", False, "whether the sum of both is signed"),
    Parameter("reference_bits", 11, 1, 32, "width of the reference sum"),
    Flag("reference_signed", False, "whether the reference sum is signed"),
    Parameter("code_bits", 13, 1, 34, "width of a signed code, and of P: it must hold every P, and X"),
    Parameter("cell_bits", 1, 1, 16, "bits of a cell, which bound the reference weight"),
    Parameter("table_rows", 64, 1, 1 << 16, "rows of the table: column steps of a program"),
    Parameter("frame_bits", 5, 1, 16, "width of a frame number"),
    Parameter("memory_cuts", 0, 0, 1, "registers behind the memory of the table"),
    Parameter("lane_cuts", 0, 0, 2, "further registers in the ADC of a lane, if it has one"),
)


class Converter(Block):
    """What the converters share: the table, and the recovery of the signed sum.

    `P = (S << double) - reference_weight * X` with `S = (sum + carry) mod 2**partial_bits`; the code is made of P by
    the ADC, or is P itself in a step whose row says `exact`, or X in one whose row says `use_reference`. The row is
    that of the step's `address`.

    Members
    -------
    i : stream {sum, carry, reference, address, frame, last} (`column_steps_layout`)
    i_table : stream {address, row} that writes the table, always ready
    o : stream {codes, reference, address, frame, last}

    Raises
    ------
    TypeError, InvalidInput
        For a parameter of the wrong kind or out of range.
    """

    parameters: ClassVar = COMMON

    lanes: int
    partial_bits: int
    partial_signed: bool
    reference_bits: int
    reference_signed: bool
    code_bits: int
    cell_bits: int
    table_rows: int
    frame_bits: int
    memory_cuts: int
    lane_cuts: int

    i: stream.Interface
    i_table: stream.Interface
    o: stream.Interface

    def __init__(self, *, table: tuple[int, ...] = (), **parameters: Any):
        self.take(**{p.name: parameters.pop(p.name, p.default) for p in self.parameters}, **parameters)
        self.table = table
        self.row = self.row_layout()
        address_bits = max(1, (self.table_rows - 1).bit_length())
        steps = column_steps_layout(
            lanes=self.lanes,
            partial_bits=self.partial_bits,
            reference=Shape(self.reference_bits, self.reference_signed),
            address_bits=address_bits,
            frame_bits=self.frame_bits,
        )
        codes = StructLayout(
            {
                "codes": ArrayLayout(signed(self.code_bits), self.lanes),
                "reference": signed(self.code_bits),
                "address": address_bits,
                "frame": self.frame_bits,
                "last": 1,
            }
        )
        self.core = ConverterCore(self, steps, codes)
        super().__init__(
            {
                "i": In(stream.Signature(steps)),
                "i_table": In(stream.Signature(table_write(self.row, self.table_rows), always_ready=True)),
                "o": Out(stream.Signature(codes)),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a step to its codes."""
        return self.core.latency

    @property
    def stages(self) -> int:
        """Registers between P and the code."""
        return 0

    def row_layout(self) -> StructLayout:
        """A row of the table."""
        common: dict[str, Any] = {
            "double": 1,
            "reference_weight": range((1 << (self.cell_bits - 1)) + 1),
            "use_reference": 1,
            "exact": 1,
        }
        return StructLayout({"common": StructLayout(common | self.common_fields()), **self.lane_fields()})

    def common_fields(self) -> dict[str, Any]:
        """Fields of the row that all lanes share."""
        return {}

    def lane_fields(self) -> dict[str, Any]:
        """The field `lanes` of the row, if there is one."""
        return {}

    def convert(
        self, m: Module, values: list[Signal], common: Any, rows: list[Any], moves: Sequence[Value]
    ) -> list[Value]:
        """The codes of P = `values` of all lanes, from the fields that they share and the rows of each.

        They come `stages` registers later; a register of stage n of these is written where `moves[n]` is set.
        """
        raise TypeError(f"{type(self).__name__} must say how it converts")

    def elaborate(self, platform: object) -> Module:
        """The table beside the stalled lanes: a row waits for the step that asked for it."""
        m = Module()
        m.submodules.table = table = Table(self.row, self.table_rows, self.table)
        m.submodules.lanes = stalled = Stalled(self.core)
        m.d.comb += [
            stalled.i.valid.eq(self.i.valid),
            stalled.i.payload.eq(self.i.payload),
            self.i.ready.eq(stalled.i.ready),
            table.i.valid.eq(self.i_table.valid),
            table.i.payload.eq(self.i_table.payload),
            table.address.eq(self.i.payload.address),
            table.enable.eq(stalled.enable & self.i.valid),
            self.core.row.eq(table.row),
            self.o.valid.eq(stalled.o.valid),
            self.o.payload.eq(stalled.o.payload),
            stalled.o.ready.eq(self.o.ready),
        ]
        return m


class ConverterCore(Core):
    """The lanes: sums and row | P | code."""

    row: Signal

    def __init__(self, block: Converter, steps: StructLayout, codes: StructLayout):
        self.block = block
        super().__init__(steps, codes, {"row": In(block.row.size)})

    @property
    def latency(self) -> int:
        """One cycle for each stage."""
        return 3 + self.block.memory_cuts + self.block.stages

    def elaborate(self, platform: object) -> Module:
        """The one carry-propagate addition of the sums; then the reference; then the code."""
        m = Module()
        block, cuts = self.block, self.block.memory_cuts
        value_shape = signed(block.code_bits)

        # Stage 1: carries are resolved while the table is read.
        control = StructLayout({name: self.i.shape()[name].shape for name in ("reference", "address", "frame", "last")})
        waiting: Any = Signal(control, reset_less=True)
        partial = Shape(block.partial_bits, block.partial_signed)
        sums = [Signal(partial, name=f"sum_{n}", reset_less=True) for n in range(block.lanes)]
        with m.If(self.valid[0]):
            m.d.sync += [waiting[name].eq(self.i[name]) for name in control.members]
            m.d.sync += [sums[n].eq(add(self.i.sum[n], self.i.carry[n], partial)) for n in range(block.lanes)]
        read: Value = self.row
        for cut in range(cuts):
            behind: Any = Signal(control, name=f"waiting_{cut}", reset_less=True)
            held = [Signal(partial, name=f"sum_{n}_{cut}", reset_less=True) for n in range(block.lanes)]
            row = Signal.like(read, name=f"row_{cut}", reset_less=True)
            with m.If(self.valid[1 + cut]):
                m.d.sync += [behind.eq(waiting), row.eq(read)]
                m.d.sync += [register.eq(value) for register, value in zip(held, sums, strict=True)]
            waiting, sums, read = behind, held, row
        valid = self.valid[cuts:]

        # Stage 2: P, or X where the step is the reference's. The product is one for all lanes.
        fetched: Any = View(block.row, read)
        product = Signal(value_shape)
        m.d.comb += product.eq(waiting.reference * fetched.common.reference_weight)
        values = [Signal(value_shape, name=f"value_{n}", reset_less=True) for n in range(block.lanes)]
        common: Any = Signal(block.row["common"].shape, reset_less=True)
        with m.If(valid[1]):
            m.d.sync += common.eq(fetched.common)
            with m.If(fetched.common.use_reference):
                m.d.sync += [value.eq(waiting.reference) for value in values]
            with m.Else():
                m.d.sync += [values[n].eq((sums[n] << fetched.common.double) - product) for n in range(block.lanes)]

        # Stages 3 and on: codes, with what travels along. What needs no ADC goes past it.
        passed, past = [waiting], [fetched.common.use_reference | fetched.common.exact]
        for n in range(2 + block.stages):
            beat: Any = Signal(control, name=f"beat_{n}", reset_less=True)
            exact = Signal(name=f"exact_{n}", reset_less=True)
            with m.If(valid[1 + n]):
                m.d.sync += [beat.eq(passed[-1]), exact.eq(past[-1])]
            passed.append(beat)
            past.append(exact)
        rows = self.lane_rows(m, read, valid[1] & ~past[0])
        moves = [valid[2 + n] & ~past[1 + n] for n in range(block.stages)]
        converted = block.convert(m, values, common, rows, moves)
        for stage in range(block.stages):
            later = [Signal(value_shape, name=f"value_{n}_{stage}", reset_less=True) for n in range(block.lanes)]
            with m.If(valid[2 + stage] & past[1 + stage]):
                m.d.sync += [register.eq(value) for register, value in zip(later, values, strict=True)]
            values = later
        codes = [Signal(value_shape, name=f"code_{n}", reset_less=True) for n in range(block.lanes)]
        with m.If(valid[-1]):
            with m.If(past[-2]):
                m.d.sync += [code.eq(value) for code, value in zip(codes, values, strict=True)]
            with m.Else():
                m.d.sync += [code.eq(value) for code, value in zip(codes, converted, strict=True)]
        m.d.comb += [self.o.codes[n].eq(code) for n, code in enumerate(codes)]
        m.d.comb += [self.o[name].eq(passed[-1][name]) for name in control.members]
        return m

    def lane_rows(self, m: Module, read: Value, moves: Value) -> list[Any]:
        """Each lane's part of the row, registered by itself: many cuts out of one wide word take long to elaborate."""
        layout = self.block.row
        if "lanes" not in layout.members:
            return [None] * self.block.lanes
        lanes: Any = layout["lanes"].shape
        lane = lanes.elem_shape
        rows = [flat_register(lane, f"row_{n}") for n in range(self.block.lanes)]
        with m.If(moves):
            for n, row in enumerate(rows):
                start = layout["lanes"].offset + n * lane.size
                m.d.sync += row.as_value().eq(read[start : start + lane.size])
        return rows
