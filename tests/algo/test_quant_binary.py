"""BWMA's binary weights: the identities of the closed form, its errors, its gradient."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.quant import BinaryFit, BinaryWeights, PerChannel, PerColumn, PerTensor, expand, fit_binary
from quadrille.algo.quant.binary import BinarySplit
from quadrille.algo.spec import InvalidInput


def error(weight: torch.Tensor, split: BinarySplit, granularity: PerTensor | PerChannel) -> float:
    shape = tuple(weight.shape)
    sign = torch.where(weight >= expand(split.threshold, granularity, shape), 1.0, -1.0).to(weight)
    alpha, beta = expand(split.alpha, granularity, shape), expand(split.beta, granularity, shape)
    return float(((weight - alpha * sign - beta) ** 2).mean())


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60))
def test_exact_form_equals_class_means_and_its_formula(seed: int, size: int) -> None:
    weight = torch.randn(1, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) ** 3
    split = fit_binary(weight, PerTensor(), BinaryFit.EXACT)
    upper = weight >= weight.mean()
    high, low = weight[upper].mean(), weight[~upper].mean()
    assert float(split.alpha) == pytest.approx(float(high - low) / 2, rel=1e-12, abs=1e-15)
    assert float(split.beta) == pytest.approx(float(high + low) / 2, rel=1e-9, abs=1e-12)
    mean = weight.mean()
    spread, share = (weight - mean).abs().mean(), upper.double().mean()
    assert float(split.alpha) == pytest.approx(float(spread / (4 * share * (1 - share))), rel=1e-9)
    assert float(split.beta) == pytest.approx(
        float(mean + spread / 4 * (1 / share - 1 / (1 - share))), rel=1e-9, abs=1e-12
    )


def test_golden_errors() -> None:
    # N(0.05, 0.1): XNOR-Net's alpha = mean |W| 4.485e-3, simple 3.567e-3, exact 3.566e-3.
    weight = 0.05 + 0.1 * torch.randn(1, 1_000_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    xnor = ((weight - weight.abs().mean() * torch.where(weight >= 0, 1.0, -1.0)) ** 2).mean()
    simple = error(weight, fit_binary(weight, PerTensor()), PerTensor())
    exact = error(weight, fit_binary(weight, PerTensor(), BinaryFit.EXACT), PerTensor())
    # The figures of one draw of unstated size; ours differs by sampling.
    assert float(xnor) == pytest.approx(4.485e-3, rel=0.04)
    assert simple == pytest.approx(3.567e-3, rel=0.03)
    # (1 - 2/pi) * sigma**2 for a normal distribution split at its mean.
    assert simple == pytest.approx(0.01 * (1 - 2 / torch.pi), rel=5e-3)
    assert exact <= simple < float(xnor)


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 10_000))
def test_better_fits_have_smaller_errors(seed: int) -> None:
    weight = torch.randn(3, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).exp()
    errors = [error(weight, fit_binary(weight, PerChannel(0), fit), PerChannel(0)) for fit in BinaryFit]
    assert errors[0] >= errors[1] - 1e-15 and errors[1] >= errors[2] - 1e-15


def test_granularity_is_the_only_difference() -> None:
    weight = torch.randn(4, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    columns = fit_binary(weight, PerColumn(6), BinaryFit.EXACT)
    assert columns.alpha.shape == (4, 2)
    for o in range(4):
        for t, part in enumerate((weight[o, :6], weight[o, 6:])):
            alone = fit_binary(part.reshape(1, -1), PerTensor(), BinaryFit.EXACT)
            assert float(columns.alpha[o, t]) == pytest.approx(float(alone.alpha), rel=1e-12)
            assert float(columns.beta[o, t]) == pytest.approx(float(alone.beta), rel=1e-9)


@pytest.mark.parametrize("fit", list(BinaryFit))
def test_equal_weights_have_no_spread(fit: BinaryFit) -> None:
    split = fit_binary(torch.full((2, 5), 0.25), PerChannel(0), fit)
    assert split.alpha.flatten().tolist() == [0, 0]
    assert split.beta.flatten().tolist() == [0.25, 0.25]


def test_gradient_is_clipped_and_constants_are_constant() -> None:
    weight = torch.tensor([[-3.0, -0.5, 0.0, 0.5, 3.0]], requires_grad=True)
    result = BinaryWeights()(weight)
    assert not result.scale.requires_grad and not result.offset.requires_grad
    (result.scale * result.integer + result.offset).sum().backward()
    alpha = float(weight.detach().abs().mean())
    assert weight.grad is not None
    assert weight.grad.flatten().tolist() == pytest.approx([0, alpha, alpha, alpha, 0])


def test_alpha_and_beta_can_pass_gradients() -> None:
    weight = torch.tensor([[-3.0, -0.5, 0.5, 3.0]], requires_grad=True)
    result = BinaryWeights(differentiate=True)(weight)
    result.scale.sum().backward()
    assert weight.grad is not None
    assert weight.grad.flatten().tolist() == pytest.approx([-0.25, -0.25, 0.25, 0.25])


def test_integers() -> None:
    weight = torch.tensor([[0.1, 0.2, 0.3], [-1.0, 0.0, 4.0]])
    assert BinaryWeights(PerChannel(0)).to_int(weight).tolist() == [[-1, 1, 1], [-1, -1, 1]]
    assert BinaryWeights(PerTensor()).to_int(weight).tolist() == [[-1, -1, -1], [-1, -1, 1]]
    assert BinaryWeights(affine=False)(weight).offset is None


def test_negative_iterations_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^Lloyd-Max iterations must be 0 or more, not -1$"):
        BinaryWeights(fit=BinaryFit.LLOYD_MAX, iterations=-1)
