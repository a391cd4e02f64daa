"""BWMA's multi-bit activations: a staircase forward, a soft staircase backward.

With n = 2**bits - 1 steps, `code = clamp(floor(x / step + 1/2), 0, n)`. Backward, the derivative of
`f(u) = 1/n * sum_{i=1..n} sigmoid(k * (n*u - i + 1/2))` at u = x / (n * step), divided by its mean over [0, 1]; outside
[0, 1] it is 0. Sharpness k near 0 is the plain straight-through estimator, k to infinity the staircase itself; training
goes from 2 to 12. Source: BWMA (arXiv 2508.21524); the formulas are [INFERRED].
"""

from __future__ import annotations

from math import exp, tanh
from typing import Any

import torch
from torch import Tensor

from .activation import StepActivation
from .lsq import Quantized

__all__ = [
    "FIRST_SHARPNESS",
    "LAST_SHARPNESS",
    "StaircaseActivation",
    "mean_slope",
    "sharpness_at",
    "soft_slope",
    "staircase",
]

FIRST_SHARPNESS = 2.0
LAST_SHARPNESS = 12.0


def sharpness_at(progress: float, first: float = FIRST_SHARPNESS, last: float = LAST_SHARPNESS) -> float:
    """The sharpness after a share `progress` (0 to 1) of training: exponential from `first` to `last`."""
    return first * (last / first) ** min(max(progress, 0.0), 1.0)


def mean_slope(levels: int, sharpness: float) -> float:
    """The mean over [0, 1] of the slope that `soft_slope` sums from the nearest three steps, before its division.

    Between two neighbouring codes the nearest step gives `tanh(k/4)`, each of its two neighbours
    `sigmoid(-k/2) - sigmoid(-3k/2)`; the first and the last step have one neighbour.
    """
    near, far = 1 / (1 + exp(sharpness / 2)), 1 / (1 + exp(3 * sharpness / 2))
    return tanh(sharpness / 4) + 2 * (1 - 1 / levels) * (near - far)


def soft_slope(position: Tensor, levels: int, sharpness: float) -> Tensor:
    """The normalised slope of the soft staircase of `levels` steps at `position` = x / step; 0 outside [0, levels].

    Only the three steps nearest to `position` are summed: the others are below sigmoid'(3k/2).
    """
    nearest = torch.floor(position) + 1
    total = torch.zeros_like(position)
    for neighbour in (-1, 0, 1):
        index = nearest + neighbour
        sigmoid = torch.sigmoid(sharpness * (position - index + 0.5))
        total += torch.where((index >= 1) & (index <= levels), sigmoid * (1 - sigmoid), 0.0)
    inside = (position >= 0) & (position <= levels)
    return torch.where(inside, total * (sharpness / mean_slope(levels, sharpness)), 0.0)


class _Staircase(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, position: Tensor, levels: int, sharpness: float) -> Tensor:
        ctx.save_for_backward(position)
        ctx.levels, ctx.sharpness = levels, sharpness
        return torch.floor(position + 0.5).clamp(0, levels)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (position,) = ctx.saved_tensors
        return gradients[0] * soft_slope(position, ctx.levels, ctx.sharpness), None, None


def staircase(position: Tensor, levels: int, sharpness: float) -> Tensor:
    """`clamp(floor(position + 1/2), 0, levels)` with the gradient `soft_slope`."""
    return _Staircase.apply(position, levels, sharpness)  # pyright: ignore[reportReturnType]


class StaircaseActivation(StepActivation):
    """An unsigned activation quantizer of `bits` bits with a learned step: `full scale = (2**bits - 1) * step`.

    It is the ReLU and the quantizer in one. The step starts from the first values it sees. `sharpness` is a number that
    training moves (`sharpness_at`).

    Raises
    ------
    InvalidInput
        If `bits` is not from 1 to 8.
    """

    def __init__(self, bits: int = 4) -> None:
        super().__init__(bits)
        self.sharpness = FIRST_SHARPNESS

    def codes(self, position: Tensor) -> Tensor:
        """The codes at `position`, which is a value in steps plus one half, with the slope of the soft staircase."""
        return staircase(position - 0.5, self.levels, self.sharpness)

    def forward(self, values: Tensor) -> Quantized:
        """Codes and step of `values`, with gradients to both."""
        if not self.initialised:
            self.initialise(values)
        step = self.learned_step(values.numel())
        return Quantized(staircase(values / step, self.levels, self.sharpness), step)
