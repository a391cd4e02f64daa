"""Cells of every encoding, exhaustively over all weights."""

import pytest

from quadrille.algo.spec import CellEncoding, InvalidInput

ENCODINGS = [
    CellEncoding(weight, cell, differential)
    for weight in (*range(1, 9), 12)
    for cell in (1, 2, 3, 4, 8, 16)
    for differential in (False, True)
]


def weights_of(encoding):
    span = range(encoding.interval.lo, encoding.interval.hi + 1)
    return [q for q in span if not (encoding.binary and q == 0)]


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_slices_recover_every_weight(encoding):
    symmetric = encoding.differential and not encoding.binary
    assert len(weights_of(encoding)) == (1 << encoding.weight_bits) - symmetric
    for weight in weights_of(encoding):
        digits = [encoding.digit(weight, s) for s in range(encoding.slices)]
        assert all(0 <= d < 1 << encoding.slice_bits(s) for s, d in enumerate(digits))
        assert weight == sum(
            (encoding.gain(s) * d - encoding.reference_weight(s)) * encoding.place(s) for s, d in enumerate(digits)
        )
    bits = sum(encoding.slice_bits(s) for s in range(encoding.slices))
    assert bits == (2 * max(1, encoding.weight_bits - 1) if encoding.differential else encoding.weight_bits)


@pytest.mark.parametrize("weight_bits", [1, 2, 5, 8])
def test_differential_cells_need_no_reference(weight_bits):
    encoding = CellEncoding(weight_bits, 2, differential=True)
    half = encoding.slices // 2
    for weight in weights_of(encoding):
        digits = [encoding.digit(weight, s) for s in range(encoding.slices)]
        assert not any(digits[half:] if weight > 0 else digits[:half])
    assert {encoding.gain(s) for s in range(encoding.slices)} == {1}
    assert {encoding.reference_weight(s) for s in range(encoding.slices)} == {0}
    assert [encoding.place(s) for s in range(half)] == [-encoding.place(s) for s in range(half, 2 * half)]


@pytest.mark.parametrize("weight", [-32768, -32767, -4097, -1, 0, 1, 255, 32767])
def test_widest_weights(weight):
    encoding = CellEncoding(16, 4)
    digits = [encoding.digit(weight, s) for s in range(4)]
    terms = [(d - encoding.reference_weight(s)) * encoding.place(s) for s, d in enumerate(digits)]
    assert weight == sum(terms)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_column_sums_recover_the_product(encoding):
    weights = weights_of(encoding)[:5] + weights_of(encoding)[-5:]
    inputs = [(3 * n + 1) % 16 - 5 for n in range(len(weights))]
    total = 0
    for s in range(encoding.slices):
        column = sum(encoding.digit(q, s) * x for q, x in zip(weights, inputs, strict=True))
        total += (encoding.gain(s) * column - encoding.reference_weight(s) * sum(inputs)) * encoding.place(s)
    assert total == sum(q * x for q, x in zip(weights, inputs, strict=True))


# ColumnQuant's split, most significant slice first, the first one signed: d0 - 2**(bits of the first slice - 1).
@pytest.mark.parametrize(
    ("encoding", "weight", "split"),
    [
        *((CellEncoding(4, 2), q, d) for q, d in {-8: [-2, 0], -5: [-2, 3], -1: [-1, 3]}.items()),
        *((CellEncoding(4, 2), q, d) for q, d in {0: [0, 0], 3: [0, 3], 7: [1, 3]}.items()),
        *((CellEncoding(3, 1), q, d) for q, d in {-4: [-1, 0, 0], -1: [-1, 1, 1]}.items()),
        *((CellEncoding(3, 1), q, d) for q, d in {0: [0, 0, 0], 3: [0, 1, 1]}.items()),
    ],
)
def test_golden_vectors(encoding, weight, split):
    assert [encoding.digit(weight, s) - encoding.reference_weight(s) for s in range(encoding.slices)] == split


@pytest.mark.parametrize("bits", [0, 17])
def test_weight_width_out_of_range(bits):
    with pytest.raises(InvalidInput, match=rf"^Weight width must be from 1 to 16 bits, not {bits}$"):
        CellEncoding(bits)


@pytest.mark.parametrize("bits", [0, 17])
def test_cell_width_out_of_range(bits):
    with pytest.raises(InvalidInput, match=rf"^Cell width must be from 1 to 16 bits, not {bits}$"):
        CellEncoding(4, bits)
