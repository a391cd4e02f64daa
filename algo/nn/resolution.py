"""Converters of another resolution, or behind smaller row tiles, for a network that is integers already.

With the converter's line `P ~ step * (code + zero)`, read off its thresholds, a mantissa m stands for `m / step` of a
unit of the column sum P. Another converter of the same column has thresholds, step' and zero' by the calibration that
training begins with (`PartialSumQuantizer.calibrate`), of the sums that images of the training set give; then

    m' = m * step' / step * 2**k      bias' = (bias - sum m * zero) * 2**k + sum m' * zero'      shift' = shift + k

rounded half up, k the greatest with which every mantissa keeps to 16 bits. An exact sum has step 1 and zero 0. Nothing
is trained: what training would win back is not in the result. Source: [INFERRED].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from quadrille.algo.integer import Executor, array_of, tensor_of
from quadrille.algo.quant import PartialSumQuantizer, PerColumn, PerTensor
from quadrille.algo.spec import Adc, Conv2d, Dequantize, Input, IntTensor, InvalidInput, Linear, Network, Node, RowSum

__all__ = ["converting_nodes", "with_converters"]

MOST_SUMS = 1 << 14
"""Sums of each column that a calibration sees."""

GREATEST_MANTISSA = (1 << 15) - 1
GREATEST_SHIFT = 30
EVEN = 1.5
"""How far a threshold may lie from an evenly spaced one: each was rounded to an integer."""


def converting_nodes(network: Network) -> list[Linear | Conv2d]:
    """The matrices of `network` that have converters; all of its matrices, if none has."""
    matrices = [node for node in network.nodes if isinstance(node, Linear | Conv2d)]
    return [node for node in matrices if node.adc is not None] or matrices


def with_converters(
    network: Network, images: Any, *, bits: int | None = None, rows: int | None = None
) -> tuple[Network, tuple[str, ...]]:
    """`network` with converters of `bits` bits (0: exact sums; None: as they are) in row tiles of at most `rows` rows.

    It concerns the layers that have converters, or all if none has; those that are so already stay as they are. They
    are done one after the other, each with the sums that `images` (n, *shape) of the training set give behind those
    done before it. Returns the network and the names of the layers that changed.

    Raises
    ------
    InvalidInput
        If a layer's converters cannot be read as lines or hold conductances, no dequantize node alone reads it, or
        `bits` is not from 0 to 8; names the node.
    """
    if bits is not None and not 0 <= bits <= 8:
        raise InvalidInput(f"Converters must have from 0 to 8 bits, 0 for exact sums, not {bits}")
    changed: list[str] = []
    for name in [node.name for node in converting_nodes(network)]:
        node = network.node(name)
        assert isinstance(node, Linear | Conv2d)
        width = (0 if node.adc is None else node.adc.bits) if bits is None else bits
        tiles = _cut(node, rows)
        if (width, tiles) == (0 if node.adc is None else node.adc.bits, node.tile_rows):
            continue
        network = _changed(network, node, width, tiles, images)
        changed.append(name)
    return network, tuple(changed)


def _cut(node: Linear | Conv2d, rows: int | None) -> tuple[int, ...]:
    """Row tiles within those that there are: each has factors of its own."""
    if rows is None:
        return node.tile_rows
    taps = node.window.taps if isinstance(node, Conv2d) else 1
    most = rows // taps * taps or rows
    return tuple(
        part
        for tile in node.tile_rows
        for part in ([tile] if tile <= rows else [most] * (tile // most) + [tile % most] * (tile % most > 0))
    )


@dataclass(frozen=True)
class _Lines:
    """`P ~ step * (code + zero)` of each column (tiles, slices, outputs)."""

    step: NDArray[np.float64]
    zero: NDArray[np.float64]


def _changed(network: Network, node: Linear | Conv2d, bits: int, tiles: tuple[int, ...], images: Any) -> Network:
    """`network` with `node` and what reads it rewritten."""
    readers = network.readers(node.name)
    if len(readers) != 1 or not isinstance(readers[0], Dequantize):
        raise InvalidInput(f"Node {node.name!r}: other converters need one dequantize node, and no other, to read it")
    if node.conductance is not None:
        raise InvalidInput(f"Node {node.name!r}: other converters need digits in its cells, not conductances")
    dequantize, before = readers[0], _lines(node)
    # The tile of before that each tile lies in.
    ends = np.cumsum(node.tile_rows)
    within = np.searchsorted(ends, np.cumsum(tiles))
    exact = replace(node, adc=None, tile_rows=tiles)
    if bits == 0:
        adc, after = None, _Lines(np.ones(exact.columns), np.zeros(exact.columns))
    else:
        adc, after = _calibrated(_sums(network, exact, images), bits, exact.columns, _evenly(node, before))
    mantissa = array_of(dequantize.mantissa).astype(np.float64)
    factors = (mantissa / before.step)[within] * after.step
    constant = array_of(dequantize.bias) - (mantissa * before.zero).sum(axis=(0, 1))
    sums = None if dequantize.sum_mantissa is None else array_of(dequantize.sum_mantissa).astype(np.float64)[within]
    greatest = max(float(np.abs(table).max()) for table in (factors, sums) if table is not None)
    exponent = int(np.floor(np.log2(GREATEST_MANTISSA / max(greatest, 1.0))))
    exponent = min(max(exponent, -dequantize.shift), GREATEST_SHIFT - dequantize.shift)
    scale = 2.0**exponent
    whole = _rounded(factors * scale)
    bias = _rounded(constant * scale + (whole * after.zero).sum(axis=(0, 1)))
    rewritten: dict[str, Node] = {
        node.name: replace(exact, adc=adc),
        dequantize.name: replace(
            dequantize,
            mantissa=tensor_of(whole),
            bias=tensor_of(bias, "int64"),
            shift=dequantize.shift + exponent,
            sum_mantissa=None if sums is None else tensor_of(_rounded(sums * scale)),
        ),
    }
    for name in dequantize.inputs[1:]:
        row_sum = network.node(name)
        if not isinstance(row_sum, RowSum) or network.readers(name) != [dequantize]:
            raise InvalidInput(f"Node {name!r}: other converters need {dequantize.name!r} alone to read its row sums")
        rewritten[name] = replace(row_sum, tile_rows=tiles)
    return replace(network, nodes=tuple(rewritten.get(each.name, each) for each in network.nodes))


def _rounded(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.floor(values + 0.5).astype(np.int64)


def _lines(node: Linear | Conv2d) -> _Lines:
    """The lines that the converters of `node` round to."""
    if node.adc is None:
        return _Lines(np.ones(node.columns), np.zeros(node.columns))
    ladders = array_of(node.adc.thresholds).astype(np.float64)
    count = ladders.shape[-1]
    if count == 1:
        raise InvalidInput(f"Node {node.name!r}: converters of one bit have no step to be read off, so they must stay")
    step = (ladders[..., -1] - ladders[..., 0]) / (count - 1)
    # T[j] = ceil((zero + low + j - 1/2) * step): half a unit above the line in the mean.
    numbers = np.arange(1, count + 1)
    middle = (ladders - 0.5).mean(axis=-1)
    line = middle[..., None] + (numbers - numbers.mean()) * step[..., None]
    if step.min() <= 0 or float(np.abs(ladders - 0.5 - line).max()) > EVEN:
        raise InvalidInput(f"Node {node.name!r}: thresholds must be evenly spaced for others to be made, and are not")
    return _Lines(step, middle / step - numbers.mean() + 0.5 - node.adc.low)


def _evenly(node: Linear | Conv2d, lines: _Lines) -> bool:
    """Whether all converters have one step, as far as integer thresholds show it."""
    if node.adc is None:
        return False
    return float(lines.step.max() - lines.step.min()) <= 2 / ((1 << node.adc.bits) - 2)


def _sums(network: Network, exact: Linear | Conv2d, images: Any) -> NDArray[np.int64]:
    """The column sums (n, tiles, slices, outputs) that `images` give, every window a sample."""
    (source,) = network.input_edges(exact)
    values = Executor(network).run(images, keep=[exact.inputs[0]])[exact.inputs[0]]
    entry = Input(name=exact.inputs[0], shape=source.shape, format=source.format)
    alone = Network(network.name, (entry, exact))
    sums = Executor(alone).run(values, keep=[exact.name])[exact.name]
    samples = np.moveaxis(sums, (1, 2, 3), (-3, -2, -1)).reshape(-1, *exact.columns)
    return samples[:: -(-len(samples) // MOST_SUMS)]


def _calibrated(sums: NDArray[np.int64], bits: int, columns: Sequence[int], one_step: bool) -> tuple[Adc, _Lines]:
    """Converters for `sums`, and their lines."""
    shape = (columns[0], columns[1], columns[2])
    quantizer = PartialSumQuantizer(bits, shape, PerTensor() if one_step else PerColumn())
    quantizer.calibrate(torch.from_numpy(sums.astype(np.float32)))
    table = quantizer.threshold_table()
    adc = Adc(bits, quantizer.low, IntTensor.of(table.flatten().tolist(), tuple(table.shape), "int32"))
    steps, zeros = (each.double().numpy() for each in (quantizer.column_steps(), quantizer.zero_points()))
    return adc, _Lines(steps, zeros)
