"""The row words of a plan's tiles: cells of macros, and weights of arrays, which tiles of one matrix are cut of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from .configuration import Configuration
from .mapping import PADDING, Plan, Tile
from .packing import pack
from .tiles import Strip, Weights

__all__ = ["weights_of"]


def weights_of(plan: Plan, configuration: Configuration) -> Iterable[Weights]:
    """The row words of every instruction of `plan`, in their order."""
    everything = [layer.matrix.cell_values() for layer in plan.layers]
    if plan.unit is None:
        for tile in plan.tiles:
            orders = [plan.row_order(tile, bank) for bank in range(plan.banks)]
            words = _words(plan, configuration, tile, orders, everything[tile.layer], configuration.rows)
            yield Weights(words, (1 << configuration.weight_row.size) - 1, (Strip.of(configuration.rows),))
        return
    for (layer, _, _), tiles in groupby(plan.tiles, key=_columns_of):
        yield from _matrix(plan, configuration, list(tiles), everything[layer])


def _columns_of(tile: Tile) -> tuple[Any, ...]:
    """What tiles of the same columns of a matrix have in common."""
    return tile.layer, tile.group, tuple(step.outputs for step in tile.steps if step.slice is not None)


def _matrix(plan: Plan, configuration: Configuration, tiles: list[Tile], cells: Any) -> Iterable[Weights]:
    """The row tiles of some columns for an array.

    Where they have whole kernels, every row stands once, tap by tap, each with all channels, and a tile is the channels
    that it has of every tap: however the rows are cut, in whichever mode, it is the same memory. An array takes the
    first bits of what is stored.
    """
    matrix = plan.layers[tiles[0].layer].matrix
    pitch = configuration.all_columns
    above = configuration.cell_bits - matrix.cell_value_bits
    mask = (1 << configuration.weight_row.size) - 1 >> above * pitch << above * pitch
    taps = plan.layers[tiles[0].layer].window.taps
    ranges = [tile.channels[0] for tile in tiles]
    if not all(channels.even for channels in ranges):
        for tile in tiles:
            order = plan.row_order(tile, 0)
            words = _words(plan, configuration, tile, [order], cells, len(order), above)
            yield Weights(words, mask, (Strip.of(len(words)),))
        return
    height, width = plan.layers[tiles[0].layer].window.kernel
    channels = range(ranges[-1].high)
    order = [channel * taps + i * width + j for j in range(width) for i in range(height) for channel in channels]
    words = _words(plan, configuration, tiles[0], [order], cells, len(order), above)
    strips = tuple(
        Strip(each.low, taps * (each.high - each.low), each.high - each.low, len(channels) - (each.high - each.low) + 1)
        for each in ranges
    )
    yield Weights(words, mask, strips)


def _words(
    plan: Plan,
    configuration: Configuration,
    tile: Tile,
    orders: Sequence[Sequence[int]],
    cells: Any,
    rows: int,
    above: int = 0,
) -> list[int]:
    """`rows` row words with the rows `orders` of the matrix in each bank, in the columns of `tile`, `above` bits up.

    Rows and columns that hold no weight are 0.
    """
    bits, pitch = plan.layers[tile.layer].matrix.cell_value_bits, configuration.all_columns
    words, references = [0] * rows, [0] * rows
    for bank, order in enumerate(orders):
        base = bank * pitch * configuration.cell_bits
        for row in range(len(order)):
            references[row] |= 1 << bank
        # Reference sums come last and have no columns.
        for place, step in enumerate(tile.steps[bank :: plan.banks]):
            if step.slice is None:
                continue
            for lane, output in enumerate(step.outputs):
                if output == PADDING:
                    continue
                column = base + place * plan.lanes + lane
                for row, index in enumerate(order):
                    value = cells[step.slice, output, index]
                    for bit in range(bits):
                        words[row] |= (value >> bit & 1) << ((above + bit) * pitch + column)
    layout = configuration.weight_row
    fields: dict[str, list[int]] = {"cells": words, "reference": references}
    return [pack(layout, {name: fields[name][n] for name in layout.members}) for n in range(rows)]
