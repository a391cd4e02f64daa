"""Scalar functions as integer stages: real functions by name, their fit by pieces of quadratics, the exact waves."""

from .fit import Fit, fit, worst_error
from .named import NAMES, Scalar, Symmetry, named
from .placement import Placement
from .usual import Formats, Row, survey, usual_formats
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
    "Formats",
    "Placement",
    "Row",
    "Scalar",
    "Symmetry",
    "bump",
    "cosine_wave",
    "fit",
    "named",
    "parabola",
    "quad_wave",
    "survey",
    "triangle_wave",
    "usual_formats",
    "variable_period_wave",
    "wave",
    "worst_error",
]
