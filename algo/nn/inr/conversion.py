"""From a coordinate network in fixed point to a Network of integers, compared with it at every pixel.

The Network's nodes: `coordinates`; for hidden layer n `layer<n>_codes` (Linear), `layer<n>_argument` (Dequantize, what
enters the wave) and `layer<n>` (PiecewiseQuadratic); `pixels_codes` and `pixels` (Dequantize to 8 bits). Its notes are
those of algo.data.coordinates.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from quadrille.algo.data import CoordinateGrid
from quadrille.algo.integer import execute
from quadrille.algo.spec import (
    Dequantize,
    Edge,
    Input,
    Interval,
    IntFormat,
    InvalidInput,
    Linear,
    Network,
    PiecewiseQuadratic,
)

from ..emission import Emission, Wire
from ..folding import fold
from ..linear import CimLinear
from ..norm import Bias
from .functions import INTEGRAL, wave_function
from .model import PIXEL, PIXEL_OFFSET, PIXEL_SCALE, CoordinateNetwork

__all__ = ["differing_pixels", "network_of", "rendered"]

WIDEST = IntFormat(56, signed=True)  # until the accumulators say how far they reach
TILE_ROWS = 128
CHUNK = 1 << 13  # points that are computed at a time


def network_of(
    model: CoordinateNetwork,
    grid: CoordinateGrid,
    *,
    name: str = "quadinr",
    notes: Mapping[str, str] | None = None,
) -> Network:
    """The Network of `model`, which must be in fixed point: the same function, not nearly but exactly.

    Formats of what enters the waves are as wide as any input of the coordinates' format needs.

    Raises
    ------
    InvalidInput
        If the model's wave has no form in a Network.
    """
    if not model.integral:
        raise InvalidInput(
            f"Wave of a coordinate network must be one of {', '.join(INTEGRAL)} to have a Network, "
            f"not {model.wave.name}"
        )
    exact = copy.deepcopy(model).cpu().double()
    precision = exact.fixed
    source = Input(name="coordinates", shape=(len(grid.sizes),), format=grid.format)
    emission = Emission(source, 2.0**-exact.sizes.fraction_bits, exact.weights(0).mantissa_bits)
    edge = source.infer([])
    for index in range(len(exact.layers) - 1):
        layer = f"layer{index + 1}"
        step = 2.0**-precision.fraction_bits
        edge = _matrix(emission, exact, index, edge, step, None, layer, f"{layer}_argument")
        fraction = exact.activation_fraction[index]
        function = wave_function(
            exact.wave.name, edge.format, precision.fraction_bits, exact.activation_format, fraction
        )
        node = PiecewiseQuadratic.of(function, name=layer, source=f"{layer}_argument")
        emission.nodes.append(node)
        edge = node.infer([edge])
        emission.coarse = Wire(layer, 2.0**-fraction, exact.activation_format)
    _matrix(emission, exact, len(exact.layers) - 1, edge, 1 / PIXEL_SCALE, PIXEL, "pixels", "pixels")
    return Network(name, tuple(emission.nodes), {**grid.notes(), **(notes or {})})


def _matrix(
    emission: Emission,
    model: CoordinateNetwork,
    index: int,
    source: Edge,
    step: float,
    format: IntFormat | None,
    name: str,
    result: str,
) -> Edge:
    """The nodes of matrix `index`, whose result counts in `step`; without a `format` in the narrowest that holds it."""
    linear = model.linear[index]
    weights = model.weights(index)
    emission.mantissa_bits = weights.mantissa_bits
    layer = CimLinear(linear.in_features, linear.out_features, weights, tile_rows=TILE_ROWS).double()
    norm = Bias(linear.out_features).double()
    with torch.no_grad():
        layer.weight.copy_(model.effective(index))
        norm.bias.copy_(model.bias(index))
        if format is not None:
            norm.bias.add_(PIXEL_OFFSET / PIXEL_SCALE)
    affine = fold(layer, norm, emission.coarse.step, step)
    emission.matrix(name, layer, affine, emission.coarse, format or WIDEST, result)
    *_, codes, values = emission.nodes
    assert isinstance(codes, Linear) and isinstance(values, Dequantize)
    columns = codes.infer([source])
    if format is None:
        reach = Interval.hull(*values.accumulator_intervals([columns])).round_shift(values.shift)
        values = replace(values, format=Interval.hull(reach, Interval(-1, 0)).format)
        emission.nodes[-1] = values
    return values.infer([columns])


@torch.no_grad()
def rendered(model: CoordinateNetwork, codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """The pixels of the model at `codes`, not rounded but within 0 and 255, (points, outputs)."""
    parts = [
        model(torch.tensor(codes[at : at + CHUNK]).to(model.linear[0].weight)).double().numpy()
        for at in range(0, len(codes), CHUNK)
    ]
    return np.clip(np.concatenate(parts) * PIXEL_SCALE + PIXEL_OFFSET, 0, 255)


@torch.no_grad()
def differing_pixels(model: CoordinateNetwork, network: Network, codes: NDArray[np.int64]) -> dict[str, int]:
    """How many integers of each node of `network` differ from the model's at `codes`: all of them, one by one."""
    exact = copy.deepcopy(model).cpu().double()
    precision = exact.fixed
    names = [node.name for node in network.nodes if not isinstance(node, Linear | Input)]
    units = [2.0**precision.fraction_bits] * len(names)
    units[1:-1:2] = [2.0**fraction for fraction in exact.activation_fraction]
    different = dict.fromkeys(names, 0)
    for at in range(0, len(codes), CHUNK):
        part = codes[at : at + CHUNK]
        integers = execute(network, part, keep=set(names))
        seen = exact.trace(torch.tensor(part).double())
        for name, unit, values in zip(names[:-1], units, seen, strict=False):
            different[name] += int((integers[name] != (values * unit).numpy()).sum())
        pixels = torch.floor(seen[-1] * PIXEL_SCALE + PIXEL_OFFSET + 0.5).clamp(0, PIXEL.interval.hi)
        different[names[-1]] += int((integers[names[-1]] != pixels.numpy()).sum())
    return different
