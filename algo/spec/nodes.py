"""The operations of a Network: frozen dataclasses that check themselves and say what leaves them.

A node kind is one class here, one function in algo.integer.execution and, where hardware runs it, one rule in
hw.engine.mapping. Its fields are what the Network file stores; `infer` is all that validation knows of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from .dequantize import Dequantize
from .errors import InvalidInput
from .formats import Interval
from .linear import Adc, Conv2d, Linear, RowSum
from .maps import Add, Flatten, MaxPool, Requantize, Subsample, SumPool
from .node import NODE_KINDS, Edge, Input, Node
from .quadratic import PiecewiseQuadratic
from .window import Window

__all__ = [
    "NODE_KINDS",
    "Adc",
    "Add",
    "Argmax",
    "Conv2d",
    "Dequantize",
    "Edge",
    "Flatten",
    "Input",
    "Linear",
    "MaxPool",
    "Node",
    "PiecewiseQuadratic",
    "Requantize",
    "RowSum",
    "Subsample",
    "SumPool",
    "Window",
]


@dataclass(frozen=True, kw_only=True)
class Argmax(Node):
    """The index of the greatest element of a vector; of equal ones, the lowest index. Output shape ()."""

    kind: ClassVar[str] = "argmax"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """An index."""
        (source,) = inputs
        if len(source.shape) != 1:
            raise InvalidInput(f"argmax must read a vector, not shape {list(source.shape)}")
        interval = Interval(0, source.shape[0] - 1)
        return Edge((), interval.format, interval)
