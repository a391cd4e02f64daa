"""Activations as thresholds: the same value for every sum that there is, and the cheaper of the two."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.spec import (
    Adc,
    Dequantize,
    Input,
    IntFormat,
    IntTensor,
    Linear,
    Network,
    RowSum,
)
from quadrille.algo.spec.thresholds import as_thresholds as rewritten_network


def as_thresholds(network: Network, *, always: bool = False) -> Any:
    """The rewritten network, whose nodes are of the kinds that the tests ask for, and the choices."""
    return rewritten_network(network, always=always)


def layer(weights, mantissas, biases, shift, form, adc=None, source="u4"):
    """A network of one layer with one tile and one slice; `weights` of each output."""
    outputs, inputs = len(weights), len(weights[0])
    return Network(
        "net",
        (
            Input(name="image", shape=(inputs,), format=IntFormat.parse(source)),
            Linear(
                name="fc",
                inputs=("image",),
                weight=IntTensor.of([w for row in weights for w in row], (outputs, inputs), "int8"),
                weight_bits=4,
                cell_bits=4,
                tile_rows=(inputs,),
                adc=adc,
            ),
            Dequantize(
                name="values",
                inputs=("fc",),
                mantissa=IntTensor.of(mantissas, (1, 1, outputs)),
                bias=IntTensor.of(biases, (outputs,)),
                shift=shift,
                format=IntFormat.parse(form),
            ),
        ),
    )


def value(network, output, total):
    """The value of `output` for the column sum `total`."""
    fc, node = network.node("fc"), network.node("values")
    code = total if fc.adc is None else fc.adc.code(output, total)
    result = (node.mantissa.flat[output] * code + node.bias.flat[output] + (1 << node.shift >> 1)) >> node.shift
    return min(max(result, node.format.interval.lo), node.format.interval.hi)


@st.composite
def layers(draw):
    outputs, inputs = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    adc = None
    if draw(st.booleans()):
        bits = draw(st.integers(1, 4))
        levels = (1 << bits) - 1
        ladder = st.lists(st.integers(-99, 99), min_size=levels, max_size=levels)
        thresholds = [t for _ in range(outputs) for t in sorted(draw(ladder))]
        adc = Adc(bits, draw(st.integers(-9, 9)), IntTensor.of(thresholds, (1, 1, outputs, levels)))
    return layer(
        [[draw(st.integers(-8, 7)) for _ in range(inputs)] for _ in range(outputs)],
        [draw(st.integers(-40, 40)) for _ in range(outputs)],
        [draw(st.integers(-2000, 2000)) for _ in range(outputs)],
        draw(st.integers(0, 9)),
        draw(st.sampled_from(["u1", "u2", "u4", "s3", "s8", "u8"])),
        adc,
        draw(st.sampled_from(["u4", "s4"])),
    )


@given(layers())
@settings(derandomize=True, deadline=None, max_examples=60)
def test_every_sum_gives_the_same_value(network):
    rewritten, (choice,) = as_thresholds(network, always=True)
    assert choice.name == "values"
    intervals = network.node("fc").column_intervals(network.edges["image"].interval)
    for output, interval in enumerate(intervals):
        for total in range(interval.lo, interval.hi + 1):
            assert value(rewritten, output, total) == value(network, output, total)
        assert rewritten.edges["values"].channel(output) in network.edges["values"].channel(output)
    assert rewritten.node("values").shift == 0
    assert set(rewritten.node("values").mantissa.flat) <= {-1, 1}
    cheaper, _ = as_thresholds(network)
    assert cheaper == (rewritten if choice.threshold_bits < choice.stored_bits else network)


STEPS = IntTensor.of([*range(-60, 60, 4), 60], (1, 1, 1, 31))
WIDE = layer([[7, -8, 3]], [3000], [123456], 12, "u4")
CONVERTED = layer([[7, -8, 3]], [3000], [12345], 12, "u4", Adc(5, -16, STEPS))


def test_the_cheaper_form_is_taken():
    # 15 thresholds of 9 bits, or a mantissa of 12 and a bias of 17 bits.
    network, (choice,) = as_thresholds(WIDE)
    assert network is not WIDE
    assert network == WIDE
    assert choice.stored_bits == 12 + 17
    assert not choice.cheaper
    # 15 thresholds instead of 31.
    network, (choice,) = as_thresholds(CONVERTED)
    assert choice.cheaper
    assert network.node("fc").adc.bits <= 4
    assert network.node("values").mantissa.flat[0] == 1
    assert dataclasses.replace(network, nodes=CONVERTED.nodes) == CONVERTED


def sums(network, tiles):
    """The same layer with row sums."""
    fc, values = network.nodes[1:]
    node = RowSum(name="sums", inputs=("image",), tile_rows=tiles)
    values = dataclasses.replace(values, inputs=("fc", "sums"), sum_mantissa=IntTensor.of([0], (1, 1)))
    return dataclasses.replace(network, nodes=(network.nodes[0], fc, node, values))


def cut(network, **fields):
    """The same layer with other cells or tiles."""
    image, fc, values = network.nodes
    fc = dataclasses.replace(fc, **fields)
    table = IntTensor.of([1] * (fc.columns[0] * fc.columns[1]), fc.columns)
    return dataclasses.replace(network, nodes=(image, fc, dataclasses.replace(values, mantissa=table)))


@pytest.mark.parametrize(
    "network",
    [
        sums(WIDE, (3,)),
        cut(WIDE, tile_rows=(2, 1)),
        cut(WIDE, cell_bits=2),
        layer([[7, 7, 7]], [1], [0], 0, "s16"),
        sums(CONVERTED, (3,)),
    ],
    ids=["row sums", "two tiles", "two slices", "many levels", "row sums and an ADC"],
)
def test_what_is_no_ladder_stays(network):
    assert as_thresholds(network, always=True) == (network, ())
