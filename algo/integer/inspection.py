"""What there is to know of a Network before any hardware, as plain dictionaries that JSON can hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from math import prod
from typing import Any, TypeVar

from quadrille.algo.spec import Dequantize, Edge, Interval, IntTensor, Linear, Network, Node, RowSum
from quadrille.algo.spec.converter import ladders_of, shared_multiply_shift

__all__ = ["describe", "describe_node", "describes"]

NodeT = TypeVar("NodeT", bound=Node)
Description = dict[str, Any]

_DETAILS: dict[type[Node], Callable[[Any, Sequence[Edge]], Description]] = {}


def describes(kind: type[NodeT]) -> Callable[[Callable[[NodeT, Sequence[Edge]], Description]], Any]:
    """Decorator of the function that gives the entries that only nodes of class `kind` have."""

    def register(detail: Callable[[NodeT, Sequence[Edge]], Description]) -> Any:
        _DETAILS[kind] = detail
        return detail

    return register


def describe(network: Network) -> Description:
    """Name, notes, totals, and one entry for each node in the order of execution.

    `products` are the multiplications of a weight by an activation for one image, `cells` the memory cells that the
    weights fill, `codes` the column results for one image, `table_bytes` the size of all tables.
    """
    linear = list(network.of_kind(Linear))
    weights = [prod(node.weight.shape) for node in linear]
    return {
        "name": network.name,
        "notes": dict(network.notes),
        "nodes": [describe_node(network, node) for node in network.nodes],
        "totals": {
            "nodes": len(network.nodes),
            "products": sum(weights),
            "cells": sum(count * node.encoding.slices for count, node in zip(weights, linear, strict=True)),
            "codes": sum(prod(network.edges[node.name].shape) for node in linear),
            "table_bytes": sum(len(tensor.data) for node in network.nodes for tensor in _tables(node).values()),
        },
    }


def describe_node(network: Network, node: Node) -> Description:
    """Name, kind, inputs, shape, format, interval and tables of `node`, and what only its kind has.

    Intervals are [low, high]; `accumulator`, where the node has one, gives the interval of the sums on the way and
    the bits that hold it.
    """
    edge = network.edges[node.name]
    detail = _DETAILS.get(type(node))
    return {
        "name": node.name,
        "kind": node.kind,
        "inputs": list(node.inputs),
        "shape": list(edge.shape),
        "format": str(edge.format),
        "interval": _pair(edge.interval),
        "tables": {
            name: {"shape": list(tensor.shape), "dtype": tensor.dtype, "interval": _pair(tensor.interval)}
            for name, tensor in _tables(node).items()
        },
        **(detail(node, network.input_edges(node)) if detail else {}),
    }


@describes(Linear)
def _linear(node: Linear, inputs: Sequence[Edge]) -> Description:
    encoding, source = node.encoding, inputs[0].interval
    columns = node.column_intervals(source)
    return {
        "weight_bits": node.weight_bits,
        "cell_bits": node.cell_bits,
        "tiles": list(node.tile_rows),
        "slices": [encoding.slice_bits(index) for index in range(encoding.slices)],
        "accumulator": _accumulator(Interval.hull(*columns)),
        "adc": None if node.adc is None else _adc(node, source),
    }


def _adc(node: Linear, source: Interval) -> Description:
    assert node.adc is not None
    found = shared_multiply_shift(ladders_of(node, source))
    line = None
    if found is not None:
        line = {
            "shift": found.shift,
            "multipliers": _accumulator(found.multiplier_interval),
            "offsets": _accumulator(found.offset_interval),
        }
    return {"bits": node.adc.bits, "interval": _pair(node.adc.interval), "multiply_shift": line}


@describes(RowSum)
def _row_sum(node: RowSum, inputs: Sequence[Edge]) -> Description:
    return {"tiles": list(node.tile_rows)}


@describes(Dequantize)
def _dequantize(node: Dequantize, inputs: Sequence[Edge]) -> Description:
    intervals = node.accumulator_intervals(inputs)
    return {"shift": node.shift, "accumulator": _accumulator(Interval.hull(*intervals))}


def _pair(interval: Interval) -> list[int]:
    return [interval.lo, interval.hi]


def _accumulator(interval: Interval) -> Description:
    return {"interval": _pair(interval), "bits": interval.format.bits, "format": str(interval.format)}


def _tables(record: Any) -> dict[str, IntTensor]:
    """All tensors of a node, also those of the records that it has, by field name."""
    tables: dict[str, IntTensor] = {}
    for item in fields(record):
        value = getattr(record, item.name)
        if isinstance(value, IntTensor):
            tables[item.name] = value
        elif hasattr(value, "__dataclass_fields__"):
            tables |= {f"{item.name}.{name}": tensor for name, tensor in _tables(value).items()}
    return tables
