"""Where an accelerator can be cut by registers for a faster clock, and what logic is left between them."""

from __future__ import annotations

from collections.abc import Mapping

from quadrille.hw.base import Parameter
from quadrille.hw.base.columns import ACCUMULATION, gate_levels
from quadrille.hw.base.compress import COMPRESSORS, levels, spread
from quadrille.hw.cim import CimMacro

from .configuration import Configuration

__all__ = ["CUTS", "MACRO_CUTS", "STEPS", "macro_levels", "step_of"]

STEPS: tuple[Mapping[str, int], ...] = (
    {"memory_cuts": 0, "lane_cuts": 0, "walk_cuts": 0, "patch_cuts": 0, "buffers": 0},
    {"memory_cuts": 1, "lane_cuts": 0, "walk_cuts": 1, "patch_cuts": 1, "buffers": 1},
    {"memory_cuts": 1, "lane_cuts": 1, "walk_cuts": 2, "patch_cuts": 2, "buffers": 1},
    {"memory_cuts": 1, "lane_cuts": 2, "walk_cuts": 2, "patch_cuts": 3, "buffers": 2},
)
"""Cuts of everything but the macros, from none to all, each step a faster clock for a few more cycles."""

CUTS = ("cuts", *STEPS[0])
"""Every parameter that a clock chooses."""

MACRO_CUTS = range(
    next(each.high for each in CimMacro.parameters if isinstance(each, Parameter) and each.name == "cuts") + 1
)
"""How often a macro's compressor tree can be cut."""


def macro_levels(configuration: Configuration, cuts: int) -> int:
    """The most levels of logic between two registers of a macro whose tree is cut `cuts` times.

    The gates of the cells are a level or, with the wires to them, more (`gate_levels`); so is each level of adders, and
    `ACCUMULATION` are behind the tree.
    """
    compressor = COMPRESSORS[configuration.compressor]
    before = gate_levels(compressor, configuration.row_enables)
    heap = dict.fromkeys(range(configuration.cell_bits), configuration.rows)
    depth = levels(heap, adders=compressor.adders)
    places = [-before, *spread(cuts, depth, before=before, behind=ACCUMULATION), depth + ACCUMULATION]
    return max(end - start for start, end in zip(places, places[1:], strict=False))


def step_of(configuration: Configuration) -> int | None:
    """The number of the step of `STEPS` that `configuration` is cut by, None if it is none of them."""
    cut = {name: getattr(configuration, name) for name in STEPS[0]}
    return next((number for number, step in enumerate(STEPS) if step == cut), None)
