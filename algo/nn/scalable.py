"""Models whose weights and activations have k bits in mode k, for hardware that multiplies at any precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

from torch import nn

from quadrille.algo.quant import Granularity, LsqActivation, TruncatedWeights, UnitWeights
from quadrille.algo.spec import IntFormat, InvalidInput, Window

from .blocks import CimBlock, Flatten, MaxPool
from .classifier import CimClassifier
from .convolution import CimConv2d, whole_kernel_rows
from .linear import CimLinear
from .switchable import SwitchableClassifier

__all__ = ["Precision", "scalable_lenet", "scalable_mlp", "switchable"]


@dataclass(frozen=True, kw_only=True)
class Precision:
    """The widths of one mode: weights and activations of `bits` bits, sums exact, each weight in one cell.

    Activations have `activation_bits` bits where that is given. `rule` is how weights become codes, `granularity` which
    of them share a scale (all of a layer unless told), `stored_bits` the bits that are stored where fewer are read. The
    first and the last layer have weights of `edge_bits` where that is given. Tiles have at most `array_rows` rows.
    """

    bits: int = 8
    activation_bits: int | None = None
    rule: type[UnitWeights] = TruncatedWeights
    granularity: Granularity | None = None
    stored_bits: int | None = None
    edge_bits: int | None = None
    array_rows: int = 128

    def _activation(self) -> LsqActivation:
        return LsqActivation(self.bits if self.activation_bits is None else self.activation_bits)

    def _weights(self, edge: bool) -> UnitWeights:
        bits = self.edge_bits if edge and self.edge_bits is not None else self.bits
        return self.rule(bits, stored_bits=self.stored_bits, granularity=self.granularity)

    def convolution(
        self, name: str, channels: int, outputs: int, kernel: int, *, padding: int = 0, edge: bool = False
    ) -> CimBlock:
        """A convolution with batch norm and activation."""
        window = Window((kernel, kernel), (1, 1), (padding, padding))
        rows = whole_kernel_rows(window.kernel, self.array_rows)
        layer = CimConv2d(channels, outputs, window, self._weights(edge), tile_rows=rows)
        return CimBlock(name, layer, nn.BatchNorm2d(outputs), self._activation())

    def linear(self, name: str, inputs: int, outputs: int, *, edge: bool = False) -> CimBlock:
        """A linear layer with batch norm and activation."""
        layer = CimLinear(inputs, outputs, self._weights(edge), tile_rows=self.array_rows)
        return CimBlock(name, layer, nn.BatchNorm1d(outputs), self._activation())

    def last(self, name: str, inputs: int, classes: int) -> CimBlock:
        """The block of the logits: its batch norm gives them their size, which the weights' E does not."""
        layer = CimLinear(inputs, classes, self._weights(True), tile_rows=self.array_rows)
        return CimBlock(name, layer, nn.BatchNorm1d(classes), None)


def scalable_lenet(
    precision: Precision,
    *,
    channels: Sequence[int] = (16, 32),
    kernel: int = 5,
    classes: int = 10,
    shape: tuple[int, int, int] = (1, 28, 28),
) -> CimClassifier:
    """LeNet's form at one precision: convolutions without padding, a max pool of 2 x 2 after each, a linear layer.

    Images have 8 bits at every precision.

    Raises
    ------
    InvalidInput
        If there is no convolution, the images are too small, or a part refuses its parameters.
    """
    if not channels or min(channels) < 1:
        raise InvalidInput(f"Channels must be one or more positive integers, not {list(channels)}")
    blocks: list[nn.Module] = []
    size = (shape[0], *shape[1:])
    for index, outputs in enumerate(channels):
        blocks.append(precision.convolution(f"conv{index + 1}", size[0], outputs, kernel, edge=index == 0))
        blocks.append(MaxPool(f"pool{index + 1}", 2))
        size = (outputs, *((side - kernel + 1) // 2 for side in size[1:]))
        if min(size) < 1:
            raise InvalidInput(f"Images of {len(channels)} convolutions must be larger than {list(shape[1:])} pixels")
    blocks += [Flatten("flatten"), precision.last("output", prod(size), classes)]
    return CimClassifier(shape, IntFormat(8), 1 / 255, blocks)


def scalable_mlp(
    precision: Precision, shape: tuple[int, ...], widths: Sequence[int], *, input_bits: int = 4
) -> CimClassifier:
    """A perceptron at one precision: `widths` are the outputs of its layers, the last the classes.

    Raises
    ------
    InvalidInput
        If there is no layer, or a part refuses its parameters.
    """
    if not widths:
        raise InvalidInput("A scalable perceptron must have at least one layer, not 0")
    blocks: list[nn.Module] = []
    inputs = prod(shape)
    for index, outputs in enumerate(widths[:-1]):
        blocks.append(precision.linear(f"hidden{index + 1}", inputs, outputs, edge=index == 0))
        inputs = outputs
    blocks.append(precision.last("output", inputs, widths[-1]))
    return CimClassifier(shape, IntFormat(input_bits), 2.0**-input_bits, blocks)


def switchable(
    build: Callable[[Precision], CimClassifier], bits: Sequence[int], precision: Precision | None = None
) -> SwitchableClassifier:
    """`build` at every precision of `bits` with one set of weights; the mode of k bits is called "k".

    The other choices are those of `precision`.

    Raises
    ------
    InvalidInput
        If no precision is given, or one is none.
    """
    chosen = Precision() if precision is None else precision
    return SwitchableClassifier({str(each): build(replace(chosen, bits=each)) for each in bits})
