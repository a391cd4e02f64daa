"""The shape of an accelerator: every count that its blocks share, and the layouts that follow from them."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth import signed, unsigned
from amaranth.lib.data import StructLayout

from quadrille.algo.spec import Interval, IntFormat, InvalidInput
from quadrille.hw.base import Choice, Flag, Parameter

__all__ = ["PARAMETERS", "PORT_BITS", "Configuration", "Target"]

PORT_BITS = 64

PARAMETERS = (
    Parameter("rows", 128, 1, 4096, "rows of a macro"),
    Parameter("columns", 128, 1, 4096, "columns of a macro"),
    Parameter("macros", 1, 1, 64, "macros side by side: they see the same activations and share row words"),
    Parameter("lanes", 32, 1, 1024, "columns converted and dequantized in one cycle"),
    Parameter("activation_bits", 4, 1, 16, "most bits of an activation, one cycle each"),
    Flag("signed", False, "whether activations may be signed"),
    Parameter("cell_bits", 1, 1, 8, "bits of a cell, of its fraction too"),
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
    Parameter("shift_bits", 5, 1, 6, "width of the dequantizer's shift amount"),
    Parameter("result_bits", 16, 2, 32, "width of a signed result"),
    Parameter("frames", 32, 1, 1024, "most images of a batch: a tile serves all of them before it is swapped"),
    Parameter("input_vectors", 1, 1, 1024, "activation vectors of one image's input"),
    Parameter("vectors", 2, 1, 1024, "activation vectors of one image between layers"),
    Parameter("weight_rows", 384, 1, 1 << 20, "rows of the weight memory"),
    Parameter("table_rows", 16, 1, 1 << 16, "rows of the converter and mantissa tables: column steps"),
    Parameter("bias_rows", 12, 1, 1 << 16, "rows of the bias table: output groups"),
    Parameter("groups", 4, 1, 1 << 12, "groups of sums that one image accumulates at a time"),
    Parameter("steps", 8, 1, 1 << 12, "most column steps of one tile"),
    Parameter("instructions", 4, 1, 4096, "length of the program memory"),
)


class Target:
    """What a packet on the data port is for: the number in its header word."""

    FRAMES = 0
    WEIGHTS = 1
    CONVERTER = 2
    MANTISSAS = 3
    BIASES = 4
    PROGRAM = 5
    START = 6


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The parameters of an accelerator, one field for each of `PARAMETERS`, and what is derived from them.

    Raises
    ------
    TypeError, InvalidInput
        For a parameter of the wrong kind or out of range, or for more column steps than a tile's columns fill.
    """

    rows: int
    columns: int
    macros: int
    lanes: int
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
    frames: int
    input_vectors: int
    vectors: int
    weight_rows: int
    table_rows: int
    bias_rows: int
    groups: int
    steps: int
    instructions: int

    def __post_init__(self) -> None:
        for parameter in PARAMETERS:
            parameter.check("accelerator", getattr(self, parameter.name))
        if self.lanes > self.all_columns:
            raise InvalidInput(f"Lanes must be at most the {self.all_columns} columns of the macros, not {self.lanes}")
        if self.result_bits < self.activation_bits:
            raise InvalidInput(
                f"Result width must be at least that of an activation, {self.activation_bits}, not {self.result_bits}"
            )
        if self.bias_bits > self.accumulator_bits:
            raise InvalidInput(
                f"Bias width must be at most that of the accumulator, {self.accumulator_bits}, not {self.bias_bits}"
            )

    @classmethod
    def defaults(cls) -> dict[str, int | str | bool]:
        """Every parameter's default, by name."""
        return {parameter.name: parameter.default for parameter in PARAMETERS}

    # Geometry

    @property
    def all_columns(self) -> int:
        """Columns of the macros side by side."""
        return self.columns * self.macros

    @property
    def elements_per_word(self) -> int:
        """Activations in a word of the data port."""
        return max(1, PORT_BITS // self.activation_bits)

    @property
    def input_words(self) -> int:
        """Data words that fill one input vector."""
        return -(-self.rows // self.elements_per_word)

    @property
    def result_groups(self) -> int:
        """Groups of `lanes` results that fill one vector."""
        return -(-self.rows // self.lanes)

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
    def frame_bits(self) -> int:
        """Width of a frame number."""
        return max(1, (self.frames - 1).bit_length())

    @property
    def address_bits(self) -> int:
        """Width of a table address."""
        return max(1, (self.table_rows - 1).bit_length())

    @property
    def steps_bits(self) -> int:
        """Width of a number of column steps."""
        return self.steps.bit_length()

    # Layouts

    @property
    def tag(self) -> StructLayout:
        """What travels through the macro beside the activations."""
        return StructLayout({"steps": self.steps_bits, "address": self.address_bits, "frame": self.frame_bits})

    @property
    def job(self) -> StructLayout:
        """One vector for the macro: where it stands, and what is done with its sums."""
        return StructLayout(
            {
                "source": 1,  # 0: input memory, 1: activation memory
                "address": range(max(2, self.input_depth, self.activation_depth)),
                "planes": range(self.activation_bits + 1),
                "negative": 1,
                "swap": 1,
                "tag": self.tag,
            }
        )

    @property
    def vector_bits(self) -> int:
        """Width of a vector's number within a frame, in either memory."""
        return max(1, (max(self.input_vectors, self.vectors) - 1).bit_length())

    @property
    def input_depth(self) -> int:
        """Vectors of the input memory: two batches, one read while the other is written."""
        return 2 * (1 << self.frame_bits) * self.pitch(self.input_vectors)

    @property
    def activation_depth(self) -> int:
        """Vectors of the activation memory."""
        return (1 << self.frame_bits) * self.pitch(self.vectors)

    @staticmethod
    def pitch(vectors: int) -> int:
        """Vectors from one frame to the next: a power of two, so that an address is a concatenation."""
        return 1 << max(0, (vectors - 1).bit_length())

    @property
    def destination(self) -> StructLayout:
        """Where a group of results goes."""
        return StructLayout(
            {
                "kind": unsigned(2),  # Destination
                "vector": self.vector_bits,
                "group": range(max(2, self.result_groups, self.bias_rows)),
                "words": range(self.lanes + 1),  # data words it makes, if it leaves the accelerator
                "last": 1,  # of the frame
            }
        )

    @property
    def instruction(self) -> StructLayout:
        """One tile of one layer, for all frames of a batch."""
        return StructLayout(
            {
                "weights": range(max(2, self.weight_rows)),  # the first of the tile's `rows` row words
                "source": 1,
                "vector": self.vector_bits,
                "planes": range(self.activation_bits + 1),
                "negative": 1,
                "steps": self.steps_bits,
                "table": self.address_bits,
                "barrier": 1,  # wait until all results are written
                "last": 1,  # of the program
            }
        )

    @property
    def weight_row(self) -> StructLayout:
        """One row word with its reference cell."""
        return StructLayout({"cells": self.all_columns * self.cell_bits, "reference": 1})

    @property
    def batch(self) -> StructLayout:
        """A batch whose images are in the input memory."""
        return StructLayout({"count": range(self.frames + 1), "half": 1})

    @property
    def value(self) -> object:
        """The shape of a result."""
        return signed(self.result_bits)


class Destination:
    """Kinds of `Configuration.destination`."""

    ACTIVATIONS = 0
    ARGMAX = 1
    OUTPUT = 2
