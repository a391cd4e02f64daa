"""What an accelerator takes before anything is synthesized: arithmetic on its configuration, fitted to syntheses."""

from .estimate import TARGETS, Cost, Estimate, cost_of

__all__ = ["TARGETS", "Cost", "Estimate", "cost_of"]
