"""Composition: a network mapped onto macros, its program, and the accelerator that plays it."""

from .accelerator import Accelerator
from .activation import ActivationUnit
from .compilation import compile_network
from .configuration import Configuration
from .mapping import Plan
from .planning import plan
from .pooling import PoolingUnit
from .program import Program
from .requantizer import Requantizer
from .residual import ResidualUnit
from .targets import Target

__all__ = [
    "Accelerator",
    "ActivationUnit",
    "Configuration",
    "Plan",
    "PoolingUnit",
    "Program",
    "Requantizer",
    "ResidualUnit",
    "Target",
    "compile_network",
    "plan",
]
