"""Where everything goes: a Network cut into tiles, column steps and stores for macros of a given shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from quadrille.algo.spec import Argmax, InvalidInput, Network
from quadrille.algo.spec.array_precision import ArrayPrecision, elements_of

from .layers import Layer, layers_of
from .once import Once, anew
from .placement import Placement, place_all

__all__ = ["PADDING", "Channels", "ColumnStep", "Plan", "Route", "Tile", "TileUse", "plan", "precision_of", "rows_of"]

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
        height, width = self.layers[tile.layer].window.kernel
        taps = height * width
        return tuple(
            channel * taps + tap
            for j in range(width)
            for i in range(height)
            for tap in [i * width + j]
            for channel in tile.channels[bank].under(tap)
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


def plan(
    network: Network,
    *,
    rows: int,
    columns: int,
    banks: int = 1,
    lanes: int,
    frames: int,
    word: int,
    per_data_word: int,
    unit: str | None = None,
    once: Once = anew,
) -> Plan:
    """Lay `network` out: layers in order, for each the chunks of slots that fit, for each chunk its row tiles.

    A slot occupies `lanes` columns for every slice of its weights; the slots of a chunk and their slices fill the
    columns, so a chunk's sums are complete after its last row tile and the accumulators serve the next. Row tiles are
    computed `banks` at a time, what is left of them in halves of that. `word` and
    `per_data_word` are the elements of a word of the activation memories and of the data port. `once` may remember what
    other shapes of the same network's accelerators share.

    Raises
    ------
    InvalidInput
        If the network has a node or an order that the engine cannot run, a row tile taller than the macros, or fewer
        columns than lanes; names the node.
    """
    if lanes > columns:
        raise InvalidInput(f"Lanes must be at most the {columns} columns of the macros, not {lanes}")
    layers = once("layers", lambda: layers_of(network))
    for layer in layers:
        tallest, most = max(layer.matrix.tile_rows), rows_of(layer, rows, unit)
        if tallest > most:
            what = "a macro" if unit is None else f"{rows} units"
            raise InvalidInput(
                f"Node {layer.matrix.name!r}: row tiles must have at most the {most} rows of {what}, not {tallest}"
            )
    placement = once(
        ("placement", lanes, word, per_data_word, frames),
        lambda: place_all(network, layers, lanes=lanes, word=word, per_data_word=per_data_word, frames=frames),
    )
    room = columns // lanes
    tiles, routes = once(("tiles", lanes, room, banks), lambda: _arranged(network, layers, lanes, room, banks))
    return Plan(network, rows, columns, banks, lanes, frames, word, layers, tiles, routes, placement, unit)


def _arranged(
    network: Network, layers: Sequence[Layer], lanes: int, room: int, banks: int
) -> tuple[tuple[Tile, ...], tuple[Route, ...]]:
    """All instructions, and where what they complete goes; `room` slots fit beside one another in a bank."""
    tiles: list[Tile] = []
    routes: list[Route] = []
    for number, layer in enumerate(layers):
        barrier = layer.source != network.input.name
        for begin, end in _chunks(layer, lanes, room):
            for tile in _tiles(layer, begin, end, lanes, room, banks):
                done = [step.slot for step in tile.steps if step.last]
                route = None
                if done:
                    assert done == [*range(done[0], done[0] + len(done))]
                    route = len(routes)
                    routes.append(Route(number, done[0], len(done)))
                tiles.append(Tile(number, *tile.place, tile.steps, end - begin, barrier, route))
                barrier = False
    return tuple(tiles), tuple(routes)


def _chunks(layer: Layer, lanes: int, room: int) -> Iterator[tuple[int, int]]:
    """Ranges of slots whose columns fit beside one another."""
    slots = -(-layer.matrix.outputs // lanes)
    size = max(1, room // layer.matrix.encoding.slices)
    return ((begin, min(begin + size, slots)) for begin in range(0, slots, size))


@dataclass(frozen=True)
class _Piece:
    """A tile before its route is known: (indices, group, channels) and steps."""

    place: tuple[tuple[int, ...], int, tuple[Channels, ...]]
    steps: tuple[ColumnStep, ...]


def _tiles(layer: Layer, begin: int, end: int, lanes: int, room: int, banks: int) -> list[_Piece]:
    """The instructions of the slots `begin` to `end - 1`; `room` slots fit beside one another in a bank."""
    matrix, taps = layer.matrix, layer.window.taps
    per_group = matrix.outputs // layer.window.groups
    edges = [sum(matrix.tile_rows[:t]) for t in range(len(matrix.tile_rows) + 1)]
    channels = [Channels(a // taps, a % taps, b // taps, b % taps) for a, b in zip(edges, edges[1:], strict=False)]
    pieces: list[tuple[tuple[int, ...], int, list[tuple[int, int | None, int]]]] = []
    for group in range(begin * lanes // per_group, min(layer.window.groups, -(-end * lanes // per_group))):
        slots = range(max(begin, group * per_group // lanes), min(end, -(-(group + 1) * per_group // lanes)))
        for indices in _together(len(channels), banks):
            columns: list[tuple[int, int | None, int]] = [
                (t, s, slot) for s in range(matrix.encoding.slices) for slot in slots for t in indices
            ]
            cut = [columns[n : n + room * banks] for n in range(0, len(columns), room * banks)]
            if layer.row_sum:
                cut[-1] = cut[-1] + [(t, None, slot) for slot in slots for t in indices]
            pieces += [(indices, group, piece) for piece in cut]

    left = Counter(slot for _, _, piece in pieces for _, _, slot in piece)
    seen: set[int] = set()
    tiles: list[_Piece] = []
    for indices, group, piece in pieces:
        low, high = group * per_group, (group + 1) * per_group
        steps: list[ColumnStep] = []
        for t, s, slot in piece:
            left[slot] -= 1
            outputs = tuple(o if low <= o < high else PADDING for o in range(slot * lanes, (slot + 1) * lanes))
            steps.append(ColumnStep(t, s, slot, slot - begin, outputs, first=slot not in seen, last=left[slot] == 0))
            seen.add(slot)
        # Fewer tiles than banks: each stands in several, so that the steps go round all banks.
        held = tuple(indices[bank % len(indices)] for bank in range(banks))
        tiles.append(_Piece((held, group, tuple(channels[t] for t in held)), tuple(steps)))
    return tiles


def _together(tiles: int, banks: int) -> Iterator[tuple[int, ...]]:
    """Row tiles that are computed at a time: as many as there are banks, then halves of that."""
    start = 0
    while start < tiles:
        while banks > tiles - start:
            banks //= 2
        yield tuple(range(start, start + banks))
        start += banks
