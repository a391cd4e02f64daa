"""Where everything goes: what a Network that is laid out on macros of a given shape consists of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from quadrille.algo.spec import Argmax, Network
from quadrille.algo.spec.array_precision import ArrayPrecision, elements_of

from .layers import Layer
from .placement import Placement

__all__ = ["PADDING", "Channels", "ColumnStep", "Plan", "Route", "Tile", "TileUse", "precision_of", "rows_of"]

PADDING = -1


@dataclass(frozen=True)
class ColumnStep:
    """One cycle of the lanes for each window: slice `slice` of a slot's columns, or (None) the reference sum.

    A slot is `lanes` output channels that follow one another. `outputs` are those that the step adds to, PADDING in the
    other lanes: channels of another weight group, or beyond the last. Step k of an instruction has its columns in bank
    k modulo banks, which holds row tile `tile`.
    """

    tile: int
    slice: int | None
    slot: int
    accumulator: int
    outputs: tuple[int, ...]
    first: bool
    last: bool


@dataclass(frozen=True)
class Channels:
    """The rows of a tile under each tap: channels `low` to `high - 1`, one more at either end for the early taps.

    Rows are numbered channel * taps + tap; a tile that starts or ends within a channel's taps has another channel range
    for taps below `low_tap` (from low + 1) and below `high_tap` (to high included).
    """

    low: int
    low_tap: int
    high: int
    high_tap: int

    def under(self, tap: int) -> range:
        """The channels of `tap`."""
        return range(self.low + (tap < self.low_tap), self.high + (tap < self.high_tap))

    @property
    def even(self) -> bool:
        """Whether every tap has the same channels: whole kernels."""
        return self.low_tap == 0 and self.high_tap == 0


@dataclass(frozen=True)
class Route:
    """Slots of a layer that an instruction completes, `slots` of them from `first` on, at every window."""

    layer: int
    first: int
    slots: int


@dataclass(frozen=True)
class Tile:
    """One instruction: a row tile of weight group `group` of a layer in each bank, with as many columns as there are.

    `indices` are the row tiles of the banks: as many that follow one another as there are banks, or fewer, each then in
    several banks. `channels` are the tiles' and count within the weight group. `route` says where completed slots go,
    None if there are none. `accumulators` are those of a window; `barrier`: it reads what the instructions before it
    wrote.
    """

    layer: int
    indices: tuple[int, ...]
    group: int
    channels: tuple[Channels, ...]
    steps: tuple[ColumnStep, ...]
    accumulators: int
    barrier: bool
    route: int | None


@dataclass(frozen=True)
class TileUse:
    """The cells that a row tile's weights fill for an instruction, where there are `most` rows of them."""

    layer: str
    tile: int
    group: int
    rows: int
    columns: int
    most: int


@dataclass(frozen=True)
class Plan:
    """A network laid out on `columns` columns of `rows` rows in each bank, for `frames` images at a time.

    In an array of multiply-accumulate units, `unit`, a column has `rows` of those.
    """

    network: Network
    rows: int
    columns: int
    banks: int
    lanes: int
    frames: int
    word: int
    layers: tuple[Layer, ...]
    tiles: tuple[Tile, ...]
    routes: tuple[Route, ...]
    placement: Placement
    unit: str | None = None

    @cached_property
    def precisions(self) -> tuple[ArrayPrecision, ...]:
        """Those of the layers, in the order in which they come."""
        return tuple(dict.fromkeys(precision_of(layer) for layer in self.layers))

    @property
    def argmax(self) -> Argmax | None:
        """The node that the network ends in, if it is an argmax."""
        return self.network.result if isinstance(self.network.result, Argmax) else None

    def steps(self) -> Iterator[tuple[Tile, ColumnStep]]:
        """All column steps in the order of the tables."""
        return ((tile, step) for tile in self.tiles for step in tile.steps)

    @cached_property
    def accumulators(self) -> int:
        """Accumulators in use at a time, at most."""
        return max(self.positions(tile) * tile.accumulators for tile in self.tiles)

    def positions(self, tile: Tile) -> int:
        """Windows of a whole batch that `tile` is played against."""
        down, across = self.layers[tile.layer].windows
        return self.frames * down * across

    def row_order(self, tile: Tile, bank: int) -> tuple[int, ...]:
        """The matrix row (channel of the group * taps + tap) on each used row of a bank: by column, tap, channel."""
        return self.rows_under(tile.layer, tile.channels[bank])

    def rows_under(self, layer: int, channels: Channels) -> tuple[int, ...]:
        """The matrix rows of `channels` of a layer, in the order in which they stand in a macro."""
        height, width = self.layers[layer].window.kernel
        taps = height * width
        return tuple(
            channel * taps + tap
            for j in range(width)
            for i in range(height)
            for tap in [i * width + j]
            for channel in channels.under(tap)
        )

    def occupancy(self) -> tuple[TileUse, ...]:
        """For each row tile of each instruction the rows and columns that hold a weight."""
        return tuple(use for tile in self.tiles for use in self.uses(tile))

    def uses(self, tile: Tile) -> Iterator[TileUse]:
        """The row tiles of an instruction, each once, however many banks hold it."""
        matrix = self.layers[tile.layer].matrix
        for index in dict.fromkeys(tile.indices):
            steps = [step for step in tile.steps if step.tile == index and step.slice is not None]
            columns = sum(o != PADDING for step in steps for o in step.outputs)
            most = rows_of(self.layers[tile.layer], self.rows, self.unit)
            yield TileUse(matrix.name, index, tile.group, matrix.tile_rows[index], columns, most)

    @property
    def utilization(self) -> tuple[float, ...]:
        """For each instruction, the share of the macros' cells that hold a weight."""
        return tuple(
            sum(use.rows * use.columns / use.most for use in self.uses(tile)) / (self.columns * self.banks)
            for tile in self.tiles
        )


def precision_of(layer: Layer) -> ArrayPrecision:
    """Weights by activations of a layer."""
    return ArrayPrecision(layer.matrix.weight_bits, layer.edge.format)


def rows_of(layer: Layer, rows: int, unit: str | None) -> int:
    """Rows of a macro, or what a column of `rows` units holds at the layer's precision."""
    return rows if unit is None else rows * elements_of(unit, precision_of(layer))
