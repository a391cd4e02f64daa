"""Column arithmetic against loops over Python's integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer import tensor_of
from quadrille.algo.integer.dequant import column_dequantizer, dequantize
from quadrille.algo.spec import Dequantize, IntFormat, InvalidInput


def rounded(value, shift):
    return value if shift == 0 else (value + (1 << (shift - 1))) >> shift


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4)),
    shift=st.integers(0, 40),
    form=st.sampled_from(["u4", "s8", "u1", "s32", "u64", "s64"]),
    affine=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(derandomize=True, deadline=None, max_examples=100)
def test_dequantize_against_loops(shape, shift, form, affine, seed):
    tiles, slices, outputs = shape
    generator = np.random.default_rng(seed)
    mantissa, bias = generator.integers(-(2**15), 2**15, shape), generator.integers(-(2**40), 2**40, outputs)
    sum_mantissa = generator.integers(-(2**15), 2**15, (tiles, outputs))
    codes, sums = generator.integers(-(2**12), 2**12, (5, *shape)), generator.integers(0, 2**12, (5, tiles))
    node = Dequantize(
        name="values",
        inputs=("linear", "sums") if affine else ("linear",),
        mantissa=tensor_of(mantissa),
        bias=tensor_of(bias),
        shift=shift,
        format=IntFormat.parse(form),
        sum_mantissa=tensor_of(sum_mantissa) if affine else None,
    )
    interval = node.format.interval
    values = dequantize(node, codes, sums if affine else None)
    for n in range(5):
        for o in range(outputs):
            total = int(bias[o]) + sum(
                int(mantissa[t, s, o]) * int(codes[n, t, s, o]) for t in range(tiles) for s in range(slices)
            )
            if affine:
                total += sum(int(sum_mantissa[t, o]) * int(sums[n, t]) for t in range(tiles))
            assert int(values[n, o]) == min(max(rounded(total, shift), interval.lo), interval.hi)


def test_dequantize_refuses():
    node = Dequantize(
        name="values",
        inputs=("linear",),
        mantissa=tensor_of(np.ones((2, 1, 3), dtype=int)),
        bias=tensor_of([0, 0, 0]),
        shift=0,
        format=IntFormat(4),
    )
    with pytest.raises(InvalidInput, match=r"^Codes must have shape \[n, 2, 1, 3\], not \[4, 6\]$"):
        dequantize(node, np.zeros((4, 6), dtype=int))
    together = r"^Row sums and their mantissas must be given together, not one without the other$"
    with pytest.raises(InvalidInput, match=together):
        dequantize(node, np.zeros((4, 2, 1, 3), dtype=int), np.zeros((4, 2), dtype=int))


ROWS = 6


def random_table(generator, lanes):
    return {
        "mantissas": generator.integers(-200, 200, (ROWS, lanes)),
        "first": generator.integers(0, 2, ROWS),
        "last": generator.integers(0, 2, ROWS),
        "group": generator.integers(0, 2, ROWS),
        "bias": generator.integers(0, 3, ROWS),
        "shift": generator.integers(0, 7, ROWS),
        "low": generator.integers(-9, 1, ROWS),
        "high": generator.integers(0, 90, ROWS),
        "destination": generator.integers(0, 256, ROWS),
    }


@pytest.mark.parametrize("accumulator_bits", [12, 32])
@pytest.mark.parametrize("seed", range(6))
def test_beats_against_a_loop(seed, accumulator_bits):
    """The block's twin, beat by beat with accumulators that outlive their group, and may wrap."""
    generator = np.random.default_rng(seed)
    lanes, beats = 3, 80
    table, biases = random_table(generator, lanes), generator.integers(-500, 500, (3, lanes))
    codes, address = generator.integers(-16, 16, (beats, lanes)), generator.integers(0, ROWS, beats)
    frame = generator.integers(0, 3, beats)
    accumulators, expected = {}, []
    modulo = 1 << accumulator_bits
    for n in range(beats):
        row = {name: values[address[n]].tolist() for name, values in table.items()}
        key = int(frame[n]) + row["group"]
        start = biases[row["bias"]].tolist() if row["first"] else accumulators.get(key, [0] * lanes)
        sums = [s + m * int(c) for s, m, c in zip(start, row["mantissas"], codes[n], strict=True)]
        sums = [(s + modulo // 2) % modulo - modulo // 2 for s in sums]
        accumulators[key] = sums
        if row["last"]:
            values = [min(max(rounded(s, row["shift"]), row["low"]), row["high"]) for s in sums]
            expected.append((values, int(frame[n]), row["destination"]))
    got = column_dequantizer(
        codes, address, frame, table, biases, lanes=lanes, groups=2, accumulator_bits=accumulator_bits
    )
    assert got["values"].tolist() == [values for values, _, _ in expected]
    assert got["frame"].tolist() == [frame for _, frame, _ in expected]
    assert got["destination"].tolist() == [destination for _, _, destination in expected]


def test_no_beats():
    table = random_table(np.random.default_rng(0), 3)
    none = np.zeros(0, dtype=int)
    got = column_dequantizer(none.reshape(0, 3), none, none, table, np.zeros((3, 3), dtype=int), lanes=3, groups=2)
    assert {name: values.shape for name, values in got.items()} == {
        "values": (0, 3),
        "frame": (0,),
        "destination": (0,),
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codes": np.zeros((2, 4), dtype=int)}, r"^Codes must have shape \[n, 3\], not \[2, 4\]$"),
        ({"address": np.array([0, 6])}, r"^Address must lie in \[0, 5\], not in \[0, 6\]$"),
        ({"frame": np.array([0])}, r"^Frame must have shape \[2\], not \[1\]$"),
        ({"biases": np.zeros((1, 3), dtype=int)}, r"^Table field bias must lie in \[0, 0\], not in \[\d, \d\]$"),
    ],
)
def test_beats_refused(change, message):
    given = {"codes": np.zeros((2, 3), dtype=int), "address": np.array([0, 1]), "frame": np.array([0, 0])}
    given |= {"table": random_table(np.random.default_rng(0), 3), "biases": np.zeros((3, 3), dtype=int)} | change
    with pytest.raises(InvalidInput, match=message):
        column_dequantizer(*given.values(), lanes=3, groups=2)
