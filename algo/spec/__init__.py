"""Frozen values that cross room borders: formats, intervals, tensors, Network and its nodes. Standard library only."""

from .cells import MOST_WEIGHT_BITS, CellEncoding
from .conductance import Conductance
from .converter import Ladder, MultiplyShift, ladders_of, shared_multiply_shift
from .errors import InvalidInput, MissingTool, QuadrilleError
from .formats import Interval, IntFormat
from .function import Function
from .modes import DEFAULT_MODE, Modes
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
    PiecewiseQuadratic,
    Requantize,
    RowSum,
    Subsample,
    SumPool,
    Window,
)
from .polynomial import Form, Polynomial, Reflection, Segment
from .rounding import Overflow, Rounding
from .stages import STAGE_KINDS, Clamp, Cordic, Product, Rectify, Round, Scale, Square, Stage, Warp, Wrap
from .tensor import IntTensor
from .thresholds import ThresholdChoice, as_thresholds
from .tiling import Retiling, retile, whole_weights
from .workload import LayerWorkload, layer_workloads

__all__ = [
    "DEFAULT_MODE",
    "MOST_WEIGHT_BITS",
    "NODE_KINDS",
    "STAGE_KINDS",
    "Adc",
    "Add",
    "Argmax",
    "CellEncoding",
    "Clamp",
    "Conductance",
    "Conv2d",
    "Cordic",
    "Dequantize",
    "Edge",
    "Flatten",
    "Form",
    "Function",
    "Input",
    "IntFormat",
    "IntTensor",
    "Interval",
    "InvalidInput",
    "Ladder",
    "LayerWorkload",
    "Linear",
    "MaxPool",
    "MissingTool",
    "Modes",
    "MultiplyShift",
    "Network",
    "Node",
    "Overflow",
    "PiecewiseQuadratic",
    "Polynomial",
    "Product",
    "QuadrilleError",
    "Rectify",
    "Reflection",
    "Requantize",
    "Retiling",
    "Round",
    "Rounding",
    "RowSum",
    "Scale",
    "Segment",
    "Square",
    "Stage",
    "Subsample",
    "SumPool",
    "ThresholdChoice",
    "Warp",
    "Window",
    "Wrap",
    "as_thresholds",
    "ladders_of",
    "layer_workloads",
    "retile",
    "shared_multiply_shift",
    "whole_weights",
]
