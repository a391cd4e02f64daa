"""Models as small functions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from quadrille.algo.quant import (
    BinaryFit,
    BinaryWeights,
    ColumnWeights,
    Granularity,
    PartialSumQuantizer,
    PerChannel,
    PerColumn,
    StaircaseActivation,
)
from quadrille.algo.spec import IntFormat, InvalidInput

from .blocks import CimBlock
from .classifier import CimClassifier
from .linear import CimLinear

__all__ = ["FloatClassifier", "cim_mlp", "float_mlp"]


def cim_mlp(
    input_shape: tuple[int, ...],
    widths: Sequence[int],
    *,
    input_bits: int = 4,
    activation_bits: int = 4,
    weight_bits: int = 1,
    cell_bits: int = 1,
    tile_rows: int = 128,
    adc_bits: int | None = None,
    fit: BinaryFit = BinaryFit.SIMPLE,
    affine: bool = True,
    weight_granularity: Granularity | None = None,
    adc_granularity: Granularity | None = None,
) -> CimClassifier:
    """A multilayer perceptron on macros: `widths` are the outputs of its layers, the last the classes.

    One-bit weights are BWMA's, per output channel unless asked otherwise; more bits are column-wise. Activations are
    unsigned. An input integer of 1 stands for `2**-input_bits`.

    Raises
    ------
    InvalidInput
        If there is no layer, or a part refuses its parameters.
    """
    if not widths:
        raise InvalidInput("A perceptron must have at least one layer, not 0")
    blocks: list[CimBlock] = []
    inputs = prod(input_shape)
    for index, outputs in enumerate(widths):
        last = index == len(widths) - 1
        if weight_bits == 1:
            weights = BinaryWeights(weight_granularity or PerChannel(0), fit=fit, affine=affine)
        else:
            weights = ColumnWeights(
                (outputs, inputs),
                bits=weight_bits,
                cell_bits=cell_bits,
                tile_rows=tile_rows,
                granularity=weight_granularity,
            )
        adc = None
        if adc_bits is not None:
            columns = (-(-inputs // tile_rows), weights.encoding.slices, outputs)
            adc = PartialSumQuantizer(adc_bits, columns, adc_granularity or PerColumn())
        linear = CimLinear(inputs, outputs, weights, tile_rows=tile_rows, adc=adc)
        activation = None if last else StaircaseActivation(activation_bits)
        name = "output" if last else f"hidden{index + 1}"
        blocks.append(CimBlock(name, linear, nn.BatchNorm1d(outputs), activation))
        inputs = outputs
    return CimClassifier(input_shape, IntFormat(input_bits), 2.0**-input_bits, blocks)


class FloatClassifier(nn.Module):
    """The float twin: the same integer images, times the same step, into an ordinary network.

    `flat` says that it reads an image as a vector.
    """

    def __init__(self, input_step: float, layers: nn.Sequential, *, flat: bool = True) -> None:
        super().__init__()
        self.input_step = input_step
        self.layers = layers
        self.flat = flat

    def forward(self, images: Tensor) -> Tensor:
        """Logits (batch, classes) of integer images."""
        reference = next(self.parameters())
        if self.flat:
            return self.layers(images.flatten(1).to(reference) * self.input_step)
        maps = images.to(reference).contiguous(memory_format=torch.channels_last)
        return self.layers(maps * self.input_step)


def float_mlp(input_shape: tuple[int, ...], widths: Sequence[int], *, input_bits: int = 4) -> FloatClassifier:
    """The perceptron of the same shape with float weights, batch norm and ReLU."""
    layers: list[nn.Module] = []
    inputs = prod(input_shape)
    for index, outputs in enumerate(widths):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs)]
        if index < len(widths) - 1:
            layers.append(nn.ReLU())
        inputs = outputs
    return FloatClassifier(2.0**-input_bits, nn.Sequential(*layers))
