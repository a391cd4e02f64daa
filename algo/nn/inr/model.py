"""Coordinate networks: from the integers of a pixel's place to its value, in floating point and in fixed point.

A network of sizes `inputs-H-...-H-outputs` computes `h[0] = x * 2**-k`, `h[l] = wave(gain (W[l] h[l-1] + b[l]))` and
`o = W[L] h[L-1] + b[L]`; pixels are `128 o + 127.5`. In fixed point, with A fraction bits of the activations and F of
what enters the wave,

    u[l] = round((gain W[l])_hat h[l-1] + (gain b[l])_hat, F),   h[l] = saturate(round(wave(u[l]), A)),

where round(v, n) = floor(v 2**n + 1/2) / 2**n and the weights are those of FixedPointWeights: every number has few
bits, float64 computes it exactly, and the integer Network is the same function.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2, pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quadrille.algo.quant import FixedPointWeights, PiecewiseQuadraticActivation, fixed_point
from quadrille.algo.spec import IntFormat, InvalidInput

from .functions import FITTED, INTEGRAL, fitted_period
from .waves import find_wave

__all__ = ["PIXEL", "CoordinateNetwork", "CoordinateSizes", "Precision", "pixels_of", "targets_of"]

PIXEL = IntFormat(8)
PIXEL_SCALE, PIXEL_OFFSET = 128.0, 127.5
LEAST_FIRST_BITS = 12
BIAS_GUARD_BITS = 2  # fraction bits of a bias beyond those of what enters the wave


def targets_of(pixels: Tensor) -> Tensor:
    """What a network should give for `pixels` from 0 to 255: within 1 of 0."""
    return (pixels - PIXEL_OFFSET) / PIXEL_SCALE


def pixels_of(results: Tensor) -> Tensor:
    """The pixels that the results of a network stand for, not rounded, within 0 and 255."""
    return (results * PIXEL_SCALE + PIXEL_OFFSET).clamp(0, 255)


@dataclass(frozen=True)
class Precision:
    """Bits of weights, of activations (signed) and of the fraction of what enters the wave.

    The first matrix has 12-bit weights at least: it alone meets whole coordinates, its gain is the frequency, and with
    8 bits these few weights lose more than everything else together (0.8 dB on `camera`).

    Raises
    ------
    InvalidInput
        If weights or activations are not of 4 to 16 bits, or the fraction of not less bits than the activations' own.
    """

    weight_bits: int
    activation_bits: int
    fraction_bits: int
    cell_bits: int = 4

    def __post_init__(self) -> None:
        for noun, bits in (("Weights", self.weight_bits), ("Activations", self.activation_bits)):
            if not 4 <= bits <= 16:
                raise InvalidInput(f"{noun} of a coordinate network must have from 4 to 16 bits, not {bits}")
        if not self.activation_bits - 1 <= self.fraction_bits <= 20:
            raise InvalidInput(
                f"Fraction of a wave's argument must have from {self.activation_bits - 1} to 20 bits, "
                f"not {self.fraction_bits}"
            )

    @classmethod
    def of(cls, bits: int) -> Precision:
        """Weights and activations of `bits` bits."""
        return cls(bits, bits, bits)


@dataclass(frozen=True)
class CoordinateSizes:
    """`inputs` coordinates of magnitude up to `highest`, `layers` hidden layers of `hidden`, `outputs` channels.

    Raises
    ------
    InvalidInput
        If there is no hidden layer or a size is not positive.
    """

    inputs: int
    outputs: int
    hidden: int
    layers: int
    highest: int

    def __post_init__(self) -> None:
        for noun, value in (("Hidden width", self.hidden), ("Hidden layers", self.layers)):
            if value < 1:
                raise InvalidInput(f"{noun} of a coordinate network must be a positive integer, not {value}")

    @property
    def fraction_bits(self) -> int:
        """k: the coordinate of code x is x / 2**k, within 1 of 0."""
        return max(1, ceil(log2(self.highest + 1)))


class CoordinateNetwork(nn.Module):
    """A network as above with float parameters; with a `precision` it computes in fixed point.

    Raises
    ------
    InvalidInput
        If there is no such wave or its frequency is not positive.
    """

    def __init__(self, sizes: CoordinateSizes, wave: str, frequency: float) -> None:
        if not frequency > 0:
            raise InvalidInput(f"Frequency of a coordinate network must be positive, not {frequency}")
        super().__init__()
        self.sizes, self.wave, self.frequency = sizes, find_wave(wave), float(frequency)
        self.octaves = self.wave.octaves(self.frequency)
        first = sizes.inputs * (1 + 2 * self.octaves)
        widths = [first, *[sizes.hidden] * sizes.layers, sizes.outputs]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in zip(widths, widths[1:], strict=False))
        with torch.no_grad():
            for index, layer in enumerate(self.linear):
                bound = self.wave.bound(layer.in_features, index == 0, self.frequency)
                layer.weight.uniform_(-bound, bound)
        self.precision: Precision | None = None
        self.fitted: PiecewiseQuadraticActivation | None = None
        self.activation_fraction: list[int] = []

    @property
    def integral(self) -> bool:
        """Whether a Network has nodes for the wave as this computes it."""
        return self.wave.name in INTEGRAL and (self.wave.name not in FITTED or self.fitted is not None)

    @property
    def linear(self) -> list[nn.Linear]:
        """The matrices, in order."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    @property
    def parameters_count(self) -> int:
        """Numbers that training finds."""
        return sum(parameter.numel() for parameter in self.parameters())

    def gain(self, index: int) -> float:
        """What multiplies the result of matrix `index`: 1 for the last, which no wave follows."""
        return self.wave.gain(self.frequency) if index < len(self.layers) - 1 else 1.0

    def encoded(self, coordinates: Tensor) -> Tensor:
        """The coordinates and, with a positional encoding, sines and cosines of their octaves."""
        if not self.octaves:
            return coordinates
        parts = [coordinates]
        for octave in range(self.octaves):
            angle = coordinates * (pi * 2**octave)
            parts += [torch.sin(angle), torch.cos(angle)]
        encoded = torch.cat(parts, dim=1)
        if self.precision is not None:
            bits = self.precision.activation_bits
            encoded = fixed_point(encoded, bits - 1, IntFormat(bits, signed=True))
        return encoded

    def forward(self, codes: Tensor) -> Tensor:
        """Results o (points, outputs) of the integers `codes` (points, inputs)."""
        return self.trace(codes)[-1]

    def trace(self, codes: Tensor) -> list[Tensor]:
        """What enters each wave and what leaves it, in order, then the results."""
        value = self.encoded(codes * 2.0**-self.sizes.fraction_bits)
        seen: list[Tensor] = []
        for index, layer in enumerate(self.linear):
            last = index == len(self.layers) - 1
            if self.precision is None:
                value = F.linear(value, self.effective(index), layer.bias * self.gain(index))
                if not last:
                    value = self.wave.value(value, self.frequency)
            else:
                value = F.linear(value, self.weights(index).value(self.effective(index)), self.bias(index))
                if not last:
                    value = fixed_point(value, self.precision.fraction_bits)
                    seen.append(value)
                    value = self._fixed_wave(value)
                    value = fixed_point(value, self.activation_fraction[index], self.activation_format)
            seen.append(value)
        return seen

    def _fixed_wave(self, argument: Tensor) -> Tensor:
        """The wave, as its fitted function where there is one."""
        if self.fitted is None:
            return self.wave.value(argument, self.frequency)
        return self.fitted(argument - (torch.floor(argument / 4 + 0.5) * 4).detach())

    def quantize(self, precision: Precision, codes: Tensor, *, fitted: bool = False) -> None:
        """Compute in fixed point from now on; `codes` show how far activations without a bound reach.

        If `fitted`, a sine is its function of integers, which a Network has a node for; else it is the sine, rounded.
        """
        fraction = precision.activation_bits - 1
        self.activation_fraction = [fraction] * (len(self.layers) - 1)
        if not self.wave.bounded:
            with torch.no_grad():
                reached = [float(value.abs().max()) for value in self.trace(codes)[:-1]]
            self.activation_fraction = [max(0, fraction - ceil(log2(max(1.0, high)))) for high in reached]
        self.precision = precision
        if fitted and self.wave.name in FITTED:
            function = fitted_period(precision.fraction_bits, self.activation_format, fraction)
            self.fitted = PiecewiseQuadraticActivation(function)

    @property
    def fixed(self) -> Precision:
        """The precision of a network in fixed point."""
        assert self.precision is not None, "quantize() comes first"
        return self.precision

    @property
    def activation_format(self) -> IntFormat:
        """The format of an activation."""
        return IntFormat(self.fixed.activation_bits, signed=True)

    def weights(self, index: int) -> FixedPointWeights:
        """The quantizer of matrix `index`."""
        bits = self.fixed.weight_bits if index else max(LEAST_FIRST_BITS, self.fixed.weight_bits)
        return FixedPointWeights(bits=bits, cell_bits=self.fixed.cell_bits)

    def effective(self, index: int) -> Tensor:
        """The weights of matrix `index` with the gain in them."""
        return self.linear[index].weight * self.gain(index)

    def bias(self, index: int) -> Tensor:
        """The bias of matrix `index` with the gain in it, rounded."""
        bias = self.linear[index].bias * self.gain(index)
        return fixed_point(bias, self.fixed.fraction_bits + BIAS_GUARD_BITS)
