"""Matrices on macros: the column sums of a linear layer, their converters, and the reference column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from .cells import CellEncoding
from .errors import InvalidInput
from .formats import Interval
from .kinds import check_kinds
from .node import Edge, Node
from .tensor import IntTensor

__all__ = ["Adc", "Linear", "RowSum"]


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


@dataclass(frozen=True, kw_only=True)
class Linear(Node):
    """A matrix on macros: one code per (tile t, slice s, output o).

    `P[t,s,o] = gain(s) * sum_{i in tile t} d[s,o,i]*x[i] - reference_weight(s) * sum_{i in tile t} x[i]` with the
    digits d of `weight[o,i]` (CellEncoding); the code is P itself, or its ADC code. Output shape (tiles, slices,
    outputs). Tile t covers the `tile_rows[t]` inputs that follow those of the tiles before it; an input of more than
    one axis is read in row-major order.
    """

    kind: ClassVar[str] = "linear"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    weight: IntTensor  # (outputs, inputs)
    weight_bits: int
    cell_bits: int
    tile_rows: tuple[int, ...]
    adc: Adc | None = None

    @property
    def encoding(self) -> CellEncoding:
        """How the weights are cut into cells."""
        return CellEncoding(self.weight_bits, self.cell_bits)

    @property
    def outputs(self) -> int:
        """Output channels."""
        return self.weight.shape[0]

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """Codes of shape (tiles, slices, outputs), with the interval of each column."""
        encoding, (source,) = self.encoding, inputs
        if len(self.weight.shape) != 2 or self.weight.shape[1] != prod(source.shape) or self.weight.shape[0] < 1:
            raise InvalidInput(f"weight must have shape [outputs, {prod(source.shape)}], not {list(self.weight.shape)}")
        if self.weight.interval not in encoding.interval or (encoding.binary and 0 in self.weight.flat):
            allowed = "-1 or +1" if encoding.binary else f"in {encoding.interval}"
            raise InvalidInput(f"weights of {self.weight_bits} bits must be {allowed}, not in {self.weight.interval}")
        check_tile_rows(self.tile_rows, self.weight.shape[1])
        columns = self.column_intervals(source.interval)
        shape = (len(self.tile_rows), encoding.slices, self.outputs)
        if self.adc is None:
            hull = Interval.hull(*columns)
            return Edge(shape, hull.format, hull, columns)
        self.adc.check(shape)
        codes = tuple(
            Interval(self.adc.code(index, column.lo), self.adc.code(index, column.hi))
            for index, column in enumerate(columns)
        )
        return Edge(shape, self.adc.interval.format, Interval.hull(*codes), codes)

    def column_intervals(self, source: Interval) -> tuple[Interval, ...]:
        """The exact interval of P[t,s,o] for inputs in `source`, in row-major order of (t, s, o)."""
        encoding, weights, inputs = self.encoding, self.weight.flat, self.weight.shape[1]
        columns: list[Interval] = []
        start = 0
        for rows in self.tile_rows:
            # Few distinct weights, many rows: what counts is how often each occurs.
            begins = range(start, start + self.outputs * inputs, inputs)
            counts = [Counter(weights[begin : begin + rows]) for begin in begins]
            for index in range(encoding.slices):
                gain, reference = encoding.gain(index), encoding.reference_weight(index)
                span = range(encoding.interval.lo, encoding.interval.hi + 1)
                factor = {q: gain * encoding.digit(q, index) - reference for q in span}
                for count in counts:
                    terms = [(factor[q], n) for q, n in count.items()]
                    positive = sum(f * n for f, n in terms if f > 0)
                    negative = sum(f * n for f, n in terms if f < 0)
                    columns.append(
                        Interval(
                            positive * source.lo + negative * source.hi, positive * source.hi + negative * source.lo
                        )
                    )
            start += rows
        return tuple(columns)


@dataclass(frozen=True, kw_only=True)
class RowSum(Node):
    """The reference column: `X[t] = sum_{i in tile t} x[i]`, one sum per row tile, never through an ADC.

    An affine weight `alpha*B + beta` needs it: `sum (alpha*B + beta)*x = alpha * sum B*x + beta * sum x`.
    """

    kind: ClassVar[str] = "row-sum"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    tile_rows: tuple[int, ...]

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """Sums of shape (tiles,)."""
        (source,) = inputs
        check_tile_rows(self.tile_rows, prod(source.shape))
        sums = tuple(source.interval.sum_of(rows) for rows in self.tile_rows)
        hull = Interval.hull(*sums)
        return Edge((len(self.tile_rows),), hull.format, hull, sums)
