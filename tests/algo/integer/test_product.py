"""Exact products at the edges of what float32 and float64 hold, and ladders of every size."""

import numpy as np
import pytest

from quadrille.algo.integer import ladder
from quadrille.algo.integer.ladder import LadderTable
from quadrille.algo.integer.product import IntegerMatrix
from quadrille.algo.spec import Interval, InvalidInput


@pytest.mark.parametrize(
    ("factor", "source", "dtype"),
    [
        (1 << 14, 255, np.float32),  # 4 * 2**14 * 255 < 2**24
        (1 << 16, 64, np.float32),  # exactly 2**24
        ((1 << 16) + 1, 64, np.float64),
        (1 << 40, 1 << 11, np.float64),  # exactly 2**53
        ((1 << 40) + 1, 1 << 11, np.int64),
        (1 << 50, 255, np.int64),
    ],
)
def test_the_fastest_exact_arithmetic(factor, source, dtype):
    generator = np.random.default_rng(1)
    matrix = generator.integers(-factor, factor + 1, (4, 7))
    matrix[:, 0] = factor
    product = IntegerMatrix(matrix, Interval(-source, source))
    assert product.dtype == dtype
    vectors = generator.integers(-source, source + 1, (9, 4))
    vectors[0] = source
    expected = [[sum(int(a) * int(b) for a, b in zip(v, c, strict=True)) for c in matrix.T] for v in vectors]
    assert product.sums(vectors).tolist() == expected
    assert IntegerMatrix(matrix, Interval(-source, source), greatest=factor).bound == product.bound


def test_sums_that_may_not_fit():
    with pytest.raises(InvalidInput, match=r"^Sums must fit 64 bits signed, and may reach 9223372036854775808$"):
        IntegerMatrix(np.full((2, 1), 1 << 60), Interval(0, 4))


@pytest.mark.parametrize("tables", ["small", "bytes", "searched"])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int32, np.int64])
@pytest.mark.parametrize("levels", [1, 3, 255])
def test_codes(monkeypatch, tables, kind, levels):
    if tables != "small":
        monkeypatch.setattr(ladder, "SMALL_TABLE", 0)
    if tables == "searched":
        monkeypatch.setattr(ladder, "GREATEST_TABLE", 0)
    generator = np.random.default_rng(levels)
    thresholds = np.sort(generator.integers(-90, 90, (6, levels)), axis=1)
    thresholds[0], thresholds[1], thresholds[2, -1], thresholds[3, 0] = 5, 2**62, 2**62, -(2**62)
    lows = generator.integers(-9, 9, 6)
    sums = np.arange(-70, 71).repeat(6).reshape(-1, 6)
    expected = (sums[:, :, None] >= thresholds).sum(axis=2) + lows
    table = LadderTable(thresholds, lows, Interval(-70, 70))
    assert table.codes(sums.astype(kind)).tolist() == expected.tolist()
    assert table.codes(sums.astype(kind)).dtype == np.int64
    columns = generator.integers(0, 6, sums.shape)
    expected = (sums[:, :, None] >= thresholds[columns]).sum(axis=2) + lows[columns]
    assert table.codes(sums, columns).tolist() == expected.tolist()


def test_sums_far_from_zero():
    """Shifted keys beyond 2**24 are no float32."""
    thresholds = np.array([[-(1 << 23), 1 << 23], [(1 << 23) - 1, 1 << 23]])
    table = LadderTable(thresholds, np.zeros(2, dtype=np.int64), Interval(-(1 << 24), 1 << 24))
    sums = np.array([[(1 << 23) - 1, (1 << 23) - 1], [1 << 23, 1 << 23], [-(1 << 23) - 1, (1 << 23) - 2]])
    assert table.codes(sums.astype(np.float32)).tolist() == [[1, 1], [2, 2], [0, 0]]


def test_ladders_too_long():
    thresholds = np.tile(np.array([[-(2**61), 2**61]]), (4, 1))
    with pytest.raises(InvalidInput, match=r"^ADC thresholds must span less than 62 bits together, not 1\.84e\+19$"):
        LadderTable(thresholds, np.zeros(4, dtype=np.int64), Interval(-(2**62), 2**62))
