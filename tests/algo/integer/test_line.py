"""Ladders as straight lines: every sum between the ends against counted thresholds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer.ladder import ColumnLadders
from quadrille.algo.integer.line import LadderLine


def counted(sums, thresholds, low):
    """Codes of sums (columns, n) by the definition."""
    return low + (sums[:, None] >= thresholds[:, :, None]).sum(axis=1)


def every_sum(least, greatest):
    """(columns, n): each column's sums from its least to its greatest, the last repeated."""
    length = int((greatest - least).max()) + 1
    return np.minimum(least[:, None] + np.arange(length), greatest[:, None])


@given(
    bits=st.integers(1, 6),
    low=st.integers(-40, 40),
    steps=st.lists(st.tuples(st.integers(3, 700), st.integers(-20000, 20000)), min_size=1, max_size=4),
    ends=st.tuples(st.integers(-4000, 4000), st.integers(0, 1000)),
)
@settings(derandomize=True, deadline=None, max_examples=150)
def test_even_steps(bits, low, steps, ends):
    levels = (1 << bits) - 1
    thresholds = np.array([[(start + step * j) // 8 for j in range(levels)] for step, start in steps])
    least = np.full(len(steps), ends[0])
    greatest = least + ends[1]
    line = LadderLine.through(thresholds, low, least, greatest)
    assert line is not None
    sums = every_sum(least, greatest)
    expected = counted(sums, thresholds, low)
    codes = sums.T.astype(np.float32)
    line.convert(codes, codes)
    assert np.array_equal(codes, expected.T)
    columns = ColumnLadders(thresholds, low, least, greatest, trailing=1)
    assert columns.line is not None
    assert np.array_equal(columns.codes(sums), expected)


@given(
    ladders=st.integers(1, 7).flatmap(
        lambda levels: st.lists(
            st.lists(st.integers(-30, 30), min_size=levels, max_size=levels), min_size=1, max_size=3
        )
    ),
    low=st.integers(-9, 9),
    ends=st.tuples(st.integers(-40, 40), st.integers(0, 60)),
    kind=st.sampled_from([np.float32, np.float64, np.int64]),
)
@settings(derandomize=True, deadline=None, max_examples=200)
def test_any_steps(ladders, low, ends, kind):
    """Straight or not: what is laid is right."""
    thresholds = np.sort(np.array(ladders), axis=1)
    least = np.full(len(ladders), ends[0])
    greatest = least + ends[1]
    sums = every_sum(least, greatest)
    ladders = ColumnLadders(thresholds, low, least, greatest, trailing=1)
    codes, others = ladders.codes(sums.astype(kind)), np.empty(sums.shape, dtype=ladders.dtype)
    ladders.convert(sums.astype(kind), others)
    assert codes.dtype == np.float32
    assert np.array_equal(codes, counted(sums, thresholds, low))
    assert np.array_equal(codes, others)


def test_uneven_steps_are_no_line():
    ends = np.array([-50]), np.array([50])
    assert LadderLine.through(np.array([[0, 1, 20]]), 0, *ends) is None
    assert LadderLine.through(np.array([[-20, -1, 0, 1, 20, 20, 20]]), 0, *ends) is None
    assert LadderLine.through(np.array([[0, 10, 20]]), 0, *ends) is not None
    # Several at once: steps of less than one.
    assert LadderLine.through(np.array([[0, 0, 1, 1, 2, 2, 3]]), 0, *ends) is not None


def test_thresholds_out_of_reach():
    thresholds = np.array([[-(2**62), 0, 2**62]])
    line = LadderLine.through(thresholds, -1, np.array([-9]), np.array([9]))
    assert line is not None
    codes = np.array([[-9], [-1], [0], [9]], dtype=np.float32)
    line.convert(codes, codes)
    assert codes.ravel().tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("levels", "low", "greatest"), [(64, 0, 100), (3, 2**24, 100), (3, 0, 2**24 + 1)], ids=["levels", "codes", "sums"]
)
def test_what_float32_does_not_hold_is_left_to_a_table(levels, low, greatest):
    thresholds = np.arange(levels)[None] * 3
    ends = np.array([-9]), np.array([greatest])
    assert LadderLine.through(thresholds, low, *ends) is None
    sums = np.array([[-9, 0, 5, greatest]])
    codes = ColumnLadders(thresholds, low, *ends, trailing=1).codes(sums)
    assert np.array_equal(codes, counted(sums, thresholds, low))
