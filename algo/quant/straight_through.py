"""Functions whose gradient is not their derivative: the bricks of every quantizer here.

Rounding is half up, as in the integer pipeline, so a fake-quantized layer and its integers break ties alike. The term
that carries the gradient is a difference of equal numbers, exactly 0: the value is not touched by rounding errors, as
it would be in the usual `(round(v) - v).detach() + v`.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["round_half_up", "round_straight_through", "scale_gradient", "sign_straight_through"]


def round_half_up(values: Tensor) -> Tensor:
    """`floor(v + 1/2)`: no gradient."""
    return torch.floor(values.detach() + 0.5)


def round_straight_through(values: Tensor) -> Tensor:
    """`floor(v + 1/2)` whose gradient is 1."""
    return round_half_up(values) + (values - values.detach())


def scale_gradient(values: Tensor, factor: float) -> Tensor:
    """The values themselves, their gradient multiplied by `factor` (LSQ, Esser et al. 2020)."""
    scaled = values * factor
    return values.detach() + (scaled - scaled.detach())


def sign_straight_through(values: Tensor) -> Tensor:
    """+1 where v >= 0, else -1; the gradient is 1 where |v| <= 1, else 0 (clipped straight-through)."""
    clipped = values.clamp(-1, 1)
    return torch.where(values >= 0, 1.0, -1.0).to(values) + (clipped - clipped.detach())
