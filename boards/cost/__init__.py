"""What an accelerator takes before anything is synthesized: arithmetic on its configuration, fitted to syntheses."""

from .energy import Energy, energy_of
from .estimate import TARGETS, Cost, Estimate, cost_of
from .events import events_of

__all__ = ["TARGETS", "Cost", "Energy", "Estimate", "cost_of", "energy_of", "events_of"]
