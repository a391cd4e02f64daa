"""The twins of the blocks, against the equations of their docstrings and against whole layers."""

import numpy as np
import pytest

from quadrille.algo.integer import array_of
from quadrille.algo.integer.cim import (
    adc_codes,
    cells,
    cim_macro,
    column_reader,
    column_sums,
    exact_converter,
    ladder_converter,
    multiply_shift_converter,
    multiply_shift_for,
)
from quadrille.algo.spec import Interval, InvalidInput, ladders_of, shared_multiply_shift


@pytest.mark.parametrize("cell_bits", [1, 3])
@pytest.mark.parametrize(("bits", "signed"), [(1, False), (4, False), (4, True), (8, True)])
def test_macro(cell_bits, bits, signed):
    generator = np.random.default_rng(bits)
    array, reference = generator.integers(0, 1 << cell_bits, (6, 5)), generator.integers(0, 2, 6)
    low = -(1 << (bits - 1)) if signed else 0
    vectors = generator.integers(low, 1 << bits, (20, 6))
    sums, total = cim_macro(
        array, reference, vectors, rows=6, columns=5, activation_bits=bits, signed=signed, cell_bits=cell_bits, planes=2
    )
    for vector, s, x in zip(vectors.tolist(), sums.tolist(), total.tolist(), strict=True):
        assert s == [sum(int(array[r, c]) * vector[r] for r in range(6)) for c in range(5)]
        assert x == sum(vector[r] for r in range(6) if reference[r])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cells": np.zeros((3, 5), dtype=int)}, r"^Cells must have shape \[6, 5\], not \[3, 5\]$"),
        ({"cells": np.full((6, 5), 2)}, r"^Cells must lie in \[0, 1\], not in \[2, 2\]$"),
        ({"cells": np.zeros((6, 5))}, r"^Cells must be integers, not float64$"),
        ({"reference": np.zeros(5, dtype=int)}, r"^Reference cells must have shape \[6\], not \[5\]$"),
        ({"reference": np.full(6, 3)}, r"^Reference cells must lie in \[0, 1\], not in \[3, 3\]$"),
        ({"activations": np.zeros((2, 5), dtype=int)}, r"^Activations must have shape \[n, 6\], not \[2, 5\]$"),
        ({"activations": np.full((2, 6), 16)}, r"^Activations must lie in \[0, 15\], not in \[16, 16\]$"),
    ],
)
def test_macro_refuses(change, message):
    given = {"cells": np.zeros((6, 5), dtype=int), "reference": np.zeros(6, dtype=int)}
    given |= {"activations": np.zeros((2, 6), dtype=int)} | change
    with pytest.raises(InvalidInput, match=message):
        cim_macro(*given.values(), rows=6, columns=5)


def test_reader():
    sums = np.arange(10).reshape(2, 5)
    beats = column_reader(
        sums, np.array([7, 8]), np.array([3, 1]), np.array([2, 6]), np.array([0, 1]), columns=5, lanes=2, address_bits=2
    )
    assert {name: values.tolist() for name, values in beats.items()} == {
        "sum": [[0, 1], [2, 3], [4, 0], [5, 6]],
        "reference": [7, 7, 7, 8],
        "address": [2, 3, 0, 2],
        "frame": [0, 0, 0, 1],
        "last": [0, 0, 1, 1],
    }


def test_reader_goes_beyond_the_columns():
    one = np.array([1])
    beats = column_reader(np.array([[4, 5, 6]]), one, np.array([4]), one, one, columns=3, lanes=2, steps=4)
    assert beats["sum"].tolist() == [[4, 5], [6, 0], [0, 0], [0, 0]]


def test_reader_refuses():
    one = np.array([1])
    with pytest.raises(InvalidInput, match=r"^Sums must have shape \[n, 3\], not \[1, 4\]$"):
        column_reader(np.zeros((1, 4), dtype=int), one, one, one, one, columns=3, lanes=2)
    with pytest.raises(InvalidInput, match=r"^Frame must have shape \[1\], not \[2\]$"):
        column_reader(np.zeros((1, 3), dtype=int), one, one, one, np.array([0, 1]), columns=3, lanes=2)
    with pytest.raises(InvalidInput, match=r"^Step counts must lie in \[1, 2\], not in \[3, 3\]$"):
        column_reader(np.zeros((1, 3), dtype=int), one, one * 3, one, one, columns=3, lanes=2)


@pytest.mark.parametrize(("weight_bits", "cell_bits"), [(1, 1), (4, 2), (3, 1)])
def test_blocks_in_a_row_make_a_layer(make_network, weight_bits, cell_bits):
    """Macro, reader and converters, column after column of a tile, against the layer as a whole."""
    lanes = 4
    network = make_network(weight_bits=weight_bits, cell_bits=cell_bits, tile_rows=12)
    node, encoding = network.node("linear0"), network.node("linear0").encoding
    images = np.random.default_rng(3).integers(0, 16, (7, 12))
    digits = cells(node.weight, encoding)
    columns = encoding.slices * 9
    frames = np.arange(7)
    expected_sums = column_sums(node, images).reshape(7, encoding.slices, 9)
    expected_codes = adc_codes(node, column_sums(node, images)).reshape(7, encoding.slices, 9)
    # Each slice has its columns, padded to whole steps, for a step's columns share their recovery.
    steps = -(-9 // lanes)
    padded = np.zeros((encoding.slices, steps * lanes, 12), dtype=np.int64)
    padded[:, :9] = digits
    array = padded.reshape(-1, 12).T
    sums, total = cim_macro(array, np.ones(12, dtype=int), images, rows=12, columns=array.shape[1], cell_bits=cell_bits)
    count = encoding.slices * steps
    beats = column_reader(
        sums, total, np.full(7, count), np.zeros(7, dtype=int), frames, columns=array.shape[1], lanes=lanes
    )
    table = {
        "double": np.array([encoding.gain(s) == 2 for s in range(encoding.slices)]).repeat(steps).astype(int),
        "reference_weight": np.array([encoding.reference_weight(s) for s in range(encoding.slices)]).repeat(steps),
        "use_reference": np.zeros(count, dtype=int),
        "exact": np.zeros(count, dtype=int),
        "low": np.full(count, node.adc.low),
    }
    inputs = (beats["sum"], beats["reference"], beats["address"])
    exact = exact_converter(*inputs, table, lanes=lanes)
    assert exact.reshape(7, encoding.slices, -1)[:, :, :9].tolist() == expected_sums.tolist()
    thresholds = np.zeros((encoding.slices, steps * lanes, 7), dtype=np.int64)
    thresholds[:, :9] = array_of(node.adc.thresholds)[0]
    table["thresholds"] = thresholds.reshape(count, lanes, 7)
    codes = ladder_converter(*inputs, table, lanes=lanes)
    assert codes.reshape(7, encoding.slices, -1)[:, :, :9].tolist() == expected_codes.tolist()
    table["exact"][:] = 1
    assert ladder_converter(*inputs, table, lanes=lanes).tolist() == exact.tolist()
    assert columns == expected_codes[0].size


def test_a_line_stands_for_its_ladders():
    """Both converters, on ladders for which a line was found."""
    generator = np.random.default_rng(0)
    steps = generator.uniform(4, 30, (4, 4, 1))
    thresholds = np.ceil((np.arange(1, 8) - 4.5) * steps + generator.uniform(-9, 9, (4, 4, 1))).astype(np.int64)
    tried = [multiply_shift_for(row.tolist(), -4, 3, Interval(-99, 99)) for row in thresholds.reshape(-1, 7)]
    found = [entry for entry in tried if entry]
    assert len(found) == len(tried)
    shift = max(entry[2] for entry in found)
    sums, address = generator.integers(-45, 55, (200, 4)), generator.integers(0, 4, 200)
    reference = generator.integers(0, 10, 200)
    table = {
        "double": np.array([1, 0, 0, 1]),
        "reference_weight": np.array([1, 2, 0, 1]),
        "use_reference": np.array([0, 0, 1, 0]),
        "exact": np.array([0, 0, 0, 1]),
        "low": np.array([-4, -4, -4, -4]),
        "thresholds": thresholds,
        "multiplier": np.array([m << (shift - s) for m, _, s in found]).reshape(4, 4),
        "offset": np.array([b << (shift - s) for _, b, s in found]).reshape(4, 4),
    }
    ladder = ladder_converter(sums, reference, address, table, lanes=4)
    line = multiply_shift_converter(sums, reference, address, table, lanes=4, adc_bits=3, shift=shift)
    inside = np.abs(exact_converter(sums, reference, address, table, lanes=4)).max(axis=1) <= 99
    assert inside.sum() > 100
    assert ladder[inside].tolist() == line[inside].tolist()
    recovered = (sums << 1) - reference[:, None]
    assert ladder[address == 3].tolist() == line[address == 3].tolist() == recovered[address == 3].tolist()
    assert ladder[address == 2].tolist() == reference[address == 2].repeat(4).reshape(-1, 4).tolist()
    assert ladder_converter(sums[:0], reference[:0], address[:0], table, lanes=4).shape == (0, 4)


def test_the_search_over_a_layer_is_the_search_over_its_columns(make_network):
    network = make_network(adc_bits=1)
    node = network.node("linear0")
    ladders = ladders_of(node, network.input.format.interval)
    shared = shared_multiply_shift(ladders)
    assert shared is not None
    single = [multiply_shift_for(ladder.thresholds, ladder.low, 1, ladder.interval) for ladder in ladders]
    assert shared.shift == max(entry[2] for entry in single if entry)
    assert multiply_shift_for([0, 1, 100], 0, 2, Interval(-200, 200)) is None


ROW = {name: np.array([0]) for name in ("double", "reference_weight", "use_reference", "exact")}
LADDER = ROW | {"low": np.array([0]), "thresholds": np.array([[[1, 2, 3], [1, 2, 3]]])}
LINE = ROW | {"low": np.array([0]), "multiplier": np.array([[1, 1]]), "offset": np.array([[0, 0]])}
BEATS = (np.zeros((1, 2), dtype=int), np.zeros(1, dtype=int), np.zeros(1, dtype=int))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: exact_converter(*BEATS, ROW, lanes=3), r"^Sums must have shape \[n, 3\], not \[1, 2\]$"),
        (
            lambda: exact_converter(BEATS[0], BEATS[1], np.array([1]), ROW, lanes=2),
            r"^Address must lie in \[0, 0\], not in \[1, 1\]$",
        ),
        (
            lambda: exact_converter(*BEATS, ROW | {"double": np.array([0, 1])}, lanes=2),
            r"^Table field reference_weight must have shape \[2\], not \[1\]$",
        ),
        (
            lambda: ladder_converter(*BEATS, LADDER | {"thresholds": np.zeros((1, 3, 3), dtype=int)}, lanes=2),
            r"^Table field thresholds must have shape \[1, 2, n\], not \[1, 3, 3\]$",
        ),
        (
            lambda: ladder_converter(*BEATS, LADDER | {"thresholds": np.array([[[1, 2, 3], [3, 2, 3]]])}, lanes=2),
            r"^Table field thresholds must not descend within a lane, and does$",
        ),
        (
            lambda: multiply_shift_converter(*BEATS, LINE | {"offset": np.array([[0]])}, lanes=2),
            r"^Table field offset must have shape \[1, 2\], not \[1, 1\]$",
        ),
        (
            lambda: multiply_shift_for([1, 2], 0, 2, Interval(0, 3)),
            r"^Ladder of 2 bits must have 3 thresholds, not 2$",
        ),
    ],
)
def test_converters_refuse(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
