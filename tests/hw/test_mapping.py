"""The plan of a network covers every column once, in an order that the accumulators can follow."""

from __future__ import annotations

import random
import re

import pytest

from quadrille.algo.spec import Argmax, Dequantize, Input, IntFormat, IntTensor, InvalidInput, Linear, Network, RowSum
from quadrille.hw.engine.configuration import Destination
from quadrille.hw.engine.mapping import PADDING, plan

SHAPES = [
    {"rows": 8, "columns": 8, "lanes": 4},
    {"rows": 8, "columns": 16, "lanes": 1},
    {"rows": 9, "columns": 7, "lanes": 3},
    {"rows": 16, "columns": 6, "lanes": 6},
]


@pytest.mark.parametrize("weight_bits, cell_bits", [(1, 1), (3, 1), (4, 2), (8, 3)])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_column_is_computed_once(make_network, shape, weight_bits, cell_bits):
    network = make_network(random.Random(1), (20, 19, 18, 5), weight_bits=weight_bits, cell_bits=cell_bits)
    layout = plan(network, **shape)
    assert all(
        len([s for s in t.steps if s.slice is not None]) * shape["lanes"] <= shape["columns"] for t in layout.tiles
    )
    for number, layer in enumerate(layout.layers):
        seen = [
            (tile.index, step.slice, output)
            for tile in layout.tiles
            if tile.layer == number
            for step in tile.steps
            for output in layer.groups[step.group].outputs
            if output != PADDING
        ]
        tiles, slices, outputs = network.edges[layer.linear.name].shape
        expected = {(t, s, o) for t in range(tiles) for s in [*range(slices), None] for o in range(outputs)}
        assert len(seen) == len(set(seen)) and set(seen) == expected


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_sum_has_one_first_and_one_last_step(make_network, shape):
    layout = plan(make_network(random.Random(2), (30, 17, 9), weight_bits=4), **shape)
    running: dict[int, int] = {}
    for tile, step in layout.steps():
        if step.first:
            assert step.accumulator not in running
            running[step.accumulator] = step.group
        assert running[step.accumulator] == step.group, tile
        if step.last:
            del running[step.accumulator]
    assert not running


def test_results_stand_where_the_next_layer_reads_them(make_network):
    layout = plan(make_network(random.Random(3), (20, 19, 5), tile_rows=8), rows=8, columns=8, lanes=3)
    first, second = layout.layers
    where = {
        (group.vector, group.place * 3 + lane): output
        for group in first.groups
        for lane, output in enumerate(group.outputs)
        if output != PADDING
    }
    read = [tile.vector for tile in layout.tiles if tile.layer == 1]
    for index, vector in zip(range(len(second.linear.tile_rows)), dict.fromkeys(read), strict=True):
        start = sum(second.linear.tile_rows[:index])
        for row in range(second.linear.tile_rows[index]):
            assert where[vector, row] == start + row
    assert {group.kind for group in second.groups} == {Destination.ARGMAX}


def refused(message: str):
    return pytest.raises(InvalidInput, match=f"^{re.escape(message.removeprefix(chr(94)))}$")


def test_refusals_name_the_node(make_network):
    network = make_network(random.Random(4))
    with refused("^Node 'linear1': row tiles must have at most the 4 rows of a macro, not 8"):
        plan(network, rows=4, columns=8, lanes=4)
    with refused("^Lanes must be at most the 8 columns of the macros, not 9"):
        plan(network, rows=8, columns=8, lanes=9)


IMAGE = Input(name="image", shape=(2,), format=IntFormat(2))
WEIGHT = IntTensor.of([1, -1, 1, 1], (2, 2), "int8")


def linear(name: str, source: str, tiles: tuple[int, ...] = (2,)) -> Linear:
    return Linear(name=name, inputs=(source,), weight=WEIGHT, weight_bits=1, cell_bits=1, tile_rows=tiles)


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


@pytest.mark.parametrize(
    "nodes, message",
    [
        (
            (IMAGE, linear("a", "image"), linear("b", "image"), dequantize("c", "a"), dequantize("d", "b")),
            "^Node 'c': every node but the last must be read by another",
        ),
        (
            (IMAGE, Argmax(name="best", inputs=("image",))),
            "^Network 'n' must have a linear node for the engine to run, and has none",
        ),
        (
            (IMAGE, linear("a", "image")),
            "^Node 'a': the engine needs one dequantize node to read it",
        ),
        (
            (
                IMAGE,
                row_sum("s", "image"),
                row_sum("t", "image"),
                linear("a", "image"),
                dequantize("c", "a", "s"),
                linear("b", "c"),
                dequantize("d", "b", "t"),
            ),
            (
                "^Node 'image': the engine needs one linear node, and at most one row-sum, to read it, "
                "not row-sum 's', row-sum 't', linear 'a'"
            ),
        ),
        (
            (
                IMAGE,
                row_sum("s", "image"),
                linear("a", "image"),
                dequantize("c", "a"),
                linear("b", "c"),
                dequantize("d", "b", "s"),
            ),
            "^Node 's': the engine needs 'c' alone to read it",
        ),
    ],
)
def test_graphs_that_are_no_chain_are_refused(nodes, message):
    with refused(message):
        plan(Network("n", nodes), rows=4, columns=4, lanes=2)


def test_row_sums_must_match_their_layer():
    image = Input(name="image", shape=(3,), format=IntFormat(2))
    weight = IntTensor.of([1, -1, 1, 1, 1, -1], (2, 3), "int8")
    split = Linear(name="a", inputs=("image",), weight=weight, weight_bits=1, cell_bits=1, tile_rows=(1, 2))
    final = dequantize("c", "a", "s", tiles=2)
    good = Network("n", (image, split, row_sum("s", "image", (1, 2)), final))
    assert len(plan(good, rows=4, columns=4, lanes=2).tiles) == 2
    with refused("^Node 's': row tiles must be those of 'a', [1, 2], not [2, 1]"):
        plan(Network("n", (image, split, row_sum("s", "image", (2, 1)), final)), rows=4, columns=4, lanes=2)
