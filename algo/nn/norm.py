"""What stands between a layer's real result and its quantizer: batch norm or a bias, counted in steps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Bias", "Norm", "positions"]


class Bias(nn.Module):
    """A number added to each output."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, values: Tensor) -> Tensor:
        """`values` (batch, outputs, ...) and the bias."""
        return values + self.bias.reshape(-1, *(1 for _ in values.shape[2:]))


Norm = nn.BatchNorm1d | nn.BatchNorm2d | Bias


def positions(norm: Norm, values: Tensor, step: Tensor, parts: int = 1) -> Tensor:
    """`norm(values) / (step / parts) + 1/2`: the floor of it is the integer nearest in units of `step / parts`.

    Batch norm's own factor and bias take it over, so that no pass over the map is added.
    """
    scale = parts / step
    if isinstance(norm, Bias):
        return norm(values) * scale + 0.5
    if norm.training and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    return F.batch_norm(
        values,
        norm.running_mean,
        norm.running_var,
        norm.weight * scale,
        torch.addcmul(torch.full_like(step, 0.5), norm.bias, scale),
        norm.training,
        0.1 if norm.momentum is None else norm.momentum,
        norm.eps,
    )
