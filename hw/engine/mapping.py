"""Where everything goes: a Network cut into tiles, column steps and vectors for macros of a given shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quadrille.algo.spec import Argmax, Dequantize, Edge, InvalidInput, Linear, Network, RowSum

from .configuration import Destination

__all__ = ["ColumnStep", "Group", "Layer", "Plan", "Tile", "plan"]

PADDING = -1


@dataclass(frozen=True)
class Group:
    """The outputs that the lanes produce together, and where they go; PADDING marks an idle lane."""

    outputs: tuple[int, ...]
    kind: int
    vector: int
    place: int  # group within the vector, or within the frame's results
    last: bool  # of the frame, where results leave


@dataclass(frozen=True)
class ColumnStep:
    """One cycle of the lanes: slice `slice` of a group's columns, or (None) the reference sum."""

    slice: int | None
    group: int  # index into Layer.groups
    accumulator: int
    first: bool
    last: bool


@dataclass(frozen=True)
class Tile:
    """One instruction: row tile `index` of a layer against as many of its columns as the macros hold."""

    layer: int
    index: int
    vector: int
    barrier: bool
    steps: tuple[ColumnStep, ...]


@dataclass(frozen=True)
class Layer:
    """A linear node with the nodes that belong to it, and its outputs in the order of the hardware."""

    linear: Linear
    row_sum: RowSum | None
    dequantize: Dequantize
    source: Edge
    from_input: bool
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Plan:
    """A network laid out on `columns` columns of `rows` rows with `lanes` lanes.

    `input_order[v]` holds, for each element of input vector v, the flat index of the image element, or PADDING.
    """

    network: Network
    rows: int
    columns: int
    lanes: int
    layers: tuple[Layer, ...]
    tiles: tuple[Tile, ...]
    input_order: tuple[tuple[int, ...], ...]
    vectors: int  # activation vectors of one frame
    argmax: Argmax | None

    def steps(self) -> Iterator[tuple[Tile, ColumnStep]]:
        """All column steps in the order of the tables."""
        return ((tile, step) for tile in self.tiles for step in tile.steps)

    @property
    def utilization(self) -> tuple[float, ...]:
        """For each tile, the share of the macros' cells that hold a weight."""
        shares = []
        for tile in self.tiles:
            layer = self.layers[tile.layer]
            columns = sum(
                sum(output != PADDING for output in layer.groups[step.group].outputs)
                for step in tile.steps
                if step.slice is not None
            )
            shares.append(columns * layer.linear.tile_rows[tile.index] / (self.rows * self.columns))
        return tuple(shares)


def plan(network: Network, *, rows: int, columns: int, lanes: int) -> Plan:
    """Lay `network` out: layers in order, for each the chunks of groups that fit, for each chunk its row tiles.

    A group occupies `lanes` columns for every slice of its weights; the groups of a chunk and their slices fill the
    columns, so a chunk's sums are complete after its last row tile and the accumulators serve the next.

    Raises
    ------
    InvalidInput
        If the network has a node or an order that the engine cannot run, a row tile taller than the macros, or fewer
        columns than lanes; names the node.
    """
    if lanes > columns:
        raise InvalidInput(f"Lanes must be at most the {columns} columns of the macros, not {lanes}")
    chain = list(_chain(network))
    argmax = network.result if isinstance(network.result, Argmax) else None
    for linear, *_ in chain:
        if max(linear.tile_rows) > rows:
            raise InvalidInput(
                f"Node {linear.name!r}: row tiles must have at most the {rows} rows of a macro, "
                f"not {max(linear.tile_rows)}"
            )

    layers: list[Layer] = []
    tiles: list[Tile] = []
    # Vectors of two layers that follow each other are read and written in the same pass, so they alternate.
    room = [max((len(linear.tile_rows) for linear, *_ in chain[first::2]), default=0) for first in (1, 2)]
    bases = (0, room[0])
    for number, (linear, row_sum, dequantize) in enumerate(chain):
        reader = chain[number + 1][0] if number + 1 < len(chain) else None
        groups = _groups(linear.outputs, lanes, reader, bases[number % 2], argmax is not None)
        layer = Layer(linear, row_sum, dequantize, network.input_edges(linear)[0], number == 0, groups)
        layers.append(layer)
        base = 0 if number == 0 else bases[(number - 1) % 2]
        tiles += _tiles(number, layer, base, columns // lanes)

    starts = [sum(chain[0][0].tile_rows[:t]) for t in range(len(chain[0][0].tile_rows))]
    order = tuple(
        tuple(start + n if n < count else PADDING for n in range(rows))
        for start, count in zip(starts, chain[0][0].tile_rows, strict=True)
    )
    return Plan(
        network=network,
        rows=rows,
        columns=columns,
        lanes=lanes,
        layers=tuple(layers),
        tiles=tuple(tiles),
        input_order=order,
        vectors=max(1, sum(room)),
        argmax=argmax,
    )


def _chain(network: Network) -> Iterator[tuple[Linear, RowSum | None, Dequantize]]:
    """The layers of a network that is a chain, in order."""
    at = network.input.name
    while True:
        readers = network.readers(at)
        if not readers:
            break
        if len(readers) == 1 and isinstance(readers[0], Argmax) and readers[0] is network.result:
            break
        linears = [node for node in readers if isinstance(node, Linear)]
        sums = [node for node in readers if isinstance(node, RowSum)]
        if len(linears) != 1 or len(sums) > 1 or len(linears) + len(sums) != len(readers):
            kinds = ", ".join(f"{node.kind} {node.name!r}" for node in readers)
            raise InvalidInput(
                f"Node {at!r}: the engine needs one linear node, and at most one row-sum, to read it, not {kinds}"
            )
        linear, row_sum = linears[0], sums[0] if sums else None
        followers = network.readers(linear.name)
        if len(followers) != 1 or not isinstance(followers[0], Dequantize):
            raise InvalidInput(f"Node {linear.name!r}: the engine needs one dequantize node to read it")
        dequantize = followers[0]
        if row_sum is not None:
            if row_sum.tile_rows != linear.tile_rows:
                raise InvalidInput(
                    f"Node {row_sum.name!r}: row tiles must be those of {linear.name!r}, {list(linear.tile_rows)}, "
                    f"not {list(row_sum.tile_rows)}"
                )
            if network.readers(row_sum.name) != [dequantize]:
                raise InvalidInput(f"Node {row_sum.name!r}: the engine needs {dequantize.name!r} alone to read it")
        yield linear, row_sum, dequantize
        at = dequantize.name
    if at == network.input.name:
        raise InvalidInput(f"Network {network.name!r} must have a linear node for the engine to run, and has none")


def _groups(outputs: int, lanes: int, reader: Linear | None, base: int, argmax: bool) -> tuple[Group, ...]:
    """The outputs of a layer, `lanes` at a time, so that no group crosses from one vector of its reader to the next."""
    if reader is None:
        starts = range(0, outputs, lanes)
        kind = Destination.ARGMAX if argmax else Destination.OUTPUT
        return tuple(
            Group(_lanes(start, outputs, lanes), kind, 0, place, start + lanes >= outputs)
            for place, start in enumerate(starts)
        )
    groups: list[Group] = []
    begin = 0
    for vector, count in enumerate(reader.tile_rows):
        for place, start in enumerate(range(begin, begin + count, lanes)):
            members = _lanes(start, begin + count, lanes)
            groups.append(Group(members, Destination.ACTIVATIONS, base + vector, place, False))
        begin += count
    return tuple(groups)


def _lanes(start: int, end: int, lanes: int) -> tuple[int, ...]:
    return tuple(n if n < end else PADDING for n in range(start, start + lanes))


def _tiles(number: int, layer: Layer, base: int, slots: int) -> Iterator[Tile]:
    """The instructions of a layer; `slots` groups of columns fit beside one another."""
    slices = layer.linear.encoding.slices
    chunk_size = max(1, slots // slices)
    row_tiles = range(len(layer.linear.tile_rows))
    barrier = not layer.from_input
    for begin in range(0, len(layer.groups), chunk_size):
        chunk = range(begin, min(begin + chunk_size, len(layer.groups)))
        columns: list[tuple[int | None, int]] = [(s, group) for s in range(slices) for group in chunk]
        references: list[tuple[int | None, int]] = [(None, group) for group in chunk] if layer.row_sum else []
        for t in row_tiles:
            pieces = [columns[n : n + slots] for n in range(0, len(columns), slots)]
            pieces[-1] = pieces[-1] + references
            seen: set[int] = set()
            left = {group: sum(g == group for _, g in columns + references) for group in chunk}
            for piece in pieces:
                steps: list[ColumnStep] = []
                for slice_index, group in piece:
                    left[group] -= 1
                    steps.append(
                        ColumnStep(
                            slice_index,
                            group,
                            group - begin,
                            first=t == 0 and group not in seen,
                            last=t == row_tiles[-1] and left[group] == 0,
                        )
                    )
                    seen.add(group)
                yield Tile(number, t, base + t, barrier, tuple(steps))
                barrier = False
