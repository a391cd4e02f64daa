"""Executing a Network in integers: the reference that everything else must equal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import (
    Add,
    Argmax,
    Conv2d,
    Dequantize,
    Edge,
    Flatten,
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
)

from .activation import evaluate, every_code
from .arithmetic import IntArray, integers
from .cim import ColumnConverter, ColumnMatrix
from .convolution import Convolution, WindowSums
from .dequant import ColumnDequantization
from .maps import Addition, Requantization, max_pool, subsample, sum_pool
from .product import IntegerMatrix

__all__ = ["Executor", "Operation", "argmax", "check_images", "execute", "executes"]

Operation = Callable[[Sequence[NDArray[Any]]], NDArray[Any]]
"""From the tensors of a node's inputs, (n, *shape) each, to the node's own, which never shares what it then changes.

Tensors hold integers in any type that is exact for them: float32 where it is enough, for it is the fastest.
"""

NodeT = TypeVar("NodeT", bound=Node)

_PREPARE: dict[type[Node], Callable[[Any, Sequence[Edge]], Operation]] = {}

CHUNK_BYTES = 1 << 22  # of the widest tensor: what is written by one node is still in the cache for the next
TABULATED_BITS = 16  # inputs of a function up to this width: all of its values are computed once


def executes(kind: type[NodeT]) -> Callable[[Callable[[NodeT, Sequence[Edge]], Operation]], Any]:
    """Decorator of the function that prepares the operation of a node class from the node and its input edges."""

    def register(prepare: Callable[[NodeT, Sequence[Edge]], Operation]) -> Any:
        _PREPARE[kind] = prepare
        return prepare

    return register


@executes(Linear)
def _linear(node: Linear, inputs: Sequence[Edge]) -> Operation:
    matrix = ColumnMatrix(node, inputs[0].interval)
    elements = node.weight.shape[1]
    if node.adc is None:
        return lambda tensors: matrix.exact(tensors[0].reshape(-1, elements))
    converter = ColumnConverter(node.adc, matrix.shape, matrix.least, matrix.greatest)
    return lambda tensors: converter.codes(matrix.products(tensors[0].reshape(-1, elements)))


@executes(Conv2d)
def _conv2d(node: Conv2d, inputs: Sequence[Edge]) -> Operation:
    convolution = Convolution(node, inputs[0].interval)
    return lambda tensors: convolution.codes(tensors[0])


@executes(RowSum)
def _row_sum(node: RowSum, inputs: Sequence[Edge]) -> Operation:
    if node.window is not None:
        windows = WindowSums(node, inputs[0].interval)
        return lambda tensors: windows.sums(tensors[0])
    tiles = len(node.tile_rows)
    ones = np.repeat(np.eye(tiles, dtype=np.int64), node.tile_rows, axis=0)
    matrix = IntegerMatrix(ones, inputs[0].interval)
    return lambda tensors: matrix.product(tensors[0].reshape(-1, len(ones)))


@executes(Dequantize)
def _dequantize(node: Dequantize, inputs: Sequence[Edge]) -> Operation:
    dequantization = ColumnDequantization(node, inputs)
    return lambda tensors: dequantization.values(*tensors)


@executes(Add)
def _add(node: Add, inputs: Sequence[Edge]) -> Operation:
    addition = Addition(node, (inputs[0].interval, inputs[1].interval))
    return lambda tensors: addition.values(*tensors)


@executes(Requantize)
def _requantize(node: Requantize, inputs: Sequence[Edge]) -> Operation:
    requantization = Requantization(node, inputs[0].interval)
    return lambda tensors: requantization.values(tensors[0])


@executes(PiecewiseQuadratic)
def _piecewise_quadratic(node: PiecewiseQuadratic, inputs: Sequence[Edge]) -> Operation:
    function = node.function(inputs[0].format)
    if function.input.bits > TABULATED_BITS:
        return lambda tensors: evaluate(function, tensors[0].astype(np.int64))
    table, lowest = evaluate(function, every_code(function)), function.input.interval.lo
    return lambda tensors: table[tensors[0].astype(np.int64) - lowest]


@executes(MaxPool)
def _max_pool(node: MaxPool, inputs: Sequence[Edge]) -> Operation:
    return lambda tensors: max_pool(node, tensors[0])


@executes(SumPool)
def _sum_pool(node: SumPool, inputs: Sequence[Edge]) -> Operation:
    return lambda tensors: sum_pool(node, inputs[0].interval, tensors[0])


@executes(Subsample)
def _subsample(node: Subsample, inputs: Sequence[Edge]) -> Operation:
    return lambda tensors: subsample(node, tensors[0])


@executes(Flatten)
def _flatten(node: Flatten, inputs: Sequence[Edge]) -> Operation:
    elements = prod(inputs[0].shape)
    return lambda tensors: tensors[0].reshape(len(tensors[0]), elements)


@executes(Argmax)
def _argmax(node: Argmax, inputs: Sequence[Edge]) -> Operation:
    return lambda tensors: argmax(tensors[0])


def argmax(values: NDArray[Any]) -> IntArray:
    """The index of the greatest of `values` (n, elements); of equal ones, the lowest index: (n,)."""
    return np.argmax(values, axis=1).astype(np.int64, copy=False)


def check_images(node: Input, images: object) -> IntArray:
    """`images` as int64 (n, *shape), if they are what `node` takes.

    Raises
    ------
    InvalidInput
        If they are no integers, have another shape, or lie outside the input's format.
    """
    array = integers(images, "Images")
    if array.shape[1:] != node.shape or array.ndim == 0:
        wanted = ", ".join(["n", *map(str, node.shape)])
        raise InvalidInput(f"Images must have shape [{wanted}], not {list(array.shape)}")
    interval = node.format.interval
    if array.size and not (interval.lo <= int(array.min()) and int(array.max()) <= interval.hi):
        raise InvalidInput(f"Images must lie in {interval}, not in [{int(array.min())}, {int(array.max())}]")
    return array


class Executor:
    """A Network made ready to execute: factors recovered, converters tabulated, once for any number of batches.

    Raises
    ------
    InvalidInput
        If a node's kind has no operation here.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.operations: dict[str, Operation] = {}
        for node in network.nodes[1:]:
            prepare = _PREPARE.get(type(node))
            if prepare is None:
                raise InvalidInput(f"Node {node.name!r}: a {node.kind} node must have an operation, and has none")
            self.operations[node.name] = prepare(node, network.input_edges(node))
        widest = max(prod(edge.shape) for edge in network.edges.values())
        self.chunk = max(1, CHUNK_BYTES // (8 * widest))

    def run(self, images: object, *, keep: Collection[str] | None = None) -> dict[str, IntArray]:
        """The tensors of the nodes named in `keep`, of all nodes if it is None; see `execute`."""
        network = self.network
        names = [node.name for node in network.nodes]
        kept = set(names if keep is None else keep)
        for name in kept:
            network.node(name)
        batch = check_images(network.input, images)
        results = {
            name: np.empty((len(batch), *network.edges[name].shape), dtype=np.int64) for name in names if name in kept
        }
        last_reader = {source: node.name for node in network.nodes for source in node.inputs}
        for begin in range(0, len(batch), self.chunk):
            part = slice(begin, begin + self.chunk)
            tensors: dict[str, NDArray[Any]] = {}
            for node in network.nodes:
                if node.name == names[0]:
                    tensors[node.name] = batch[part]
                else:
                    tensors[node.name] = self.operations[node.name]([tensors[source] for source in node.inputs])
                if node.name in kept:
                    results[node.name][part] = tensors[node.name]
                for source in set(node.inputs):
                    if last_reader[source] == node.name:
                        del tensors[source]
        return results


def execute(network: Network, images: object, *, keep: Collection[str] | None = None) -> dict[str, IntArray]:
    """Every tensor that `network` computes for `images`, by node name, exactly.

    `images` (n, *shape), integers in the input's format. Returns int64 arrays (n, *shape of the node's edge), those of
    the nodes named in `keep` or, if it is None, of all; images are taken in chunks, so that what is not kept needs
    little memory.

    Raises
    ------
    InvalidInput
        If the images do not fit the network's input, or `keep` names a node that there is not.
    """
    return Executor(network).run(images, keep=keep)


def accuracy(network: Network, images: object, labels: object) -> float:
    """The share of `images` (n, *shape) that the integers of `network` put in their class, of `labels` (n).

    Raises
    ------
    InvalidInput
        If the images do not fit the network's input.
    """
    answers = execute(network, images, keep={network.result.name})[network.result.name]
    return float(np.mean(answers.reshape(-1) == labels))
