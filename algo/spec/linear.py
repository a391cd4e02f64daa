"""Matrices on macros: the column sums of a linear layer, their converters, and the reference column."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod
from typing import ClassVar

from .cells import CellEncoding
from .conductance import Conductance
from .errors import InvalidInput
from .formats import Interval
from .kinds import check_kinds
from .node import Edge, Node
from .tensor import IntTensor
from .window import Window, check_map

__all__ = ["Adc", "Conv2d", "Linear", "RowSum"]


@dataclass(frozen=True)
class Adc:
    """The converter of each column: `code = low + #{ j : P >= thresholds[..., j] }`, thresholds not descending.

    `thresholds` has the shape of the column sums and a last axis of `2**bits - 1`. Source: ColumnQuant
    (arXiv 2502.07842) with its rounding turned into integer comparisons [INFERRED].
    """

    bits: int
    low: int
    thresholds: IntTensor

    def __post_init__(self) -> None:
        check_kinds(self, "an ADC")

    @property
    def interval(self) -> Interval:
        """All codes."""
        return Interval(self.low, self.low + (1 << self.bits) - 1)

    def check(self, columns: tuple[int, ...]) -> None:
        """Refuse a table that does not fit column sums of shape `columns`."""
        if not 1 <= self.bits <= 8:
            raise InvalidInput(f"ADC width must be from 1 to 8 bits, not {self.bits}")
        expected = (*columns, (1 << self.bits) - 1)
        if self.thresholds.shape != expected:
            raise InvalidInput(f"ADC thresholds must have shape {list(expected)}, not {list(self.thresholds.shape)}")
        flat, levels = self.thresholds.flat, expected[-1]
        for start in range(0, len(flat), levels):
            ladder = flat[start : start + levels]
            if any(ladder[j] > ladder[j + 1] for j in range(levels - 1)):
                raise InvalidInput(f"ADC thresholds of column {start // levels} must not descend, not {list(ladder)}")

    def code(self, column: int, value: int) -> int:
        """The code of the sum `value` in flat column `column`."""
        levels = (1 << self.bits) - 1
        ladder = self.thresholds.flat[column * levels : (column + 1) * levels]
        return self.low + sum(value >= threshold for threshold in ladder)


def check_tile_rows(tile_rows: tuple[int, ...], rows: int) -> None:
    """Refuse row tiles that do not cut `rows` rows."""
    if not tile_rows or any(size < 1 for size in tile_rows) or sum(tile_rows) != rows:
        raise InvalidInput(f"row tiles must be positive and add up to {rows} rows, not {list(tile_rows)}")


def check_weights(weight: IntTensor, encoding: CellEncoding) -> None:
    """Refuse weights that the encoding does not have."""
    if weight.interval not in encoding.interval or (encoding.binary and 0 in weight.flat):
        allowed = "-1 or +1" if encoding.binary else f"in {encoding.interval}"
        raise InvalidInput(f"weights of {encoding.weight_bits} bits must be {allowed}, not in {weight.interval}")


def column_intervals(
    weight: IntTensor, tile_rows: tuple[int, ...], encoding: CellEncoding, source: Interval
) -> tuple[Interval, ...]:
    """The exact interval of P[t,s,o] for inputs in `source`, in row-major order of (t, s, o).

    `weight` holds its outputs on the first axis, the rows of each in row-major order of the others.
    """
    weights, outputs = weight.flat, weight.shape[0]
    inputs = prod(weight.shape[1:])
    columns: list[Interval] = []
    start = 0
    span = set(weights)
    for rows in tile_rows:
        # Few distinct weights, many rows: what counts is how often each occurs.
        begins = range(start, start + outputs * inputs, inputs)
        counts = [Counter(weights[begin : begin + rows]) for begin in begins]
        for index in range(encoding.slices):
            gain, reference = encoding.gain(index), encoding.reference_weight(index)
            factor = {q: gain * encoding.digit(q, index) - reference for q in span}
            for count in counts:
                terms = [(factor[q], n) for q, n in count.items()]
                positive = sum(f * n for f, n in terms if f > 0)
                negative = sum(f * n for f, n in terms if f < 0)
                columns.append(
                    Interval(positive * source.lo + negative * source.hi, positive * source.hi + negative * source.lo)
                )
        start += rows
    return tuple(columns)


class _Columns:
    """What the nodes on macros have in common: a matrix of weights, cut into row tiles and slices, and an ADC."""

    weight: IntTensor
    weight_bits: int
    cell_bits: int
    tile_rows: tuple[int, ...]
    adc: Adc | None
    conductance: Conductance | None
    differential: bool

    @property
    def encoding(self) -> CellEncoding:
        """How the weights are cut into cells."""
        return CellEncoding(self.weight_bits, self.cell_bits, self.differential)

    @property
    def outputs(self) -> int:
        """Output channels."""
        return self.weight.shape[0]

    @property
    def columns(self) -> tuple[int, int, int]:
        """Row tiles, slices, outputs."""
        return (len(self.tile_rows), self.encoding.slices, self.outputs)

    @property
    def rows(self) -> int:
        """Rows of the matrix, over all tiles."""
        return prod(self.weight.shape[1:])

    @property
    def fraction_bits(self) -> int:
        """Column sums and thresholds are in units of `2**-fraction_bits`: 0 but for conductances."""
        return 0 if self.conductance is None else self.conductance.fraction_bits

    @property
    def cell_value_bits(self) -> int:
        """The bits that the greatest value of a cell takes."""
        if self.conductance is None:
            return max(self.encoding.slice_bits(index) for index in range(self.encoding.slices))
        return max(1, self.conductance.values.interval.hi.bit_length())

    def reference(self, index: int) -> int:
        """What the reference sum is multiplied by before it is subtracted from slice `index`."""
        return self.encoding.reference_weight(index) << self.fraction_bits

    def cell_values(self) -> memoryview:
        """What each cell holds, indexed [slice, output, row]: the digits of the weights, or the conductances."""
        encoding, shape = self.encoding, [self.encoding.slices, self.outputs, self.rows]
        if self.conductance is not None:
            return memoryview(bytes(self.conductance.values.flat.tolist())).cast("B", shape)
        span = set(self.weight.flat)
        digits = [{q: encoding.digit(q, index) for q in span} for index in range(encoding.slices)]
        if self.cell_value_bits <= 8 and self.weight.itemsize == 1:
            # What stands for a weight is looked up for all of them at once.
            tables = (bytes(digit.get((byte ^ 128) - 128, 0) for byte in range(256)) for digit in digits)
            return memoryview(b"".join(map(self.weight.data.translate, tables))).cast("B", shape)
        code = "B" if self.cell_value_bits <= 8 else "H"
        return (
            memoryview(array(code, (digit[q] for digit in digits for q in self.weight.flat)))
            .cast("B")
            .cast(code, shape)
        )

    def column_intervals(self, source: Interval) -> tuple[Interval, ...]:
        """The exact interval of P[t,s,o] for inputs in `source`, in row-major order of (t, s, o)."""
        if source not in self._intervals:
            self._intervals.clear()  # asked for again are those of the network's own source
            of = partial(column_intervals, self.weight)
            if self.conductance is not None:
                of = self.conductance.column_intervals
            self._intervals[source] = of(self.tile_rows, self.encoding, source)
        return self._intervals[source]

    @cached_property
    def _intervals(self) -> dict[Interval, tuple[Interval, ...]]:
        """The column intervals for the source that was asked about last."""
        return {}

    def codes(self, source: Interval, trailing: tuple[int, ...] = ()) -> Edge:
        """Codes of shape (tiles, slices, outputs, *trailing), with the interval of each column."""
        if self.conductance is not None:
            self.conductance.check((self.encoding.slices, self.outputs, self.rows), converted=self.adc is not None)
        columns = self.column_intervals(source)
        shape = (*self.columns, *trailing)
        if self.adc is None:
            hull = Interval.hull(*columns)
            return Edge(shape, hull.format, hull, columns)
        self.adc.check(self.columns)
        codes = tuple(
            Interval(self.adc.code(index, column.lo), self.adc.code(index, column.hi))
            for index, column in enumerate(columns)
        )
        return Edge(shape, self.adc.interval.format, Interval.hull(*codes), codes)


@dataclass(frozen=True, kw_only=True)
class Linear(_Columns, Node):
    """A matrix on macros: one code per (tile t, slice s, output o).

    `P[t,s,o] = gain(s) * sum_{i in tile t} d[s,o,i]*x[i] - reference_weight(s) * sum_{i in tile t} x[i]` with the
    digits d of `weight[o,i]` (CellEncoding); the code is P itself, or its ADC code. Output shape (tiles, slices,
    outputs). Tile t covers the `tile_rows[t]` inputs that follow those of the tiles before it; an input of more than
    one axis is read in row-major order. With a `conductance` the cells hold its values instead of the digits.
    """

    kind: ClassVar[str] = "linear"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    weight: IntTensor  # (outputs, inputs)
    weight_bits: int
    cell_bits: int
    tile_rows: tuple[int, ...]
    adc: Adc | None = None
    conductance: Conductance | None = None
    differential: bool = False

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """Codes of shape (tiles, slices, outputs), with the interval of each column."""
        (source,) = inputs
        if len(self.weight.shape) != 2 or self.weight.shape[1] != prod(source.shape) or self.weight.shape[0] < 1:
            raise InvalidInput(f"weight must have shape [outputs, {prod(source.shape)}], not {list(self.weight.shape)}")
        check_weights(self.weight, self.encoding)
        check_tile_rows(self.tile_rows, self.weight.shape[1])
        return self.codes(source.interval)


@dataclass(frozen=True, kw_only=True)
class Conv2d(_Columns, Node):
    """A convolution on macros: one code per (tile t, slice s, output o) and window (y, x).

    The rows of the matrix of each output are its kernels in row-major order (channel of the group, i, j), cut into
    tiles as those of Linear; x[i] of the equation there is the map's element under row i at window (y, x), 0 in the
    padding. Output shape (tiles, slices, outputs, windows down, windows across).
    """

    kind: ClassVar[str] = "conv2d"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    weight: IntTensor  # (outputs, channels / groups, kernel height, kernel width)
    weight_bits: int
    cell_bits: int
    tile_rows: tuple[int, ...]
    window: Window
    adc: Adc | None = None
    conductance: Conductance | None = None
    differential: bool = False

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """Codes of shape (tiles, slices, outputs, windows down, windows across), with the interval of each column."""
        channels, height, width = check_map("conv2d", inputs[0].shape)
        size = self.window.output_size(height, width)
        rows = self.window.rows(channels)
        expected = (channels // self.window.groups, *self.window.kernel)
        if len(self.weight.shape) != 4 or self.weight.shape[1:] != expected or self.weight.shape[0] < 1:
            wanted = ", ".join(map(str, expected))
            raise InvalidInput(f"weight must have shape [outputs, {wanted}], not {list(self.weight.shape)}")
        if self.outputs % self.window.groups:
            raise InvalidInput(f"groups must divide the {self.outputs} outputs, not {self.window.groups}")
        check_weights(self.weight, self.encoding)
        check_tile_rows(self.tile_rows, rows)
        return self.codes(self.seen(inputs[0].interval), size)

    def seen(self, source: Interval) -> Interval:
        """What stands under a row for inputs in `source`: 0 too, if there is padding."""
        return Interval.hull(source, Interval(0, 0)) if any(self.window.padding) else source


@dataclass(frozen=True, kw_only=True)
class RowSum(Node):
    """The reference column: `X[t] = sum_{i in tile t} x[i]`, one sum per row tile, never through an ADC.

    An affine weight `alpha*B + beta` needs it: `sum (alpha*B + beta)*x = alpha * sum B*x + beta * sum x`. Without
    `window` it belongs to a Linear, output shape (tiles,); with one to a Conv2d, rows in the order described there,
    output shape (tiles, groups, windows down, windows across).
    """

    kind: ClassVar[str] = "row-sum"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    tile_rows: tuple[int, ...]
    window: Window | None = None

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """Sums of shape (tiles,) or (tiles, groups, windows down, windows across), with the interval of each tile."""
        (source,) = inputs
        interval, trailing = source.interval, ()
        if self.window is None:
            check_tile_rows(self.tile_rows, prod(source.shape))
        else:
            channels, height, width = check_map("row-sum", source.shape)
            trailing = (self.window.groups, *self.window.output_size(height, width))
            check_tile_rows(self.tile_rows, self.window.rows(channels))
            if any(self.window.padding):
                interval = Interval.hull(interval, Interval(0, 0))
        sums = tuple(interval.sum_of(rows) for rows in self.tile_rows)
        hull = Interval.hull(*sums)
        return Edge((len(self.tile_rows), *trailing), hull.format, hull, sums)
