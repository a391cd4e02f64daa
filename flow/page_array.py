"""What the report shows of the array: which tiles fill it, and how long each unit is at work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quadrille.algo.spec import Conv2d, Linear, Network

from .curves import data_uri
from .occupancy import occupancy_picture, tile_uses
from .pictures import SLICES, UNITS, occupancy_svg, schedule_svg

__all__ = ["occupancy", "schedule"]

MOST_TILES = 12
"""Tiles up to which each has a picture and bars of its own."""


def described(generation: Mapping[str, Any]) -> str:
    """What a column has, in words."""
    parameters = generation["parameters"]
    if parameters.get("engine") == "mac":
        return f"{generation['rows']} {parameters['unit']} units"
    return f"{generation['rows']} rows"


def occupancy(network: Network, generation: Mapping[str, Any], program: Mapping[str, Any]) -> dict[str, Any]:
    """The picture of the tiles on the macros."""
    lanes = generation["parameters"]["lanes"]
    across = generation["columns"] * generation["macros"]
    tiles, pieces, used_cells = [], set(), []
    for number, step in enumerate(program["steps"]):
        matrix = network.node(step["node"])
        assert isinstance(matrix, (Linear, Conv2d))
        runs: dict[int, list[tuple[int, int, int]]] = {}
        for column in step["columns"]:
            if column["slice"] is None:
                continue  # the reference column is shared and stands beside the array
            mine = runs.setdefault(column["tile"], [])
            used = sum(output >= 0 for output in column["outputs"])
            mine.append((len(mine) * lanes, used, column["slice"]))
            pieces.add(column["slice"])
        for tile, filled in runs.items():
            rows = matrix.tile_rows[tile]
            label = f"{number + 1}. {step['node']}, row tile {tile}"
            tiles.append({"label": label, "rows": rows, "most": step["rows"], "runs": filled})
            used_cells.append((step["node"], tile, rows, sum(used for _, used, _ in filled), step["rows"]))
    text = (
        f"Each square is the array, {described(generation)} x {across} columns, while a tile is in it, in the order of "
        "computation. White is empty."
    )
    if len(tiles) > MOST_TILES:
        uses = tile_uses(used_cells, across)
        svg = occupancy_picture(uses, generation["rows"], across, "svg", utilization=generation["utilization"])
        drawn = data_uri(svg, "image/svg+xml")
        picture = f'<img class="wide" alt="Tiles on the macros" src="{drawn}">'
        return {"text": f"{text} Colours are layers.", "legend": [], "picture": picture}
    legend = [{"colour": SLICES[piece % len(SLICES)], "label": f"weight slice {piece}"} for piece in sorted(pieces)]
    return {
        "text": text,
        "legend": legend if len(legend) > 1 else [],
        "picture": occupancy_svg(generation["rows"], across, tiles),
    }


def work_of_tiles(
    generation: Mapping[str, Any], program: Mapping[str, Any]
) -> tuple[list[tuple[str, tuple[int, int, int]]], int]:
    """Cycles that array, lanes and weights are at work in a batch, for each tile or, of many, each layer.

    Beside them the cycles in which array or lanes, whichever takes longer, are at work.
    """
    frames, rows = generation["parameters"]["frames"], generation["rows"]
    layers: dict[str, tuple[int, int, int]] = {}
    tiles = []
    for number, step in enumerate(program["steps"]):
        vectors = frames * step["windows"]
        bars = (vectors * step["cycles"], vectors * len(step["columns"]), rows)
        held = ", ".join(str(tile) for tile in dict.fromkeys(column["tile"] for column in step["columns"]))
        tiles.append((f"{number + 1}. {step['node']}, row tile {held}", bars))
        before = layers.get(step["node"], (0, 0, 0))
        layers[step["node"]] = (before[0] + bars[0], before[1] + bars[1], before[2] + bars[2])
    busy = sum(max(bars[:2]) for _, bars in tiles)
    return (list(layers.items()) if len(tiles) > MOST_TILES else tiles), busy


def schedule(
    generation: Mapping[str, Any], program: Mapping[str, Any], verified: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What each unit does for each tile of a batch, and how long the batch takes."""
    frames = generation["parameters"]["frames"]
    tiles, busy = work_of_tiles(generation, program)
    batch = round(generation["cycles_per_image"] * frames)
    listed = [
        ("Cycles of a batch, between two others", f"{batch:,} for {frames} images"),
        ("Cycles per image", f"{generation['cycles_per_image']:,.1f}"),
        ("Cycles of one image alone", f"{generation['latency']:,}"),
        ("Share in which array or lanes are the limit", f"{100 * busy / batch:.0f} %"),
    ]
    if len(generation["modes"]) > 1:
        modes = zip(generation["modes"], generation["mode_cycles"], strict=True)
        listed += [(f"Cycles per image in mode {mode}", f"{cycles:,.1f}") for mode, cycles in modes]
    if verified is not None:
        pair = f"{verified['cycles_predicted']:,} and {verified['cycles_simulated']:,}"
        listed.append((f"All {verified['images']:,} images, predicted and simulated", pair))
    part = "layer" if len(program["steps"]) > MOST_TILES else "tile"
    labels = {
        "array": "array: as many cycles for each window as it takes",
        "lanes": "converters and dequantizers: one column step per cycle",
        "weights": "writing the next tile's rows, meanwhile",
    }
    return {
        "text": f"Cycles that each unit is at work for each {part}, in a batch of {frames} images. A {part} takes as "
        "long as the longer of array and lanes; a tile's weights are written once for all images of the batch.",
        "legend": [{"colour": UNITS[unit], "label": label} for unit, label in labels.items()],
        "picture": schedule_svg(tiles, tuple(UNITS.values())),
        "rows": listed,
    }
