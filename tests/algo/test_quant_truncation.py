"""TruncQuant: the bits that are cut off are those that training at fewer bits never had; DoReFa's are not."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.quant import (
    DorefaWeights,
    Granularity,
    PerChannel,
    PerColumn,
    PerTensor,
    TruncatedWeights,
    UnitWeights,
    expand,
    group_max,
    rounded_code,
    truncate,
    truncated_code,
    unit_interval,
)
from quadrille.algo.spec import InvalidInput

GRANULARITIES = [PerTensor(), PerChannel(0), PerColumn(4)]


def weights(seed: int, shape: tuple[int, ...] = (5, 11)) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_golden_codes() -> None:
    points = torch.tensor([0.37, 1.0], dtype=torch.float64)
    codes = [truncated_code(points, bits).tolist() for bits in range(1, 9)]
    assert [code[0] for code in codes] == [0, 1, 2, 5, 11, 23, 47, 94]
    assert [code[1] for code in codes] == [1, 3, 7, 15, 31, 63, 127, 255]
    assert rounded_code(points, 2).tolist() == [1, 3]


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 8), st.sampled_from([torch.float32, torch.float64]))
def test_codes_of_every_precision_are_cut_from_those_of_more(
    seed: int, bits: int, more: int, kind: torch.dtype
) -> None:
    bits, more = sorted((bits, more))
    unit = torch.rand(200, dtype=kind, generator=torch.Generator().manual_seed(seed))
    grid = torch.arange(257).to(kind) / 256  # every edge of a cell
    for points in (unit, grid):
        assert torch.equal(truncated_code(points, bits), truncate(truncated_code(points, more), more, bits))
        code = truncated_code(points, more).to(torch.int64)
        assert torch.equal(truncate(code, more, bits), code >> (more - bits))


@pytest.mark.parametrize(("bits", "share"), [(2, 0.16), (4, 0.22)])
def test_rounded_codes_are_not_cut_from_those_of_more(bits: int, share: float) -> None:
    unit = (torch.arange(1 << 18).double() + 0.5) / (1 << 18)
    differ = truncate(rounded_code(unit, 8), 8, bits) != rounded_code(unit, bits)
    assert float(differ.double().mean()) == pytest.approx(share, abs=0.006)


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("rule", [TruncatedWeights, DorefaWeights])
@pytest.mark.parametrize("bits", range(1, 9))
def test_values_are_those_of_the_equation(rule: type[UnitWeights], granularity: Granularity, bits: int) -> None:
    weight = weights(bits)
    quantizer = rule(bits, granularity=granularity)
    integer, scale, offset = quantizer(weight)
    peak = expand(group_max(torch.tanh(weight).abs(), granularity), granularity, (5, 11))
    unit = torch.tanh(weight) / (2 * peak) + 0.5
    assert torch.allclose(unit, unit_interval(weight, granularity))
    code = quantizer.code(unit, bits)
    assert torch.equal(quantizer.stored(weight), code.to(torch.int64))
    # Sizes are one for a block of rows, and blocks are columns of an array: the first row of each has it.
    shape = (5, 11) if isinstance(granularity, PerColumn) else None
    size = scale if bits == 1 else scale * ((1 << bits) - 1) / 2
    full = expand(size, granularity, (5, 11)) if shape else size
    wanted = full * (2 * code / ((1 << bits) - 1) - 1)
    spread = [None if each is None else expand(each, granularity, (5, 11)) for each in (scale, offset)]
    assert spread[0] is not None
    value = integer * spread[0] + (0 if spread[1] is None else spread[1])
    assert torch.allclose(value, wanted)
    assert (offset is None) == (bits == 1)
    integers = quantizer.to_int(weight)
    assert torch.equal(integers.double(), integer)
    interval = quantizer.encoding.interval
    assert interval.lo <= int(integers.min()) and int(integers.max()) <= interval.hi
    assert quantizer.encoding.slices == 1


@pytest.mark.parametrize("bits", range(1, 8))
def test_hardware_weights_are_shifted(bits: int) -> None:
    weight = weights(3, (7, 40))
    most = TruncatedWeights(8).to_int(weight)
    upper = most >> (8 - bits)
    assert torch.equal(TruncatedWeights(bits).to_int(weight), 2 * upper + 1 if bits == 1 else upper)
    cut = DorefaWeights(bits, stored_bits=8).to_int(weight)
    upper = DorefaWeights(8).to_int(weight) >> (8 - bits)
    assert torch.equal(cut, 2 * upper + 1 if bits == 1 else upper)


@pytest.mark.parametrize("bits", [1, 2, 5, 8])
def test_gradient_is_that_of_the_unit_interval(bits: int) -> None:
    weight = weights(1).requires_grad_()
    factor = weights(2)
    integer, scale, offset = TruncatedWeights(bits, granularity=PerChannel(0))(weight)
    (factor * (integer * scale + (0 if offset is None else offset))).sum().backward()
    straight = weights(1).requires_grad_()
    size = straight.detach().abs().mean(dim=1, keepdim=True)
    (factor * size * (2 * unit_interval(straight, PerChannel(0)) - 1)).sum().backward()
    assert weight.grad is not None and straight.grad is not None
    assert torch.allclose(weight.grad, straight.grad)


def test_weights_that_are_all_zero_have_finite_codes() -> None:
    quantized = TruncatedWeights(4)(torch.zeros(2, 3))
    assert torch.equal(quantized.integer, torch.zeros(2, 3)) and not bool(quantized.scale.any())


@pytest.mark.parametrize(
    ("stored", "bits", "message"),
    [
        (9, 4, r"^Stored weight width must be from 1 to 8 bits, not 9$"),
        (0, 1, r"^Stored weight width must be from 1 to 8 bits, not 0$"),
        (4, 5, r"^Weight width must be from 1 to the 4 bits that are stored, not 5$"),
        (4, 0, r"^Weight width must be from 1 to the 4 bits that are stored, not 0$"),
    ],
)
def test_impossible_widths_are_refused(stored: int, bits: int, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        TruncatedWeights(bits, stored_bits=stored)
    with pytest.raises(InvalidInput, match=message):
        truncate(torch.zeros(3), stored, bits)
