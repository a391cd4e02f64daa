"""Nodes on feature maps: their shapes and intervals, and every sentence that refuses one."""

import dataclasses
import re

import pytest

from quadrille.algo.spec import (
    Adc,
    Add,
    Conv2d,
    Dequantize,
    Edge,
    Flatten,
    Input,
    Interval,
    IntFormat,
    IntTensor,
    InvalidInput,
    MaxPool,
    Network,
    Requantize,
    RowSum,
    Subsample,
    SumPool,
    Window,
)

change = dataclasses.replace


def ones(*shape):
    count = 1
    for size in shape:
        count *= size
    return IntTensor.of([1] * count, shape)


IMAGE = Input(name="image", shape=(2, 5, 4), format=IntFormat(4))
WINDOW = Window((3, 3), (2, 1), (1, 1))
CONV = Conv2d(
    name="conv",
    inputs=("image",),
    weight=ones(4, 2, 3, 3),
    weight_bits=1,
    cell_bits=1,
    tile_rows=(9, 9),
    window=WINDOW,
)
SUMS = RowSum(name="sums", inputs=("image",), tile_rows=(9, 9), window=WINDOW)
VALUES = Dequantize(
    name="values",
    inputs=("conv", "sums"),
    mantissa=ones(2, 1, 4),
    bias=ones(4),
    shift=0,
    format=IntFormat(9),
    sum_mantissa=ones(2, 4),
)
POOL = MaxPool(name="pool", inputs=("image",), window=Window((2, 2), (2, 2)))
SUM = change(SumPool(name="pool", inputs=("image",), window=POOL.window))
ADD = Add(name="added", inputs=("image", "image"), mantissas=(3, -2), shift=1, format=IntFormat(6, signed=True))
SCALE = Requantize(name="scaled", inputs=("image",), mantissa=-3, shift=2, format=IntFormat(4, signed=True))
THIN = Subsample(name="thin", inputs=("image",), stride=2, channels=3)
FLAT = Flatten(name="flat", inputs=("image",))


def edge(*nodes):
    """What leaves a network of `nodes`."""
    network = Network("net", (IMAGE, *nodes))
    return network.edges[network.result.name]


def test_shapes_and_intervals():
    conv = edge(CONV)
    assert conv.shape == (2, 1, 4, 3, 4)
    assert conv.channels == (Interval(0, 135),) * 8
    assert Network("net", (IMAGE, CONV, SUMS, VALUES)).edges["sums"].shape == (2, 1, 3, 4)
    assert edge(CONV, SUMS, VALUES) == Edge((4, 3, 4), IntFormat(9), Interval(1, 511), (Interval(1, 511),) * 4)
    assert edge(POOL) == Edge((2, 2, 2), IntFormat(4), Interval(0, 15))
    assert edge(SUM) == Edge((2, 2, 2), IntFormat(6), Interval(0, 60))
    assert edge(ADD) == Edge((2, 5, 4), IntFormat(6, signed=True), Interval(-15, 23))
    assert edge(SCALE) == Edge((2, 5, 4), IntFormat(4, signed=True), Interval(-8, 0))
    assert edge(THIN) == Edge((3, 3, 2), IntFormat(4), Interval(0, 15))
    assert edge(FLAT) == Edge((40,), IntFormat(4), Interval(0, 15))


def test_padding_is_zero_whatever_the_map_holds():
    """A map that never is 0 is, in the padding, and in the channels that a shortcut adds."""
    high = Requantize(name="high", inputs=("image",), mantissa=1, shift=0, format=IntFormat(4))
    source = Edge((2, 5, 4), IntFormat(4), Interval(3, 15))
    assert CONV.infer([source]).channels == (Interval(0, 135),) * 8
    assert change(CONV, window=Window((3, 3))).infer([source]).channels == (Interval(27, 135),) * 8
    assert SUMS.infer([source]).channels == (Interval(0, 135),) * 2
    assert change(SUMS, window=Window((3, 3))).infer([source]).channels == (Interval(27, 135),) * 2
    assert THIN.infer([source]).interval == Interval(0, 15)
    assert change(THIN, channels=2).infer([source]).interval == Interval(3, 15)
    assert high.infer([source]).interval == Interval(3, 15)


def test_windows():
    assert WINDOW.output_size(5, 4) == (3, 4)
    assert Window((1, 1), (2, 2)).output_size(5, 4) == (3, 2)
    assert Window((5, 4)).output_size(5, 4) == (1, 1)
    assert WINDOW.taps == 9
    assert WINDOW.rows(6) == 54
    assert Window((3, 3), groups=3).rows(6) == 18


ADC = Adc(1, 0, ones(2, 1, 4, 1))
OUTER = Window((2, 2), (2, 2), (1, 1))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((FLAT, change(CONV, inputs=("flat",))), r"^conv2d must read a feature map \[channels, height, width\], not "),
        ((FLAT, change(SUMS, inputs=("flat",))), r"^row-sum must read a feature map \[channels, height, width\], not "),
        ((FLAT, change(POOL, inputs=("flat",))), r"^a pool must read a feature map .*, not shape \[40\]$"),
        ((FLAT, change(THIN, inputs=("flat",))), r"^subsample must read a feature map .*, not shape \[40\]$"),
        ((change(CONV, window=Window((3,))),), r"^kernel must be two sizes of at least 1, not \[3\]$"),
        ((change(CONV, window=Window((3, 0))),), r"^kernel must be two sizes of at least 1, not \[3, 0\]$"),
        ((change(CONV, window=Window((3, 3), (0, 1))),), r"^stride must be two sizes of at least 1, not \[0, 1\]$"),
        (
            (change(CONV, window=Window((3, 3), (1, 1), (0, -1))),),
            r"^padding must be two sizes of at least 0, not \[0, -1\]$",
        ),
        ((change(CONV, window=Window((3, 3), groups=0)),), r"^groups must be a positive integer, not 0$"),
        ((change(CONV, window=Window((6, 3))),), r"^kernel \[6, 3\] must fit on the padded map of 5 x 4$"),
        ((change(POOL, window=Window((2, 5))),), r"^kernel \[2, 5\] must fit on the padded map of 5 x 4$"),
        ((change(CONV, window=Window((3, 3), groups=3)),), r"^groups must divide the 2 channels, not 3$"),
        (
            (change(CONV, weight=ones(3, 1, 3, 3), tile_rows=(9,), window=Window((3, 3), groups=2)),),
            r"^groups must divide the 3 outputs, not 2$",
        ),
        (
            (change(CONV, window=Window((3, 3), groups=2)),),
            r"^weight must have shape \[outputs, 1, 3, 3\], not \[4, 2, 3, 3\]$",
        ),
        ((change(CONV, weight=ones(4, 18)),), r"^weight must have shape \[outputs, 2, 3, 3\], not \[4, 18\]$"),
        (
            (change(CONV, weight=IntTensor.of([0] * 72, (4, 2, 3, 3))),),
            r"^weights of 1 bits must be -1 or \+1, not in \[0, 0\]$",
        ),
        ((change(CONV, tile_rows=(9, 8)),), r"^row tiles must be positive and add up to 18 rows, not \[9, 8\]$"),
        ((change(SUMS, tile_rows=(18, 0)),), r"^row tiles must be positive and add up to 18 rows, not \[18, 0\]$"),
        (
            (change(CONV, adc=change(ADC, thresholds=ones(2, 4, 1, 1))),),
            r"^ADC thresholds must have shape \[2, 1, 4, 1\], not \[2, 4, 1, 1\]$",
        ),
        (
            (CONV, change(SUMS, window=change(WINDOW, padding=(1, 0))), VALUES),
            r"^row sums must have shape \[2, groups, 3, 4\], not \[2, 1, 3, 2\]$",
        ),
        (
            (CONV, change(SUMS, tile_rows=(40,), window=None), VALUES),
            r"^row sums must have shape \[2, groups, 3, 4\], not \[1\]$",
        ),
        ((change(POOL, window=OUTER),), r"^a pool must have a window without padding and groups$"),
        ((change(SUM, window=Window((2, 2), groups=2)),), r"^a pool must have a window without padding and groups$"),
        (
            (POOL, change(ADD, inputs=("image", "pool"))),
            r"^both inputs must have one shape, not \[2, 5, 4\] and \[2, 2",
        ),
        ((change(ADD, mantissas=(1,)),), r"^mantissas must be two, not 1$"),
        ((change(ADD, mantissas=(1, 32768)),), r"^mantissas must lie in \[-32768, 32767\], not \[1, 32768\]$"),
        ((change(SCALE, mantissa=-32769),), r"^mantissas must lie in \[-32768, 32767\], not \[-32769\]$"),
        ((change(ADD, shift=63),), r"^shift must be from 0 to 62, not 63$"),
        ((change(SCALE, shift=-1),), r"^shift must be from 0 to 62, not -1$"),
        ((change(THIN, stride=0),), r"^stride must be a positive integer, not 0$"),
        ((change(THIN, channels=1),), r"^channels must be at least the 2 of the input, not 1$"),
    ],
)
def test_impossible_maps(nodes, message):
    """Refused with the sentence `message`, after the name of the last node."""
    with pytest.raises(InvalidInput) as caught:
        Network("net", (IMAGE, *nodes))
    start = f"Node {nodes[-1].name!r}: "
    assert str(caught.value).startswith(start)
    assert re.search(message, str(caught.value).removeprefix(start))


def test_scaled_values_must_have_room():
    wide = change(IMAGE, format=IntFormat(48))
    with pytest.raises(InvalidInput) as caught:
        Network("net", (wide, change(ADD, mantissas=(32767, -32768))))
    assert re.search(r"scaled values must fit 63 bits, not \[", str(caught.value))
    with pytest.raises(InvalidInput, match=r"^scaled values must fit 63 bits, not \["):
        change(SCALE, mantissa=32767).infer([Edge((1,), wide.format, wide.format.interval)])
    assert Network("net", (wide, change(SCALE, mantissa=-(2**14)))).result.name == "scaled"


def test_fields_are_held_to_their_kinds():
    with pytest.raises(TypeError, match=r"^Field kernel of a window must be a tuple, each element an integer, not "):
        Window([3, 3])  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"^Field window of node 'conv' must be of class Window, not \(3, 3\)$"):
        change(CONV, window=(3, 3))
