"""The layers of a Network: the nodes that pass through the datapath together, found in the graph or refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from quadrille.algo.spec import (
    Add,
    Argmax,
    Conv2d,
    Dequantize,
    Edge,
    Flatten,
    Function,
    Input,
    InvalidInput,
    Linear,
    MaxPool,
    Network,
    Node,
    PiecewiseQuadratic,
    Requantize,
    RowSum,
    Subsample,
    SumPool,
    Window,
)

__all__ = ["Layer", "Shortcut", "layers_of"]


@dataclass(frozen=True)
class Shortcut:
    """What an Add finds stored: the node `stored`, every `stride`-th element of it, zeros beyond its channels."""

    add: Add
    stored: str
    stride: int
    mantissa_value: int  # of what the layer itself computes
    mantissa_stored: int


@dataclass(frozen=True)
class Layer:
    """A matrix with all that happens to its results before they are stored or leave.

    Attributes
    ----------
    matrix : Linear or Conv2d; row_sum : its reference column, if that is a node
    source : the node whose edge the matrix reads, before any Flatten; shape : of that edge as a map (channels, height,
        width); window : how it is read: a Linear's kernel covers the whole map
    dequantize, shortcut, activation, pool, requantize : what follows, in this order, where it does
    stored : the node whose values an Add or a Subsample reads later, None if there is none
    result : the node whose edge leaves the layer, last of all
    """

    matrix: Linear | Conv2d
    row_sum: RowSum | None
    source: str
    edge: Edge
    shape: tuple[int, int, int]
    window: Window
    dequantize: Dequantize
    shortcut: Shortcut | None
    activation: PiecewiseQuadratic | None
    pool: MaxPool | SumPool | None
    requantize: Requantize | None
    stored: str | None
    result: str

    @cached_property
    def windows(self) -> tuple[int, int]:
        """Windows down and across."""
        return self.window.output_size(self.shape[1], self.shape[2])

    @property
    def behind(self) -> tuple[Node | None, ...]:
        """The nodes of residual unit, activation unit, pooling unit and requantizer, None where they do nothing."""
        return (self.shortcut.add if self.shortcut else None, self.activation, self.pool, self.requantize)

    @cached_property
    def function(self) -> Function | None:
        """What the activation unit applies; equal functions are equal whatever their nodes are called."""
        if self.activation is None:
            return None
        source = self.shortcut.add if self.shortcut else self.dequantize
        return replace(self.activation.function(source.format), name="activation")

    @cached_property
    def pooled(self) -> tuple[int, int]:
        """Down and across, after the pool."""
        return self.pool.window.output_size(*self.windows) if self.pool else self.windows


def layers_of(network: Network) -> tuple[Layer, ...]:
    """The layers of `network` in the order of their dequantize nodes, which puts all that a layer reads before it.

    Raises
    ------
    InvalidInput
        If a node stands where the engine cannot run it; names the node and what would have to stand there.
    """
    layers: list[Layer] = []
    covered = {network.input.name, network.result.name} if isinstance(network.result, Argmax) else {network.input.name}
    for node in network.nodes:
        if isinstance(node, (Linear, Conv2d)):
            layer, nodes = _layer(network, node)
            layers.append(layer)
            covered |= nodes
    if not layers:
        raise InvalidInput(
            f"Network {network.name!r} must have a linear or conv2d node for the engine to run, and has none"
        )
    for node in network.nodes:
        if node.name not in covered:
            raise InvalidInput(
                f"Node {node.name!r}: the engine runs a {node.kind} node only behind a dequantize node of its own"
            )
    order = {node.name: number for number, node in enumerate(network.nodes)}
    layers.sort(key=lambda layer: order[layer.dequantize.name])
    if isinstance(network.result, Argmax) and (layers[-1].requantize or layers[-1].activation):
        raise InvalidInput(f"Node {network.result.name!r}: the engine needs argmax to read a dequantize node")
    stored = {layer.stored for layer in layers}
    for layer in layers:
        if layer.shortcut is not None and layer.shortcut.stored not in stored:
            other = layer.shortcut.stored
            raise InvalidInput(
                f"Node {layer.shortcut.add.name!r}: the engine adds what a layer stored before, "
                f"not {network.node(other).kind} {other!r}"
            )
    return tuple(layers)


def _layer(network: Network, matrix: Linear | Conv2d) -> tuple[Layer, set[str]]:
    """The layer of `matrix`, and the names of the nodes in it."""
    nodes = {matrix.name}
    source = network.node(matrix.inputs[0])
    while isinstance(source, Flatten):
        nodes.add(source.name)
        source = network.node(source.inputs[0])
    edge = network.edges[source.name]
    readers = network.readers(matrix.name)
    if len(readers) != 1 or not isinstance(readers[0], Dequantize):
        raise InvalidInput(f"Node {matrix.name!r}: the engine needs one dequantize node, and no other, to read it")
    dequantize = readers[0]
    row_sum = _row_sum(network, matrix, dequantize)
    nodes |= {dequantize.name} | ({row_sum.name} if row_sum else set())

    at: Node = dequantize
    shortcut = _shortcut(network, at)
    if shortcut is not None:
        at = shortcut.add
        nodes |= {at.name, *_subsamples(network, at)}
    activation = _only_reader(network, at, (PiecewiseQuadratic,))
    if isinstance(activation, PiecewiseQuadratic):
        at = activation
        nodes.add(at.name)
    else:
        activation = None
    pool = _only_reader(network, at, (MaxPool, SumPool))
    if isinstance(pool, (MaxPool, SumPool)):
        if pool.window.stride != pool.window.kernel:
            raise InvalidInput(
                f"Node {pool.name!r}: the engine needs windows that do not overlap, stride {list(pool.window.kernel)}, "
                f"not {list(pool.window.stride)}"
            )
        at = pool
        nodes.add(at.name)
    else:
        pool = None
    readers = network.readers(at.name)
    requantizers = [reader for reader in readers if isinstance(reader, Requantize)]
    kept = [reader for reader in readers if isinstance(reader, (Add, Subsample))]
    requantize = requantizers[0] if len(requantizers) == 1 else None
    if len(requantizers) > 1 or (requantize and len(kept) + 1 != len(readers)):
        raise InvalidInput(
            f"Node {at.name!r}: the engine stores its values for one requantize node or for the matrices that read "
            f"it, not for {', '.join(f'{reader.kind} {reader.name!r}' for reader in readers)}"
        )
    stored = at.name if kept else None
    if requantize is not None:
        at = requantize
        nodes.add(at.name)
    shape = edge.shape if len(edge.shape) == 3 else (edge.shape[0], 1, 1)
    if isinstance(matrix, Conv2d):
        window = matrix.window
    elif not isinstance(source, Input) and len(edge.shape) == 3:
        window = Window(edge.shape[1:])
    else:
        shape, window = (prod(edge.shape), 1, 1), Window((1, 1))
    layer = Layer(
        matrix=matrix,
        row_sum=row_sum,
        source=source.name,
        edge=edge,
        shape=(shape[0], shape[1], shape[2]),
        window=window,
        dequantize=dequantize,
        shortcut=shortcut,
        activation=activation,
        pool=pool,
        requantize=requantize,
        stored=stored,
        result=at.name,
    )
    return layer, nodes


def _row_sum(network: Network, matrix: Linear | Conv2d, dequantize: Dequantize) -> RowSum | None:
    """The reference column of `matrix`, where the dequantizer reads one."""
    if len(dequantize.inputs) == 1:
        return None
    row_sum = network.node(dequantize.inputs[1])
    window = matrix.window if isinstance(matrix, Conv2d) else None
    if not isinstance(row_sum, RowSum) or row_sum.inputs != matrix.inputs or row_sum.window != window:
        raise InvalidInput(f"Node {row_sum.name!r}: the engine needs it to read what {matrix.name!r} reads, alike")
    if row_sum.tile_rows != matrix.tile_rows:
        raise InvalidInput(
            f"Node {row_sum.name!r}: row tiles must be those of {matrix.name!r}, {list(matrix.tile_rows)}, "
            f"not {list(row_sum.tile_rows)}"
        )
    if network.readers(row_sum.name) != [dequantize]:
        raise InvalidInput(f"Node {row_sum.name!r}: the engine needs {dequantize.name!r} alone to read it")
    return row_sum


def _only_reader(network: Network, node: Node, kinds: tuple[type[Node], ...]) -> Node | None:
    """The node that reads `node`, if there is but one and it is of `kinds`."""
    readers = network.readers(node.name)
    return readers[0] if len(readers) == 1 and isinstance(readers[0], kinds) else None


def _shortcut(network: Network, value: Node) -> Shortcut | None:
    """The Add that `value` flows into, if its other operand is there before it."""
    add = _only_reader(network, value, (Add,))
    if not isinstance(add, Add) or add.inputs[0] == add.inputs[1]:
        return None
    first = add.inputs.index(value.name)
    other, stride = network.node(add.inputs[1 - first]), 1
    if isinstance(other, Subsample):
        stride, other = other.stride, network.node(other.inputs[0])
    order = [node.name for node in network.nodes]
    if order.index(other.name) > order.index(value.name):
        return None
    return Shortcut(add, other.name, stride, add.mantissas[first], add.mantissas[1 - first])


def _subsamples(network: Network, add: Node) -> Iterator[str]:
    """The Subsample nodes among the operands of an Add."""
    return (name for name in add.inputs if isinstance(network.node(name), Subsample))
