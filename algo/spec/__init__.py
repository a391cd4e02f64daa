"""Frozen values that cross room borders: formats, intervals, tensors, Network and its nodes. Standard library only."""

from .cells import CellEncoding
from .conductance import Conductance
from .converter import Ladder, MultiplyShift, ladders_of, shared_multiply_shift
from .errors import InvalidInput, MissingTool, QuadrilleError
from .formats import Interval, IntFormat
from .network import Network
from .nodes import (
    NODE_KINDS,
    Adc,
    Add,
    Argmax,
    Conv2d,
    Dequantize,
    Edge,
    Flatten,
    Input,
    Linear,
    MaxPool,
    Node,
    Requantize,
    RowSum,
    Subsample,
    SumPool,
    Window,
)
from .rounding import Overflow, Rounding
from .tensor import IntTensor
from .thresholds import ThresholdChoice, as_thresholds

__all__ = [
    "NODE_KINDS",
    "Adc",
    "Add",
    "Argmax",
    "CellEncoding",
    "Conductance",
    "Conv2d",
    "Dequantize",
    "Edge",
    "Flatten",
    "Input",
    "IntFormat",
    "IntTensor",
    "Interval",
    "InvalidInput",
    "Ladder",
    "Linear",
    "MaxPool",
    "MissingTool",
    "MultiplyShift",
    "Network",
    "Node",
    "Overflow",
    "QuadrilleError",
    "Requantize",
    "Rounding",
    "RowSum",
    "Subsample",
    "SumPool",
    "ThresholdChoice",
    "Window",
    "as_thresholds",
    "ladders_of",
    "shared_multiply_shift",
]
