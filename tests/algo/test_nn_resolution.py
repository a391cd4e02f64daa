"""Converters of another resolution: the same function of the exact sums, as far as so many codes can tell it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from quadrille.algo.integer import execute
from quadrille.algo.nn.resolution import converting_nodes, with_converters
from quadrille.algo.quant import thresholds
from quadrille.algo.spec import Adc, Dequantize, Input, IntFormat, IntTensor, InvalidInput, Linear, Network, RowSum
from quadrille.tb.networks import random_network

INPUTS, OUTPUTS = 24, 6
IMAGES = np.random.default_rng(4).integers(0, 16, (64, INPUTS))


def layer(bits: int = 5, tiles: tuple[int, ...] = (16, 8), *, sums: bool = True, shift: int = 10) -> Network:
    """A layer of binary weights with converters of known steps, or, of 0 bits, without."""
    draw = random.Random(7)
    columns = (len(tiles), 1, OUTPUTS)
    weight = IntTensor.of([draw.choice((-1, 1)) for _ in range(INPUTS * OUTPUTS)], (OUTPUTS, INPUTS), "int8")
    adc = None
    if bits:
        low = 0 if bits == 1 else -(1 << (bits - 1))
        lines = [(Fraction(draw.randint(500, 900), 100), draw.randint(-3, 3)) for _ in range(len(tiles) * OUTPUTS)]
        ladders = [t for step, zero in lines for t in thresholds(step, zero, bits, low)]
        adc = Adc(bits, low, IntTensor.of(ladders, (*columns, (1 << bits) - 1), "int32"))
    source = Input(name="image", shape=(INPUTS,), format=IntFormat(4))
    codes = Linear(name="codes", inputs=("image",), weight=weight, weight_bits=1, cell_bits=1, tile_rows=tiles, adc=adc)
    count = len(tiles) * OUTPUTS
    values = Dequantize(
        name="values",
        inputs=("codes", "sums") if sums else ("codes",),
        mantissa=IntTensor.of([draw.randint(3000, 9000) for _ in range(count)], columns, "int16"),
        sum_mantissa=IntTensor.of([draw.randint(-90, 90) for _ in range(count)], (len(tiles), OUTPUTS), "int16")
        if sums
        else None,
        bias=IntTensor.of([draw.randint(-9000, 9000) for _ in range(OUTPUTS)], (OUTPUTS,), "int64"),
        shift=shift,
        format=IntFormat(16, signed=True),
    )
    between = (RowSum(name="sums", inputs=("image",), tile_rows=tiles),) if sums else ()
    return Network("layer", (source, codes, *between, values))


def values(network: Network) -> Any:
    return execute(network, IMAGES, keep=["values"])["values"]


@pytest.mark.parametrize("sums", [False, True])
def test_exact_sums_are_what_the_codes_stood_for(sums: bool) -> None:
    network = layer(8, sums=sums)
    exact, changed = with_converters(network, IMAGES, bits=0)
    assert changed == ("codes",)
    assert [node.adc for node in converting_nodes(exact)] == [None]
    # A code of 8 bits is off by half a step of at most 9, of a mantissa of at most 9,000, in each of two tiles.
    assert np.abs(values(exact) - values(network)).max() <= 2 * 9000 / 2**10
    # And there is no systematic difference.
    assert abs((values(exact) - values(network)).mean()) < 1


def test_more_bits_come_nearer_to_the_exact_sums() -> None:
    network = layer(5)
    exact = values(with_converters(network, IMAGES, bits=0)[0])
    errors = [np.abs(values(with_converters(network, IMAGES, bits=bits)[0]) - exact).mean() for bits in (2, 4, 6, 8)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2] > 6 * errors[3]
    assert errors[3] < 2


def test_converters_are_given_to_exact_sums_and_taken_again() -> None:
    network = layer(0, shift=12)
    given, changed = with_converters(network, IMAGES, bits=8)
    assert changed == ("codes",) and [node.adc.bits for node in converting_nodes(given) if node.adc] == [8]
    again, _ = with_converters(given, IMAGES, bits=0)
    assert np.abs(values(again) - values(network)).max() <= 3


@pytest.mark.parametrize(
    ("rows", "tiles"), [(24, (16, 8)), (16, (16, 8)), (10, (10, 6, 8)), (8, (8, 8, 8)), (5, (5, 5, 5, 1, 5, 3))]
)
def test_row_tiles_are_cut_within_those_there_are(rows: int, tiles: tuple[int, ...]) -> None:
    network = layer(6)
    cut, changed = with_converters(network, IMAGES, rows=rows)
    assert [node.tile_rows for node in cut.of_kind(Linear)] == [tiles]
    assert [node.tile_rows for node in cut.of_kind(RowSum)] == [tiles]
    assert changed == (("codes",) if rows < 16 else ())
    assert (cut is network) == (rows >= 16)
    exact = values(with_converters(network, IMAGES, bits=0)[0])
    # Smaller tiles have smaller sums, and as many codes for each.
    assert np.abs(values(cut) - exact).mean() <= 1.2 * np.abs(values(network) - exact).mean()


def test_convolutions_keep_whole_kernels() -> None:
    settings: dict[str, Any] = {"shape": (4, 6, 6), "channels": (5,), "rows": 36, "adc_bits": 0}
    network = random_network(2, **settings)
    images = np.random.default_rng(1).integers(0, 2, (16, 4, 6, 6))
    images = np.clip(images, network.input.format.interval.lo, network.input.format.interval.hi)
    given, changed = with_converters(network, images, bits=6, rows=20)
    assert changed
    first = next(node for node in converting_nodes(given))
    assert first.tile_rows == (18, 18) and first.adc is not None and first.adc.bits == 6
    with_converters(given, images, bits=4)


@pytest.mark.parametrize(
    ("network", "bits", "message"),
    [
        (lambda: layer(5), 9, r"^Converters must have from 0 to 8 bits, 0 for exact sums, not 9$"),
        (
            lambda: layer(1),
            2,
            r"^Node 'codes': converters of one bit have no step to be read off, so they must stay$",
        ),
    ],
)
def test_what_cannot_be_is_refused(network: Callable[[], Network], bits: int, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        with_converters(network(), IMAGES, bits=bits)


def test_uneven_thresholds_are_refused() -> None:
    network = layer(3)
    (node,) = network.of_kind(Linear)
    assert node.adc is not None
    ladders = [t * abs(t) for t in node.adc.thresholds.flat]
    uneven = replace(node, adc=replace(node.adc, thresholds=IntTensor.of(ladders, node.adc.thresholds.shape, "int32")))
    changed = replace(network, nodes=tuple(uneven if each is node else each for each in network.nodes))
    message = r"^Node 'codes': thresholds must be evenly spaced for others to be made, and are not$"
    with pytest.raises(InvalidInput, match=message):
        with_converters(changed, IMAGES, bits=2)


def test_conductances_and_shared_sums_are_refused() -> None:
    from quadrille.algo.integer.variation import Variation, perturb

    varied = perturb(layer(5), Variation(log_normal=0.1), 1)
    with pytest.raises(InvalidInput, match=r"^Node 'codes': other converters need digits in its cells, not conduct"):
        with_converters(varied, IMAGES, bits=3)
    network = layer(5, sums=False)
    second = replace(next(network.of_kind(Dequantize)), name="again")
    with pytest.raises(InvalidInput, match=r"^Node 'codes': other converters need one dequantize node, and no other"):
        with_converters(replace(network, nodes=(*network.nodes, second, *_joined("values", "again"))), IMAGES, bits=3)

    network = layer(5)
    again = [
        replace(next(network.of_kind(Linear)), name="more"),
        replace(next(network.of_kind(Dequantize)), name="again", inputs=("more", "sums")),
    ]
    with pytest.raises(InvalidInput, match=r"^Node 'sums': other converters need 'values' alone to read its row sums$"):
        with_converters(replace(network, nodes=(*network.nodes, *again, *_joined("values", "again"))), IMAGES, bits=3)


def _joined(first: str, second: str) -> tuple[Any, ...]:
    from quadrille.algo.spec import Add

    form = IntFormat(16, signed=True)
    return (Add(name="sum", inputs=(first, second), mantissas=(1, 1), shift=1, format=form),)
