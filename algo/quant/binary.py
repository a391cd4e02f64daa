"""BWMA's binary weights: W ~ alpha * B + beta with B in {-1, +1}, in closed form.

The two numbers cost nothing in compute-in-memory: `sum W*x = alpha * sum B*x + beta * sum x`, and `sum x` comes from
one reference column. Source: BWMA (arXiv 2508.21524) names the closed form; the formulas are [INFERRED].
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import torch
from torch import Tensor, nn

from quadrille.algo.spec import CellEncoding, InvalidInput

from .granularity import Granularity, PerTensor, expand, group_mean, group_sum
from .straight_through import sign_straight_through

__all__ = ["BinaryFit", "BinaryWeights", "QuantizedWeight", "fit_binary"]


class BinaryFit(Enum):
    """How alpha and beta are found."""

    SIMPLE = "simple"  # beta = mean W, alpha = mean |W - beta|
    EXACT = "exact"  # least squares for the signs of W - mean W: half the difference and half the sum of class means
    LLOYD_MAX = "lloyd-max"  # the same, with the threshold moved to beta and found again, a few times


class QuantizedWeight(NamedTuple):
    """Weights as `scale * integer + offset`: integers (outputs, inputs), scale and offset (outputs or 1, tiles or 1).

    The offset is None where there is none.
    """

    integer: Tensor
    scale: Tensor
    offset: Tensor | None


class BinarySplit(NamedTuple):
    """The outcome of a fit: `threshold`, `alpha`, `beta`, one for each block."""

    threshold: Tensor
    alpha: Tensor
    beta: Tensor


def fit_binary(
    weight: Tensor, granularity: Granularity, fit: BinaryFit = BinaryFit.SIMPLE, iterations: int = 4
) -> BinarySplit:
    """The threshold, alpha and beta of each block of `weight`; B is +1 where `weight >= threshold`, else -1.

    EXACT minimises `|W - (alpha*B + beta)|^2` for the signs around the mean; with A = mean |W - mean W| and a share p
    of +1 it is `alpha = A / (4p(1-p))`, `beta = mean W + A/4 * (1/p - 1/(1-p))`. LLOYD_MAX repeats it `iterations`
    times around the last beta. A block whose weights are all equal has alpha 0.
    """
    shape = tuple(weight.shape)
    mean = group_mean(weight, granularity)
    if fit is BinaryFit.SIMPLE:
        return BinarySplit(mean, group_mean((weight - expand(mean, granularity, shape)).abs(), granularity), mean)
    threshold, split = mean, None
    for _ in range(1 + (iterations if fit is BinaryFit.LLOYD_MAX else 0)):
        threshold = threshold if split is None else split.beta
        upper = (weight >= expand(threshold, granularity, shape)).to(weight)
        count, rest = group_sum(upper, granularity), group_sum(1 - upper, granularity)
        # An empty class (all weights equal) takes the mean of the other, so alpha is 0.
        high = torch.where(count > 0, group_sum(weight * upper, granularity) / count.clamp_min(1), mean)
        low = torch.where(rest > 0, group_sum(weight * (1 - upper), granularity) / rest.clamp_min(1), mean)
        split = BinarySplit(threshold, (high - low) / 2, (high + low) / 2)
    assert split is not None
    return split


class BinaryWeights(nn.Module):
    """BWMA's weight quantizer: alpha and beta computed anew in every forward pass, constants to the gradient.

    The gradient passes to the weights where `|W - threshold| <= 1`. With `affine=False` beta is left out of the result
    (the classic XNOR-Net form, no reference column). With `differentiate=True` alpha and beta pass gradients as well.

    Raises
    ------
    InvalidInput
        If `iterations` is negative.
    """

    def __init__(
        self,
        granularity: Granularity | None = None,
        *,
        fit: BinaryFit = BinaryFit.SIMPLE,
        iterations: int = 4,
        affine: bool = True,
        differentiate: bool = False,
    ) -> None:
        if iterations < 0:
            raise InvalidInput(f"Lloyd-Max iterations must be 0 or more, not {iterations}")
        super().__init__()
        self.granularity: Granularity = PerTensor() if granularity is None else granularity
        self.fit = fit
        self.iterations = iterations
        self.affine = affine
        self.differentiate = differentiate
        self.encoding = CellEncoding(weight_bits=1)

    def forward(self, weight: Tensor) -> QuantizedWeight:
        """Signs, alpha and beta of `weight`."""
        source = weight if self.differentiate else weight.detach()
        split = fit_binary(source, self.granularity, self.fit, self.iterations)
        threshold = expand(split.threshold.detach(), self.granularity, tuple(weight.shape))
        return QuantizedWeight(
            sign_straight_through(weight - threshold), split.alpha, split.beta if self.affine else None
        )

    @torch.no_grad()
    def to_int(self, weight: Tensor) -> Tensor:
        """The signs -1 and +1 of `weight`, int64."""
        return self(weight).integer.round().to(torch.int64)
