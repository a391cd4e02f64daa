"""The registers that an accelerator needs for a clock, by a model fitted to designs that were placed and routed.

The delay between two registers of a macro is `base + level * levels + growth * log2(cells)`: logic, and wires that
become longer as the macro grows. That of all else is the one of its step (`hw.engine.cuts.STEPS`), taken to be the same
at every size. What is promised leaves room for the greatest error that the model makes on its own table, and for the
placer's luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import inf, log2

import numpy as np

from quadrille.algo.spec import InvalidInput
from quadrille.hw.engine import Configuration
from quadrille.hw.engine.cuts import CUTS, MACRO_CUTS, STEPS, macro_levels, step_of

from .clock_runs import Clocked, configuration_of, read_table

__all__ = ["FAMILIES", "Choice", "ClockModel", "choose_cuts"]

LUCK = 0.05
"""By how much of the delay the same design differs from one seed of the placer to another."""
FAMILIES = ("ecp5",)
"""Those that there is a table of place-and-route runs for."""


@dataclass(frozen=True)
class Choice:
    """Parameters of an accelerator that reach a clock: `settings` by name, and the clock in Hz that is expected."""

    settings: dict[str, int]
    expected_hz: float


class ClockModel:
    """Delays in ns, fitted to `table` by least squares."""

    def __init__(self, table: Sequence[Clocked]) -> None:
        self.table = tuple(table)
        self.steps = sorted({each.run.step for each in table if each.run.design == "accelerator"})
        rows = [self._features(each) for each in table]
        delays = np.array([1e9 / each.clock_hz for each in table])
        self.coefficients = np.linalg.lstsq(np.array(rows), delays, rcond=None)[0]

    def _features(self, each: Clocked) -> list[float]:
        configuration, run = configuration_of(each.run), each.run
        growth = log2(_cells(configuration))
        steps = [float(run.design == "accelerator" and run.step == step) for step in self.steps]
        macro = run.design == "macro"
        return [float(macro), float(macro) * macro_levels(configuration, run.cuts), float(macro) * growth, *steps]

    def macro_delay(self, configuration: Configuration, cuts: int) -> float:
        """Of a macro, in ns."""
        base, level, growth = self.coefficients[:3]
        return float(base + level * macro_levels(configuration, cuts) + growth * log2(_cells(configuration)))

    def step_delay(self, step: int) -> float:
        """Of all but the macros, in ns."""
        return float(self.coefficients[3 + self.steps.index(step)])

    @cached_property
    def error(self) -> float:
        """The greatest share by which a run of the table is slower than the model says, at least `LUCK`."""
        said = np.array([self._features(each) for each in self.table]) @ self.coefficients
        delays = np.array([1e9 / each.clock_hz for each in self.table])
        return float(max(LUCK, *(delays / said - 1)))

    def clock(self, configuration: Configuration) -> float | None:
        """Hz that are expected of `configuration`, None if it is cut as no run of the table is."""
        step = step_of(configuration)
        if step not in self.steps:
            return None
        delay = max(self.macro_delay(configuration, configuration.cuts), self.step_delay(step))
        return 1e9 / delay / (1 + self.error)

    def choose(self, configuration: Configuration, clock_hz: float) -> Choice:
        """The fewest cuts that reach a clock.

        Raises
        ------
        InvalidInput
            If none do: the clock that can be reached is named.
        """
        macros = [1e9 / self.macro_delay(configuration, cuts) / (1 + self.error) for cuts in MACRO_CUTS]
        others = [1e9 / self.step_delay(step) / (1 + self.error) for step in self.steps]
        best = min(max(macros), max(others, default=inf))
        if best < clock_hz:
            raise InvalidInput(
                f"Clock of this accelerator must be at most {best / 1e6:.0f} MHz on an ECP5, not {clock_hz / 1e6:g}"
            )
        cuts = next(n for n, clock in zip(MACRO_CUTS, macros, strict=True) if clock >= clock_hz)
        # Where no whole accelerator has been measured, all that is not a macro is cut as much as it can be.
        measured = zip(self.steps, others, strict=True)
        step = next((n for n, clock in measured if clock >= clock_hz), len(STEPS) - 1)
        settings = {"cuts": cuts, **STEPS[step]}
        return Choice(settings, self.clock(replace(configuration, **settings)) or macros[cuts])


def _cells(configuration: Configuration) -> int:
    return configuration.rows * configuration.all_columns * configuration.cell_bits * configuration.banks


def choose_cuts(configuration: Configuration, family: str, clock_hz: float) -> Choice:
    """The parameters `CUTS` with which `configuration` reaches `clock_hz` on `family`, its own are not looked at.

    Raises
    ------
    InvalidInput
        If the clock cannot be reached, or there is no table for the family or for such an engine.
    """
    if family not in FAMILIES:
        raise InvalidInput(f"Family that cuts are chosen for must be one of {', '.join(FAMILIES)}, not {family!r}")
    if not 0 < clock_hz < 1e10:
        raise InvalidInput(f"Clock must be a positive number of Hz, not {clock_hz:g}")
    if configuration.engine != "cim":
        raise InvalidInput(f"Engine that cuts are chosen for must be cim, not {configuration.engine}")
    if configuration.compressor != "full-adders":
        raise InvalidInput(f"Compressor that cuts are chosen for must be full-adders, not {configuration.compressor}")
    assert set(CUTS) == {"cuts", *STEPS[0]}
    return _fitted().choose(configuration, clock_hz)


@cache
def _fitted() -> ClockModel:
    """The model of the table, fitted once."""
    return ClockModel(read_table())
