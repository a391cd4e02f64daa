"""A quadratic by pieces whose table is written at run time, and takes effect between two beats."""

from __future__ import annotations

from functools import partial
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.data import ArrayLayout, StructLayout, View
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec import IntFormat, InvalidInput
from quadrille.hw.base import Block, Core, Flag, Parameter, Stalled, shape_of

from .dataflow import Operand
from .pipeline import numbers_layout
from .table_flow import start_format, table_flow

__all__ = ["ProgrammableQuadratic"]


def row_layout(block: ProgrammableQuadratic) -> StructLayout:
    """A row of the table, as it is written: start and coefficients of a segment, or what is used of the settings."""
    fields: dict[str, Any] = {
        "start": shape_of(start_format(block.input)),
        "c0": shape_of(block.c0),
        "c1": shape_of(block.c1),
        "c2": shape_of(block.c2),
    }
    if block.input_signed:
        fields |= {"reflect": 1, "negate": 1}
        if block.slope_bits:
            fields["slope"] = shape_of(IntFormat(block.slope_bits, signed=True))
    if block.periodic:
        fields["period"] = range(block.input_bits + 1)
    shifts = {"inner_shift": block.inner_shift, "shift": block.shift}
    fields |= {name: range(greatest + 1) for name, greatest in shifts.items() if greatest}
    return StructLayout(fields)


class ProgrammableQuadratic(Block):
    """Applies a function of quadratic pieces, written at run time, to each of its lanes, one beat in every cycle.

    With a = |x| if the settings say `reflect` and x < 0, else x; j the last row with `start[j] <= a`;
    `d = a - start[j]`; `p = c0[j] + (c1[j] + round_shift(c2[j]*d, inner_shift)) * d`; where a is -x,
    `v = (-p if negate else p) + constant + slope*a`, else `v = p`; the result is `saturate(round_shift(v, shift))`.

    Where `periodic`, x is first wrapped to a period of 2**period codes around 0, if the settings' `period` is not 0.

    The row at address `segments` is that of the settings, period, reflection and shifts; its `c0` is the constant.
    The starts of a table rise from row to row, from the lowest argument on; a row that is not needed has a start that
    none reaches.
    There are two tables. A write goes to the one that is not in use; one with `commit` then swaps the two, for all
    beats accepted after it: a beat keeps the table it entered with. `i_table` waits while a beat is on its way that
    entered with the table to be written. A table is written whole: what it held before is of two commits ago, and
    0 after a reset.

    Parameters
    ----------
    input_bits, input_signed, output_bits, output_signed : formats of codes and results
    segments : rows of the table
    c0_bits, c1_bits, c2_bits, slope_bits : widths of the signed coefficients; slope_bits = 0 for none
    periodic : whether there are periods, for signed codes
    inner_shift, shift : the greatest amounts of the two rounding shifts
    lanes : numbers in a beat; all share the table
    cuts : registers in each lane, from 1 to one after every level

    Members
    -------
    i, o : streams of {values}
    i_table : stream of {address, row, commit}

    Attributes
    ----------
    latency : `cuts` cycles; interval : 1

    Raises
    ------
    InvalidInput
        For a parameter out of range, or more cuts than there are places for.
    """

    block_name = "programmable-quadratic"
    parameters = (
        Parameter("input_bits", 8, 2, 24, "width of a code"),
        Flag("input_signed", True, "whether codes are signed"),
        Parameter("output_bits", 8, 1, 32, "width of a result"),
        Flag("output_signed", True, "whether results are signed"),
        Flag("periodic", False, "whether codes can be wrapped to a period, if they are signed"),
        Parameter("segments", 16, 1, 256, "rows of the table"),
        Parameter("c0_bits", 20, 1, 48, "width of the constants"),
        Parameter("c1_bits", 14, 1, 32, "width of the linear coefficients"),
        Parameter("c2_bits", 10, 1, 32, "width of the quadratic coefficients"),
        Parameter("slope_bits", 14, 0, 32, "width of the slope of a reflection, 0 for none"),
        Parameter("inner_shift", 7, 0, 32, "greatest shift within the pieces"),
        Parameter("shift", 10, 0, 48, "greatest shift of the result"),
        Parameter("lanes", 1, 1, 4096, "numbers in a beat"),
        Parameter("cuts", 4, 1, 99, "registers in each lane"),
    )

    input_bits: int
    input_signed: bool
    output_bits: int
    output_signed: bool
    periodic: bool
    segments: int
    c0_bits: int
    c1_bits: int
    c2_bits: int
    slope_bits: int
    inner_shift: int
    shift: int
    lanes: int
    cuts: int

    i: stream.Interface
    i_table: stream.Interface
    o: stream.Interface

    def __init__(
        self,
        *,
        input_bits: int = 8,
        input_signed: bool = True,
        output_bits: int = 8,
        output_signed: bool = True,
        periodic: bool = False,
        segments: int = 16,
        c0_bits: int = 20,
        c1_bits: int = 14,
        c2_bits: int = 10,
        slope_bits: int = 14,
        inner_shift: int = 7,
        shift: int = 10,
        lanes: int = 1,
        cuts: int = 4,
    ):
        self.take(
            input_bits=input_bits,
            input_signed=input_signed,
            output_bits=output_bits,
            output_signed=output_signed,
            periodic=periodic,
            segments=segments,
            c0_bits=c0_bits,
            c1_bits=c1_bits,
            c2_bits=c2_bits,
            slope_bits=slope_bits,
            inner_shift=inner_shift,
            shift=shift,
            lanes=lanes,
            cuts=cuts,
        )
        if periodic and not input_signed:
            self.inspected()
            raise InvalidInput(f"Codes of {self.block_name} must be signed to have periods, not unsigned")
        self.input, self.output = IntFormat(input_bits, input_signed), IntFormat(output_bits, output_signed)
        self.c0, self.c1, self.c2 = (IntFormat(bits, signed=True) for bits in (c0_bits, c1_bits, c2_bits))
        self.flow = table_flow(self)
        if cuts > self.flow.full:
            self.inspected()
            raise InvalidInput(f"Cuts of {self.block_name} must be from 1 to {self.flow.full}, not {cuts}")
        self.row = row_layout(self)
        self.core = ProgrammableCore(self)
        super().__init__(
            {
                "i": In(stream.Signature(numbers_layout(self.input, lanes))),
                "i_table": In(
                    stream.Signature(StructLayout({"address": range(segments + 1), "row": self.row, "commit": 1}))
                ),
                "o": Out(stream.Signature(numbers_layout(self.output, lanes))),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a beat to its result."""
        return self.core.latency

    def elaborate(self, platform: object) -> Module:
        """Two banks of registers beside the stalled core."""
        m = Module()
        core, write = self.core, self.i_table.payload
        m.submodules.lanes = stalled = Stalled(core)
        active, taken = Signal(), Signal()

        # Behind register k is a beat of bank k, if there is one: the other bank may change only without such.
        present = Cat(core.valid[1:], stalled.o.valid)
        m.d.comb += [
            self.i_table.ready.eq(~(present & (core.banks ^ active.replicate(self.cuts))).any()),
            taken.eq(self.i_table.valid & self.i_table.ready),
            stalled.i.payload.values.eq(self.i.payload.values),
            stalled.i.payload.bank.eq(active),
            stalled.i.valid.eq(self.i.valid),
            self.i.ready.eq(stalled.i.ready),
            self.o.payload.values.eq(stalled.o.payload),
            self.o.valid.eq(stalled.o.valid),
            stalled.o.ready.eq(self.o.ready),
        ]
        with m.If(taken & write.commit):
            m.d.sync += active.eq(~active)
        for bank, table in enumerate(core.tables):
            rows = [Signal(self.row.size, name=f"bank_{bank}_row_{n}") for n in range(self.segments + 1)]
            m.d.comb += table.eq(Cat(rows))
            for number, row in enumerate(rows):
                with m.If(taken & (active != bank) & (write.address == number)):
                    m.d.sync += row.eq(write.row.as_value())
        return m


class ProgrammableCore(Core):
    """The lanes. A beat carries the number of its table, and every stage asks the table of the beat that is in it.

    Members
    -------
    tables : rows and settings of the two tables, flat
    banks : bit k says which table the beat behind register k has
    """

    banks: Signal
    tables: Any

    def __init__(self, block: ProgrammableQuadratic):
        self.block = block
        self.layout = ArrayLayout(block.row, block.segments + 1)
        super().__init__(
            StructLayout({"values": numbers_layout(block.input, block.lanes)["values"].shape, "bank": 1}),
            numbers_layout(block.output, block.lanes)["values"].shape,
            {"tables": In(self.layout.size).array(2), "banks": Out(block.cuts)},
        )

    @property
    def latency(self) -> int:
        """One cycle for each cut."""
        return self.block.cuts

    def elaborate(self, platform: object) -> Module:
        """The numbers of the tables in their order, the bank of each stage, and the lanes."""
        m = Module()
        block, flow = self.block, self.block.flow
        bank = self.i.bank
        for stage in range(block.cuts):
            register = Signal(name=f"bank_stage_{stage}", reset_less=True)
            with m.If(self.valid[stage]):
                m.d.sync += register.eq(bank)
            m.d.comb += self.banks[stage].eq(register)
            bank = register

        rows = [View(self.layout, table) for table in self.tables]
        chosen: dict[tuple[str, int], Signal] = {}

        # Of shift and period it takes what they decode to, once for all lanes.
        def field(name: str, stage: int) -> Value:
            column, _, number = name.rpartition("_")
            row = int(number) if number.isdigit() else block.segments
            column = column if number.isdigit() else "c0" if name == "constant" else name
            first, second = (table[row][column] for table in rows)
            return Mux(self.banks[stage - 1] if stage else self.i.bank, second, first)

        def power(name: str, stage: int) -> Value:
            return Const(1) << field(name, stage)

        decoded = {
            "half": lambda stage: power("shift", stage) >> 1,
            "top": lambda stage: power("period", stage) >> 1,
            "mask": lambda stage: Mux(field("period", stage) == 0, -1, power("period", stage) - 1),
        }

        def supply(operand: Operand, stage: int) -> Value:
            """A field of the table of the beat that has passed `stage` registers."""
            key = operand.name, stage
            if key not in chosen:
                chosen[key] = Signal(operand.shape, name=f"{operand.name}_of_stage_{stage}")
                found = decoded.get(operand.name, partial(field, operand.name))(stage)
                m.d.comb += chosen[key].eq(found)
            return chosen[key]

        cuts = flow.cuts(block.cuts)
        for lane in range(block.lanes):
            result = flow.lane(m, self.i.values[lane], cuts, self.valid, f"_{lane}", supply)
            m.d.comb += self.o[lane].eq(result)
        return m
