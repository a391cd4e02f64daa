"""The row words of a plan's tiles: cells of macros, and weights of arrays, which tiles of one matrix are cut of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

from quadrille.algo.spec import Conv2d, Linear

from .configuration import Configuration
from .mapping import PADDING, Channels, ColumnStep, Plan, Tile
from .tiles import Strip, Weights

__all__ = ["Planes", "RowWords", "planes_of", "row_words", "weights_of"]

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


class RowWords(NamedTuple):
    """Row words that stand one behind the other, before they are made.

    Attributes
    ----------
    layer : the number of the layer whose matrix they hold
    steps : the column steps that stand in them, those of all banks
    channels : of each bank, whose rows of the matrix it holds, in the order of `Plan.rows_under`; further rows are 0
    rows : row words
    above : bits above which the cells stand; those below are not read
    strips : the tiles cut of them
    """

    layer: int
    steps: tuple[ColumnStep, ...]
    channels: tuple[Channels, ...]
    rows: int
    above: int
    strips: tuple[Strip, ...]


def row_words(plan: Plan, configuration: Configuration) -> Iterable[RowWords]:
    """What the weight memory holds for the instructions of `plan`, in their order."""
    if plan.unit is None:
        rows = configuration.rows
        strips = (Strip.of(rows),)
        return (RowWords(tile.layer, tile.steps, tile.channels, rows, 0, strips) for tile in plan.tiles)
    groups = (list(tiles) for _, tiles in groupby(plan.tiles, key=_columns_of))
    return (words for tiles in groups for words in _matrix(plan, configuration, tiles))


def weights_of(
    plan: Plan, configuration: Configuration, planes: Callable[[Linear | Conv2d], Planes] = planes_of
) -> Iterable[Weights]:
    """The row words of every instruction of `plan`, in their order; `planes` may know the cells already."""
    everything = [planes(layer.matrix) for layer in plan.layers]
    whole = (1 << configuration.weight_row.size) - 1
    for part in row_words(plan, configuration):
        below = part.above * configuration.all_columns
        words = _words(plan, configuration, part, everything[part.layer])
        yield Weights(words, whole >> below << below, part.strips)


def _columns_of(tile: Tile) -> tuple[Any, ...]:
    """What tiles of the same columns of a matrix have in common."""
    return tile.layer, tile.group, tuple(step.outputs for step in tile.steps if step.slice is not None)


def _matrix(plan: Plan, configuration: Configuration, tiles: list[Tile]) -> Iterator[RowWords]:
    """The row tiles of some columns for an array.

    Where they have whole kernels, every row stands once, tap by tap, each with all channels, and a tile is the channels
    that it has of every tap: however the rows are cut, in whichever mode, it is the same memory. An array takes the
    first bits of what is stored.
    """
    number, steps = tiles[0].layer, tiles[0].steps
    layer = plan.layers[number]
    above = configuration.cell_bits - layer.matrix.cell_value_bits
    taps = layer.window.taps
    ranges = [tile.channels[0] for tile in tiles]
    if not all(channels.even for channels in ranges):
        for tile, channels in zip(tiles, ranges, strict=True):
            rows = sum(len(channels.under(tap)) for tap in range(taps))
            yield RowWords(number, tile.steps, (channels,), rows, above, (Strip.of(rows),))
        return
    most = ranges[-1].high
    strips = tuple(
        Strip(each.low, taps * (each.high - each.low), each.high - each.low, most - (each.high - each.low) + 1)
        for each in ranges
    )
    yield RowWords(number, steps, (Channels(0, 0, most, 0),), taps * most, above, strips)


def _words(plan: Plan, configuration: Configuration, part: RowWords, cells: Planes) -> list[int]:
    """The row words of `part`, out of the `cells` of its matrix; rows and columns that hold no weight are 0."""
    pitch = configuration.all_columns
    words, references = [0] * part.rows, [0] * part.rows
    for bank, channels in enumerate(part.channels):
        order = plan.rows_under(part.layer, channels)
        base = bank * pitch * configuration.cell_bits + part.above * pitch
        for row in range(len(order)):
            references[row] |= 1 << bank
        for run in _runs(part.steps[bank :: plan.banks], plan.lanes):
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
