"""Scalar functions as pipelines of any depth: quadratics by pieces, and what they are compared with."""

from .core import FunctionCore

__all__ = ["FunctionCore"]
