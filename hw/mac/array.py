"""The multiply-accumulate array: columns of units that hold weights, and windows of activations that pass them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Module, Signal
from amaranth.lib import stream
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec import Interval, InvalidInput
from quadrille.algo.spec.array_precision import UNIT_SCHEMES, ArrayPrecision, elements_of, precisions_of, text_of
from quadrille.algo.spec.precision import Scheme
from quadrille.hw.base import Block, Choice, Parameter, shape_of
from quadrille.hw.base.columns import gates_of

from .chunk_array import ChunkArray
from .unit_array import UnitArray

__all__ = ["MacArray", "Precisions", "weights_layout", "window_layout"]


@dataclass(frozen=True)
class Precisions:
    """A parameter that is a tuple of precisions, written `8x8,4x4`."""

    name: str
    help: str
    default: tuple[ArrayPrecision, ...] = precisions_of("8x8,4x4,2x2")

    @property
    def range(self) -> str:
        """What the value may be, in words."""
        return "precisions of weights and activations like 8x8,4xs4"

    def check(self, owner: str, value: object) -> tuple[ArrayPrecision, ...]:
        """`value`, or the precisions that it spells, if `owner` may have them; TypeError or InvalidInput if not."""
        if isinstance(value, str):
            value = precisions_of(value)
        if not isinstance(value, tuple) or not all(isinstance(item, ArrayPrecision) for item in value):
            raise TypeError(f"Parameter {self.name} of {owner} must be a tuple of precisions, not {value!r}")
        if not value or len(set(value)) < len(value):
            raise InvalidInput(f"Parameter {self.name} of {owner} must be one or more precisions, each once")
        return value

    parse = check

    def record(self, value: tuple[ArrayPrecision, ...]) -> str:
        """`value` as a manifest holds it."""
        return text_of(value)


def window_layout(*, rows: int, bits: int, precisions: int, planes: int, tag_bits: int, gates: int = 0) -> StructLayout:
    """A whole window: bit j of every row's activation at `j * rows`, and the precision that it is meant in.

    With clock `gates`, a bit for each says whether its columns are used.
    """
    return StructLayout(
        {
            "elements": rows * bits,
            "precision": range(max(2, precisions)),
            **({"swap": 1} if planes == 2 else {}),
            **({"used": gates} if gates else {}),
            **({"tag": tag_bits} if tag_bits else {}),
        }
    )


def weights_layout(*, rows: int, columns: int, bits: int, precisions: int) -> StructLayout:
    """The weights of one row: bit j of that of column c at `j * columns + c`; and the precision to hold them in."""
    return StructLayout({"row": range(max(2, rows)), "precision": range(max(2, precisions)), "cells": columns * bits})


class MacArray(Block):
    """Multiplies a vector of activations with all columns of weights: `S[c] = sum_r (d[r,c] >> s) * x[r]`.

    Each column is `units` units in a row; a unit holds as many rows of weights as it takes at that precision, row
    e*units + u in unit u. A stored weight d has `weight_bits` bits, of which a precision uses the first: s is what it
    leaves out. The precision comes with each window, and with each row of weights that is written. Also
    `X = sum_r x[r]`.

    Members
    -------
    i : stream of windows (`window_layout`); rows that the precision has not must hold 0, and so must rows whose weights
        were not written. `swap` exchanges the weight planes before this window. With `gated_columns`, bit n of `used`
        says whether the sums of columns `n * gated_columns` and those that follow will be read: else their registers
        stand still, and what they hold means nothing
    i_weights : stream of rows (`weights_layout`), into the inactive weight plane if there are two
    o : stream {sum, carry, reference, tag}: word k of the sums at `k * columns`; `S = (sum + carry) mod 2**K` in
        `partial_format`, X in `reference_format`
    swapped : the planes have been exchanged: the other may be written

    Attributes
    ----------
    rows : of the tallest window; activation_bits : of the widest activation
    latency : from a window in the first precision to its sums; interval : cycles of the slowest precision

    Raises
    ------
    InvalidInput
        For a parameter out of range, or a precision that the units have not.
    """

    block_name = "mac-array"
    parameters = (
        Choice("unit", "spatio-temporal", tuple(UNIT_SCHEMES), "what multiplies"),
        Parameter("units", 32, 1, 1024, "units in a column"),
        Parameter("columns", 32, 1, 4096, "columns, one sum each"),
        Parameter("weight_bits", 8, 1, 16, "bits of a stored weight"),
        Precisions("precisions", "weights by activations, chosen for each window"),
        Parameter("planes", 1, 1, 2, "weight planes: with 2, one is written while the other computes"),
        Parameter("cuts", 0, 0, 8, "register cuts in the compressor tree of spatio-temporal units"),
        Parameter("tag_bits", 0, 0, 64, "bits that travel along with a window"),
        Parameter("gated_columns", 0, 0, 4096, "columns that share a clock gate; 0: none are gated"),
    )

    unit: str
    units: int
    columns: int
    weight_bits: int
    precisions: tuple[ArrayPrecision, ...]
    planes: int
    cuts: int
    tag_bits: int
    gated_columns: int

    i: stream.Interface
    i_weights: stream.Interface
    o: stream.Interface
    swapped: Signal

    def __init__(self, **parameters: Any):
        defaults = {parameter.name: parameter.default for parameter in self.parameters}
        self.take(**defaults | parameters)
        try:
            self.check()
        except InvalidInput:
            self.inspected()
            raise
        self.rows = max(self.rows_of(precision) for precision in self.precisions)
        self.activation_bits = max(precision.activation.bits for precision in self.precisions)
        sums = [precision.sums(self.rows_of(precision)) for precision in self.precisions]
        inputs = [precision.activation.interval.sum_of(self.rows_of(precision)) for precision in self.precisions]
        # Signed whatever the activations: units add up signed numbers, of 8 bits at least.
        self.partial_format = Interval.hull(Interval(-128, 127), *sums).format
        self.reference_format = Interval.hull(*inputs).format
        width, count = self.columns * self.partial_format.bits, len(self.precisions)
        window = window_layout(
            rows=self.rows,
            bits=self.activation_bits,
            precisions=count,
            planes=self.planes,
            tag_bits=self.tag_bits,
            gates=self.gates,
        )
        weights = weights_layout(rows=self.rows, columns=self.columns, bits=self.weight_bits, precisions=count)
        result = {"sum": width, "carry": width, "reference": shape_of(self.reference_format)}
        result |= {"tag": self.tag_bits} if self.tag_bits else {}
        super().__init__(
            {
                "i": In(stream.Signature(window)),
                "i_weights": In(stream.Signature(weights)),
                "o": Out(stream.Signature(StructLayout(result))),
                "swapped": Out(1),
            }
        )

    def check(self) -> None:
        """Refuse precisions that the units or the stored weights have not."""
        for precision in self.precisions:
            precision.check(self.unit)
            if precision.weight_bits > self.weight_bits:
                raise InvalidInput(
                    f"Precisions of mac-array must have at most the {self.weight_bits} bits of a stored weight, "
                    f"not {precision.weight_bits}"
                )

    @property
    def scheme(self) -> Scheme:
        """How a unit takes operands in."""
        return UNIT_SCHEMES[self.unit]

    @property
    def gates(self) -> int:
        """Groups of columns whose clock can be gated."""
        return gates_of(self.columns, self.gated_columns)

    def rows_of(self, precision: ArrayPrecision) -> int:
        """Rows of the tallest window in `precision`."""
        return self.units * elements_of(self.unit, precision)

    def cycles_of(self, precision: ArrayPrecision) -> int:
        """Cycles that a window takes in `precision`."""
        return self.scheme.cycles(precision.mode)

    @property
    def datapath(self) -> ChunkArray | UnitArray:
        """Bit-sliced columns for spatio-temporal units, columns of units for the others."""
        kind = ChunkArray if self.unit == "spatio-temporal" else UnitArray
        return kind(self)

    @property
    def latency(self) -> int:
        """From the acceptance of a window in the first precision to its sums."""
        return self.cycles_of(self.precisions[0]) + self.datapath.latency

    @property
    def interval(self) -> int:
        """Cycles of the slowest precision."""
        return max(self.cycles_of(precision) for precision in self.precisions)

    def elaborate(self, platform: object) -> Module:
        """The datapath that the units ask for."""
        m = Module()
        self.datapath.elaborate(m)
        return m
