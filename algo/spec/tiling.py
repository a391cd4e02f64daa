"""Matrices cut anew for other hardware, where the sums are exact and so do not mind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .dequantize import Dequantize
from .errors import InvalidInput
from .linear import Conv2d, Linear, RowSum
from .network import Network
from .node import Node
from .tensor import IntTensor

__all__ = ["Retiling", "retile", "whole_weights"]


@dataclass(frozen=True)
class Retiling:
    """The row tiles of the layer `name` before and after."""

    name: str
    before: tuple[int, ...]
    after: tuple[int, ...]


def retile(network: Network, rows: int | Callable[[Linear | Conv2d], int]) -> tuple[Network, tuple[Retiling, ...]]:
    """`network` with the fewest row tiles on macros of `rows` rows, in every layer that allows another cut.

    `rows` may depend on the layer.

    A layer allows one if its sums are exact and its mantissas are the same for all tiles: then
    `acc[o] = bias[o] + sum_s m[s,o] * sum_t P[t,s,o]` does not depend on the cut. A convolution has whole kernels in
    each tile, which the patch reader slides over, or every row filled where that saves a tile; kernels of more than
    `rows` taps are split. The two networks agree on every tensor but the codes and row sums of these layers.
    Returns the network, and the layers that changed.

    Raises
    ------
    InvalidInput
        If `rows` is not positive.
    """
    if isinstance(rows, int) and rows < 1:
        raise InvalidInput(f"Rows of a macro must be a positive integer, not {rows}")
    nodes: dict[str, Node] = {node.name: node for node in network.nodes}
    changes: list[Retiling] = []
    for node in network.nodes:
        if not isinstance(node, Linear | Conv2d) or node.adc is not None:
            continue
        most = rows if isinstance(rows, int) else rows(node)
        tiles = fewest_tiles(node, most)
        readers = network.readers(node.name)
        if not (len(tiles) < len(node.tile_rows) or max(node.tile_rows) > most):
            continue
        if len(readers) != 1 or not isinstance(readers[0], Dequantize) or not _alike(readers[0]):
            continue
        dequantize = readers[0]
        if len(dequantize.inputs) > 1:
            sums = nodes[dequantize.inputs[1]]
            if not isinstance(sums, RowSum) or network.readers(sums.name) != [dequantize]:
                continue
            nodes[sums.name] = replace(sums, tile_rows=tiles)
        nodes[node.name] = replace(node, tile_rows=tiles)
        nodes[dequantize.name] = replace(
            dequantize,
            mantissa=_repeated(dequantize.mantissa, len(tiles)),
            sum_mantissa=None if dequantize.sum_mantissa is None else _repeated(dequantize.sum_mantissa, len(tiles)),
        )
        changes.append(Retiling(node.name, node.tile_rows, tiles))
    # A network that is built is checked anew.
    return (replace(network, nodes=tuple(nodes.values())) if changes else network), tuple(changes)


def fewest_tiles(node: Linear | Conv2d, rows: int) -> tuple[int, ...]:
    """Whole kernels in each tile of at most `rows` rows, or every row filled where that makes fewer tiles."""
    taps = node.window.taps if isinstance(node, Conv2d) else 1
    forms = [size for size in (rows // taps * taps, rows) if size]
    return min((_cut(node.rows, size) for size in forms), key=len)


def _cut(total: int, most: int) -> tuple[int, ...]:
    full, rest = divmod(total, most)
    return (most,) * full + ((rest,) if rest else ())


def _alike(node: Dequantize) -> bool:
    """Whether every tile has the same mantissas."""
    tables = [node.mantissa] + ([] if node.sum_mantissa is None else [node.sum_mantissa])
    return all(table.data == _repeated(table, table.shape[0]).data for table in tables)


def _repeated(table: IntTensor, tiles: int) -> IntTensor:
    """The rows of the first tile for each of `tiles`."""
    one = table.data[: len(table.data) // table.shape[0]]
    return IntTensor((tiles, *table.shape[1:]), table.dtype, one * tiles)


def whole_weights(network: Network) -> Network:
    """`network` with every weight in one cell: what an array of multiply-accumulate units multiplies.

    The sums of the slices of a layer become one, `P[t,0,o] = sum_s P[t,s,o] * place(s)`, which needs mantissas that are
    in the ratio of their places: `m[t,s,o] = M[t,o] * place(s)`.

    Raises
    ------
    InvalidInput
        If a layer has an ADC, conductances, or mantissas of another ratio; names the node.
    """
    nodes: dict[str, Node] = {node.name: node for node in network.nodes}
    for node in network.nodes:
        if not isinstance(node, Linear | Conv2d):
            continue
        for wrong, noun in ((node.adc, "an ADC"), (node.conductance, "conductances")):
            if wrong is not None:
                raise InvalidInput(f"Node {node.name!r}: an array of multipliers needs exact sums, not {noun}")
        if node.encoding.slices == 1 and not node.differential:
            continue
        readers = network.readers(node.name)
        if len(readers) != 1 or not isinstance(readers[0], Dequantize):
            raise InvalidInput(f"Node {node.name!r}: an array of multipliers needs one dequantize node to read it")
        dequantize = readers[0]
        nodes[node.name] = replace(node, cell_bits=node.weight_bits, differential=False)
        nodes[dequantize.name] = replace(dequantize, mantissa=_one_slice(node, dequantize.mantissa))
    return replace(network, nodes=tuple(nodes.values()))


def _one_slice(node: Linear | Conv2d, mantissa: IntTensor) -> IntTensor:
    """The mantissas of whole weights."""
    tiles, slices, outputs = mantissa.shape
    places = [node.encoding.place(s) for s in range(slices)]
    unit = next(s for s in range(slices) if places[s] == 1)
    table = mantissa.flat
    found: list[int] = []
    for tile in range(tiles):
        start = tile * slices * outputs
        whole = table[start + unit * outputs : start + (unit + 1) * outputs]
        for s, place in enumerate(places):
            part = table[start + s * outputs : start + (s + 1) * outputs]
            if any(m != one * place for m, one in zip(part, whole, strict=True)):
                raise InvalidInput(
                    f"Node {node.name!r}: an array of multipliers needs mantissas in the ratio of the slices' places"
                )
        found += whole
    return IntTensor.of(found, (tiles, 1, outputs))
