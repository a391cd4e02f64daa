"""The activation unit: each value through the function of its route."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib.data import StructLayout

from quadrille.algo.spec import Function, InvalidInput
from quadrille.hw.activation import FunctionCore
from quadrille.hw.base import Parameter, flat_register, shape_of

from .value_unit import MEMORY_CUTS, SIDEBAND, ValueCore, ValueUnit

__all__ = ["ActivationUnit", "Functions", "activation_row"]


@dataclass(frozen=True)
class Functions:
    """A parameter that is a tuple of functions, as records in a manifest or in JSON text."""

    name: str
    help: str
    default: tuple[Function, ...] = ()

    @property
    def range(self) -> str:
        """What the value may be, in words."""
        return "records of functions, as JSON"

    def check(self, owner: str, value: object) -> tuple[Function, ...]:
        """`value`, if `owner` may have it; TypeError if not."""
        if not isinstance(value, tuple) or not all(isinstance(item, Function) for item in value):
            raise TypeError(f"Parameter {self.name} of {owner} must be a tuple of functions, not {value!r}")
        return value

    def record(self, value: tuple[Function, ...]) -> list[object]:
        """`value` as JSON values."""
        return [function.record() for function in value]

    def parse(self, owner: str, text: str) -> tuple[Function, ...]:
        """The functions whose records are the JSON `text`."""
        try:
            records = json.loads(text)
        except json.JSONDecodeError:
            records = None
        if not isinstance(records, list):
            raise InvalidInput(f"Parameter {self.name} of {owner} must be {self.range}, not {text!r}")
        return tuple(Function.from_record(record) for record in records)


def activation_row(functions: int) -> StructLayout:
    """One row of the table of an activation unit: 0 passes values on, k applies function k - 1."""
    return StructLayout({"select": range(functions + 1)})


class ActivationUnit(ValueUnit):
    """Each value through the function that its route names.

    For each lane, with the row of the table that the beat's `route` names: `y = functions[select - 1](v)`, and `y = v`
    where `select` is 0. A function takes the low bits of a value, in its input format: the network says that the values
    of its routes lie in it.

    Parameters
    ----------
    lanes, value_bits, result_bits
        Number of lanes, and widths; values and results are signed.
    functions
        What there is to choose from: constants of the hardware, all of them with `cuts` register cuts.
    table_rows
        Rows of the table: routes.
    frame_bits
        Width of the frame number handed on.
    memory_cuts
        Registers behind the memories, before what is read is used.
    table
        Rows, as integers, that are there from the start.

    Attributes
    ----------
    row : layout of a row of the table
    latency : cuts + memory_cuts + 2 cycles; interval : 1

    Raises
    ------
    TypeError, InvalidInput
        For a parameter of the wrong kind or out of range.
    """

    block_name = "activation-unit"
    parameters = (
        Parameter("lanes", 16, 1, 1024, "values handled in one beat"),
        Parameter("value_bits", 16, 1, 40, "width of a signed value"),
        Parameter("result_bits", 9, 2, 32, "width of a signed result"),
        Functions("functions", "what values can go through"),
        Parameter("cuts", 3, 1, 64, "register cuts in each function"),
        Parameter("table_rows", 16, 1, 1 << 16, "rows of the table: routes"),
        Parameter("frame_bits", 5, 1, 64, "width of the frame number handed on"),
        MEMORY_CUTS,
    )

    result_bits: int
    functions: tuple[Function, ...]
    cuts: int

    def __init__(
        self,
        *,
        lanes: int = 16,
        value_bits: int = 16,
        result_bits: int = 9,
        functions: tuple[Function, ...] = (),
        cuts: int = 3,
        table_rows: int = 16,
        frame_bits: int = 5,
        memory_cuts: int = 0,
        table: tuple[int, ...] = (),
    ):
        self.take(
            lanes=lanes,
            value_bits=value_bits,
            result_bits=result_bits,
            functions=functions,
            cuts=cuts,
            table_rows=table_rows,
            frame_bits=frame_bits,
            memory_cuts=memory_cuts,
        )
        row = activation_row(len(functions))
        self.connect(row, ActivationCore(self, row), table, {})


class ActivationCore(ValueCore):
    """The lanes: values and row | the functions side by side, and the value itself | the one that the row selects."""

    def __init__(self, unit: ActivationUnit, row: StructLayout):
        self.unit = unit
        super().__init__(unit, row, result_bits=unit.result_bits)

    @property
    def latency(self) -> int:
        """The beat, the functions' cuts, the result."""
        return self.unit.cuts + self.unit.memory_cuts + 2

    def elaborate(self, platform: object) -> Module:
        """What is not applied travels beside the functions."""
        m = Module()
        unit = self.unit
        beat, row, valid = self.enter(m)
        results = [self.apply(m, n, function, beat, valid) for n, function in enumerate(unit.functions)]

        sideband = {name: self.o.shape()[name].shape for name in SIDEBAND}
        kept = min(unit.value_bits, unit.result_bits)
        layout = StructLayout({**sideband, "select": row.select.shape(), "values": unit.lanes * kept})
        beside: Any = Signal(layout, name="beside", reset_less=True)
        with m.If(valid[0]):
            m.d.sync += [
                *(beside[name].eq(beat[name]) for name in SIDEBAND),
                beside.select.eq(row.select),
                beside.values.eq(Cat(beat.values[n][:kept] for n in range(unit.lanes))),
            ]
        for cut in range(1, unit.cuts):
            later: Any = Signal(layout, name=f"beside_{cut}", reset_less=True)
            with m.If(valid[cut]):
                m.d.sync += later.eq(beside)
            beside = later

        output: Any = flat_register(self.o.shape(), "output")
        with m.If(valid[unit.cuts]):
            m.d.sync += [output[name].eq(beside[name]) for name in SIDEBAND]
            for lane in range(unit.lanes):
                value = beside.values.word_select(lane, kept).as_signed()
                for number, result in enumerate(results):
                    value = Mux(beside.select == number + 1, result[lane], value)
                m.d.sync += output.values[lane].eq(value)
        m.d.comb += [self.o.eq(output), self.leaves.eq(1)]
        return m

    def apply(self, m: Module, number: int, function: Function, beat: Any, valid: Any) -> list[Any]:
        """The results of `function` for the values of `beat`, `cuts` cycles later."""
        m.submodules[f"function_{number}"] = core = FunctionCore(
            function, lanes=self.unit.lanes, cuts=self.unit.cuts, pad=True
        )
        width, shape = function.input.bits, shape_of(function.input)
        m.d.comb += [core.i_valid.eq(valid[0]), core.valid.eq(valid)]
        for lane in range(self.unit.lanes):
            code = beat.values[lane][:width]
            m.d.comb += core.i[lane].eq(code.as_signed() if shape.signed else code)
        return [core.o[lane] for lane in range(self.unit.lanes)]
