"""All components of an accelerator, in numbers."""

from __future__ import annotations

from quadrille.hw.engine import Configuration

from .control_parts import control_parts
from .datapath_parts import datapath_parts
from .geometry import Geometry
from .parts import Part
from .value_parts import value_parts

__all__ = ["parts_of"]


def parts_of(configuration: Configuration) -> list[Part]:
    """The components of an accelerator, the top's own gates first."""
    geometry = Geometry(configuration)
    return [*control_parts(geometry), *datapath_parts(geometry), *value_parts(geometry)]
