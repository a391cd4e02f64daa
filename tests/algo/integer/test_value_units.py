"""The units behind the dequantizer, in integers, against operations on whole maps."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer.pooling import MAX, SUM, pooling_unit
from quadrille.algo.integer.requantizer import requantizer
from quadrille.algo.integer.residual import residual_unit
from quadrille.algo.spec import InvalidInput


@pytest.mark.parametrize("kind", [MAX, SUM])
@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7), st.integers(1, 3)),
    window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 99),
)
def test_pooling_twin_pools_maps(kind: int, shape: tuple[int, ...], window: tuple[int, int], seed: int) -> None:
    frames, height, width, groups = shape
    down, across = min(window[0], height), min(window[1], width)
    maps = np.random.default_rng(seed).integers(-8, 8, (*shape, 2))
    row = {"kind": kind, "groups": groups, "width": width, "height": height}
    row |= {"window_width": across, "window_height": down}
    count = frames * height * width * groups
    got = pooling_unit(
        maps.reshape(-1, 2),
        np.zeros(count, np.int64),
        np.arange(count) // (height * width * groups),
        (np.arange(count) == 0).astype(np.int64),
        {name: np.array([value]) for name, value in row.items()},
        lanes=2,
    )
    whole = maps[:, : height // down * down, : width // across * across]
    cut = whole.reshape(frames, height // down, down, width // across, across, groups, 2)
    pooled = (cut.max((2, 4)) if kind == MAX else cut.sum((2, 4))).reshape(-1, 2)
    assert np.array_equal(got["values"], pooled)
    assert np.array_equal(got["frame"], np.arange(len(pooled)) * frames // len(pooled))
    assert np.array_equal(got["first"], np.arange(len(pooled)) == 0)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3)),
    stride=st.integers(1, 2),
    more=st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_residual_twin_adds_maps(shape: tuple[int, ...], stride: int, more: int, seed: int) -> None:
    """A map of `stride` times the size, each stride-th window of it, with zeros in the `more` groups it lacks."""
    frames, height, width, groups = shape
    draw = np.random.default_rng(seed)
    stored = draw.integers(0, 16, (frames, height * stride, width * stride, groups, 2))
    values = draw.integers(-30, 30, (frames, height, width, groups + more, 2))
    line = width * stride * groups
    row = {"enable": 1, "mantissa_value": 4, "mantissa_residual": 3, "shift": 2, "low": 0, "high": 15, "base": 5}
    row |= {"groups": groups + more, "present": groups, "width": width, "height": height}
    row |= {"step_window": stride * groups, "step_row": stride * line - (width - 1) * stride * groups}
    row |= {"step_frame": stride * line - (width - 1) * stride * groups}
    memory = np.concatenate([np.full((5, 2), 99), stored.reshape(-1, 2)])
    count = frames * height * width * (groups + more)
    # The same pass twice: the second starts over.
    got = residual_unit(
        np.tile(values.reshape(-1, 2), (2, 1)),
        np.zeros(2 * count, np.int64),
        np.zeros(2 * count, np.int64),
        (np.arange(2 * count) % count == 0).astype(np.int64),
        {name: np.array([value]) for name, value in row.items()},
        memory,
        lanes=2,
    )["values"]
    residuals = np.pad(stored[:, ::stride, ::stride], [(0, 0)] * 3 + [(0, more), (0, 0)])
    expected = np.clip((4 * values + 3 * residuals + 2) >> 2, 0, 15).reshape(-1, 2)
    assert np.array_equal(got, np.tile(expected, (2, 1)))


def test_rows_that_are_not_enabled_pass_values() -> None:
    table = {"enable": np.array([0]), **{name: np.array([1]) for name in ("mantissa", "shift", "low", "high")}}
    zero = np.zeros(1, np.int64)
    got = requantizer(np.array([[-300, 7]]), zero, zero, zero, table, lanes=2, result_bits=9)
    assert got["values"].tolist() == [[-256, 7]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": np.zeros((1, 3), np.int64)}, "Values must have shape [n, 2], not [1, 3]"),
        ({"route": np.array([1])}, "Route must lie in [0, 0], not in [1, 1]"),
        ({"first": np.array([1.0])}, "First must be integers, not float64"),
        ({"low": np.array([1, 2])}, "Table field low must have shape [1], not [2]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    zero = np.zeros(1, np.int64)
    table = {name: change.get(name, zero) for name in ("enable", "mantissa", "shift", "low", "high")}
    beats = {"values": np.zeros((1, 2), np.int64), "route": zero, "frame": zero, "first": zero}
    fields = [change.get(name, array) for name, array in beats.items()]
    with pytest.raises(InvalidInput, match=f"^{re.escape(message)}$"):
        requantizer(fields[0], fields[1], fields[2], fields[3], table, lanes=2)


def test_residual_beyond_the_memory_is_refused() -> None:
    names = ("enable", "mantissa_value", "mantissa_residual", "shift", "low", "high", "groups", "present", "width")
    table = {name: np.array([1]) for name in (*names, "height", "base", "step_window", "step_row", "step_frame")}
    zero = np.zeros(1, np.int64)
    with pytest.raises(InvalidInput, match=r"^Address must lie in \[0, 0\], not in \[1, 1\]$"):
        residual_unit(zero[:, None], zero, zero, zero + 1, table, zero[:, None], lanes=1)
