"""LSQ: quantization with a learned step size.

`code = round(clamp(v / s, lower, upper))`, `v_hat = s * code`. The gradient to v is 1 where `lower < v/s < upper`, else
0; to s it is `round(v/s) - v/s` inside, `lower` below and `upper` above, times `1 / sqrt(n * upper)` for n elements
that share the step. Source: Esser et al., "Learned Step Size Quantization", 2020.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn

from quadrille.algo.spec import Interval, IntFormat, InvalidInput

from .granularity import Granularity, PerTensor, expand, group_mean, group_sizes, scale_shape
from .straight_through import round_half_up, round_straight_through, scale_gradient

__all__ = ["LEAST_STEP", "Lsq", "Quantized", "gradient_scale", "initial_step", "lsq_code", "positive"]

LEAST_STEP = 2.0**-40


class Quantized(NamedTuple):
    """A quantized tensor: integers `code`, floating-point so that gradients pass, and their `step`."""

    code: Tensor
    step: Tensor

    @property
    def value(self) -> Tensor:
        """The real values that the codes stand for."""
        return self.code * self.step


def positive(step: Tensor) -> Tensor:
    """|step|, never 0: what a learned step, which training may push anywhere, stands for."""
    return step.abs().clamp_min(LEAST_STEP)


def lsq_code(values: Tensor, step: Tensor, lower: Tensor | float, upper: Tensor | float) -> Tensor:
    """The codes of `values`: `round_half_up(clamp(values / step, lower, upper))`, straight-through.

    `step`, `lower` and `upper` broadcast against `values`; bounds are integers. `lsq_code(...) * step` has the
    gradients of LSQ to values and step.
    """
    ratio = values / step
    floor, ceiling = torch.as_tensor(lower).to(values), torch.as_tensor(upper).to(values)
    bounded = torch.where(ratio <= floor, floor, torch.where(ratio >= ceiling, ceiling, ratio))
    return round_straight_through(bounded)


def gradient_scale(elements: float, upper: int) -> float:
    """LSQ's factor on the gradient of a step that `elements` elements share: `1 / sqrt(elements * upper)`."""
    return 1 / sqrt(elements * max(1, upper))


def initial_step(values: Tensor, granularity: Granularity, upper: int) -> Tensor:
    """LSQ's first step: `2 * mean|v| / sqrt(upper)` of each block."""
    return (2 * group_mean(values.detach().abs(), granularity) / sqrt(max(1, upper))).clamp_min(LEAST_STEP)


class Lsq(nn.Module):
    """A quantizer to `format` with learned steps, one for each block of `granularity` in a tensor of `shape`.

    `shape` leaves out the batch axis when `batched` is true; `symmetric` leaves out the lowest code of a signed format.
    The step starts from the first values it sees, or from `initialise`.

    Raises
    ------
    InvalidInput
        If a signed format has only one bit, which leaves no positive code.
    """

    step: nn.Parameter
    initialised: Tensor

    def __init__(
        self,
        format: IntFormat,
        shape: tuple[int, ...],
        granularity: Granularity | None = None,
        *,
        batched: bool = False,
        symmetric: bool = False,
    ) -> None:
        if format.signed and format.bits < 2:
            raise InvalidInput(f"A signed quantizer must have at least 2 bits, not {format.bits}")
        super().__init__()
        self.format = format
        self.interval = Interval(-format.interval.hi, format.interval.hi) if symmetric else format.interval
        self.shape = shape
        self.granularity: Granularity = PerTensor() if granularity is None else granularity
        self.batched = batched
        self.step = nn.Parameter(torch.ones(scale_shape(self.granularity, shape)))
        self.register_buffer("initialised", torch.tensor(False))

    @torch.no_grad()
    def initialise(self, values: Tensor) -> None:
        """Set the steps from `values`."""
        typical = values.abs().mean(dim=0) if self.batched else values
        self.step.copy_(initial_step(typical, self.granularity, self.format.interval.hi))
        self.initialised.fill_(True)

    def forward(self, values: Tensor) -> Quantized:
        """Codes and steps of `values`, with gradients to both."""
        if not self.initialised:
            self.initialise(values)
        upper = self.format.interval.hi
        elements = float(group_sizes(self.granularity, self.shape).max())
        if self.batched:
            elements *= values.shape[0]
        step = scale_gradient(positive(self.step), gradient_scale(elements, upper))
        full = expand(step, self.granularity, self.shape)
        return Quantized(lsq_code(values, full, self.interval.lo, upper), full)

    @torch.no_grad()
    def to_int(self, values: Tensor) -> Tensor:
        """The integers of `values`, int64: what the hardware holds."""
        ratio = values / expand(positive(self.step), self.granularity, self.shape)
        return round_half_up(ratio).clamp(self.interval.lo, self.interval.hi).to(torch.int64)
