"""The blocks that a model is made of: layers with batch norm and activation, residual blocks, pools, flattening.

A block turns a Signal into the next, all on integers that stand for real numbers, so that each has the tensors of the
nodes of a Network that it becomes; `trace` sees them under the names of these nodes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quadrille.algo.quant import (
    LsqActivation,
    Quantized,
    ResidualActivation,
    Signal,
    StaircaseActivation,
    round_half_up,
)
from quadrille.algo.spec import InvalidInput

from .convolution import CimConv2d
from .linear import CimLinear
from .norm import Bias, positions
from .trace import Trace

__all__ = ["AveragePool", "CimBlock", "Flatten", "MaxPool", "ResidualBlock", "Shape", "Subsample"]

Shape = tuple[int, ...]
Activation = StaircaseActivation | LsqActivation


def layer_shape(name: str, layer: CimLinear | CimConv2d, shape: Shape) -> Shape:
    """What `layer` makes of maps of `shape`, refused if it cannot read them."""
    if isinstance(layer, CimLinear):
        if shape != (layer.inputs,):
            size = 1
            for axis in shape:
                size *= axis
            if layer.inputs != size:
                raise InvalidInput(f"Block {name!r} must have {size} inputs, not {layer.inputs}")
        return (layer.outputs,)
    if len(shape) != 3 or shape[0] != layer.channels:
        raise InvalidInput(f"Block {name!r} must read maps of {layer.channels} channels, not shape {list(shape)}")
    return (layer.outputs, *layer.window.output_size(*shape[1:]))


class CimBlock(nn.Module):
    """A layer: column results, batch norm, and the quantizer of its activations (None for logits).

    With a ResidualActivation it starts a residual stream.
    """

    def __init__(
        self,
        name: str,
        layer: CimLinear | CimConv2d,
        norm: nn.BatchNorm1d | nn.BatchNorm2d | Bias,
        activation: Activation | ResidualActivation | None,
    ) -> None:
        super().__init__()
        self.name = name
        self.layer = layer
        self.norm = norm
        self.activation = activation

    def result_shape(self, shape: Shape) -> Shape:
        """What leaves the block for maps of `shape`."""
        return layer_shape(self.name, self.layer, shape)

    def forward(self, signal: Signal, trace: Trace) -> Signal:
        """Codes and step, or logits with a step of 1."""
        source = signal.coarse
        trace.layer(self.name, self.layer, source.code)
        if source.code.ndim > 2 and isinstance(self.layer, CimLinear):
            source = source._replace(code=source.code.flatten(1))
        result = self.layer(source)
        activation = self.activation
        if activation is None:
            logits = self.norm(result)
            trace.logits(self.name, logits)
            return Signal(Quantized(logits, torch.ones_like(source.step)))
        if isinstance(activation, ResidualActivation):
            step = prepared(activation, self.norm, result)
            stream = activation(positions(self.norm, result, step, 1 << activation.fraction_bits), None, step)
            fine = trace.codes(f"{self.name}_stream", stream.fine)
            return Signal(trace.codes(self.name, trace.rounded(stream.coarse, fine, activation)), fine)
        if isinstance(self.layer, CimLinear):
            return Signal(trace.codes(self.name, activation(self.norm(result))))
        step = prepared(activation, self.norm, result)
        return Signal(trace.codes(self.name, Quantized(activation.codes(positions(self.norm, result, step)), step)))


def prepared(
    activation: Activation | ResidualActivation, norm: nn.BatchNorm1d | nn.BatchNorm2d | Bias, result: Tensor
) -> Tensor:
    """The step of `activation`, found from the first `result` that it meets."""
    if not activation.initialised:
        with torch.no_grad():
            training = norm.training
            if isinstance(norm, Bias):
                values = norm(result)
            else:
                values = F.batch_norm(result, None, None, norm.weight, norm.bias, training=True, eps=norm.eps)
            norm.train(training)
        activation.initialise(values)
    return activation.learned_step(result[0].numel())


class Subsample(nn.Module):
    """The shortcut of option A: every `stride`-th element, channels of zeros added after the last."""

    def __init__(self, stride: int, channels: int) -> None:
        super().__init__()
        self.stride = stride
        self.channels = channels

    def forward(self, code: Tensor) -> Tensor:
        """The map, thinned out and widened."""
        thin = code[:, :, :: self.stride, :: self.stride]
        return F.pad(thin, (0, 0, 0, 0, 0, self.channels - code.shape[1]))


class ResidualBlock(nn.Module):
    """Two layers and a shortcut, added on the grid of the residual stream.

    `r' = clamp(v + w)`: v is the second layer's result rounded to the stream's unit, w the shortcut's: the stream
    itself (None), Subsample, or a layer with batch norm that reads what the first layer reads (option B).

    Raises
    ------
    InvalidInput
        If a part does not fit its neighbours; found by `result_shape`.
    """

    def __init__(
        self,
        name: str,
        first: CimBlock,
        second: CimConv2d,
        norm: nn.BatchNorm2d,
        shortcut: Subsample | CimConv2d | None,
        shortcut_norm: nn.BatchNorm2d | None,
        activation: ResidualActivation,
    ) -> None:
        super().__init__()
        self.name = name
        self.first = first
        self.second = second
        self.norm = norm
        self.shortcut = shortcut
        self.shortcut_norm = shortcut_norm
        self.activation = activation

    def result_shape(self, shape: Shape) -> Shape:
        """What leaves the block for maps of `shape`."""
        inner = layer_shape(f"{self.name}_second", self.second, self.first.result_shape(shape))
        if self.shortcut is None:
            other = shape
        elif isinstance(self.shortcut, CimConv2d):
            other = layer_shape(f"{self.name}_shortcut", self.shortcut, shape)
        else:
            other = (self.shortcut.channels, *(-(-size // self.shortcut.stride) for size in shape[1:]))
        if inner != other:
            raise InvalidInput(f"Block {self.name!r} must have a shortcut of shape {list(inner)}, not {list(other)}")
        return inner

    def forward(self, signal: Signal, trace: Trace) -> Signal:
        """Both grids of the sum."""
        if signal.fine is None:
            raise InvalidInput(f"Block {self.name!r} must follow a block with a residual stream, and does not")
        activation, unit = self.activation, 1 << self.activation.fraction_bits
        inner = self.first(signal, trace).coarse
        trace.layer(f"{self.name}_second", self.second, inner.code)
        result = self.second(inner)
        step = prepared(activation, self.norm, result)
        position = positions(self.norm, result, step, unit)
        position = trace.position(f"{self.name}_second", position)
        fine = signal.fine
        if isinstance(self.shortcut, CimConv2d):
            assert self.shortcut_norm is not None
            trace.layer(f"{self.name}_shortcut", self.shortcut, signal.coarse.code)
            branch = positions(self.shortcut_norm, self.shortcut(signal.coarse), step, unit)
            branch = trace.position(f"{self.name}_shortcut", branch)
        else:
            code = fine.code
            if self.shortcut is not None:
                code = self.shortcut(code)
                trace.passing(f"{self.name}_shortcut", code)
            branch = torch.addcmul(torch.full_like(step, 0.5), code, fine.step * unit / step)
        stream = activation(position, branch, step)
        assert stream.fine is not None
        fine = trace.codes(f"{self.name}_stream", stream.fine)
        return Signal(trace.codes(self.name, trace.rounded(stream.coarse, fine, activation)), fine)


class MaxPool(nn.Module):
    """The greatest code of each `size` x `size` window, `stride` apart (as far as it is large if not told)."""

    def __init__(self, name: str, size: int, stride: int | None = None) -> None:
        super().__init__()
        self.name = name
        self.size = size
        self.stride = stride or size

    def result_shape(self, shape: Shape) -> Shape:
        """What leaves the pool for maps of `shape`."""
        return pooled_shape(self.name, shape, self.size, self.stride)

    def forward(self, signal: Signal, trace: Trace) -> Signal:
        """The pooled codes; a residual stream ends here."""
        code = F.max_pool2d(signal.coarse.code, self.size, self.stride)
        return Signal(trace.codes(self.name, Quantized(code, signal.coarse.step)))


class AveragePool(nn.Module):
    """The mean of each map, rounded to the grid it stands on: `clamp(floor(sum / elements + 1/2))`.

    It reads the residual stream where there is one, else the codes. The integers are those of SumPool and Requantize.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def result_shape(self, shape: Shape) -> Shape:
        """One element for each channel."""
        return (*pooled_shape(self.name, shape, 1, 1)[:1], 1, 1)

    def forward(self, signal: Signal, trace: Trace) -> Signal:
        """The pooled codes; a residual stream ends here."""
        source = signal.coarse if signal.fine is None else signal.fine
        total = source.code.sum(dim=(2, 3), keepdim=True)
        trace.passing(f"{self.name}_sum", total)
        mean = total / (source.code.shape[2] * source.code.shape[3])
        code = round_half_up(mean) + (mean - mean.detach())
        return Signal(trace.codes(self.name, Quantized(code, source.step)))


class Flatten(nn.Module):
    """All elements in row-major order."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def result_shape(self, shape: Shape) -> Shape:
        """One axis."""
        size = 1
        for axis in shape:
            size *= axis
        return (size,)

    def forward(self, signal: Signal, trace: Trace) -> Signal:
        """The codes on one axis."""
        code = signal.coarse.code.flatten(1)
        trace.passing(self.name, code)
        return Signal(signal.coarse._replace(code=code))


def pooled_shape(name: str, shape: Shape, size: int, stride: int) -> Shape:
    """What a pool makes of maps of `shape`, refused if it cannot read them."""
    if len(shape) != 3 or min(shape[1:]) < size:
        raise InvalidInput(f"Block {name!r} must read maps of at least {size} x {size}, not shape {list(shape)}")
    return (shape[0], *((axis - size) // stride + 1 for axis in shape[1:]))
