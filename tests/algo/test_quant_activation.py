"""Activations counted in steps: codes, gradients, and the two grids of a residual stream."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.quant import LsqActivation, Quantized, ResidualActivation, StaircaseActivation, floor_code
from quadrille.algo.quant.partial_sum import PartialSumQuantizer
from quadrille.algo.spec import IntFormat, InvalidInput


@settings(derandomize=True, deadline=None)
@given(bits=st.integers(1, 8), numbers=st.lists(st.floats(-400, 400), min_size=1, max_size=40))
def test_codes_are_the_nearest_integers(bits: int, numbers: list[float]) -> None:
    activation = LsqActivation(bits).double()
    activation.initialised.fill_(True)
    activation.step.data.fill_(0.75)
    values = torch.tensor(numbers, dtype=torch.float64)[:, None]
    code, step = activation(values)
    assert float(step.detach()) == 0.75 and activation.format == IntFormat(bits)
    assert torch.equal(code, (values / 0.75 + 0.5).floor().clamp(0, 2**bits - 1))
    assert torch.equal(code.to(torch.int64), activation.to_int(values))
    assert torch.equal(code, StaircaseActivation(bits).codes(values / 0.75 + 0.5))


def test_gradient_is_straight_through_inside_the_range() -> None:
    position = torch.tensor([-3.0, 0.49, 0.51, 3.2, 7.4, 7.6, 20.0], requires_grad=True)
    floor_code(position, 7).sum().backward()
    assert position.grad is not None and position.grad.tolist() == [0, 0, 1, 1, 1, 0, 0]


def test_step_has_the_gradient_of_lsq() -> None:
    activation = LsqActivation(2).double()
    values = torch.tensor([[0.1, 0.8, 1.7, 9.0]], dtype=torch.float64)
    activation.initialised.fill_(True)
    activation.step.data.fill_(0.5)
    code, step = activation(values)
    (code * step).sum().backward()
    # round(u) - u inside, the greatest code above; over sqrt(elements * greatest code).
    expected = (0 - 0.2) + (2 - 1.6) + 3 + 3
    assert activation.step.grad is not None
    assert float(activation.step.grad) == pytest.approx(expected / (4 * 3) ** 0.5)


@settings(derandomize=True, deadline=None)
@given(
    first=st.lists(st.floats(-3000, 3000), min_size=6, max_size=6),
    second=st.one_of(st.none(), st.lists(st.floats(-3000, 3000), min_size=6, max_size=6)),
    bits=st.integers(1, 7),
)
def test_stream_and_activations_are_the_integers_of_add_and_requantize(
    first: list[float], second: list[float] | None, bits: int
) -> None:
    activation = ResidualActivation(bits, 8 - bits).double()
    branches = [torch.tensor(each, dtype=torch.float64) for each in (first, second) if each is not None]
    step = torch.tensor(2.0, dtype=torch.float64)
    signal = activation(branches[0], branches[1] if second is not None else None, step)
    assert signal.fine is not None
    total = sum(torch.floor(branch).to(torch.int64) for branch in branches)
    fine = torch.as_tensor(total).clamp(0, 255)
    coarse = ((fine + (1 << (7 - bits))) >> (8 - bits)).clamp(0, (1 << bits) - 1)
    assert torch.equal(signal.fine.code.to(torch.int64), fine)
    assert torch.equal(signal.coarse.code.to(torch.int64), coarse)
    assert float(signal.fine.step) * 2 ** (8 - bits) == float(signal.coarse.step) == 2.0
    assert (activation.fine_format, activation.format) == (IntFormat(8), IntFormat(bits))


def test_gradients_of_both_grids_add_up() -> None:
    activation = ResidualActivation(4, 4)
    position = torch.tensor([-5.0, 0.5, 100.5, 245.5, 300.0], requires_grad=True)
    shortcut = torch.tensor([0.5, 4.5, 1.5, 0.5, 0.5], requires_grad=True)
    coarse, fine = activation(position, shortcut, torch.tensor(1.0))
    assert fine is not None
    (2 * coarse.code.sum() + 3 * fine.code.sum()).backward()
    # A code of the stream is a sixteenth of one of the activations, which end at 240.
    expected = [0, 2 / 16 + 3, 2 / 16 + 3, 3, 0]
    assert position.grad is not None and shortcut.grad is not None
    assert position.grad.tolist() == shortcut.grad.tolist() == pytest.approx(expected)
    alone = torch.tensor([100.5], requires_grad=True)
    activation(alone, None, torch.tensor(1.0)).fine.code.sum().backward()
    assert alone.grad is not None and alone.grad.tolist() == [1]
    assert isinstance(coarse, Quantized) and float(activation.unit.detach()) == 1 / 16


def test_share_of_clipped_sums() -> None:
    adc = PartialSumQuantizer(2, (1, 1, 1))
    adc.step.data.fill_(10.0)
    sums = torch.tensor([-26.0, -25.0, -5.0, 0.0, 14.0, 15.0, 100.0, 4.0]).reshape(-1, 1, 1, 1)
    # Codes -2 to 1 stand for -20 to 10: -25 still rounds to -20 (half up), 15 no longer to 10.
    assert adc.clipped(sums) == pytest.approx(3 / 8)


@pytest.mark.parametrize("bits", [0, 9])
def test_refused(bits: int) -> None:
    with pytest.raises(InvalidInput, match=rf"^Activation width must be from 1 to 8 bits, not {bits}$"):
        LsqActivation(bits)
