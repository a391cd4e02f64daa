"""The plan of a network covers every column once, in an order that the accumulators can follow."""

from __future__ import annotations

import re
from random import Random

import pytest

from quadrille.algo.spec import (
    InvalidInput,
    Network,
)
from quadrille.hw.engine.mapping import PADDING, Channels
from quadrille.hw.engine.placement import Buffer, Place, allocate
from quadrille.hw.engine.planning import plan
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
