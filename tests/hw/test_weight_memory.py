"""How many row words the weight memory has, found by a byte of each, is how many there are when all are made."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import pytest

from quadrille.algo.spec import IntTensor, Linear
from quadrille.hw.engine.sizing import Sizing
from quadrille.hw.engine.weight_memory import WeightMemory
from quadrille.tb.networks import random_network, truncated_modes

MACROS: list[dict[str, Any]] = [
    {"rows": 40, "columns": 16, "lanes": 8},
    {"rows": 33, "columns": 9, "lanes": 1},
    {"rows": 40, "columns": 12, "lanes": 4, "macros": 2, "banks": 2},
]
ARRAYS: list[dict[str, Any]] = [
    {"engine": "mac", "rows": 5, "columns": 8, "lanes": 4},
    {"engine": "mac", "unit": "plain-8", "rows": 11, "columns": 8, "lanes": 2},
]
NETWORKS: list[dict[str, Any]] = [
    {"sizes": (40, 33, 19, 5), "tile_rows": 30},
    {"shape": (3, 6, 5), "channels": (6, 8), "rows": 30},
]
WHOLE: list[dict[str, Any]] = [
    {"sizes": (40, 33, 19, 5), "tile_rows": 40},
    {"shape": (4, 6, 6), "channels": (10, 12), "rows": 1000, "exact_first": True},
]
"""That can be cut anew: for arrays."""


def check(memory: WeightMemory) -> None:
    """The rows are those that are made."""
    assert memory.rows == len(memory.tiles.rows)
    assert memory.heights == [strip.rows for strip in memory.tiles.strips]


@pytest.mark.parametrize("shape", MACROS, ids=str)
@pytest.mark.parametrize("weight_bits, cell_bits", [(1, 1), (3, 1), (4, 2), (8, 3), (8, 8)])
@pytest.mark.parametrize("network", NETWORKS, ids=["linear", "maps"])
def test_rows_of_macros(network: dict[str, Any], weight_bits: int, cell_bits: int, shape: dict[str, Any]) -> None:
    for seed in range(3):
        drawn = random_network(seed, weight_bits=weight_bits, cell_bits=cell_bits, **network)
        check(Sizing(drawn).size(**shape).memory)


@pytest.mark.parametrize("shape", ARRAYS, ids=str)
@pytest.mark.parametrize("bits", [1, 4, 8])
@pytest.mark.parametrize("network", WHOLE, ids=["linear", "maps"])
def test_rows_of_arrays(network: dict[str, Any], bits: int, shape: dict[str, Any]) -> None:
    drawn = random_network(1, weight_bits=bits, cell_bits=bits, activation_bits=8, **network)
    check(Sizing(drawn).size(**shape).memory)


@pytest.mark.parametrize("lanes", [1, 2])
def test_rows_that_stand_there_already_are_found_wherever_they_are(lanes: int) -> None:
    found = 0
    for seed in range(20):
        # Few weights of a bit in many small tiles: many stand there already, some across the border of two.
        memory = Sizing(random_network(seed, sizes=(9, 8, 4), tile_rows=3)).size(rows=3, columns=2, lanes=lanes).memory
        check(memory)
        found += memory.rows < sum(memory.heights)
    assert found


@pytest.mark.parametrize("rows", [2, 7])
def test_modes_share_what_they_have_in_common(rows: int) -> None:
    network = random_network(5, sizes=(24, 16, 10), tile_rows=24, weight_bits=8, cell_bits=8, activation_bits=8)
    shape = {"engine": "mac", "rows": rows, "columns": 8, "lanes": 4}
    memory = Sizing(truncated_modes(network, (8, 4, 2, 1))).size(**shape).memory
    check(memory)
    assert memory.rows < sum(memory.heights)


def test_words_are_made_only_where_they_may_be_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    tiles = WeightMemory.tiles.func

    def counted(self: WeightMemory) -> Any:
        made.append(1)
        return tiles(self)

    lazily = cached_property(counted)
    lazily.__set_name__(WeightMemory, "tiles")
    monkeypatch.setattr(WeightMemory, "tiles", lazily)
    network = random_network(1, weight_bits=4, cell_bits=2, **NETWORKS[0])
    assert Sizing(network).size(**MACROS[0]).memory.rows and not made
    same = [
        replace(node, weight=IntTensor.of([3] * len(node.weight.flat), node.weight.shape, "int8"))
        if isinstance(node, Linear)
        else node
        for node in network.nodes
    ]
    memory = Sizing(replace(network, nodes=tuple(same))).size(**MACROS[0]).memory
    assert memory.rows < sum(memory.heights) and made
