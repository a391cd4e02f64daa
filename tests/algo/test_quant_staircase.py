"""BWMA's activations: the staircase, its soft slope, the schedule."""

from __future__ import annotations

import pytest
import torch

from quadrille.algo.quant import (
    StaircaseActivation,
    gradient_scale,
    mean_slope,
    positive,
    sharpness_at,
    soft_slope,
    staircase,
)
from quadrille.algo.spec import InvalidInput

BITS = [1, 2, 3, 4, 8]
SHARPNESSES = [0.1, 2.0, 5.0, 12.0]


@pytest.mark.parametrize("bits", range(1, 9))
def test_forward_is_the_staircase(bits: int) -> None:
    levels = (1 << bits) - 1
    position = torch.arange(-4, 4 * levels + 8, dtype=torch.float64) / 4
    expected = [min(max((4 * p + 2) // 4, 0), levels) for p in position.tolist()]
    assert staircase(position, levels, 4.0).tolist() == expected


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("sharpness", SHARPNESSES)
def test_slope_has_mean_one(bits: int, sharpness: float) -> None:
    levels = (1 << bits) - 1
    # Midpoints of a fine grid: the slope jumps where the nearest three steps change.
    position = (torch.arange(levels * 1000, dtype=torch.float64) + 0.5) / 1000
    assert float(soft_slope(position, levels, sharpness).mean()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("sharpness", SHARPNESSES[1:])
def test_three_steps_are_nearly_all(bits: int, sharpness: float) -> None:
    levels = (1 << bits) - 1
    position = torch.linspace(0, levels, 997, dtype=torch.float64)
    index = torch.arange(1, levels + 1, dtype=torch.float64)
    sigmoid = torch.sigmoid(sharpness * (position[:, None] - index + 0.5))
    full = sharpness * (sigmoid * (1 - sigmoid)).sum(dim=1)
    three = soft_slope(position, levels, sharpness) * mean_slope(levels, sharpness)
    # What is left out: the fourth nearest step and those beyond, sigmoid'(1.5 k) at most each.
    bound = 2.2 * sharpness * float(torch.sigmoid(torch.tensor(-1.5 * sharpness)))
    assert float((full - three).abs().max()) <= bound
    assert float((full - three).min()) >= -1e-12


def test_slope_ends() -> None:
    # Little sharpness is the plain straight-through estimator, much of it a spike at each step.
    assert torch.allclose(soft_slope(torch.linspace(1, 13.9, 50), 15, 1e-3), torch.tensor(1.0), atol=0.1)
    assert float(soft_slope(torch.tensor(0.5), 15, 12.0)) > 2.9
    assert float(soft_slope(torch.tensor(1.0), 15, 12.0)) < 0.1
    assert soft_slope(torch.tensor([-0.01, 15.01]), 15, 2.0).tolist() == [0, 0]


def test_backward_is_the_slope() -> None:
    position = torch.linspace(-1, 16, 101, requires_grad=True)
    (staircase(position, 15, 3.0) * 2).sum().backward()
    assert position.grad is not None
    assert torch.allclose(position.grad, 2 * soft_slope(position.detach(), 15, 3.0))


def test_gradient_to_the_step() -> None:
    activation = StaircaseActivation(3)
    values = torch.rand(4, 5) * 3 - 0.5
    activation(values)
    activation.zero_grad()
    result = activation(values)
    result.value.sum().backward()
    step = positive(activation.step.detach())
    position = values / step
    slope = soft_slope(position, 7, activation.sharpness)
    expected = (result.code.detach() - position * slope).sum() * gradient_scale(values.numel(), 7)
    assert activation.step.grad is not None
    assert float(activation.step.grad) == pytest.approx(float(expected), rel=1e-4)


def test_integers_are_the_forward_codes() -> None:
    activation = StaircaseActivation(4)
    values = torch.randn(50, 20, generator=torch.Generator().manual_seed(1))
    codes = activation(values).code
    assert torch.equal(activation.to_int(values).to(codes), codes)
    assert int(codes.min()) >= 0 and int(codes.max()) == 15


def test_schedule() -> None:
    assert sharpness_at(0) == 2 and sharpness_at(1) == pytest.approx(12) and sharpness_at(7) == pytest.approx(12)
    assert sharpness_at(0.5) == pytest.approx((2 * 12) ** 0.5)


@pytest.mark.parametrize("bits", [0, 9])
def test_width_is_refused(bits: int) -> None:
    with pytest.raises(InvalidInput, match=rf"^Activation width must be from 1 to 8 bits, not {bits}$"):
        StaircaseActivation(bits)
