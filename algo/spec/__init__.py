"""Frozen values that cross room borders: formats, intervals, tensors, Network and its nodes. Standard library only."""

from .cells import CellEncoding
from .converter import Ladder, MultiplyShift, ladders_of, shared_multiply_shift
from .errors import InvalidInput, MissingTool, QuadrilleError
from .formats import Interval, IntFormat
from .network import Network
from .nodes import NODE_KINDS, Adc, Argmax, Dequantize, Edge, Input, Linear, Node, RowSum
from .rounding import Overflow, Rounding
from .tensor import IntTensor

__all__ = [
    "NODE_KINDS",
    "Adc",
    "Argmax",
    "CellEncoding",
    "Dequantize",
    "Edge",
    "Input",
    "IntFormat",
    "IntTensor",
    "Interval",
    "InvalidInput",
    "Ladder",
    "Linear",
    "MissingTool",
    "MultiplyShift",
    "Network",
    "Node",
    "Overflow",
    "QuadrilleError",
    "Rounding",
    "RowSum",
    "ladders_of",
    "shared_multiply_shift",
]
