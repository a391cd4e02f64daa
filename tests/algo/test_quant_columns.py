"""Column-wise weights in slices, and partial sums through thresholds."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.quant import (
    ColumnWeights,
    Granularity,
    PartialSumQuantizer,
    PerArray,
    PerChannel,
    PerColumn,
    PerTensor,
    partial_sum,
    scale_shape,
    slice_factors,
    thresholds,
)
from quadrille.algo.spec import CellEncoding, InvalidInput


@pytest.mark.parametrize(
    ("weight_bits", "cell_bits", "golden"),
    [
        (4, 2, {-8: [-2, 0], -5: [-2, 3], -1: [-1, 3], 0: [0, 0], 3: [0, 3], 7: [1, 3]}),
        (3, 1, {-4: [-1, 0, 0], -1: [-1, 1, 1], 0: [0, 0, 0], 3: [0, 1, 1]}),
    ],
)
def test_golden_slices(weight_bits: int, cell_bits: int, golden: dict[int, list[int]]) -> None:
    integers = torch.tensor([list(golden)], dtype=torch.float32)
    factors = slice_factors(integers, CellEncoding(weight_bits, cell_bits))
    assert factors[:, 0].T.tolist() == list(golden.values())


@pytest.mark.parametrize("weight_bits", range(2, 9))
@pytest.mark.parametrize("cell_bits", range(1, 5))
@pytest.mark.parametrize("differential", [False, True])
def test_slices_add_up_and_pass_the_gradient(weight_bits: int, cell_bits: int, differential: bool) -> None:
    encoding = CellEncoding(weight_bits, cell_bits, differential)
    integers = torch.arange(encoding.interval.lo, encoding.interval.hi + 1.0).reshape(1, -1).requires_grad_()
    factors = slice_factors(integers, encoding)
    for index in range(encoding.slices):
        for weight, factor in zip(integers[0].tolist(), factors[index, 0].tolist(), strict=True):
            assert factor == encoding.digit(int(weight), index) - encoding.reference_weight(index)
    total = sum(encoding.place(index) * factors[index] for index in range(encoding.slices))
    assert isinstance(total, torch.Tensor) and torch.equal(total, integers)
    (3 * total).sum().backward()
    assert integers.grad is not None and torch.allclose(integers.grad, torch.tensor(3.0))


def test_differential_weights_leave_out_the_lowest() -> None:
    quantizer = ColumnWeights((1, 40), bits=3, cell_bits=2, tile_rows=40, differential=True)
    weight = torch.linspace(-9, 9, 40).reshape(1, 40)
    quantizer.quantizer.initialise(weight)
    quantizer.quantizer.step.data.fill_(1.0)
    assert quantizer.to_int(weight).unique().tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert torch.equal(quantizer(weight).integer.round().to(torch.int64), quantizer.to_int(weight))


def test_binary_weights_are_their_own_slice() -> None:
    assert slice_factors(torch.tensor([[1.0, -1.0]]), CellEncoding(1)).tolist() == [[[1, -1]]]


def test_column_weights_have_a_step_for_each_tile_and_output() -> None:
    quantizer = ColumnWeights((4, 10), bits=4, cell_bits=2, tile_rows=6)
    weight = torch.randn(4, 10, generator=torch.Generator().manual_seed(2))
    result = quantizer(weight)
    assert result.scale.shape == (4, 2) and result.offset is None
    assert torch.equal(result.integer, quantizer.to_int(weight).to(result.integer))
    scale = result.scale.detach()
    wide = torch.cat([scale[:, :1].expand(4, 6), scale[:, 1:].expand(4, 4)], dim=1)
    inside = (weight / wide > -8) & (weight / wide < 7)
    assert float(((result.integer.detach() * wide - weight) / wide)[inside].abs().max()) <= 0.5001


@pytest.mark.parametrize("granularity", [PerTensor(), PerChannel(0), PerArray(6), PerColumn(6)])
def test_weight_scales_are_as_fine_as_told(granularity: Granularity) -> None:
    quantizer = ColumnWeights((4, 10), bits=4, tile_rows=6, granularity=granularity)
    weight = torch.randn(4, 10, generator=torch.Generator().manual_seed(2))
    result = quantizer(weight)
    steps = scale_shape(granularity, (4, 10))
    assert result.scale.shape == (4, 2) and quantizer.quantizer.step.shape == steps
    assert len(result.scale.unique()) == steps[0] * steps[1]
    assert torch.equal(result.integer, quantizer.to_int(weight).to(result.integer))


@settings(derandomize=True, deadline=None)
@given(
    st.floats(2**-6, 300, width=32),
    st.integers(-40, 40),
    st.integers(1, 8),
)
def test_thresholds_at_their_boundaries(step: float, zero: int, bits: int) -> None:
    low = 0 if bits == 1 else -(1 << (bits - 1))
    exact = Fraction(step)
    ladder = thresholds(step, zero, bits, low)
    assert len(ladder) == (1 << bits) - 1
    assert ladder == [ceil((zero + low + j - Fraction(1, 2)) * exact) for j in range(1, 1 << bits)]
    for threshold in ladder:
        for value in (threshold - 1, threshold, threshold + 1):
            code = min(max(floor(value / exact + Fraction(1, 2)) - zero, low), low + (1 << bits) - 1)
            assert low + sum(value >= t for t in ladder) == code


def test_ties_go_up() -> None:
    # Delta = 2: 1 is half a step, and belongs to the upper code; so does -1.
    assert thresholds(2.0, 0, 2, -2) == [-3, -1, 1]
    assert thresholds(Fraction(1, 3), 0, 1, 0) == [1]


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("granularity", [PerTensor(), PerChannel(0), PerColumn()])
def test_evaluation_uses_the_thresholds(bits: int, granularity: Granularity) -> None:
    generator = torch.Generator().manual_seed(bits)
    sums = torch.randint(-200, 300, (64, 2, 3, 5), generator=generator).double()
    adc = PartialSumQuantizer(bits, (2, 3, 5), granularity).double()
    assert torch.equal(adc(sums), sums)
    adc.calibrate(sums)
    adc.eval()
    codes = adc.to_int(sums)
    table = adc.threshold_table()
    counted = adc.low + (sums.to(torch.int64).unsqueeze(-1) >= table).sum(dim=-1)
    assert torch.equal(codes, counted)
    assert adc.low <= int(codes.min()) and int(codes.max()) <= adc.high
    assert torch.equal(adc(sums), (codes + adc.zero_points()) * adc.column_steps())
    # In training the sums are divided, with the same outcome but for steps that floating point cannot divide exactly.
    adc.train()
    adc.frozen.fill_(True)
    assert float((adc(sums) == (codes + adc.zero_points()) * adc.column_steps()).double().mean()) > 0.999


def test_gradients_of_sums_and_steps() -> None:
    adc = PartialSumQuantizer(2, (1, 1, 1))
    adc.calibrate(torch.zeros(1, 1, 1, 1))
    with torch.no_grad():
        adc.step.fill_(4.0)
        adc.center.fill_(12.0)
        adc.frozen.fill_(True)
    # c = 3: codes -2..1 stand for 4 to 16.
    sums = torch.tensor([-5.0, 5, 9, 15, 40]).reshape(-1, 1, 1, 1).requires_grad_()
    result = adc(sums)
    assert result.flatten().tolist() == [4, 4, 8, 16, 16]
    result.sum().backward()
    assert sums.grad is not None and sums.grad.flatten().tolist() == [0, 1, 1, 1, 0]
    assert adc.step.grad is not None
    expected = 1 + (1 - 5 / 4) + (2 - 9 / 4) + (4 - 15 / 4) + 4
    assert float(adc.step.grad) == pytest.approx(expected / (5 * 1) ** 0.5, rel=1e-5)


def test_calibration_fits_each_column() -> None:
    generator = torch.Generator().manual_seed(3)
    spread = torch.tensor([5.0, 50.0, 200.0])
    offset = torch.tensor([0.0, 300.0, -700.0])
    sums = torch.round(torch.randn(2000, 1, 1, 3, generator=generator) * spread + offset)
    adc = PartialSumQuantizer(5, (1, 1, 3))
    adc.calibrate(sums)
    adc.eval()
    noise = ((adc(sums) - sums) ** 2).mean(dim=(0, 1, 2)).sqrt() / spread
    # A uniform quantizer of 32 levels for a normal distribution has an error of 0.059 sigma.
    assert float(noise.max()) < 0.075
    assert adc.zero_points().flatten().tolist() == pytest.approx(
        (sums.mean(dim=(0, 1, 2)) / adc.column_steps().flatten()).tolist(), abs=0.51
    )
    constant = PartialSumQuantizer(5, (1, 1, 3))
    constant.calibrate(torch.full((4, 1, 1, 3), 7.0))
    constant.eval()
    assert float(constant(torch.full((1, 1, 1, 3), 7.0)).sub(7).abs().max()) <= 0.5


def test_calibration_on_some_of_many_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(4)
    spread = torch.tensor([8.0, 30.0, 90.0])
    sums = torch.round(torch.randn(20_000, 1, 1, 3, generator=generator) * spread)
    sums[1::5] += 200  # a second hump at a regular distance
    some, all_of_them = PartialSumQuantizer(4, (1, 1, 3)), PartialSumQuantizer(4, (1, 1, 3))
    some.calibrate(sums)
    monkeypatch.setattr(partial_sum, "SEARCHED", len(sums))
    all_of_them.calibrate(sums)
    assert torch.equal(some.center, all_of_them.center) and torch.equal(some.center, sums.mean(dim=0))
    assert some.step.flatten().tolist() == pytest.approx(all_of_them.step.flatten().tolist(), rel=0.06)


def test_zero_point_follows_until_frozen() -> None:
    adc = PartialSumQuantizer(4, (1, 1, 1))
    adc.calibrate(torch.zeros(2, 1, 1, 1))
    before = adc.center.clone()
    adc(torch.full((2, 1, 1, 1), 10.0))
    assert float(adc.center - before) == pytest.approx(0.5)
    adc.freeze(torch.full((2, 1, 1, 1), 3.0))
    adc(torch.full((2, 1, 1, 1), 10.0))
    assert float(adc.center) == 3


@pytest.mark.parametrize("bits", [0, 9])
def test_adc_width_is_refused(bits: int) -> None:
    with pytest.raises(InvalidInput, match=rf"^ADC width must be from 1 to 8 bits, not {bits}$"):
        PartialSumQuantizer(bits, (1, 1, 1))


@pytest.mark.parametrize("bits", [1, 17])
def test_weight_width_is_refused(bits: int) -> None:
    with pytest.raises(InvalidInput, match=rf"^Multi-bit weight width must be from 2 to 16 bits, not {bits}$"):
        ColumnWeights((2, 2), bits=bits, tile_rows=2)
