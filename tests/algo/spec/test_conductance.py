"""Cells with conductances: what may be said of them, and what they do to columns."""

import dataclasses

import pytest

from quadrille.algo.spec import (
    Adc,
    CellEncoding,
    Conductance,
    Conv2d,
    Input,
    Interval,
    IntFormat,
    IntTensor,
    InvalidInput,
    Linear,
    Network,
    Window,
)

IMAGE = Input(name="image", shape=(3,), format=IntFormat(4))
WEIGHT = IntTensor.of([1, -1, 1, -1, 1, 1], (2, 3), "int8")
ADC = Adc(1, 0, IntTensor.of([1, 2, 3, 4], (2, 1, 2, 1)))
LINEAR = Linear(name="fc", inputs=("image",), weight=WEIGHT, weight_bits=1, cell_bits=1, tile_rows=(2, 1), adc=ADC)
VALUES = IntTensor.of([9, 0, 7, 1, 10, 255], (1, 2, 3), "int16")
VARIED = dataclasses.replace(LINEAR, conductance=Conductance(VALUES, 3))


def test_cells_are_digits_or_conductances():
    assert LINEAR.cell_values().tolist() == [[[1, 0, 1], [0, 1, 1]]]
    assert (LINEAR.cell_value_bits, LINEAR.fraction_bits, LINEAR.reference(0)) == (1, 0, 1)
    assert VARIED.cell_values().tolist() == [[[9, 0, 7], [1, 10, 255]]]
    assert VARIED.cell_values()[0, 1, 2] == 255
    assert (VARIED.cell_value_bits, VARIED.fraction_bits, VARIED.reference(0)) == (8, 3, 8)


@pytest.mark.parametrize("encoding", [CellEncoding(w, c) for w in (1, 2, 5, 8) for c in range(1, 5)], ids=str)
def test_digits_of_every_weight(encoding):
    span = range(encoding.interval.lo, encoding.interval.hi + 1)
    weights = [q for q in span if not (encoding.binary and q == 0)]
    node = dataclasses.replace(
        LINEAR,
        weight=IntTensor.of(weights, (1, len(weights)), "int16"),
        weight_bits=encoding.weight_bits,
        cell_bits=encoding.cell_bits,
        tile_rows=(len(weights),),
        adc=None,
    )
    values = node.cell_values()
    assert values.tolist() == [[[encoding.digit(q, s) for q in weights]] for s in range(encoding.slices)]
    greatest = max(bytes(values))
    assert node.cell_value_bits == greatest.bit_length()
    assert [node.reference(s) for s in range(encoding.slices)] == [
        encoding.reference_weight(s) for s in range(encoding.slices)
    ]


def test_column_intervals_are_exact():
    # Factors 2*v - 8: tile 0 holds 10, -8 and -6, 12; tile 1 holds 6 and 502.
    columns = VARIED.column_intervals(Interval(0, 15))
    assert [(i.lo, i.hi) for i in columns] == [(-120, 150), (-90, 180), (0, 90), (0, 7530)]
    edge = Network("net", (IMAGE, VARIED)).edges["fc"]
    assert edge.channels == (Interval(0, 1),) * 4


def test_sums_of_several_slices():
    # Weights 1 and -2 of 2 bits in 2 slices: u = 3, 0; digits 1 1 and 0 0; the first slice subtracts 2**0.
    node = dataclasses.replace(
        LINEAR,
        weight=IntTensor.of([1, -2, 1], (1, 3), "int8"),
        weight_bits=2,
        tile_rows=(3,),
        adc=Adc(1, 0, IntTensor.of([0, 0], (1, 2, 1, 1))),
        conductance=Conductance(IntTensor.of([4, 0, 6, 4, 1, 3], (2, 1, 3)), 2),
    )
    assert [node.reference(s) for s in range(2)] == [4, 0]
    assert [(i.lo, i.hi) for i in node.column_intervals(Interval(-1, 1))] == [(-6, 6), (-8, 8)]


def test_convolutions_have_a_row_for_each_element_of_a_kernel():
    image = Input(name="image", shape=(2, 3, 3), format=IntFormat(4))
    weight = IntTensor.of([1, -1, 1, -1, 1, 1, 1, 1], (1, 2, 2, 2), "int8")
    node = Conv2d(
        name="conv",
        inputs=("image",),
        weight=weight,
        weight_bits=1,
        cell_bits=1,
        tile_rows=(8,),
        window=Window((2, 2)),
        adc=Adc(1, 0, IntTensor.of([5], (1, 1, 1, 1))),
        conductance=Conductance(IntTensor.of(range(8), (1, 1, 8)), 1),
    )
    assert Network("net", (image, node)).edges["conv"].shape == (1, 1, 1, 2, 2)
    assert node.cell_values().tolist() == [[list(range(8))]]
    wrong = dataclasses.replace(node, conductance=Conductance(IntTensor.of(range(8), (1, 2, 4)), 1))
    with pytest.raises(InvalidInput, match=r"^conductance must have shape \[1, 1, 8\], not \[1, 2, 4\]$"):
        wrong.infer([image.infer([])])


def test_refusals():
    with pytest.raises(InvalidInput, match=r"^Conductance values must lie in \[0, 255\], not in \[-1, 3\]$"):
        Conductance(IntTensor.of([-1, 3], (1, 1, 2)), 3)
    with pytest.raises(InvalidInput, match=r"^Conductance values must lie in \[0, 255\], not in \[0, 256\]$"):
        Conductance(IntTensor.of([0, 256], (1, 1, 2)), 3)
    for bits in (-1, 8):
        with pytest.raises(InvalidInput, match=rf"^Fraction bits of a conductance must be from 0 to 7, not {bits}$"):
            Conductance(VALUES, bits)
    with pytest.raises(TypeError, match=r"^Field fraction_bits of a conductance must be an integer, not 3\.0$"):
        Conductance(VALUES, 3.0)  # pyright: ignore[reportArgumentType]
    exact = dataclasses.replace(VARIED, adc=None)
    sentence = r"^conductance must stand beside an ADC, as exact column sums are digital and do not vary$"
    with pytest.raises(InvalidInput, match=sentence):
        exact.infer([IMAGE.infer([])])
    with pytest.raises(InvalidInput, match=r"^Node 'fc': conductance must stand beside an ADC"):
        Network("net", (IMAGE, exact))
