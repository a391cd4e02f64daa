"""The shape of an accelerator: every count that its blocks share, and the layouts that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amaranth import unsigned
from amaranth.lib.data import StructLayout

from quadrille.algo.spec import Function, Interval, IntFormat, InvalidInput
from quadrille.algo.spec.array_precision import ArrayPrecision, elements_of, precisions_of
from quadrille.hw.base.block import recorded

from .layouts import check_array, check_columns, instruction_layout
from .parameters import PARAMETERS
from .targets import PORT_BITS, elements_per_data_word

__all__ = ["Configuration"]


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The parameters of an accelerator, one field for each of `PARAMETERS`, and what is derived from them.

    Raises
    ------
    TypeError, InvalidInput
        For a parameter of the wrong kind or out of range, or at odds with another.
    """

    engine: str
    unit: str
    precisions: tuple[ArrayPrecision, ...]
    rows: int
    columns: int
    macros: int
    banks: int
    lanes: int
    word: int
    activation_bits: int
    signed: bool
    cell_bits: int
    weight_planes: int
    cuts: int
    compressor: str
    gated_columns: int
    memory_cuts: int
    lane_cuts: int
    walk_cuts: int
    patch_cuts: int
    buffers: int
    converter: str
    adc_bits: int
    multiplier_bits: int
    offset_bits: int
    converter_shift: int
    mantissa_bits: int
    bias_bits: int
    accumulator_bits: int
    shift_bits: int
    result_bits: int
    scale_bits: int
    stored_bits: int
    pool_bits: int
    functions: tuple[Function, ...]
    activation_cuts: int
    residual: bool
    pooling: bool
    requantizing: bool
    frames: int
    input_words: int
    feature_words: int
    stored_words: int
    pool_words: int
    weight_tiles: int
    weight_rows: int
    modes: int
    table_rows: int
    bias_rows: int
    routes: int
    accumulators: int
    steps: int
    map_size: int
    kernel_size: int

    def __post_init__(self) -> None:
        for parameter in PARAMETERS:
            parameter.check("accelerator", getattr(self, parameter.name))
        if self.lanes > self.all_columns:
            raise InvalidInput(f"Lanes must be at most the {self.all_columns} columns of the macros, not {self.lanes}")
        check_array(vars(self), self.elements_per_word)
        check_columns(vars(self))
        if self.result_bits < self.activation_bits:
            raise InvalidInput(
                f"Result width must be at least that of an activation, {self.activation_bits}, not {self.result_bits}"
            )
        if self.bias_bits > self.accumulator_bits:
            raise InvalidInput(
                f"Bias width must be at most that of the accumulator, {self.accumulator_bits}, not {self.bias_bits}"
            )

    @property
    def values(self) -> dict[str, Any]:
        """Every parameter by name."""
        return {parameter.name: getattr(self, parameter.name) for parameter in PARAMETERS}

    def record(self) -> dict[str, Any]:
        """Every parameter by name as JSON values: what a manifest holds."""
        return recorded(PARAMETERS, self)

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> Configuration:
        """The configuration that `record` wrote.

        Raises
        ------
        TypeError, InvalidInput
            If a parameter is missing, unknown, of the wrong kind or out of range.
        """
        functions = tuple(Function.from_record(record) for record in values.get("functions", ()))
        precisions = precisions_of(values.get("precisions", ""))
        return cls(**{**values, "functions": functions, "precisions": precisions})

    @classmethod
    def defaults(cls) -> dict[str, object]:
        """Every parameter's default, by name."""
        return {parameter.name: parameter.default for parameter in PARAMETERS}

    # Geometry

    @property
    def all_columns(self) -> int:
        """Columns of the macros side by side: of a bank."""
        return self.columns * self.macros

    @property
    def window_rows(self) -> int:
        """Rows that the elements of a window stand on, in each bank: of a macro, or of the units of a column."""
        if self.engine == "cim":
            return self.rows
        return self.rows * max(elements_of(self.unit, precision) for precision in self.precisions)

    @property
    def read_columns(self) -> int:
        """Columns that the column reader hands out: whole groups of lanes of every bank, or all columns of one."""
        if self.banks == 1:
            return self.all_columns
        return self.banks * (self.all_columns // self.lanes * self.lanes)

    @property
    def row_enables(self) -> bool:
        """Whether a flip-flop for each row of cells says that it is written."""
        return self.buffers > 1 and self.weight_planes == 2

    @property
    def elements_per_word(self) -> int:
        """Activations in a word of the data port: as many as fit, a power of two."""
        return elements_per_data_word(self.activation_bits)

    @property
    def half_words(self) -> int:
        """Data words that fill one half of the input memory."""
        return self.input_words * (self.word // self.elements_per_word)

    @property
    def results_per_word(self) -> int:
        """Results in a word of the data port."""
        return max(1, PORT_BITS // self.result_bits)

    # Formats

    @property
    def activation_interval(self) -> Interval:
        """All activations that the macros can be given."""
        unsigned_format = IntFormat(self.activation_bits).interval
        if not self.signed:
            return unsigned_format
        return Interval.hull(unsigned_format, IntFormat(self.activation_bits, signed=True).interval)

    @property
    def reference_format(self) -> IntFormat:
        """The sum of a vector's activations."""
        return self.activation_interval.sum_of(self.window_rows).format

    @property
    def recovered_format(self) -> IntFormat:
        """P = gain * S - reference_weight * X, X itself, and one above either: a threshold that is never reached."""
        shapes = [(self.cell_bits, self.activation_interval, self.rows)]
        if self.engine == "mac":
            shapes = [
                (precision.weight_bits, precision.activation.interval, self.rows * elements_of(self.unit, precision))
                for precision in self.precisions
            ]
        sums: list[Interval] = []
        for bits, activations, rows in shapes:
            cells, reference = Interval(0, (1 << bits) - 1), Interval(-(1 << (bits - 1)), 0)
            factors = Interval.hull(Interval(-1, 1), cells, cells + reference)
            sums.append((factors * activations).sum_of(rows))
        interval = Interval.hull(*sums)
        return Interval(min(interval.lo, -1), interval.hi + 1).format

    @property
    def code_bits(self) -> int:
        """Width of a signed code: of P, of X, or of an ADC code and X, whichever is the widest that occurs."""
        return self.recovered_format.bits

    @property
    def position_bits(self) -> int:
        """Width of a position: the first accumulator of a window."""
        return max(1, (self.accumulators - 1).bit_length())

    @property
    def address_bits(self) -> int:
        """Width of a table address."""
        return max(1, (self.table_rows - 1).bit_length())

    @property
    def route_bits(self) -> int:
        """Width of a route."""
        return max(1, (self.routes - 1).bit_length())

    @property
    def steps_bits(self) -> int:
        """Width of a number of column steps."""
        return self.steps.bit_length()

    @property
    def element_bits(self) -> int:
        """Width of an element's address in either activation memory."""
        words = max(2, 2 * self.input_words, self.feature_words)
        return (words - 1).bit_length() + (self.word - 1).bit_length()

    # Layouts

    @property
    def instruction(self) -> StructLayout:
        """One tile of one layer, for all windows of a batch."""
        return instruction_layout(
            planes=self.activation_bits,
            element_bits=self.element_bits,
            map_size=self.map_size,
            kernel_size=self.kernel_size,
            rows=self.window_rows,
            banks=self.banks,
            steps_bits=self.steps_bits,
            address_bits=self.address_bits,
            position_bits=self.position_bits,
            precisions=len(self.precisions) if self.engine == "mac" else 0,
        )

    @property
    def job(self) -> StructLayout:
        """An instruction for `count` frames of the batch in `half` of the input memory.

        With `swap`, its first window exchanges the weight planes.
        """
        return StructLayout({"instruction": self.instruction, "count": range(self.frames + 1), "half": 1, "swap": 1})

    @property
    def tag(self) -> StructLayout:
        """What travels through the macro beside the activations."""
        return StructLayout({"steps": self.steps_bits, "address": self.address_bits, "position": self.position_bits})

    @property
    def tile(self) -> StructLayout:
        """Where the weights of an instruction stand (Strip), whether it is the last of its mode; their precision."""
        address, count = range(max(2, self.weight_rows)), range(self.window_rows + 1)
        cut = {"run": count, "jump": address, "precision": range(max(2, len(self.precisions)))}
        return StructLayout({"base": address, "rows": count, "last": 1, **(cut if self.engine == "mac" else {})})

    @property
    def mode_row(self) -> StructLayout:
        """A mode: its first instruction, which those after follow up to that which is the `last`."""
        return StructLayout({"first": range(max(2, self.weight_tiles))})

    @property
    def weight_row(self) -> StructLayout:
        """One row word of each bank, with its reference cell; an array needs none."""
        cells = {"cells": self.banks * self.all_columns * self.cell_bits}
        return StructLayout(cells | ({"reference": self.banks} if self.engine == "cim" else {}))

    @property
    def status(self) -> StructLayout:
        """What the accelerator tells of itself."""
        return StructLayout(
            {
                "busy": 1,  # a batch waits or is being played, or weights are being copied
                "waiting": unsigned(2),  # batches that have arrived and are not read to their end
                "length": range(self.weight_tiles + 1),  # instructions of the program
                "between": 1,  # the next word of the data port is a header
                "unknown": 1,  # for the cycle in which a packet's header comes that no table is there for
            }
        )

    @property
    def destination(self) -> StructLayout:
        """What becomes of a slot of results that leaves the accelerator."""
        return StructLayout(
            {
                "first": 1,  # slot of the route
                "ends": 1,  # the route's slots
                "kind": unsigned(2),  # Destination
                "slot": range(max(2, self.bias_rows)),
                "words": range(self.lanes + 1),  # data words it makes, if it leaves the accelerator
                "last": 1,  # slot of the window
                "acts": 4,  # whether it is added to, activated, pooled, requantized: what shows on the taps
            }
        )
