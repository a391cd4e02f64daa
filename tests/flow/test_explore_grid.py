"""The grid of an exploration, what arithmetic its points ask for, and the front of what comes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer import write_network
from quadrille.algo.spec import InvalidInput, Network
from quadrille.flow.explore import explore
from quadrille.flow.explore_front import front_of
from quadrille.flow.explore_grid import Grid, Point, Variant, variant_of


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=30), st.booleans())
def test_front_is_what_nothing_beats(values: list[tuple[int, int, int]], accurate: bool) -> None:
    records = [
        {"point": n, "cycles": c, "area": a, "accuracy": -b if accurate else None} for n, (c, a, b) in enumerate(values)
    ]

    def key(record: dict[str, Any]) -> tuple[int, ...]:
        return (record["cycles"], record["area"]) + ((-record["accuracy"],) if accurate else ())

    keys = {key(record) for record in records}
    best = {k for k in keys if not any(o != k and all(a <= b for a, b in zip(o, k, strict=True)) for o in keys)}
    front = front_of(records)
    assert [key(dict(record)) for record in front] == sorted(best)
    for record in front:
        assert record["point"] == min(each["point"] for each in records if key(each) == key(dict(record)))


def test_energy_is_an_axis_where_it_is_asked_for() -> None:
    records = [{"cycles": 1, "area": 1, "energy": 9.0}, {"cycles": 2, "area": 2, "energy": 5.0}]
    assert front_of(records) == records[:1]
    assert front_of(records, ("cycles", "area", "energy")) == records


def test_arithmetic_is_the_networks_own_wherever_it_is_the_same(small_network: Network) -> None:
    def variant(**given: Any) -> Variant:
        return variant_of(small_network, replace(Point(0, "cim", None, 40, 8, 1, 4, None), **given))

    assert variant() == variant(rows=50) == variant(adc_bits=3) == variant(engine="mac", rows=4) == Variant()
    assert variant(rows=39) == variant(rows=39, adc_bits=3) == Variant(None, 39)
    assert variant(rows=39, adc_bits=4) == Variant(4, 39)
    assert variant(rows=39, adc_bits=0) == Variant(0)


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"rows": ()}, r"^Rows of the grid must be one or more, not none$"),
        ({"columns": (8, 16, 8)}, r"^Columns of the grid must be given once each, not 8, 16, 8$"),
        ({"macros": (-1,)}, r"^Macros of the grid must be positive integers, not -1$"),
        ({"rows": tuple(range(1, 2002)), "columns": tuple(range(1, 501))}, r"^Grid must have at most 1,000,000 points"),
    ],
)
def test_grids_are_checked(lists: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Grid(**{"rows": (8,), "columns": (8,), **lists})


def test_a_grid_without_a_point_is_refused(make_perceptron: Callable[..., Network], tmp_path: Path) -> None:
    path = write_network(make_perceptron(), tmp_path / "network.safetensors")
    message = r"^Grid must have a point that can be built, and has none: Lanes must be at most the 8 columns of "
    with pytest.raises(InvalidInput, match=message):
        explore(path, tmp_path / "out", Grid(rows=(40, 64), columns=(8,), lanes=(16,)), target="ultrascale+", images=5)
    assert not list((tmp_path / "out").glob("*.csv"))
