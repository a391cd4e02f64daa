"""Granularity: which elements share a scale, and the reductions over them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.quant import (
    Granularity,
    PerArray,
    PerChannel,
    PerColumn,
    PerGroup,
    PerTensor,
    expand,
    group_mean,
    group_sizes,
    group_sum,
    scale_shape,
)
from quadrille.algo.spec import InvalidInput


@pytest.mark.parametrize(
    ("granularity", "scales"),
    [
        (PerTensor(), (1, 1)),
        (PerChannel(0), (10, 1)),
        (PerChannel(-1), (1, 300)),
        (PerColumn(128), (10, 3)),
        (PerArray(128), (1, 3)),
        (PerGroup(32), (10, 10)),
        (PerGroup(4, axis=0), (3, 300)),
    ],
)
def test_scale_shape(granularity: Granularity, scales: tuple[int, ...]) -> None:
    assert scale_shape(granularity, (10, 300)) == scales
    assert int(group_sizes(granularity, (10, 300)).sum()) == 3000


def test_per_array_and_per_column_of_partial_sums() -> None:
    assert scale_shape(PerChannel(0), (3, 2, 10)) == (3, 1, 1)
    assert scale_shape(PerColumn(), (3, 2, 10)) == (3, 2, 10)


def test_last_block_is_shorter() -> None:
    values = torch.arange(10.0).reshape(2, 5)
    assert group_sum(values, PerColumn(3)).tolist() == [[3, 7], [18, 17]]
    assert group_mean(values, PerColumn(3)).tolist() == [[1, 3.5], [6, 8.5]]
    assert expand(torch.tensor([[1.0, 2], [3, 4]]), PerColumn(3), (2, 5)).tolist() == [[1, 1, 1, 2, 2], [3, 3, 3, 4, 4]]


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 10), st.integers(-2, 1))
def test_reductions_equal_the_plain_loop(rows: int, columns: int, size: int, axis: int) -> None:
    values = torch.arange(float(rows * columns)).reshape(rows, columns)
    granularity = PerGroup(size, axis)
    expected = torch.zeros(scale_shape(granularity, (rows, columns)))
    place = torch.zeros(rows, columns)
    block = granularity.block((rows, columns))
    for r in range(rows):
        for c in range(columns):
            expected[r // block[0], c // block[1]] += values[r, c]
    assert torch.equal(group_sum(values, granularity), expected)
    for r in range(rows):
        for c in range(columns):
            place[r, c] = expected[r // block[0], c // block[1]]
    assert torch.equal(expand(expected, granularity, (rows, columns)), place)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PerGroup(0), r"^Group size must be a positive integer, not 0$"),
        (lambda: PerArray(0), r"^Row count of a tile must be a positive integer, not 0$"),
        (lambda: PerColumn(-1), r"^Row count of a tile must be a positive integer, not -1$"),
        (
            lambda: PerChannel(2).block((3, 4)),
            r"^Granularity axis must be an axis of a tensor of shape \[3, 4\], not 2$",
        ),
    ],
)
def test_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(InvalidInput, match=message):
        make()
