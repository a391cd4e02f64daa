"""How a network fills the macros, and when: tiles and instructions as values, drawn as pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .figures import INK, MUTED, sheet

__all__ = ["Span", "TileUse", "layer_colours", "occupancy_picture", "schedule_picture", "spans_of", "tile_uses"]

LINE, PALE = "#c5ced8", "#f4f6f9"
LOADING = "#9aa7b5"
HUES = (
    *("#2457a6", "#c2571a", "#1c7a43", "#7a3fa0", "#b3261e", "#0f7f8c", "#8a6d00", "#c23f7c"),
    *("#4f86cf", "#e08e57", "#56a978", "#a678c7", "#d66b65", "#4fb0bb", "#b89b3a", "#e07fae"),
)
"""A colour for each layer, repeated beyond so many; neighbours differ."""

LONGEST = 18

MOST_SPANS = 400
"""Instructions that a schedule shows: beyond, bars are thinner than a pixel."""


@dataclass(frozen=True)
class TileUse:
    """What one instruction takes of the array: `rows` x `columns` of it, the share `share` of its cells.

    The array has `most` rows: those of a macro, or what the units of a column hold at the precision. `piece` counts the
    instructions of one row tile, where its columns do not all fit side by side.
    """

    layer: str
    tile: int
    piece: int
    rows: int
    columns: int
    most: int
    share: float

    @property
    def label(self) -> str:
        """Row tile, and the piece of it if it is not the first."""
        return f"{self.tile}" if self.piece == 0 else f"{self.tile}.{self.piece}"


@dataclass(frozen=True)
class Span:
    """Cycles `start` to `end - 1`, in which the weights of an instruction are written ("load") or used ("compute")."""

    label: str
    kind: str
    start: int
    end: int

    @property
    def cycles(self) -> int:
        """How many."""
        return self.end - self.start


def tile_uses(tiles: Iterable[tuple[str, int, int, int, int]], columns: int) -> tuple[TileUse, ...]:
    """From (layer, tile, rows used, columns used, rows there are) of an array of `columns`, in the order of
    computation."""
    pieces: Counter[tuple[str, int]] = Counter()
    uses: list[TileUse] = []
    for layer, tile, used, across, most in tiles:
        uses.append(TileUse(layer, tile, pieces[layer, tile], used, across, most, used * across / (most * columns)))
        pieces[layer, tile] += 1
    return tuple(uses)


def spans_of(instructions: Iterable[tuple[str, int, int, int, int]]) -> tuple[Span, ...]:
    """From (layer, start and end of loading, start and end of computing); none where nothing is done."""
    spans: list[Span] = []
    for layer, load_start, load_end, start, end in instructions:
        spans += [Span(layer, "load", load_start, load_end)] if load_end > load_start else []
        spans += [Span(layer, "compute", start, end)] if end > start else []
    return tuple(spans)


def layer_colours(layers: Iterable[str]) -> dict[str, str]:
    """A colour for each layer, in the order in which they come."""
    return {layer: HUES[index % len(HUES)] for index, layer in enumerate(dict.fromkeys(layers))}


def occupancy_picture(
    uses: Sequence[TileUse], rows: int, columns: int, kind: str = "png", *, utilization: float
) -> bytes:
    """The array under each tile, in the order of computation: what is used, in its colour; as PNG or SVG."""
    across = min(12, max(1, len(uses)))
    down = -(-len(uses) // across)
    height = max(0.25, min(4.0, rows / columns))  # of an array whose width is 1
    colours = layer_colours(use.layer for use in uses)

    def draw(figure: Any) -> None:
        from matplotlib.patches import Rectangle

        axes = figure.add_subplot()
        for index, use in enumerate(uses):
            x, y = 1.15 * (index % across), (height + 0.55) * (index // across)
            axes.add_patch(Rectangle((x, y), 1, height, facecolor=PALE, edgecolor=LINE, linewidth=0.6))
            filled = (use.columns / columns, height * use.rows / use.most)
            axes.add_patch(Rectangle((x, y), *filled, facecolor=colours[use.layer], linewidth=0))
            axes.text(x, y - 0.06, f"{_short(use.layer)} {use.label}", fontsize=5, color=INK, va="bottom")
            axes.text(x, y + height + 0.04, f"{100 * use.share:.0f} %", fontsize=5, color=MUTED, va="top")
        axes.set_xlim(-0.1, 1.15 * across)
        axes.set_ylim((height + 0.55) * down, -0.35)
        axes.set_aspect("equal")
        axes.set_axis_off()
        axes.set_title(
            f"{len(uses)} tiles on {rows} rows x {columns} columns, {100 * utilization:.1f} % of the cells used",
            loc="left",
            color=INK,
            fontsize=9,
        )

    return _drawn(draw, (10, 0.6 + 10 / (1.15 * across) * (height + 0.55) * down), kind)


def schedule_picture(spans: Sequence[Span], kind: str = "png", title: str = "One batch") -> bytes:
    """Instructions over cycles, a line for each layer: computing in its colour, above it the writing of its weights."""
    shown = list(spans[: 2 * MOST_SPANS])
    layers = list(layer_colours(span.label for span in shown))
    colours = layer_colours(layers)
    line = {layer: index for index, layer in enumerate(layers)}

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        for layer in layers:
            mine = [span for span in shown if span.label == layer]
            computing = [(span.start, span.cycles) for span in mine if span.kind == "compute"]
            loading = [(span.start, span.cycles) for span in mine if span.kind == "load"]
            axes.broken_barh(computing, (line[layer] - 0.12, 0.5), facecolors=colours[layer], edgecolor="white", lw=0.3)
            axes.broken_barh(loading, (line[layer] - 0.38, 0.2), facecolors=LOADING)
        axes.set_yticks(range(len(layers)), layers, fontsize=6)
        axes.set_ylim(len(layers) - 0.3, -0.7)
        axes.set_xlim(0, max((span.end for span in shown), default=1))
        axes.set_xlabel("cycle", color=MUTED, fontsize=8)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.tick_params(labelsize=7, colors=MUTED)
        axes.spines[["top", "right", "left"]].set_visible(False)
        more = "" if len(shown) == len(spans) else f", the first {MOST_SPANS} instructions"
        axes.set_title(f"{title}{more}: computing (colour), writing weights (grey)", loc="left", color=INK, fontsize=9)

    return _drawn(draw, (10, 1.0 + 0.22 * max(2, len(layers))), kind)


def _short(name: str) -> str:
    """A name that fits above an array: the end of a long one tells more."""
    return name if len(name) <= LONGEST else f"\N{HORIZONTAL ELLIPSIS}{name[1 - LONGEST :]}"


def _drawn(draw: Any, size: tuple[float, float], kind: str) -> bytes:
    """What `draw` makes of a figure, as the file of a picture; the same bytes for the same content."""
    with sheet(*size, kind=kind) as drawn:
        draw(drawn.figure)
    return drawn.data
