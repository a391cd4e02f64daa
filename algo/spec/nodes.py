"""The operations of a Network: frozen dataclasses that check themselves and say what leaves them.

A node kind is one class here, one function in algo.integer.execution and, where hardware runs it, one rule in
hw.engine.mapping. Its fields are what the Network file stores; `infer` is all that validation knows of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from .cells import CellEncoding
from .errors import InvalidInput
from .formats import Interval, IntFormat
from .tensor import IntTensor

__all__ = ["NODE_KINDS", "Adc", "Argmax", "Dequantize", "Edge", "Input", "Linear", "Node", "RowSum"]

NODE_KINDS: dict[str, type[Node]] = {}

MANTISSA_INTERVAL = IntFormat(16, signed=True).interval
MAXIMUM_SHIFT = 62


@dataclass(frozen=True)
class Edge:
    """What travels from a node to the next: a tensor of `shape` for each image, every element in `interval`.

    `channels`, where given, holds one interval for each element of the leading axes `shape[:channel_axes]`, in
    row-major order: the bounds that the actual weights give, tighter than `interval`.
    """

    shape: tuple[int, ...]
    format: IntFormat
    interval: Interval
    channels: tuple[Interval, ...] | None = None

    def channel(self, index: int) -> Interval:
        """The interval of leading-axes element `index`."""
        return self.interval if self.channels is None else self.channels[index]


@dataclass(frozen=True, kw_only=True)
class Node:
    """An operation with a `name`, reading the edges that the nodes named `inputs` write."""

    kind: ClassVar[str]
    arity: ClassVar[tuple[int, int]]  # least and greatest number of inputs

    name: str
    inputs: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        NODE_KINDS[cls.kind] = cls

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """The edge that leaves this node.

        Raises
        ------
        InvalidInput
            If the node's tables, its formats and its inputs do not fit one another; the sentence starts with what is
            wrong, and Network puts the node's name before it.
        """
        raise TypeError(f"{type(self).__name__} must say what leaves it")


@dataclass(frozen=True, kw_only=True)
class Input(Node):
    """The images: a tensor of `shape`, of format `format`."""

    kind: ClassVar[str] = "input"
    arity: ClassVar[tuple[int, int]] = (0, 0)

    shape: tuple[int, ...]
    format: IntFormat

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """The images' shape and format."""
        if not self.shape or any(size < 1 for size in self.shape):
            raise InvalidInput(f"shape must be one or more positive sizes, not {list(self.shape)}")
        return Edge(self.shape, self.format, self.format.interval)


@dataclass(frozen=True)
class Adc:
    """The converter of each column: `code = low + #{ j : P >= thresholds[..., j] }`, thresholds not descending.

    `thresholds` has the shape of the column sums and a last axis of `2**bits - 1`. Source: ColumnQuant
    (arXiv 2502.07842) with its rounding turned into integer comparisons [INFERRED].
    """

    bits: int
    low: int
    thresholds: IntTensor

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
            for index in range(encoding.slices):
                gain, reference = encoding.gain(index), encoding.reference_weight(index)
                # Few distinct weights, many rows: the recovered factor of each is looked up.
                span = range(encoding.interval.lo, encoding.interval.hi + 1)
                factor = {q: gain * encoding.digit(q, index) - reference for q in span}
                for output in range(self.outputs):
                    begin = output * inputs + start
                    factors = [factor[q] for q in weights[begin : begin + rows]]
                    positive = sum(f for f in factors if f > 0)
                    negative = sum(factors) - positive
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


@dataclass(frozen=True, kw_only=True)
class Dequantize(Node):
    """Column arithmetic: codes to the next layer's format.

    `acc[o] = bias[o] + sum_{t,s} mantissa[t,s,o]*code[t,s,o] + sum_t sum_mantissa[t,o]*X[t]`,
    `y[o] = saturate(round_shift(acc[o], shift), format)`, with `round_shift(v, n) = (v + (1 << (n-1))) >> n`.
    The second input, the sums X of a RowSum, goes with `sum_mantissa`: both or neither. Output shape (outputs,).
    """

    kind: ClassVar[str] = "dequantize"
    arity: ClassVar[tuple[int, int]] = (1, 2)

    mantissa: IntTensor  # (tiles, slices, outputs)
    bias: IntTensor  # (outputs,)
    shift: int
    format: IntFormat
    sum_mantissa: IntTensor | None = None  # (tiles, outputs)

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """Values of shape (outputs,), of the format `format`."""
        accumulators = self.accumulator_intervals(inputs)
        results = tuple(acc.round_shift(self.shift).clamp(self.format.interval) for acc in accumulators)
        return Edge((len(results),), self.format, Interval.hull(*results), results)

    def accumulator_intervals(self, inputs: Sequence[Edge]) -> tuple[Interval, ...]:
        """The interval of acc[o] for each output o, over all partial sums on the way as well.

        Raises
        ------
        InvalidInput
            If a table has another shape than the codes ask for, or values outside its range.
        """
        codes = inputs[0]
        if len(codes.shape) != 3:
            raise InvalidInput(f"codes must have shape [tiles, slices, outputs], not {list(codes.shape)}")
        tiles, slices, outputs = codes.shape
        self._check_table("mantissa", self.mantissa, codes.shape)
        if not 0 <= self.shift <= MAXIMUM_SHIFT:
            raise InvalidInput(f"shift must be from 0 to {MAXIMUM_SHIFT}, not {self.shift}")
        if self.bias.shape != (outputs,):
            raise InvalidInput(f"bias must have shape [{outputs}], not {list(self.bias.shape)}")
        if (self.sum_mantissa is None) != (len(inputs) == 1):
            raise InvalidInput("row sums and their mantissas must be given together, not one without the other")
        if self.sum_mantissa is not None:
            if inputs[1].shape != (tiles,):
                raise InvalidInput(f"row sums must have shape [{tiles}], not {list(inputs[1].shape)}")
            self._check_table("sum mantissa", self.sum_mantissa, (tiles, outputs))
        bound = IntFormat(63, signed=True).interval
        intervals: list[Interval] = []
        for o in range(outputs):
            total = Interval(self.bias.flat[o], self.bias.flat[o])
            seen = [total]
            for t in range(tiles):
                for s in range(slices):
                    column = (t * slices + s) * outputs + o
                    mantissa = self.mantissa.flat[column]
                    total = total + codes.channel(column) * Interval(mantissa, mantissa)
                    seen.append(total)
                if self.sum_mantissa is not None:
                    mantissa = self.sum_mantissa.flat[t * outputs + o]
                    total = total + inputs[1].channel(t) * Interval(mantissa, mantissa)
                    seen.append(total)
            if Interval.hull(*seen) not in bound:
                raise InvalidInput(f"accumulator of output {o} must fit 63 bits, not {Interval.hull(*seen)}")
            intervals.append(Interval.hull(*seen))
        return tuple(intervals)

    @staticmethod
    def _check_table(noun: str, table: IntTensor, shape: tuple[int, ...]) -> None:
        if table.shape != shape:
            raise InvalidInput(f"{noun} must have shape {list(shape)}, not {list(table.shape)}")
        if table.interval not in MANTISSA_INTERVAL:
            raise InvalidInput(f"{noun} must lie in {MANTISSA_INTERVAL}, not in {table.interval}")


@dataclass(frozen=True, kw_only=True)
class Argmax(Node):
    """The index of the greatest element of a vector; of equal ones, the lowest index. Output shape ()."""

    kind: ClassVar[str] = "argmax"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """An index."""
        (source,) = inputs
        if len(source.shape) != 1:
            raise InvalidInput(f"argmax must read a vector, not shape {list(source.shape)}")
        interval = Interval(0, source.shape[0] - 1)
        return Edge((), interval.format, interval)
