"""The row words of a plan's tiles: cells of macros, and weights of arrays, which tiles of one matrix are cut of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from quadrille.algo.spec import Conv2d, Linear

from .configuration import Configuration
from .mapping import PADDING, ColumnStep, Plan, Tile
from .tiles import Strip, Weights

__all__ = ["Planes", "planes_of", "weights_of"]

Planes = Sequence[Sequence[Sequence[int]]]
"""The cells of a matrix, indexed [slice][bit][row]: bit o of an integer is that of output o."""


def planes_of(matrix: Linear | Conv2d) -> Planes:
    """The cells of `matrix`, its outputs side by side as they stand in row words."""
    values: Any = matrix.cell_values()
    slices, outputs, rows = values.shape
    flat = values.cast("B").cast(values.format)
    found: list[list[list[int]]] = []
    for s in range(slices):
        planes = [[0] * rows for _ in range(matrix.cell_value_bits)]
        for output in range(outputs):
            start = (s * outputs + output) * rows
            for row, value in enumerate(flat[start : start + rows]):
                for bit in range(value.bit_length()):
                    planes[bit][row] |= (value >> bit & 1) << output
        found.append(planes)
    return found


def weights_of(
    plan: Plan, configuration: Configuration, planes: Callable[[Linear | Conv2d], Planes] = planes_of
) -> Iterable[Weights]:
    """The row words of every instruction of `plan`, in their order; `planes` may know the cells already."""
    everything = [planes(layer.matrix) for layer in plan.layers]
    if plan.unit is None:
        mask = (1 << configuration.weight_row.size) - 1
        for tile in plan.tiles:
            orders = [plan.row_order(tile, bank) for bank in range(plan.banks)]
            words = _words(plan, configuration, tile, orders, everything[tile.layer], configuration.rows)
            yield Weights(words, mask, (Strip.of(configuration.rows),))
        return
    for (layer, _, _), tiles in groupby(plan.tiles, key=_columns_of):
        yield from _matrix(plan, configuration, list(tiles), everything[layer])


def _columns_of(tile: Tile) -> tuple[Any, ...]:
    """What tiles of the same columns of a matrix have in common."""
    return tile.layer, tile.group, tuple(step.outputs for step in tile.steps if step.slice is not None)


def _matrix(plan: Plan, configuration: Configuration, tiles: list[Tile], cells: Planes) -> Iterable[Weights]:
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
    cells: Planes,
    rows: int,
    above: int = 0,
) -> list[int]:
    """`rows` row words with the rows `orders` of the matrix in each bank, in the columns of `tile`, `above` bits up.

    Rows and columns that hold no weight are 0.
    """
    pitch = configuration.all_columns
    words, references = [0] * rows, [0] * rows
    for bank, order in enumerate(orders):
        base = bank * pitch * configuration.cell_bits + above * pitch
        for row in range(len(order)):
            references[row] |= 1 << bank
        for run in _runs(tile.steps[bank :: plan.banks], plan.lanes):
            mask = ((1 << run.outputs) - 1) << run.first
            for bit, plane in enumerate(cells[run.slice]):
                shift = base + bit * pitch + run.column - run.first
                found = (plane[index] & mask for index in order)
                # A column to the left of its output: what is below it is masked off, so nothing is lost.
                moved = [each << shift for each in found] if shift >= 0 else [each >> -shift for each in found]
                words[: len(order)] = [word | each for word, each in zip(words, moved, strict=False)]
    if plan.unit is not None:
        return words
    place = configuration.weight_row["reference"].offset
    return [word | reference << place for word, reference in zip(words, references, strict=True)]


@dataclass(frozen=True)
class _Run:
    """`outputs` outputs of a slice from `first` on, in the columns from `column` on."""

    slice: int
    first: int
    outputs: int
    column: int


def _runs(steps: Iterable[ColumnStep], lanes: int) -> Iterator[_Run]:
    """The columns of a bank: outputs that follow one another in columns that do."""
    run: _Run | None = None
    for place, step in enumerate(steps):
        # Reference sums come last and have no columns.
        if step.slice is None:
            break
        held = [lane for lane, output in enumerate(step.outputs) if output != PADDING]
        first, column = step.outputs[held[0]], place * lanes + held[0]
        if run and (step.slice, first, column) == (run.slice, run.first + run.outputs, run.column + run.outputs):
            run = replace(run, outputs=run.outputs + len(held))
            continue
        if run:
            yield run
        run = _Run(step.slice, first, len(held), column)
    if run:
        yield run
