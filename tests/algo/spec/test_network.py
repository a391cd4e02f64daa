"""Networks that cannot be: every sentence, and the node that it names."""

import dataclasses
import re
from fractions import Fraction

import pytest

from quadrille.algo.spec import (
    NODE_KINDS,
    Adc,
    Argmax,
    Dequantize,
    Input,
    Interval,
    IntFormat,
    IntTensor,
    InvalidInput,
    Linear,
    Network,
    Node,
    RowSum,
)

IMAGE = Input(name="image", shape=(3,), format=IntFormat(4))
WEIGHT = IntTensor.of([1, -1, 1, -1, 1, 1], (2, 3), "int8")
LINEAR = Linear(name="fc", inputs=("image",), weight=WEIGHT, weight_bits=1, cell_bits=1, tile_rows=(2, 1))
SUMS = RowSum(name="sums", inputs=("image",), tile_rows=(2, 1))
MANTISSA = IntTensor.of([1, 2, 3, 4], (2, 1, 2))
BIAS = IntTensor.of([5, -5], (2,))
VALUES = Dequantize(name="values", inputs=("fc",), mantissa=MANTISSA, bias=BIAS, shift=1, format=IntFormat(4))
AFFINE = dataclasses.replace(VALUES, inputs=("fc", "sums"), sum_mantissa=IntTensor.of([1, 1, 1, 1], (2, 2)))
CLASS = Argmax(name="class", inputs=("values",))


def network(*nodes):
    return Network("net", nodes)


def test_a_valid_network():
    net = network(IMAGE, LINEAR, SUMS, AFFINE, CLASS)
    assert net.input is IMAGE
    assert net.result is CLASS
    assert net.node("fc") is LINEAR
    assert net.readers("image") == [LINEAR, SUMS]
    assert list(net.of_kind(Dequantize)) == [AFFINE]
    assert [edge.shape for edge in net.input_edges(AFFINE)] == [(2, 1, 2), (2,)]
    assert net.edges["sums"].channels == (Interval(0, 30), Interval(0, 15))
    assert net.edges["class"].interval == Interval(0, 1)
    assert hash(net) == hash(network(IMAGE, LINEAR, SUMS, AFFINE, CLASS))


def test_column_intervals_are_exact():
    lows_and_highs = [(i.lo, i.hi) for i in LINEAR.column_intervals(Interval(0, 15))]
    # tile 0: +a-b and -a+b; tile 1: +c and +c
    assert lows_and_highs == [(-15, 15), (-15, 15), (0, 15), (0, 15)]


def test_converted_codes_are_bounded_by_what_occurs():
    adc = Adc(1, 4, IntTensor.of([-100, 100, 3, 16], (2, 1, 2, 1)))
    net = network(IMAGE, dataclasses.replace(LINEAR, adc=adc))
    assert net.edges["fc"].channels == (Interval(5, 5), Interval(4, 4), Interval(4, 5), Interval(4, 4))
    assert net.edges["fc"].format == IntFormat(3)


def ladder(values, bits=1, shape=(2, 1, 2, 1)):
    return dataclasses.replace(LINEAR, adc=Adc(bits, 0, IntTensor.of(values, shape)))


def change(node, **fields):
    return dataclasses.replace(node, **fields)


WIDE = IntTensor.of([8388608, 2, 3, 4], (2, 1, 2))
DEEP = IntTensor.of([2**62, 0], (2,))


@pytest.mark.parametrize(
    ("nodes", "name", "message"),
    [
        ((), None, r"^Network 'net' must start with an input node$"),
        ((LINEAR,), None, r"^Network 'net' must start with an input node$"),
        ((IMAGE, change(LINEAR, name="")), None, r"^Network 'net' must give every node a name of its own, not ''$"),
        (
            (IMAGE, change(LINEAR, name="image")),
            None,
            r"^Network 'net' must give every node a name of its own, not 'image'$",
        ),
        ((IMAGE, change(LINEAR, inputs=())), None, r"^Node 'fc': a linear node must have 1 to 1 inputs, not 0$"),
        ((IMAGE, change(LINEAR, inputs=("fc",))), None, r"^Node 'fc': input must be an earlier node, not 'fc'$"),
        (
            (IMAGE, change(IMAGE, name="again")),
            None,
            r"^Node 'again': a network must have one input node, and this is the second$",
        ),
        ((IMAGE, LINEAR, SUMS), None, r"^Node 'fc': every node but the last must be read by another$"),
        ((change(IMAGE, shape=()),), "image", r"^shape must be one or more positive sizes, not \[\]$"),
        ((change(IMAGE, shape=(2, 0)),), "image", r"^shape must be one or more positive sizes, not \[2, 0\]$"),
        (
            (change(IMAGE, format=IntFormat(64)),),
            "image",
            r"^values must fit 64 bits signed, not \[0, 18446744073709551615\]$",
        ),
        ((change(IMAGE, shape=(4,)), LINEAR), "fc", r"^weight must have shape \[outputs, 4\], not \[2, 3\]$"),
        (
            (IMAGE, change(LINEAR, weight=IntTensor.of([1, 0, 1, 1, 1, 1], (2, 3)))),
            "fc",
            r"^weights of 1 bits must be -1 or \+1, not in \[0, 1\]$",
        ),
        (
            (IMAGE, change(LINEAR, weight_bits=2, weight=IntTensor.of([1, 0, 1, 2, 1, 1], (2, 3)))),
            "fc",
            r"^weights of 2 bits must be in \[-2, 1\], not in \[0, 2\]$",
        ),
        ((IMAGE, change(LINEAR, cell_bits=17)), "fc", r"^Cell width must be from 1 to 16 bits, not 17$"),
        (
            (IMAGE, change(LINEAR, tile_rows=(2, 2))),
            "fc",
            r"^row tiles must be positive and add up to 3 rows, not \[2, 2\]$",
        ),
        ((IMAGE, change(SUMS, tile_rows=())), "sums", r"^row tiles must be positive and add up to 3 rows, not \[\]$"),
        ((IMAGE, ladder([0] * 4, bits=9)), "fc", r"^ADC width must be from 1 to 8 bits, not 9$"),
        (
            (IMAGE, ladder([0] * 4, shape=(1, 2, 2, 1))),
            "fc",
            r"^ADC thresholds must have shape \[2, 1, 2, 1\], not \[1, 2, 2, 1\]$",
        ),
        (
            (IMAGE, ladder([0, 1, 2, 0, 2, 1, 0, 0, 0, 0, 0, 0], bits=2, shape=(2, 1, 2, 3))),
            "fc",
            r"^ADC thresholds of column 1 must not descend, not \[0, 2, 1\]$",
        ),
        (
            (IMAGE, change(VALUES, inputs=("image",))),
            "values",
            r"^codes must have shape \[tiles, slices, outputs, windows\], not \[3\]$",
        ),
        (
            (IMAGE, LINEAR, change(VALUES, mantissa=IntTensor.of([1, 2, 3, 4], (1, 2, 2)))),
            "values",
            r"^mantissa must have shape \[2, 1, 2\], not \[1, 2, 2\]$",
        ),
        (
            (IMAGE, LINEAR, change(VALUES, mantissa=WIDE)),
            "values",
            r"^mantissa must lie in \[-8388608, 8388607\], not in \[2, 8388608\]$",
        ),
        ((IMAGE, LINEAR, change(VALUES, shift=63)), "values", r"^shift must be from 0 to 62, not 63$"),
        (
            (IMAGE, LINEAR, change(VALUES, bias=IntTensor.of([1], (1,)))),
            "values",
            r"^bias must have shape \[2\], not \[1\]$",
        ),
        (
            (IMAGE, LINEAR, change(AFFINE, inputs=("fc",))),
            "values",
            r"^row sums and their mantissas must be given together, not one without the other$",
        ),
        (
            (IMAGE, LINEAR, SUMS, change(VALUES, inputs=("fc", "sums"))),
            "values",
            r"^row sums and their mantissas must be given together, not one without the other$",
        ),
        (
            (IMAGE, LINEAR, change(SUMS, tile_rows=(3,)), AFFINE),
            "values",
            r"^row sums must have shape \[2\], not \[1\]$",
        ),
        (
            (IMAGE, LINEAR, SUMS, change(AFFINE, sum_mantissa=MANTISSA)),
            "values",
            r"^sum mantissa must have shape \[2, 2\], not \[2, 1, 2\]$",
        ),
        (
            (IMAGE, LINEAR, change(VALUES, bias=DEEP)),
            "values",
            r"^accumulator of output 0 must fit 63 bits, not \[4611686018427387889, 4611686018427387964\]$",
        ),
        (
            (IMAGE, LINEAR, change(CLASS, inputs=("fc",))),
            "class",
            r"^argmax must read a vector, not shape \[2, 1, 2\]$",
        ),
    ],
)
def test_impossible_networks(nodes, name, message):
    """Refused with the sentence `message`, after the name of the node that says it."""
    with pytest.raises(InvalidInput) as caught:
        network(*nodes)
    start = "" if name is None else f"Node {name!r}: "
    assert str(caught.value).startswith(start)
    assert re.search(message, str(caught.value).removeprefix(start))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: change(LINEAR, weight_bits="1"), r"^Field weight_bits of node 'fc' must be an integer, not '1'$"),
        (lambda: change(LINEAR, weight_bits=True), r"^Field weight_bits of node 'fc' must be an integer, not True$"),
        (
            lambda: change(LINEAR, tile_rows=[2, 1]),
            r"^Field tile_rows of node 'fc' must be a tuple, each element an integer, not \[2, 1\]$",
        ),
        (lambda: change(LINEAR, adc=3), r"^Field adc of node 'fc' must be of class Adc or None, not 3$"),
        (lambda: change(IMAGE, format="u4"), r"^Field format of node 'image' must be of class IntFormat, not 'u4'$"),
        (lambda: change(IMAGE, name=3), r"^Field name of node 3 must be a string, not 3$"),
        (lambda: Adc(1, Fraction(1), BIAS), r"^Field low of an ADC must be an integer, not Fraction\(1, 1\)$"),  # pyright: ignore[reportArgumentType]
        (
            lambda: Network("net", (IMAGE,), {"a": 1}),  # pyright: ignore[reportArgumentType]
            r"^Field notes of network 'net' must be a dictionary, each key a string and each value a string, not ",
        ),
        (
            lambda: Network("net", (3,)),  # pyright: ignore[reportArgumentType]
            r"^Field nodes of network 'net' must be a tuple, each element of class Node, not \(3,\)$",
        ),
    ],
)
def test_wrong_kinds(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_unknown_node():
    with pytest.raises(InvalidInput, match=r"^Network 'net' must have a node called 'fc', and has none$"):
        network(IMAGE).node("fc")


def test_a_kind_without_inference():
    linear = {"input", "linear", "row-sum", "dequantize", "argmax"}
    maps = {"conv2d", "add", "piecewise-quadratic", "requantize", "max-pool", "sum-pool", "subsample", "flatten"}
    assert set(NODE_KINDS) == linear | maps
    with pytest.raises(TypeError, match=r"^Node must say what leaves it$"):
        Node(name="bare").infer([])
