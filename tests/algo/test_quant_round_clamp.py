"""Round-clamp weights: golden codes, bits that are zero on the coarser grid, and what dropping them does."""

from __future__ import annotations

import pytest
import torch

from quadrille.algo.quant import (
    BitPlaneWeights,
    LsbReading,
    RoundClampWeights,
    coarse_code,
    least_significant,
    round_clamp,
    unit_interval,
)
from quadrille.algo.spec import InvalidInput

UNITS = torch.linspace(0, 1, 4097, dtype=torch.float64)


def test_golden_codes() -> None:
    codes = [int(round_clamp(torch.tensor(0.37), bits)) for bits in range(8, 0, -1)]
    assert codes == [95, 47, 24, 12, 6, 3, 1, 1]
    assert [int(round_clamp(torch.tensor(value), 3)) for value in (0.0, 0.0625, 1.0)] == [0, 1, 7]


@pytest.mark.parametrize("bits", range(3, 9))
def test_least_significant_bits_are_zero_on_the_coarser_grid_alone(bits: int) -> None:
    assert set(least_significant(UNITS, bits, 1).tolist()) == {-1, 0, 1}
    two = least_significant(UNITS, bits, 2)
    assert set(two.tolist()) == {-2, -1, 0, 1, 2, 3}
    top = round_clamp(UNITS, bits) == (1 << bits) - 1
    assert bool((top | (two < 3)).all())
    for dropped, share in ((1, 0.5), (2, 0.25)):
        zero = least_significant(UNITS, bits, dropped) == 0
        fine, coarse = round_clamp(UNITS, bits), round_clamp(UNITS, bits - dropped)
        assert torch.equal(zero, fine == coarse * (1 << dropped))
        assert abs(float(zero.double().mean()) - share) < 2 / (1 << bits)


def test_the_other_reading_clamps() -> None:
    codes = least_significant(UNITS, 4, 1, LsbReading.CLAMPED)
    fine = round_clamp(UNITS, 4)
    assert torch.equal(codes, (fine - 7).clamp_min(0))
    assert torch.equal(coarse_code(UNITS, 4, 2, LsbReading.CLAMPED), fine.clamp_max(3))


@pytest.mark.parametrize("bits", range(1, 9))
def test_integers_stand_for_the_codes(bits: int) -> None:
    weight = torch.randn(6, 40, dtype=torch.float64)
    quantizer = RoundClampWeights(bits)
    code = round_clamp(unit_interval(weight), bits)
    expected = (2 * code / ((1 << bits) - 1) - 1) * weight.abs().mean()
    assert torch.allclose(quantizer.value(weight), expected)
    assert torch.equal(quantizer.to_int(weight), quantizer(weight).integer.to(torch.int64))
    encoding = quantizer.encoding
    assert encoding.slices == 1 and encoding.weight_bits == bits
    assert all(int(q) in encoding.interval for q in quantizer.to_int(weight).unique())


@pytest.mark.parametrize("reading", LsbReading)
def test_penalty_moves_towards_the_coarse_grid(reading: LsbReading) -> None:
    weight = torch.randn(5, 30, dtype=torch.float64, requires_grad=True)
    quantizer = RoundClampWeights(6, reading=reading)
    penalty = quantizer.penalty(weight, 1)
    unit = unit_interval(weight)
    rest = unit - coarse_code(unit, 6, 1, reading) / 64
    assert penalty.item() == pytest.approx(rest.abs().sum().item())
    (gradient,) = torch.autograd.grad(penalty, weight)
    step = weight.detach() - 1e-6 * gradient
    assert quantizer.penalty(step, 1).item() < penalty.item()
    active = float((least_significant(unit, 6, 1, reading) != 0).double().mean())
    assert quantizer.active(weight, 1) == pytest.approx(active)


def test_dropped_bits_are_kept_by_a_checkpoint() -> None:
    weight = torch.randn(4, 9)
    quantizer = RoundClampWeights(8)
    quantizer.drop(weight, 2)
    quantizer.drop(weight, 1)
    assert quantizer.bits == 5 and torch.equal(quantizer.to_int(weight), RoundClampWeights(5).to_int(weight))
    again = RoundClampWeights(8)
    again.load_state_dict(quantizer.state_dict())
    assert again.encoding == quantizer.encoding and again.bits == 5
    expected = (quantizer.value(weight) - RoundClampWeights(4).value(weight)).square().sum()
    assert quantizer.distance(weight) == pytest.approx(float(expected))


@pytest.mark.parametrize("dropped", [0, 4])
def test_some_bit_must_be_left(dropped: int) -> None:
    message = rf"^Bits dropped from a weight of 4 bits must be from 1 to 3, not {dropped}$"
    with pytest.raises(InvalidInput, match=message):
        coarse_code(UNITS, 4, dropped)
    with pytest.raises(InvalidInput, match=message):
        RoundClampWeights(4).drop(UNITS.reshape(1, -1), dropped)


def test_bit_planes_hold_the_rounded_weights() -> None:
    weight = torch.randn(5, 7, dtype=torch.float64)
    planes = BitPlaneWeights(weight, 6).double()
    code = planes.to_int(weight)
    assert int(code.abs().max()) == 31 and planes.planes.shape == (5, 5, 7)
    assert bool(((code * planes.step - weight).abs() <= planes.step * 0.5000001).all())
    assert set(planes.planes.unique().tolist()) <= {-1.0, 0.0, 1.0}
    assert planes.penalty(weight, 1).item() == sum(int(q).bit_count() for q in code.abs().flatten().tolist())
    assert planes.active(weight, 2) == pytest.approx(float((code.abs() % 4 != 0).double().mean()))


def test_every_bit_has_its_gradient() -> None:
    planes = BitPlaneWeights(torch.tensor([[1.0, -0.5, 0.0]]), 4)
    planes(torch.zeros(1, 3)).integer.sum().backward()
    assert planes.planes.grad is not None
    assert planes.planes.grad[:, 0].tolist() == [[1.0] * 3, [2.0] * 3, [4.0] * 3]


def test_planes_are_dropped_and_trimmed() -> None:
    weight = torch.randn(5, 70)
    planes = BitPlaneWeights(weight, 6)
    before, step = planes.to_int(weight), planes.step.clone()
    planes.drop(weight, 2)
    assert planes.bits == 4 and torch.equal(planes.step, step * 4)
    assert torch.equal(planes.to_int(weight), torch.floor(before / 4 + 0.5).clamp(-7, 7).to(torch.int64))
    with torch.no_grad():
        planes.planes[2] = 0
    before = planes.to_int(weight)
    assert planes.trim(weight) == 1 and planes.bits == 3 and torch.equal(planes.to_int(weight), before)
    assert planes.trim(weight) == 0
    again = BitPlaneWeights(weight, 6)
    again.load_state_dict(planes.state_dict())
    assert again.bits == 3 and torch.equal(again.to_int(weight), before) and torch.equal(again.step, planes.step)


def test_bad_planes_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^Weights of bit planes must have from 2 to 16 bits, not 1$"):
        BitPlaneWeights(torch.ones(1, 1), 1)
    with pytest.raises(InvalidInput, match=r"^Bits dropped from planes of 3 bits must be from 1 to 1, not 2$"):
        BitPlaneWeights(torch.ones(1, 1), 3).drop(torch.ones(1, 1), 2)
