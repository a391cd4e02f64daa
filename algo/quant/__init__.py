"""torch quantizers: functional, straight-through, Module; granularity is a value.

Every quantizer has `forward`, which trains, and `to_int`, which says the integers that the hardware holds.
"""

from .activation import LsqActivation, ResidualActivation, Signal, StepActivation, floor_code
from .binary import BinaryFit, BinaryWeights, QuantizedWeight, fit_binary
from .bit_planes import BitPlaneWeights
from .columns import ColumnWeights, slice_factors
from .fixed_point import FixedPointWeights, fixed_point
from .granularity import (
    Granularity,
    PerArray,
    PerChannel,
    PerColumn,
    PerGroup,
    PerTensor,
    expand,
    group_max,
    group_mean,
    group_sizes,
    group_sum,
    scale_shape,
)
from .lsq import Lsq, Quantized, gradient_scale, initial_step, lsq_code, positive
from .partial_sum import PartialSumQuantizer, thresholds
from .piecewise import PiecewiseQuadraticActivation
from .round_clamp import LsbReading, RoundClampWeights, coarse_code, least_significant, round_clamp
from .staircase import StaircaseActivation, mean_slope, sharpness_at, soft_slope, staircase
from .straight_through import round_half_up, round_straight_through, scale_gradient, sign_straight_through
from .truncation import (
    MOST_STORED_BITS,
    DorefaWeights,
    TruncatedWeights,
    UnitWeights,
    rounded_code,
    truncate,
    truncated_code,
    unit_interval,
)

__all__ = [
    "MOST_STORED_BITS",
    "BinaryFit",
    "BinaryWeights",
    "BitPlaneWeights",
    "ColumnWeights",
    "DorefaWeights",
    "FixedPointWeights",
    "Granularity",
    "LsbReading",
    "Lsq",
    "LsqActivation",
    "PartialSumQuantizer",
    "PerArray",
    "PerChannel",
    "PerColumn",
    "PerGroup",
    "PerTensor",
    "PiecewiseQuadraticActivation",
    "Quantized",
    "QuantizedWeight",
    "ResidualActivation",
    "RoundClampWeights",
    "Signal",
    "StaircaseActivation",
    "StepActivation",
    "TruncatedWeights",
    "UnitWeights",
    "coarse_code",
    "expand",
    "fit_binary",
    "fixed_point",
    "floor_code",
    "gradient_scale",
    "group_max",
    "group_mean",
    "group_sizes",
    "group_sum",
    "initial_step",
    "least_significant",
    "lsq_code",
    "mean_slope",
    "positive",
    "round_clamp",
    "round_half_up",
    "round_straight_through",
    "rounded_code",
    "scale_gradient",
    "scale_shape",
    "sharpness_at",
    "sign_straight_through",
    "slice_factors",
    "soft_slope",
    "staircase",
    "thresholds",
    "truncate",
    "truncated_code",
    "unit_interval",
]
