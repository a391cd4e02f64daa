"""LSQ: forward, both gradients, and the first step, against the formulas."""

from __future__ import annotations

from math import sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.quant import (
    Lsq,
    PerChannel,
    PerColumn,
    gradient_scale,
    initial_step,
    lsq_code,
    positive,
    round_half_up,
    round_straight_through,
    scale_gradient,
    sign_straight_through,
)
from quadrille.algo.spec import IntFormat, InvalidInput

VALUES = [-9.0, -4.1, -4.0, -3.5, -1.26, -0.5, 0.0, 0.49, 0.5, 1.5, 2.5, 2.99, 3.0, 3.01, 8.0]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("step", [1.0, 0.5])
def test_value_and_gradients(value: float, step: float) -> None:
    v = torch.tensor(value * step, requires_grad=True)
    s = torch.tensor(step, requires_grad=True)
    result = lsq_code(v, s, -4, 3) * s
    result.backward()
    code = min(max(float(torch.floor(torch.tensor(value + 0.5))), -4), 3)
    assert result.item() == step * code
    inside = -4 < value < 3
    assert v.grad is not None and s.grad is not None
    assert v.grad.item() == (1 if inside else 0)
    assert s.grad.item() == pytest.approx(code - value if inside else code)


def test_gradient_of_step_is_scaled() -> None:
    quantizer = Lsq(IntFormat(4, signed=True), (2, 50), PerChannel(0))
    values = torch.linspace(-1, 1, 100).reshape(2, 50)
    quantizer(values).value.sum().backward()
    step = positive(quantizer.step.detach())
    ratio = values / step
    code = round_half_up(ratio).clamp(-8, 7)
    inside = (ratio > -8) & (ratio < 7)
    expected = torch.where(inside, code - ratio, code).sum(dim=1, keepdim=True) / sqrt(50 * 7)
    assert quantizer.step.grad is not None
    assert torch.allclose(quantizer.step.grad, expected, atol=1e-5)


def test_first_step() -> None:
    values = torch.tensor([[1.0, -3.0], [10.0, 30.0]])
    assert initial_step(values, PerChannel(0), 7).flatten().tolist() == pytest.approx([4 / sqrt(7), 40 / sqrt(7)])
    quantizer = Lsq(IntFormat(4, signed=True), (2, 2), PerChannel(0))
    quantizer(values)
    assert torch.allclose(quantizer.step, initial_step(values, PerChannel(0), 7))
    assert gradient_scale(100, 4) == 0.05


def test_batch_is_no_axis_of_the_steps() -> None:
    quantizer = Lsq(IntFormat(3), (5,), PerChannel(0), batched=True)
    result = quantizer(torch.rand(7, 5))
    assert quantizer.step.shape == (5,)
    assert result.code.shape == (7, 5)
    result.value.sum().backward()


@settings(derandomize=True, deadline=None)
@given(st.integers(2, 8), st.booleans(), st.integers(0, 1000))
def test_integers_are_the_forward_codes(bits: int, signed: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(6, 10, generator=generator)
    quantizer = Lsq(IntFormat(bits, signed=signed), (6, 10), PerColumn(4))
    codes = quantizer(values).code
    integers = quantizer.to_int(values)
    assert torch.equal(codes, integers.to(codes))
    interval = IntFormat(bits, signed=signed).interval
    assert interval.lo <= int(integers.min()) and int(integers.max()) <= interval.hi


def test_a_step_that_training_made_negative_stands_for_its_size() -> None:
    quantizer = Lsq(IntFormat(4, signed=True), (3,))
    quantizer.initialise(torch.ones(3))
    with torch.no_grad():
        quantizer.step.fill_(-0.5)
    assert quantizer.to_int(torch.tensor([0.5, -1.0, 0.25])).tolist() == [1, -2, 1]


def test_bricks() -> None:
    values = torch.tensor([-1.5, -0.5, 0.5, 1.5, -1.0], requires_grad=True)
    assert round_half_up(values).tolist() == [-1, 0, 1, 2, -1]
    round_straight_through(values).sum().backward()
    assert values.grad is not None and values.grad.tolist() == [1] * 5
    values.grad = None
    signs = sign_straight_through(values)
    signs.sum().backward()
    assert signs.tolist() == [-1, -1, 1, 1, -1] and sign_straight_through(torch.zeros(1)).item() == 1
    assert values.grad is not None and values.grad.tolist() == [0, 1, 1, 0, 1]
    values.grad = None
    scaled = scale_gradient(values, 0.25)
    scaled.sum().backward()
    assert torch.equal(scaled, values) and values.grad is not None and values.grad.tolist() == [0.25] * 5


def test_one_signed_bit_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^A signed quantizer must have at least 2 bits, not 1$"):
        Lsq(IntFormat(1, signed=True), (3,))
