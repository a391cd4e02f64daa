"""Scalar functions as integer stages: real functions by name, their fit by pieces of quadratics, the exact waves."""

from .fit import Fit, fit
from .named import NAMES, Scalar, Symmetry, named
from .placement import Placement
from .waves import (
    WAVES,
    bump,
    cosine_wave,
    parabola,
    quad_wave,
    triangle_wave,
    variable_period_wave,
    wave,
)

__all__ = [
    "NAMES",
    "WAVES",
    "Fit",
    "Placement",
    "Scalar",
    "Symmetry",
    "bump",
    "cosine_wave",
    "fit",
    "named",
    "parabola",
    "quad_wave",
    "triangle_wave",
    "variable_period_wave",
    "wave",
]
