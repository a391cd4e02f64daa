"""Activations of coordinate networks: QuadINR's quadratic wave and what it is compared with.

Every layer computes `h = wave(u)` with `u = gain * (W x + b)`, where the gain comes from the one frequency that a
method has, in radians for a z of 1. Sources: QuadINR (arXiv 2508.14374) for the quadratic wave and its frequency;
SIREN (Sitzmann et al. 2020), Gauss (Ramasinghe and Lucey 2022), WIRE (Saragadam et al. 2023), FINER (Liu et al. 2024),
positional encoding (Mildenhall et al. 2020) for the others. WIRE is the real Gabor wavelet with one matrix per layer:
the complex one has twice the numbers and four times the products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log2, pi, sqrt
from typing import Any

import torch
from torch import Tensor

from quadrille.algo.spec import InvalidInput

__all__ = ["WAVES", "Wave", "find_wave", "quadratic_wave"]

WIRE_SCALE = 5.0  # s of exp(-(s z)**2): its authors take 10, which fared worse in trials at these sizes


class _QuadraticWave(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor) -> Tensor:
        wrapped = torch.floor(u.mul(0.25).add_(0.5)).mul_(-4).add_(u)
        falling = wrapped.abs().neg_().add_(2)
        ctx.save_for_backward(falling)
        return wrapped.mul_(falling)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (falling,) = ctx.saved_tensors
        return falling.mul(2).sub_(2).mul_(gradients[0])


def quadratic_wave(u: Tensor) -> Tensor:
    """`phi(u) = v (2 - |v|)`, `v = ((u + 2) mod 4) - 2`; the gradient is `2 - 2|v|`. Near to sin(pi u / 2)."""
    return _QuadraticWave.apply(u)  # pyright: ignore[reportReturnType]


def _sine(u: Tensor, frequency: float) -> Tensor:
    return torch.sin(u * (pi / 2))


def _variable(u: Tensor, frequency: float) -> Tensor:
    return torch.sin(u * (u.abs() * (pi / 2) / frequency + 1) * (pi / 2))


def _gabor(u: Tensor, frequency: float) -> Tensor:
    angle = u * (pi / 2)
    return torch.cos(angle) * torch.exp(-((angle * (WIRE_SCALE / frequency)) ** 2))


def _quarter_periods(frequency: float) -> float:
    return 2 * frequency / pi


@dataclass(frozen=True)
class Wave:
    """An activation: `gain(frequency)` makes u of z, `value(u, frequency)` the result.

    `siren`: whether weights start as SIREN's do, first layer uniform within 1 / inputs, others within
    sqrt(6 / inputs) / frequency; in units of u hidden weights then have the bound (2 / pi) sqrt(6 / inputs) of
    waves of period 4. The others start as torch.nn.Linear does. `bounded`: |h| is at most 1. `encoded`: coordinates
    pass a positional encoding first, of log2(frequency) octaves; the frequency means nothing else then.
    """

    name: str
    title: str
    gain: Callable[[float], float]
    value: Callable[[Tensor, float], Tensor]
    siren: bool = True
    bounded: bool = True
    encoded: bool = False

    def bound(self, inputs: int, first: bool, frequency: float) -> float:
        """The first weights are uniform up to this."""
        if not self.siren:
            return 1 / sqrt(inputs)
        return 1 / inputs if first else sqrt(6 / inputs) / frequency

    def octaves(self, frequency: float) -> int:
        """Octaves of the positional encoding: 0 without one."""
        return max(1, round(log2(frequency))) if self.encoded else 0


WAVES = {
    wave.name: wave
    for wave in (
        Wave("quad", "QuadINR", _quarter_periods, lambda u, frequency: quadratic_wave(u)),
        Wave("sine", "SIREN", _quarter_periods, _sine),
        Wave("finer", "FINER", _quarter_periods, _variable),
        Wave("wire", "WIRE (real)", _quarter_periods, _gabor),
        Wave("gauss", "Gauss", lambda frequency: frequency, lambda u, frequency: torch.exp(-(u * u)), siren=False),
        Wave(
            "relu",
            "ReLU + PE",
            lambda frequency: 1.0,
            lambda u, frequency: torch.relu(u),
            siren=False,
            bounded=False,
            encoded=True,
        ),
    )
}


def find_wave(name: str) -> Wave:
    """The wave called `name`.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    if name not in WAVES:
        raise InvalidInput(f"Activation of a coordinate network must be one of {', '.join(WAVES)}, not {name!r}")
    return WAVES[name]
