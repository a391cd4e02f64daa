"""The plan of a network covers every column once, in an order that the accumulators can follow."""

from __future__ import annotations

import re
from random import Random

import pytest

from quadrille.algo.spec import (
    Add,
    Argmax,
    Conv2d,
    Dequantize,
    Flatten,
    Input,
    IntFormat,
    IntTensor,
    InvalidInput,
    Linear,
    MaxPool,
    Network,
    Requantize,
    RowSum,
    Window,
)
from quadrille.hw.engine.layers import layers_of
from quadrille.hw.engine.mapping import PADDING, Channels, plan
from quadrille.hw.engine.placement import Buffer, Place, allocate, place_all
from quadrille.tb.networks import random_convolutional_network, random_linear_network

SHAPES = [
    {"rows": 8, "columns": 8, "lanes": 4},
    {"rows": 8, "columns": 16, "lanes": 1},
    {"rows": 9, "columns": 7, "lanes": 2},
    {"rows": 16, "columns": 9, "lanes": 8},
]

MAPS = [
    {"shape": (3, 6, 5), "rows": 30},
    {"shape": (4, 5, 5), "channels": (6, 8), "rows": 20, "groups": 2, "stride": 2},
    {"shape": (6, 4, 4), "channels": (6, 12), "rows": 9, "groups": 6, "row_sums": False},
    {"shape": (3, 6, 6), "channels": (4, 8), "rows": 25, "fill_rows": True, "residual": "projection", "pool": "sum"},
]


def laid_out(network: Network, *, rows: int, columns: int, lanes: int, banks: int = 1, frames: int = 2, word: int = 16):
    return plan(
        network, rows=rows, columns=columns, banks=banks, lanes=lanes, frames=frames, word=word, per_data_word=4
    )


def check_columns(network: Network, layout) -> None:
    """Every code and every row sum of every layer comes out in exactly one lane of one step."""
    for number, layer in enumerate(layout.layers):
        seen = [
            (step.tile, step.slice, output)
            for tile in layout.tiles
            if tile.layer == number
            for step in tile.steps
            for output in step.outputs
            if output != PADDING
        ]
        tiles, slices, outputs = layer.matrix.columns
        sums = [None] if layer.row_sum else []
        expected = {(t, s, o) for t in range(tiles) for s in [*range(slices), *sums] for o in range(outputs)}
        assert len(seen) == len(set(seen)) and set(seen) == expected


@pytest.mark.parametrize("weight_bits, cell_bits", [(1, 1), (3, 1), (4, 2), (8, 3)])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_column_is_computed_once(shape, weight_bits, cell_bits):
    network = random_linear_network(Random(1), (20, 19, 18, 5), weight_bits=weight_bits, cell_bits=cell_bits)
    layout = laid_out(network, **shape)
    assert all(
        len([s for s in t.steps if s.slice is not None]) * shape["lanes"] <= shape["columns"] for t in layout.tiles
    )
    check_columns(network, layout)


@pytest.mark.parametrize("settings", MAPS, ids=str)
@pytest.mark.parametrize("lanes, banks", [(1, 1), (4, 1), (1, 2), (2, 4)])
def test_every_column_of_a_convolution_is_computed_once(settings, lanes, banks):
    network = random_convolutional_network(Random(1), **settings)
    layout = laid_out(network, rows=settings["rows"], columns=8, lanes=lanes, banks=banks)
    check_columns(network, layout)
    for tile in layout.tiles:
        uses = {use.tile: use for use in layout.uses(tile)}
        matrix = layout.layers[tile.layer].matrix
        for bank, index in enumerate(tile.indices):
            order = layout.row_order(tile, bank)
            start = sum(matrix.tile_rows[:index])
            assert sorted(order) == [*range(start, start + matrix.tile_rows[index])]
            assert uses[index].rows == len(order) and 0 < uses[index].columns <= 8 * banks
        # Step k has its columns in bank k modulo banks.
        assert all(step.tile == tile.indices[k % banks] for k, step in enumerate(tile.steps))
    assert all(0 < share <= 1 for share in layout.utilization)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("settings", [None, *MAPS], ids=str)
def test_each_sum_has_one_first_and_one_last_step(shape, settings):
    if settings is None:
        network = random_linear_network(Random(2), (30, 17, 9), weight_bits=4)
    else:
        network = random_convolutional_network(Random(2), **settings)
    layout = laid_out(network, **shape | {"rows": 32})
    running: dict[int, tuple[int, int]] = {}
    for tile, step in layout.steps():
        if step.first:
            assert step.accumulator not in running
            running[step.accumulator] = (tile.layer, step.slot)
        assert running[step.accumulator] == (tile.layer, step.slot), tile
        assert step.accumulator < tile.accumulators
        if step.last:
            del running[step.accumulator]
    assert not running


@pytest.mark.parametrize("start, stop", [(0, 9), (0, 18), (4, 13), (9, 25), (7, 8)])
def test_channels_under_each_tap_are_the_rows_of_the_tile(start, stop):
    channels = Channels(start // 9, start % 9, stop // 9, stop % 9)
    rows = {channel * 9 + tap for tap in range(9) for channel in channels.under(tap)}
    assert rows == {*range(start, stop)}
    assert channels.even == (start % 9 == 0 and stop % 9 == 0)


def test_buffers_that_live_together_stand_apart():
    buffers = [
        Buffer("a", 10, 0, 2),
        Buffer("b", 4, 1, 3),
        Buffer("c", 10, 2, 4, over="a"),
        Buffer("d", 6, 3, 5),
        Buffer("e", 9, 6, 6),
    ]
    addresses, size = allocate(buffers)
    assert addresses["c"] == addresses["a"] and addresses["e"] == 0
    assert size == 20
    for one in buffers:
        for other in buffers:
            if one is not other and one.first <= other.last and other.first <= one.last and one.over != other.name:
                apart = addresses[one.name] + one.size <= addresses[other.name]
                assert apart or addresses[other.name] + other.size <= addresses[one.name] or other.over == one.name


@pytest.mark.parametrize(
    "shape, pitch, size", [((3, 5, 4), 4, 80), ((6, 2, 2), 8, 32), ((16, 1, 1), 16, 16), ((40, 2, 1), 48, 96)]
)
def test_pixels_do_not_cross_words(shape, pitch, size):
    place = Place.of(shape, least=2, word=16)
    assert (place.pitch, place.size) == (pitch, size)
    assert Place.of((3, 5, 3), least=2, word=16, multiple=8).size == 64


def refused(message: str):
    return pytest.raises(InvalidInput, match=f"^{re.escape(message.removeprefix(chr(94)))}$")


def test_refusals_name_the_node():
    network = random_linear_network(Random(4))
    with refused("^Node 'linear1': row tiles must have at most the 4 rows of a macro, not 8"):
        laid_out(network, rows=4, columns=8, lanes=4)
    with refused("^Lanes must be at most the 8 columns of the macros, not 16"):
        laid_out(network, rows=8, columns=8, lanes=16)


IMAGE = Input(name="image", shape=(2,), format=IntFormat(2))
WEIGHT = IntTensor.of([1, -1, 1, 1], (2, 2), "int8")
MAP = Input(name="image", shape=(2, 4, 4), format=IntFormat(2))


def linear(name: str, source: str, tiles: tuple[int, ...] = (2,)) -> Linear:
    return Linear(name=name, inputs=(source,), weight=WEIGHT, weight_bits=1, cell_bits=1, tile_rows=tiles)


def convolution(name: str, source: str) -> Conv2d:
    weight = IntTensor.of([1, -1, 1, 1], (2, 2, 1, 1), "int8")
    window = Window((1, 1))
    return Conv2d(name=name, inputs=(source,), weight=weight, weight_bits=1, cell_bits=1, tile_rows=(2,), window=window)


def dequantize(name: str, *sources: str, tiles: int = 1) -> Dequantize:
    ones = IntTensor.of([1] * (2 * tiles), (tiles, 1, 2))
    return Dequantize(
        name=name,
        inputs=sources,
        mantissa=ones,
        bias=IntTensor.of([0, 0], (2,)),
        shift=0,
        format=IntFormat(4),
        sum_mantissa=IntTensor.of([1] * (2 * tiles), (tiles, 2)) if len(sources) == 2 else None,
    )


def row_sum(name: str, source: str, tiles: tuple[int, ...] = (2,)) -> RowSum:
    return RowSum(name=name, inputs=(source,), tile_rows=tiles)


def requantize(name: str, source: str) -> Requantize:
    return Requantize(name=name, inputs=(source,), mantissa=1, shift=1, format=IntFormat(2))


def pool(name: str, source: str, stride: int) -> MaxPool:
    return MaxPool(name=name, inputs=(source,), window=Window((2, 2), (stride, stride)))


@pytest.mark.parametrize(
    "nodes, message",
    [
        (
            (IMAGE, Argmax(name="best", inputs=("image",))),
            "^Network 'n' must have a linear or conv2d node for the engine to run, and has none",
        ),
        (
            (IMAGE, linear("a", "image")),
            "^Node 'a': the engine needs one dequantize node, and no other, to read it",
        ),
        (
            (IMAGE, row_sum("s", "image"), linear("a", "image"), dequantize("c", "a"), linear("b", "c"))
            + (dequantize("d", "b", "s"),),
            "^Node 's': the engine needs it to read what 'b' reads, alike",
        ),
        (
            (IMAGE, requantize("r", "image"), linear("a", "r"), dequantize("c", "a")),
            "^Node 'r': the engine runs a requantize node only behind a dequantize node of its own",
        ),
        (
            (MAP, convolution("a", "image"), dequantize("c", "a"), pool("p", "c", 1)),
            "^Node 'p': the engine needs windows that do not overlap, stride [2, 2], not [1, 1]",
        ),
        (
            (MAP, convolution("a", "image"), dequantize("c", "a"), requantize("r", "c"), convolution("b", "c"))
            + (dequantize("d", "b"), convolution("e", "r"), dequantize("f", "e"))
            + (Add(name="g", inputs=("d", "f"), mantissas=(1, 1), shift=0, format=IntFormat(4)),),
            (
                "^Node 'c': the engine stores its values for one requantize node or for the matrices that read it, "
                "not for requantize 'r', conv2d 'b'"
            ),
        ),
        (
            (MAP, convolution("a", "image"), dequantize("c", "a"), requantize("r", "c"), convolution("b", "r"))
            + (dequantize("d", "b"), Add(name="g", inputs=("d", "r"), mantissas=(1, 1), shift=0, format=IntFormat(4))),
            "^Node 'g': the engine adds what a layer stored before, not requantize 'r'",
        ),
        (
            (IMAGE, linear("a", "image"), dequantize("c", "a"), requantize("r", "c"), Argmax(name="b", inputs=("r",))),
            "^Node 'b': the engine needs argmax to read a dequantize node",
        ),
        (
            (IMAGE, row_sum("s", "image"), linear("a", "image"), dequantize("c", "a", "s"), linear("b", "image"))
            + (dequantize("d", "b", "s"),)
            + (Add(name="g", inputs=("c", "d"), mantissas=(1, 1), shift=0, format=IntFormat(4)),),
            "^Node 's': the engine needs 'c' alone to read it",
        ),
        (
            (IMAGE, linear("a", "image"), dequantize("c", "a"), linear("b", "c"), dequantize("d", "b"))
            + (Add(name="g", inputs=("d", "c"), mantissas=(1, 1), shift=0, format=IntFormat(4)),)
            + (
                linear("e", "c"),
                dequantize("f", "e"),
                Add(name="h", inputs=("f", "g"), mantissas=(1, 1), shift=0, format=IntFormat(4)),
            )
            + (Argmax(name="i", inputs=("h",)),),
            None,
        ),
        (
            (MAP, convolution("a", "image"), dequantize("c", "a"), requantize("r", "c"), convolution("b", "r"))
            + (dequantize("d", "b"), Add(name="g", inputs=("d", "c"), mantissas=(1, 1), shift=0, format=IntFormat(4)))
            + (pool("p", "g", 2), Flatten(name="z", inputs=("p",)))
            + (
                Linear(
                    name="l",
                    inputs=("z",),
                    weight=IntTensor.of([1] * 16, (2, 8), "int8"),
                    weight_bits=1,
                    cell_bits=1,
                    tile_rows=(8,),
                ),
            )
            + (dequantize("m", "l"),),
            None,
        ),
        (
            (MAP, convolution("a", "image"), dequantize("c", "a"), convolution("b", "c"), dequantize("d", "b"))
            + (Add(name="g", inputs=("c", "d"), mantissas=(1, 1), shift=0, format=IntFormat(4)),)
            + (Flatten(name="z", inputs=("g",)),),
            "^Node 'z': the engine runs a flatten node only behind a dequantize node of its own",
        ),
    ],
)
def test_graphs_that_the_engine_cannot_run_are_refused(nodes, message):
    if message is None:
        assert layers_of(Network("n", nodes))
        return
    with refused(message):
        layers_of(Network("n", nodes))


def test_images_are_read_in_one_form():
    matrix = Linear(
        name="l",
        inputs=("image",),
        weight=IntTensor.of([1] * 64, (2, 32), "int8"),
        weight_bits=1,
        cell_bits=1,
        tile_rows=(32,),
    )
    one = Network("n", (MAP, convolution("a", "image"), dequantize("c", "a")))
    other = Network("n", (MAP, matrix, dequantize("d", "l")))
    layers = [*layers_of(one), *layers_of(other)]
    with refused("^Node 'image': the engine needs its readers to be of one kind, not conv2d 'a' and linear 'l'"):
        place_all(one, layers, lanes=2, word=16, per_data_word=4, frames=1)


def test_row_sums_must_match_their_layer():
    image = Input(name="image", shape=(3,), format=IntFormat(2))
    weight = IntTensor.of([1, -1, 1, 1, 1, -1], (2, 3), "int8")
    split = Linear(name="a", inputs=("image",), weight=weight, weight_bits=1, cell_bits=1, tile_rows=(1, 2))
    final = dequantize("c", "a", "s", tiles=2)
    good = Network("n", (image, split, row_sum("s", "image", (1, 2)), final))
    assert len(laid_out(good, rows=4, columns=4, lanes=2).tiles) == 2
    with refused("^Node 's': row tiles must be those of 'a', [1, 2], not [2, 1]"):
        layers_of(Network("n", (image, split, row_sum("s", "image", (2, 1)), final)))
