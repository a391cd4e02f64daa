"""Tiles and instructions as values, and the pictures of them."""

import struct

import pytest

from quadrille.flow.occupancy import (
    LOADING,
    Span,
    TileUse,
    layer_colours,
    occupancy_picture,
    schedule_picture,
    spans_of,
    tile_uses,
)

TILES = [("first", 0, 8, 16, 8), ("first", 1, 3, 16, 8), ("second", 0, 8, 4, 8), ("second", 0, 8, 2, 8)]
INSTRUCTIONS = [("first", 0, 0, 5, 25), ("first", 6, 14, 25, 45), ("second", 26, 34, 45, 46)]


def size_of(png: bytes) -> tuple[int, ...]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def test_tiles_become_values() -> None:
    uses = tile_uses(TILES, 16)
    assert uses[0] == TileUse("first", 0, 0, 8, 16, 8, 1.0)
    assert [use.share for use in uses] == [1.0, 3 / 8, 1 / 4, 1 / 8]
    assert [use.label for use in uses] == ["0", "1", "0", "0.1"]


def test_instructions_become_spans() -> None:
    spans = spans_of(INSTRUCTIONS)
    assert spans[:3] == (
        Span("first", "compute", 5, 25),
        Span("first", "load", 6, 14),
        Span("first", "compute", 25, 45),
    )
    assert [span.cycles for span in spans] == [20, 8, 20, 8, 1]


def test_layers_have_colours_of_their_own() -> None:
    colours = layer_colours(["a", "b", "a", "c"])
    assert list(colours) == ["a", "b", "c"]
    assert len(set(colours.values())) == 3


@pytest.mark.parametrize("count", [1, 4, 30])
def test_arrays_are_drawn(count: int) -> None:
    uses = (tile_uses(TILES, 16) * 8)[:count]
    png = occupancy_picture(uses, 8, 16, utilization=0.5)
    assert size_of(png)[0] == 1500
    assert occupancy_picture(uses, 8, 16, utilization=0.5) == png
    svg = occupancy_picture(uses, 8, 16, "svg", utilization=0.5)
    assert svg.count(layer_colours(["first"])["first"].encode()) >= min(2, count)


def test_a_schedule_is_drawn() -> None:
    spans = spans_of(INSTRUCTIONS)
    assert size_of(schedule_picture(spans))[0] == 1500
    svg = schedule_picture(spans, "svg")
    # Three bars of computing, two of loading: rectangles are paths of four corners.
    assert svg.count(LOADING.encode()) == 2
    assert size_of(schedule_picture(()))[0] == 1500


def test_a_long_schedule_is_cut() -> None:
    instructions = [(f"layer{n % 5}", 10 * n, 10 * n + 4, 10 * n + 5, 10 * n + 9) for n in range(1000)]
    assert size_of(schedule_picture(spans_of(instructions)))[0] == 1500
