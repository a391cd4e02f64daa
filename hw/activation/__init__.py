"""Scalar functions as pipelines of any depth: quadratics by pieces, and what they are compared with."""

from .core import FunctionCore
from .pipeline import ActivationPipeline, PiecewiseQuadratic
from .programmable import ProgrammableQuadratic

__all__ = ["ActivationPipeline", "FunctionCore", "PiecewiseQuadratic", "ProgrammableQuadratic"]
