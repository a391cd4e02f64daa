"""Fixed point: scales are mantissas over powers of two, and float64 holds every product of them."""

import pytest
import torch

from quadrille.algo.quant import FixedPointWeights, fixed_point
from quadrille.algo.spec import IntFormat, InvalidInput


@pytest.mark.parametrize("bits", [2, 4, 8, 12, 16])
def test_scales_are_short_mantissas_and_weights_are_near(bits):
    torch.manual_seed(bits)
    weight = (torch.randn(9, 20) * torch.logspace(-3, 1, 9).unsqueeze(1)).double()
    quantizer = FixedPointWeights(bits=bits)
    scale = quantizer.scale(weight)
    mantissas = scale / (scale.max() / 255).log2().floor().exp2()
    assert torch.equal(mantissas, mantissas.round()) and mantissas.min() >= 1
    codes = quantizer.to_int(weight)
    assert codes.abs().max() <= (1 << (bits - 1)) and codes.dtype == torch.int64
    inside = codes < quantizer.encoding.interval.hi
    error = (quantizer.value(weight) - weight).abs()
    assert bool((error <= scale * 0.5000001)[inside].all())


def test_the_greatest_weight_uses_its_range():
    weight = torch.tensor([[0.3, -0.7], [0.01, 0.02]]).double()
    assert FixedPointWeights(bits=8).to_int(weight)[0].tolist() == [54, -127]


def test_gradients_pass_straight():
    weight = torch.randn(3, 4, requires_grad=True)
    FixedPointWeights(bits=6).value(weight).sum().backward()
    assert weight.grad is not None and torch.allclose(weight.grad, torch.ones(3, 4))
    values = torch.tensor([-9.0, 0.3, 9.0], requires_grad=True)
    result = fixed_point(values, 2, IntFormat(4, signed=True))
    assert result.tolist() == [-2.0, 0.25, 1.75]
    result.sum().backward()
    assert values.grad is not None and values.grad.tolist() == [1.0, 1.0, 1.0]


def test_halves_are_rounded_up():
    assert fixed_point(torch.tensor([-0.5, 0.5, 1.5, -1.5]), 0).tolist() == [0.0, 1.0, 2.0, -1.0]


def test_slices_and_mantissas_fit_the_dequantizer():
    for bits in range(2, 17):
        quantizer = FixedPointWeights(bits=bits)
        greatest = 255 * quantizer.encoding.place(0)
        assert greatest in IntFormat(quantizer.mantissa_bits, signed=True).interval
        assert quantizer.mantissa_bits <= 24


@pytest.mark.parametrize("bits", [1, 17])
def test_width_is_refused(bits):
    with pytest.raises(InvalidInput, match=rf"^Fixed-point weight width must be from 2 to 16 bits, not {bits}$"):
        FixedPointWeights(bits=bits)


def test_a_matrix_of_zeros_has_a_scale():
    quantizer = FixedPointWeights(bits=8)
    zeros = torch.zeros(2, 3)
    assert not quantizer.to_int(zeros).any() and bool(torch.isfinite(quantizer.scale(zeros)).all())
