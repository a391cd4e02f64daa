"""Pictures of the report as SVG: the graph of a network, the tiles on the macros, images with their predictions."""

from __future__ import annotations

import base64
import html
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from .inspection import Inspection, NodeDescription

__all__ = ["SLICES", "UNITS", "graph_svg", "image_uri", "occupancy_svg", "schedule_svg"]

INK, MUTED, LINE, PALE = "#1f2933", "#66727f", "#c5ced8", "#f4f6f9"
KINDS = {
    "input": "#e7f0e4",
    "linear": "#dce7f7",
    "conv2d": "#dce7f7",
    "row-sum": "#e8eef7",
    "dequantize": "#f8ead9",
    "requantize": "#f8ead9",
    "add": "#f6e0e0",
    "piecewise-quadratic": "#e2f1ef",
    "argmax": "#efe4f3",
}
SLICES = ("#2457a6", "#4f86cf", "#86b0e3", "#b3cdec")
REFERENCE = "#c2571a"
UNITS = {"array": "#2457a6", "lanes": "#c2571a", "weights": "#9aa7b5"}

BOX_WIDTH, BOX_HEIGHT, GAP = 330, 56, 52


def graph_svg(inspection: Inspection) -> str:
    """The graph of a Network from top to bottom: in each box the node, on each arrow what travels there."""
    levels: dict[str, int] = {}
    for node in inspection.nodes:
        levels[node.name] = 1 + max((levels[source] for source in node.reads), default=-1)
    columns: dict[int, list[NodeDescription]] = {}
    for node in inspection.nodes:
        columns.setdefault(levels[node.name], []).append(node)
    widest = max(len(nodes) for nodes in columns.values())
    width = widest * (BOX_WIDTH + 40) + 170
    height = len(columns) * (BOX_HEIGHT + GAP) - GAP + 20
    places: dict[str, tuple[float, float]] = {}
    for level, nodes in columns.items():
        left = (width - 170 - len(nodes) * (BOX_WIDTH + 40)) / 2 + 20
        for index, node in enumerate(nodes):
            places[node.name] = (left + index * (BOX_WIDTH + 40), 10 + level * (BOX_HEIGHT + GAP))
    described = {node.name: node for node in inspection.nodes}
    drawn = [
        arrow(places[source], places[node.name], described[source])
        for node in described.values()
        for source in node.reads
    ]
    drawn += [box(places[name], node) for name, node in described.items()]
    return _svg(width, height, drawn, "Graph of the network")


def box(place: tuple[float, float], node: NodeDescription) -> str:
    """A node."""
    x, y = place
    accumulator = (
        f"accumulator [{node.accumulator[0]:,}, {node.accumulator[1]:,}] {node.accumulator_format}"
        if node.accumulator
        else ""
    )
    lines = [line for line in (node.detail, accumulator) if line]
    parts = [
        _rectangle(x, y, BOX_WIDTH, BOX_HEIGHT, KINDS.get(node.kind, PALE), f'rx="6" stroke="{LINE}"'),
        _text(x + 12, y + 19, node.name, weight=600),
        _text(x + BOX_WIDTH - 12, y + 19, node.kind, colour=MUTED, anchor="end"),
    ]
    parts += [_text(x + 12, y + 35 + 14 * i, line, size=10.5, colour=MUTED) for i, line in enumerate(lines)]
    return "".join(parts)


def arrow(start: tuple[float, float], end: tuple[float, float], source: NodeDescription) -> str:
    """An edge from the node `source`, with its shape, format and range."""
    x1, y1 = start[0] + BOX_WIDTH / 2, start[1] + BOX_HEIGHT
    x2, y2 = end[0] + BOX_WIDTH / 2, end[1]
    shape = " x ".join(map(str, source.shape)) or "1"
    label = f"{shape}  {source.format}  [{source.interval[0]:,}, {source.interval[1]:,}]"
    middle = (y1 + y2) / 2
    return (
        f'<path d="M{x1} {y1} C{x1} {middle} {x2} {middle} {x2} {y2 - 6}" fill="none" stroke="{MUTED}"/>'
        f'<path d="M{x2 - 4} {y2 - 7} L{x2} {y2} L{x2 + 4} {y2 - 7} Z" fill="{MUTED}"/>'
        + _text((x1 + x2) / 2, middle + 4, label, size=10.5, anchor="middle", halo=True)
    )


def occupancy_svg(rows: int, columns: int, tiles: Sequence[Mapping[str, Any]]) -> str:
    """The macro's columns and rows under each tile: what is filled, by weight slice; the reference column beside it.

    Each tile has `label`, `rows` (used), `most` (that there are) and `runs`: (first column, columns, slice or None for
    the reference).
    """
    scale = min(180 / max(rows, columns), 180 / max(1, columns))
    cell_width, cell_height, across = columns * scale, max(24.0, rows * scale), 4
    drawn: list[str] = []
    for index, tile in enumerate(tiles):
        x = 10 + (index % across) * (cell_width + 36)
        y = 24 + (index // across) * (cell_height + 52)
        used = cell_height * tile["rows"] / tile["most"]
        drawn.append(_rectangle(x, y, cell_width, cell_height, PALE, f'stroke="{LINE}"'))
        for first, count, piece in tile["runs"]:
            colour = REFERENCE if piece is None else SLICES[piece % len(SLICES)]
            drawn.append(_rectangle(x + first * scale, y, count * scale, used, colour))
        drawn.append(_text(x, y - 7, tile["label"], size=11, weight=600))
        filled = sum(count for _, count, _ in tile["runs"]) * tile["rows"]
        share = f"{tile['rows']} rows, {100 * filled / (tile['most'] * columns):.0f} % of the cells"
        drawn.append(_text(x, y + cell_height + 15, share, size=10.5, colour=MUTED))
    width = 10 + min(across, max(1, len(tiles))) * (cell_width + 36)
    height = 24 + -(-len(tiles) // across) * (cell_height + 52)
    return _svg(width, height, drawn, "Tiles on the macros")


def schedule_svg(tiles: Sequence[tuple[str, Sequence[int]]], colours: Sequence[str]) -> str:
    """For each tile, by its label, one bar per unit: the cycles that the unit is at work in one batch."""
    width, left, bar = 860, 200, 9
    longest = max(cycles for _, bars in tiles for cycles in bars)
    scale = (width - left - 90) / max(1, longest)
    drawn: list[str] = []
    y = 8.0
    for label, bars in tiles:
        drawn.append(_text(left - 12, y + bar * len(bars) / 2 + 4, label, size=11, anchor="end"))
        for cycles, colour in zip(bars, colours, strict=True):
            length = max(1.0, cycles * scale)
            drawn.append(_rectangle(left, y, length, bar - 1, colour))
            drawn.append(_text(left + length + 6, y + 8, f"{cycles:,}", size=9.5, colour=MUTED))
            y += bar
        y += 12
    return _svg(width, y, drawn, "Work of each unit for each tile")


def image_uri(pixels: Sequence[Any], highest: int) -> str:
    """A picture as the address of a PNG, `pixels` from 0 to `highest`.

    Rows of one channel are dark ink on white; three channels of rows are red, green and blue.
    """
    if isinstance(pixels[0][0], Sequence):
        channels = pixels if len(pixels) == 3 else [pixels[0]] * 3
        kind, height, width = 2, len(channels[0]), len(channels[0][0])
        rows = (zip(*(channel[y] for channel in channels), strict=True) for y in range(height))
        lines = b"".join(b"\0" + bytes(255 * int(v) // highest for pixel in row for v in pixel) for row in rows)
    else:
        kind, height, width = 0, len(pixels), len(pixels[0])
        lines = b"".join(b"\0" + bytes(255 - 255 * int(value) // highest for value in line) for line in pixels)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: float = 12,
    colour: str = INK,
    anchor: str = "start",
    weight: int = 400,
    halo: bool = False,
) -> str:
    style = f'font-size="{size}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}"'
    if halo:  # keeps a label on a line readable
        style += ' stroke="#fff" stroke-width="9" stroke-linejoin="round" paint-order="stroke"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{html.escape(text)}</text>'


def _rectangle(x: float, y: float, width: float, height: float, fill: str, more: str = "") -> str:
    return f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" fill="{fill}" {more}/>'


def _svg(width: float, height: float, parts: Sequence[str], title: str) -> str:
    frame = f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px"'
    content = f"<title>{html.escape(title)}</title>{''.join(parts)}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {frame}>{content}</svg>'
