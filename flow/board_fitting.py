"""Which shape of accelerator fits a device: estimated before synthesis, scaled by one synthesis that was made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrille.algo.spec import InvalidInput

from .configurations import SETTINGS, configuration_of

if TYPE_CHECKING:
    from quadrille.boards.fpga.devices import Device
    from quadrille.boards.synthesis import Resources
    from quadrille.hw.engine import Configuration

__all__ = ["FittingShape", "estimate_of", "fitting_shape"]

FULL = 0.85
"""The part of a resource that a proposal may take: place and route needs room, and an estimate has its error."""

ESTIMATED_AS = {"7-series": "ultrascale+", "ice40": "ecp5"}
"""Families without a table of their own, and whose look-up tables theirs are like."""

SHAPE = ("rows", "columns", "lanes", "word")
SCALED = ("luts", "flip_flops", "memory_luts", "multipliers", "block_rams")


@dataclass(frozen=True)
class FittingShape:
    """Macros of so many rows and columns with so many lanes, and the look-up tables that they would take."""

    rows: int
    columns: int
    lanes: int
    luts: int
    cycles: float


def fitting_shape(source: Path, device: Device, found: Resources) -> FittingShape | None:
    """The fastest smaller shape for the network of the accelerator in `source` that fits `device`; none if none does.

    `found` is what that accelerator itself takes: the model of the cost is taken in ratios to it, so that what stands
    beside the accelerator, and all that a model does not know, is in. Rows, columns and lanes are halved, nothing else.
    """
    from quadrille.algo.integer.network_file import read_modes
    from quadrille.boards.cost import cost_of
    from quadrille.hw.engine.sizing import Sizing

    configuration = configuration_of(source)
    family = ESTIMATED_AS.get(device.family, device.family)
    reference = estimate_of(source, device)
    sizing = Sizing(read_modes(source / "network.safetensors"))
    kept: dict[str, Any] = {
        name: getattr(configuration, name) for name in SETTINGS if name not in SHAPE and hasattr(configuration, name)
    }
    best: FittingShape | None = None
    for rows, columns, lanes in _smaller(configuration):
        try:
            size = sizing.size(rows=rows, columns=columns, lanes=lanes, macros=1, **kept)
            estimate = cost_of(size.configuration, family).resources
        except InvalidInput:
            continue  # the network cannot be cut so
        needs = device.needs(_scaled(estimate, reference, found))
        if any(need.share > FULL for need in needs):
            continue
        frames = size.configuration.frames
        cycles = (size.timing.cycles(4 * frames, 0) - size.timing.cycles(3 * frames, 0)) / frames
        if best is None or cycles < best.cycles:
            best = FittingShape(rows, columns, lanes, needs[0].used, cycles)
    return best


def estimate_of(source: Path, device: Device) -> Resources:
    """What the accelerator in `source` takes by the model of the cost, of the family of `device` or one like it."""
    from quadrille.boards.cost import cost_of

    return cost_of(configuration_of(source), ESTIMATED_AS.get(device.family, device.family)).resources


def _smaller(configuration: Configuration) -> Iterator[tuple[int, int, int]]:
    """Rows, columns and lanes, each halved as often as there is anything left, the largest first."""
    for rows in _halves(configuration.rows):
        for columns in _halves(configuration.all_columns):
            for lanes in _halves(configuration.lanes):
                if lanes <= columns and (rows, columns, lanes) != (
                    configuration.rows,
                    configuration.all_columns,
                    configuration.lanes,
                ):
                    yield rows, columns, lanes


def _halves(count: int) -> list[int]:
    found = [count]
    while found[-1] > 1:
        found.append(found[-1] // 2)
    return found


def _scaled(estimate: Resources, reference: Resources, found: Resources) -> Resources:
    """`estimate` by as much as `found`, which was synthesized, is of `reference`, its own estimate."""

    def scaled(name: str) -> int:
        modelled, real = getattr(reference, name) or 0, getattr(found, name) or 0
        guess = getattr(estimate, name) or 0
        return round(guess * real / modelled) if modelled else real

    return replace(found, **{name: scaled(name) for name in SCALED})
