"""Column sums, codes and row sums against loops over Python's integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer import array_of, tensor_of
from quadrille.algo.integer.cim import adc_codes, cells, column_sums, row_sums
from quadrille.algo.spec import CellEncoding, IntTensor, InvalidInput, RowSum


def naive_sums(node, image):
    """P[t][s][o] by the letter of Linear's docstring."""
    encoding, weight = node.encoding, node.weight.view
    result, start = [], 0
    for rows in node.tile_rows:
        inputs = range(start, start + rows)
        total = sum(int(image[i]) for i in inputs)
        result.append(
            [
                [
                    encoding.gain(s) * sum(encoding.digit(weight[o, i], s) * int(image[i]) for i in inputs)
                    - encoding.reference_weight(s) * total
                    for o in range(node.outputs)
                ]
                for s in range(encoding.slices)
            ]
        )
        start += rows
    return result


@given(
    weight_bits=st.integers(1, 8),
    cell_bits=st.integers(1, 4),
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 5)),
    tile_rows=st.integers(1, 9),
    adc_bits=st.integers(0, 8),
    source=st.sampled_from(["u1", "u4", "s4", "u8", "s31"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(derandomize=True, deadline=None, max_examples=150)
def test_a_layer_against_loops(make_network, weight_bits, cell_bits, sizes, tile_rows, adc_bits, source, seed):
    network = make_network(
        seed=seed,
        sizes=sizes,
        weight_bits=weight_bits,
        cell_bits=cell_bits,
        tile_rows=tile_rows,
        adc_bits=adc_bits,
        source=source,
        affine=False,
    )
    node, interval = network.node("linear0"), network.input.format.interval
    images = np.random.default_rng(seed).integers(interval.lo, interval.hi + 1, (4, sizes[0]))
    images[0], images[1] = interval.lo, interval.hi
    sums = column_sums(node, images)
    assert sums.dtype == np.int64
    assert sums.tolist() == [naive_sums(node, image) for image in images]
    columns = node.column_intervals(interval)
    for image in sums.reshape(4, -1).tolist():
        assert all(value in column for value, column in zip(image, columns, strict=True))
    codes = adc_codes(node, sums).reshape(4, -1)
    for image, result in zip(sums.reshape(4, -1).tolist(), codes.tolist(), strict=True):
        expected = image if node.adc is None else [node.adc.code(c, value) for c, value in enumerate(image)]
        assert result == expected
    # The slices, each at its place, add up to the product.
    places = np.array([node.encoding.place(s) for s in range(node.encoding.slices)])
    product = (sums * places[None, None, :, None]).sum(axis=(1, 2))
    assert product.tolist() == (images @ array_of(node.weight).T).tolist()


@pytest.mark.parametrize("encoding", [CellEncoding(w, c) for w in range(1, 9) for c in range(1, 5)], ids=str)
def test_cells_of_every_weight(encoding):
    span = range(encoding.interval.lo, encoding.interval.hi + 1)
    weights = [q for q in span if not (encoding.binary and q == 0)]
    digits = cells(tensor_of([weights]), encoding)
    assert digits.tolist() == [[[encoding.digit(q, s) for q in weights]] for s in range(encoding.slices)]


def test_row_sums():
    node = RowSum(name="sums", inputs=("image",), tile_rows=(2, 1, 3))
    images = np.array([[1, 2, 3, 4, 5, 6], [0, 0, 0, 9, 9, 9]])
    assert row_sums(node, images).tolist() == [[3, 3, 15], [0, 0, 27]]
    assert row_sums(node, images.reshape(2, 2, 3)).tolist() == [[3, 3, 15], [0, 0, 27]]
    assert row_sums(node, images[:0]).shape == (0, 3)


def test_no_images(make_network):
    node = make_network().node("linear0")
    sums = column_sums(node, np.zeros((0, 12), dtype=int))
    assert sums.shape == adc_codes(node, sums).shape == (0, 3, 1, 9)


def test_refusals(make_network):
    node = make_network().node("linear0")
    with pytest.raises(InvalidInput, match=r"^Weights must lie in \[-2, 1\], not in \[0, 3\]$"):
        cells(IntTensor.of([0, 3], (1, 2)), CellEncoding(2))
    with pytest.raises(InvalidInput, match=r"^Weights of 1 bit must be -1 or \+1, and one is 0$"):
        cells(IntTensor.of([0, 1], (1, 2)), CellEncoding(1))
    with pytest.raises(InvalidInput, match=r"^Inputs must have 12 elements for each image, not shape \[3, 11\]$"):
        column_sums(node, np.zeros((3, 11), dtype=int))
    with pytest.raises(InvalidInput, match=r"^Inputs must have 12 elements for each image, not shape \[12\]$"):
        column_sums(node, np.zeros(12, dtype=int))
    with pytest.raises(InvalidInput, match=r"^Column sums must have shape \[n, 3, 1, 9\], not \[2, 27\]$"):
        adc_codes(node, np.zeros((2, 27), dtype=int))
