"""Planning: a Network cut into tiles and column steps for macros of a given shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quadrille.algo.spec import InvalidInput, Network

from .layers import Layer, layers_of
from .mapping import PADDING, Channels, ColumnStep, Plan, Route, Tile, rows_of
from .once import Once, anew
from .placement import place_all

__all__ = ["plan"]


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
