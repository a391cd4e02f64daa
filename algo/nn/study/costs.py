"""What scales cost: multiplications of the dequantizer and bits of storage, counted from the granularities themselves.

The result of output o is `sum_{t,s} 2**place(s) * scale[o,t] * step[t,s,o] * code[t,s,o]`: weight scale times ADC step
times code, over row tiles t and slices s. Codes whose products `scale * step` are the same are added first, the powers
of two by shifts, and multiplied once; batch norm has one factor for each output and merges into that product. So an
output takes as many multiplications as it has different products: 1 where all scales are the layer's, one for each tile
where either is finer, and tiles x slices where each column has its own step. The offset of binary weights adds one
multiplication of the row sum for each different offset. Products that are shared between outputs are stored once; the
factors of batch norm, the same for every granularity, are left out. Source: ColumnQuant's claim on dequantization
overhead (arXiv 2502.07842), counted as [INFERRED].
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from quadrille.algo.quant import BinaryWeights
from quadrille.algo.quant.granularity import Granularity, expand, scale_shape

from ..classifier import CimClassifier
from ..layer import CimLayer

__all__ = ["LayerCosts", "ScaleCosts", "scale_costs"]


@dataclass(frozen=True)
class LayerCosts:
    """One layer: `pixels` are its output positions, `multiplications` those of one pixel, `scales` the different ones.

    `columns` is tiles x slices x outputs.
    """

    name: str
    pixels: int
    columns: int
    multiplications: int
    scales: int


@dataclass(frozen=True)
class ScaleCosts:
    """A network's layers, and their totals for scales of `bits` bits."""

    layers: tuple[LayerCosts, ...]
    bits: int

    @property
    def multiplications_per_image(self) -> int:
        """Of all pixels of all layers."""
        return sum(layer.pixels * layer.multiplications for layer in self.layers)

    @property
    def multiplications_per_pixel(self) -> float:
        """The mean over the output pixels of all layers."""
        return self.multiplications_per_image / sum(layer.pixels for layer in self.layers)

    @property
    def storage(self) -> int:
        """Bits of all different scales."""
        return self.bits * sum(layer.scales for layer in self.layers)


@torch.no_grad()
def scale_costs(model: CimClassifier, bits: int = 16) -> ScaleCosts:
    """The costs of every layer of `model` that lies on macros, for scales of `bits` bits."""
    layers = {name: module for name, module in model.named_modules() if isinstance(module, CimLayer)}
    pixels: dict[nn.Module, int] = {}

    def note(module: nn.Module, inputs: object, output: Tensor) -> None:
        pixels[module] = prod(output.shape[2:])

    handles = [layer.register_forward_hook(note) for layer in layers.values()]
    training = model.training
    model.eval()
    try:
        model(torch.zeros(1, *model.input_shape))
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    return ScaleCosts(tuple(_layer_costs(name, layer, pixels[layer]) for name, layer in layers.items()), bits)


def _layer_costs(name: str, layer: CimLayer, pixels: int) -> LayerCosts:
    tiles, slices, outputs = layer.columns
    firsts = [sum(layer.tile_rows[:tile]) for tile in range(tiles)]
    # Which scale and which step each column has, as numbers.
    scale = _indices(layer.weights.granularity, (outputs, sum(layer.tile_rows)))[:, firsts]
    step = torch.zeros(layer.columns, dtype=torch.int64)
    if layer.adc is not None:
        step = _indices(layer.adc.granularity, layer.columns)
    product = scale.T.unsqueeze(1) * (int(step.max()) + 1) + step
    multiplications = _different(product.reshape(-1, outputs))
    scales = len(product.unique())
    if isinstance(layer.weights, BinaryWeights) and layer.weights.affine:
        multiplications += _different(scale.T)
        scales += len(scale.unique())
    return LayerCosts(name, pixels, tiles * slices * outputs, multiplications, scales)


def _different(numbers: Tensor) -> int:
    """How many different numbers each column of `numbers` has, all columns together."""
    ordered = numbers.sort(dim=0).values
    return int((ordered[1:] != ordered[:-1]).sum()) + ordered.shape[1]


def _indices(granularity: Granularity, shape: tuple[int, ...]) -> Tensor:
    """The number of its block at each element."""
    counts = scale_shape(granularity, shape)
    return expand(torch.arange(prod(counts)).reshape(counts), granularity, shape)
