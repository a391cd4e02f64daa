"""The compute-in-memory macro and its periphery, in integers: the twins of the blocks of hw.cim.

Each block has a function of its name and its keyword parameters, from the payloads that enter to those that leave, one
row of an array for each. Parameters that shape the hardware and not its integers (planes, cuts, widths of tags) are
accepted and only checked.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import Adc, CellEncoding, Conv2d, Interval, IntFormat, IntTensor, InvalidInput, Linear, RowSum

from .arithmetic import IntArray, check_interval, check_shape, integers, wrap
from .converters import exact_converter, ladder_converter, multiply_shift_converter, multiply_shift_for
from .ladder import ColumnLadders
from .product import IntegerMatrix, exact_type
from .tensors import array_of

__all__ = [
    "ColumnConverter",
    "ColumnMatrix",
    "adc_codes",
    "cells",
    "cim_macro",
    "column_factors",
    "column_reader",
    "column_sums",
    "exact_converter",
    "ladder_converter",
    "multiply_shift_converter",
    "multiply_shift_for",
    "reach",
    "row_sums",
    "stored_cells",
]


def cim_macro(
    cells: IntArray,
    reference: IntArray,
    activations: IntArray,
    /,
    *,
    rows: int = 128,
    columns: int = 128,
    activation_bits: int = 4,
    signed: bool = False,
    cell_bits: int = 1,
    planes: int = 1,
    cuts: int = 0,
    tag_bits: int = 0,
    compressor: str = "full-adders",
    row_enables: bool = False,
    gated_columns: int = 0,
) -> tuple[IntArray, IntArray]:
    """`S[n, c] = sum_r cells[r, c] * x[n, r]` and `X[n] = sum_r reference[r] * x[n, r]`.

    `cells` (rows, columns) of `cell_bits` bits, `reference` (rows,) of one bit, `activations` (n, rows) of
    `activation_bits` bits, unsigned or, if `signed`, either. The hardware's redundant pair (sum, carry) stands for S:
    `(sum + carry) mod 2**K`, read in the partial sum's format.

    Raises
    ------
    InvalidInput
        If an array has another shape or values that do not fit their bits.
    """
    del planes, cuts, tag_bits, compressor, row_enables, gated_columns
    cells, reference = integers(cells, "Cells"), integers(reference, "Reference cells")
    activations = integers(activations, "Activations")
    check_shape("Cells", cells, (rows, columns))
    check_shape("Reference cells", reference, (rows,))
    check_shape("Activations", activations, (None, rows))
    check_interval("Cells", cells, IntFormat(cell_bits).interval)
    check_interval("Reference cells", reference, Interval(0, 1))
    source = IntFormat(activation_bits).interval
    if signed:
        source = Interval.hull(source, IntFormat(activation_bits, signed=True).interval)
    check_interval("Activations", activations, source)
    greatest = (1 << cell_bits) - 1
    sums = IntegerMatrix(cells, source, greatest=greatest).sums(activations)
    return sums, IntegerMatrix(reference[:, None], source, greatest=1).sums(activations)[:, 0]


def column_reader(
    sums: IntArray,
    reference: IntArray,
    counts: IntArray,
    address: IntArray,
    frame: IntArray,
    /,
    *,
    columns: int = 128,
    lanes: int = 32,
    steps: int | None = None,
    address_bits: int | None = None,
    banks: int = 1,
    **widths: object,
) -> dict[str, IntArray]:
    """The beats that leave for each macro result: step k gives columns `k*lanes` to `k*lanes + lanes - 1`.

    With several `banks`, `reference` is (n, banks) and step k comes with that of bank k modulo banks.

    `sums` (n, columns), the others (n,); result i leaves in `counts[i]` beats. Returns, for all beats in order, the
    fields `sum` (beats, lanes), 0 beyond the last column; `reference`; `address`, that of the result plus k, modulo
    `2**address_bits`; `frame`; `last`, 1 at step `counts[i] - 1`. `widths` are the widths of the hardware's fields.

    Raises
    ------
    InvalidInput
        If the arrays do not fit one another, or a count is not from 1 to `steps` (least: as many as cover `columns`).
    """
    del widths
    sums, counts = integers(sums, "Sums"), integers(counts, "Step counts")
    check_shape("Sums", sums, (None, columns))
    tags = {"reference": reference, "address": address, "frame": frame}
    tags = {noun: integers(values, noun.capitalize()) for noun, values in tags.items()}
    for noun, values in {"Step counts": counts, **{noun.capitalize(): v for noun, v in tags.items()}}.items():
        several = noun == "Reference" and banks > 1
        check_shape(noun, values, (len(sums), banks) if several else (len(sums),))
    if steps is None:
        steps = -(-columns // lanes)
    check_interval("Step counts", counts, Interval(1, steps))
    width = max(columns, steps * lanes)
    padded = np.zeros((len(sums), width), dtype=np.int64)
    padded[:, :columns] = sums
    words = padded[:, : steps * lanes].reshape(len(sums), steps, lanes)
    result = np.repeat(np.arange(len(sums)), counts)
    starts = np.cumsum(counts) - counts
    step = np.arange(len(result)) - starts[result]
    addresses = tags["address"][result] + step
    if address_bits is not None:
        addresses = wrap(addresses, IntFormat(address_bits)) if address_bits else np.zeros_like(addresses)
    return {
        "sum": words[result, step],
        "reference": tags["reference"].reshape(len(sums), banks)[result, step % banks],
        "address": addresses,
        "frame": tags["frame"][result],
        "last": (step == counts[result] - 1).astype(np.int64),
    }


def cells(weight: IntTensor, encoding: CellEncoding) -> IntArray:
    """The cell values d[s, o, i] of `weight` (outputs, inputs), (slices, outputs, inputs).

    The most significant slice is the first.

    Raises
    ------
    InvalidInput
        If a weight is none that the encoding has.
    """
    values = array_of(weight)
    check_interval("Weights", values, encoding.interval)
    if encoding.binary and (values == 0).any():
        raise InvalidInput("Weights of 1 bit must be -1 or +1, and one is 0")
    distinct, places = np.unique(values, return_inverse=True)
    digits = np.array([[encoding.digit(q, index) for q in distinct.tolist()] for index in range(encoding.slices)])
    return digits[:, places.reshape(values.shape)]


def stored_cells(node: Linear | Conv2d) -> IntArray:
    """What the cells of `node` hold, (slices, outputs, rows): digits of the weights, or the node's conductances."""
    if node.conductance is not None:
        return array_of(node.conductance.values)
    return cells(node.weight, node.encoding).reshape(node.encoding.slices, node.outputs, -1)


def column_factors(node: Linear | Conv2d) -> IntArray:
    """What each input is multiplied by in P: `gain(s)*v[s,o,i] - reference(s)`, (slices, outputs, rows).

    v are the values of the cells, digits or conductances.
    """
    encoding = node.encoding
    gain = np.array([encoding.gain(index) for index in range(encoding.slices)])
    offset = np.array([node.reference(index) for index in range(encoding.slices)])
    return gain[:, None, None] * stored_cells(node) - offset[:, None, None]


class ColumnMatrix:
    """The recovered factors of a Linear, ready to multiply inputs in `source`.

    `P[t,s,o] = sum_{i in tile t} (gain(s)*v[s,o,i] - reference(s)) * x[i]` with the values v of the cells: recovery is
    linear, so the sums of macro and reference column need not be computed apart.
    """

    def __init__(self, node: Linear, source: Interval) -> None:
        self.shape, factors = node.columns, column_factors(node)
        edges = np.cumsum([0, *node.tile_rows])
        self.tiles = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
        parts = [factors[:, :, begin:end].reshape(-1, end - begin) for begin, end in self.tiles]
        self.matrices = [IntegerMatrix(part.T, source) for part in parts]
        ends = [reach(part, source) for part in parts]
        self.least, self.greatest = np.array([low for low, _ in ends]), np.array([high for _, high in ends])

    @property
    def bound(self) -> int:
        """No sum, and no part of one, is greater in magnitude."""
        return max(matrix.bound for matrix in self.matrices)

    def products(self, vectors: NDArray[Any]) -> list[NDArray[Any]]:
        """The sums of each tile, (n, slices * outputs), integers of whatever type computed them."""
        if len(self.tiles) == 1:
            return [self.matrices[0].product(vectors)]
        parts = zip(self.tiles, self.matrices, strict=True)
        return [matrix.product(vectors[:, begin:end]) for (begin, end), matrix in parts]

    def exact(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """The sums P (n, tiles, slices, outputs), integers of whatever type computed them."""
        products = self.products(vectors)
        if len(products) == 1:
            return products[0].reshape(len(vectors), *self.shape)
        out = np.empty((len(vectors), len(products), products[0].shape[1]), dtype=exact_type(self.bound))
        for tile, product in enumerate(products):
            out[:, tile] = product
        return out.reshape(len(vectors), *self.shape)

    def sums(self, vectors: NDArray[Any]) -> IntArray:
        """The sums P (n, tiles, slices, outputs) in int64."""
        return self.exact(vectors).astype(np.int64, copy=False)


class ColumnConverter:
    """The ADC of a Linear, ready for sums between `least` and `greatest`, (tiles, slices * outputs) each."""

    def __init__(self, adc: Adc, shape: tuple[int, int, int], least: IntArray, greatest: IntArray) -> None:
        adc.check(shape)
        tiles, slices, outputs = self.shape = shape
        thresholds = array_of(adc.thresholds).reshape(tiles, slices * outputs, -1)
        self.ladders = [
            ColumnLadders(tile, adc.low, low, high) for tile, low, high in zip(thresholds, least, greatest, strict=True)
        ]

    def codes(self, products: list[NDArray[Any]]) -> NDArray[Any]:
        """The codes (n, tiles, slices, outputs) of each tile's sums (n, slices * outputs)."""
        if len(products) == 1:
            return self.ladders[0].codes(products[0]).reshape(-1, *self.shape)
        out = np.empty((len(products[0]), len(products), products[0].shape[1]), dtype=self.ladders[0].dtype)
        for tile, (ladder, product) in enumerate(zip(self.ladders, products, strict=True)):
            out[:, tile] = ladder.codes(product)
        return out.reshape(-1, *self.shape)


def reach(factors: IntArray, source: Interval) -> tuple[IntArray, IntArray]:
    """The least and the greatest sum of `factors` (..., rows) times inputs in `source`: (...) each."""
    positive, negative = np.maximum(factors, 0).sum(axis=-1), np.minimum(factors, 0).sum(axis=-1)
    return positive * source.lo + negative * source.hi, positive * source.hi + negative * source.lo


def column_sums(node: Linear, inputs: IntArray) -> IntArray:
    """The signed sums P[n, t, s, o] of `node` for `inputs` (n, ...), before any ADC.

    Raises
    ------
    InvalidInput
        If the inputs have another number of elements than the node has columns of weights.
    """
    vectors = _vectors(inputs, node.weight.shape[1])
    return ColumnMatrix(node, _interval_of(vectors)).sums(vectors)


def adc_codes(node: Linear, sums: IntArray) -> IntArray:
    """The codes of `sums` (n, tiles, slices, outputs): themselves if the node has no ADC.

    Raises
    ------
    InvalidInput
        If the sums have another shape than the node's columns.
    """
    sums = integers(sums, "Column sums")
    shape = (len(node.tile_rows), node.encoding.slices, node.outputs)
    check_shape("Column sums", sums, (None, *shape))
    if node.adc is None:
        return sums
    span, every = _interval_of(sums), (shape[0], shape[1] * shape[2])
    converter = ColumnConverter(node.adc, shape, np.full(every, span.lo), np.full(every, span.hi))
    products = [sums[:, tile].reshape(len(sums), every[1]) for tile in range(shape[0])]
    return converter.codes(products).astype(np.int64)


def row_sums(node: RowSum, inputs: IntArray) -> IntArray:
    """`X[n, t] = sum_{i in tile t} x[n, i]` for `inputs` (n, ...).

    Raises
    ------
    InvalidInput
        If the inputs have another number of elements than the tiles have rows.
    """
    vectors = _vectors(inputs, sum(node.tile_rows))
    starts = np.cumsum([0, *node.tile_rows[:-1]])
    return np.add.reduceat(vectors, starts, axis=1, dtype=np.int64)


def _vectors(inputs: IntArray, elements: int) -> IntArray:
    inputs = integers(inputs, "Inputs")
    if inputs.ndim < 2 or prod(inputs.shape[1:]) != elements:
        raise InvalidInput(f"Inputs must have {elements} elements for each image, not shape {list(inputs.shape)}")
    return inputs.reshape(len(inputs), elements)


def _interval_of(values: IntArray) -> Interval:
    return Interval(int(values.min()), int(values.max())) if values.size else Interval(0, 0)
