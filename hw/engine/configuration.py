"""The shape of an accelerator: every count that its blocks share, and the layouts that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amaranth import unsigned
from amaranth.lib.data import StructLayout

from quadrille.algo.spec import Function, Interval, IntFormat, InvalidInput
from quadrille.hw.base import Choice, Flag, Parameter

from .activation import Functions
from .layouts import check_array, instruction_layout
from .targets import PORT_BITS, elements_per_data_word

__all__ = ["PARAMETERS", "Configuration"]

PARAMETERS = (
    Parameter("rows", 128, 1, 4096, "rows of a macro"),
    Parameter("columns", 128, 1, 4096, "columns of a macro"),
    Parameter("macros", 1, 1, 64, "macros side by side: they see the same activations and share row words"),
    Parameter("banks", 1, 1, 16, "banks of macros, each with a row tile of its own, a power of two"),
    Parameter("lanes", 32, 1, 1024, "columns converted and dequantized in one cycle, a power of two"),
    Parameter("word", 128, 1, 4096, "activations in a word of the activation memories, a power of two"),
    Parameter("activation_bits", 4, 1, 16, "most bits of an activation, one cycle each"),
    Flag("signed", False, "whether activations may be signed"),
    Parameter("cell_bits", 1, 1, 8, "bits of a cell"),
    Parameter("weight_planes", 2, 1, 2, "2: a tile is written while the other computes"),
    Parameter("cuts", 1, 0, 8, "register cuts in the compressor tree"),
    Choice("converter", "multiply-shift", ("exact", "ladder", "multiply-shift"), "how column sums become codes"),
    Parameter("adc_bits", 5, 1, 8, "bits of an ADC code (ladder and multiply-shift)"),
    Parameter("multiplier_bits", 12, 1, 32, "width of the converter's multiplier (multiply-shift)"),
    Parameter("offset_bits", 24, 2, 48, "width of the converter's signed offset (multiply-shift)"),
    Parameter("converter_shift", 12, 0, 31, "right shift of the converter (multiply-shift)"),
    Parameter("mantissa_bits", 16, 2, 32, "width of a signed mantissa"),
    Parameter("bias_bits", 32, 2, 64, "width of a signed bias"),
    Parameter("accumulator_bits", 32, 2, 64, "width of an accumulator"),
    Parameter("shift_bits", 5, 1, 6, "width of a rounding shift's amount"),
    Parameter("result_bits", 16, 2, 32, "width of a signed result"),
    Parameter("scale_bits", 16, 2, 22, "width of a signed mantissa behind the dequantizer"),
    Parameter("stored_bits", 9, 1, 32, "width of a signed value in the residual memory"),
    Parameter("pool_bits", 16, 1, 40, "width of a signed pooled value"),
    Functions("functions", "what results can go through before they are pooled"),
    Parameter("activation_cuts", 3, 1, 64, "register cuts in each function"),
    Flag("residual", False, "whether stored values can be added to results"),
    Flag("pooling", False, "whether results can be pooled"),
    Flag("requantizing", False, "whether results can be brought to another scale before they are stored"),
    Parameter("frames", 32, 1, 1024, "most images of a batch: a tile serves all of them before it is swapped"),
    Parameter("input_words", 32, 1, 1 << 24, "words of the input memory that hold the images of a batch"),
    Parameter("feature_words", 64, 1, 1 << 24, "words of the feature memory, which holds activations between layers"),
    Parameter("stored_words", 1, 1, 1 << 20, "words of the residual memory: groups of `lanes` values"),
    Parameter("pool_words", 1, 1, 1 << 16, "words of the pooling unit's memory: groups of one row of pooled windows"),
    Parameter("weight_tiles", 3, 1, 1 << 16, "instructions of a program, each with its tile of weights"),
    Parameter("weight_rows", 384, 1, 1 << 24, "row words of the weight memory, where equal tiles stand once"),
    Parameter("table_rows", 16, 1, 1 << 16, "rows of the converter and mantissa tables: column steps"),
    Parameter("bias_rows", 12, 1, 1 << 16, "rows of the bias table: slots of outputs"),
    Parameter("routes", 4, 1, 1 << 12, "rows of the tables of what follows the dequantizer"),
    Parameter("accumulators", 128, 1, 1 << 16, "groups of sums that accumulate at a time"),
    Parameter("steps", 8, 1, 1 << 12, "most column steps of one tile"),
    Parameter("map_size", 1, 1, 4096, "greatest height or width of a map"),
    Parameter("kernel_size", 1, 1, 256, "greatest height or width of a kernel or pool"),
)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The parameters of an accelerator, one field for each of `PARAMETERS`, and what is derived from them.

    Raises
    ------
    TypeError, InvalidInput
        For a parameter of the wrong kind or out of range, or at odds with another.
    """

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
        return {
            parameter.name: getattr(parameter, "record", lambda value: value)(getattr(self, parameter.name))
            for parameter in PARAMETERS
        }

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> Configuration:
        """The configuration that `record` wrote.

        Raises
        ------
        TypeError, InvalidInput
            If a parameter is missing, unknown, of the wrong kind or out of range.
        """
        functions = tuple(Function.from_record(record) for record in values.get("functions", ()))
        return cls(**{**values, "functions": functions})

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
    def read_columns(self) -> int:
        """Columns that the column reader hands out: whole groups of lanes of every bank, or all columns of one."""
        if self.banks == 1:
            return self.all_columns
        return self.banks * (self.all_columns // self.lanes * self.lanes)

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
        return self.activation_interval.sum_of(self.rows).format

    @property
    def recovered_format(self) -> IntFormat:
        """P = gain * S - reference_weight * X, X itself, and one above either: a threshold that is never reached."""
        cells = Interval(0, (1 << self.cell_bits) - 1)
        reference = Interval(-(1 << (self.cell_bits - 1)), 0)
        factors = Interval.hull(Interval(-1, 1), cells, cells + reference)
        interval = (factors * self.activation_interval).sum_of(self.rows)
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
            rows=self.rows,
            banks=self.banks,
            steps_bits=self.steps_bits,
            address_bits=self.address_bits,
            position_bits=self.position_bits,
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
        """Where the weights of an instruction stand: `rows` row words from `base` on; whether it is the program's
        last."""
        return StructLayout({"base": range(max(2, self.weight_rows)), "rows": range(self.rows + 1), "last": 1})

    @property
    def weight_row(self) -> StructLayout:
        """One row word of each bank, with its reference cell."""
        return StructLayout({"cells": self.banks * self.all_columns * self.cell_bits, "reference": self.banks})

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
