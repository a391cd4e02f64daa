"""Composition: a network mapped onto macros, its program, and the accelerator that plays it."""

from .accelerator import Accelerator
from .configuration import Configuration, Target
from .mapping import Plan, plan
from .program import Program, compile_network

__all__ = ["Accelerator", "Configuration", "Plan", "Program", "Target", "compile_network", "plan"]
