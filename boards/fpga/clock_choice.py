"""The registers that an accelerator needs for a clock, by a model fitted to designs that were placed and routed.

The delay between two registers of a macro is `base + level * levels + growth * log2(rows)`: logic, and the wires that
tell rows apart and gather them, which become longer with every row; columns lie side by side and cost nothing. That of
all else is `base of the step + growth * log2(cells)`, for each of `hw.engine.cuts.STEPS`: its logic hardly depends on
the size, and its wires grow with the accelerator. A further step is taken to make no delay longer: where runs say
otherwise, both steps take the mean. What is promised leaves room for the greatest error that the model makes on its own
table, and for the placer's luck, by which runs of the table differ that differ in nothing but the seed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import inf, log2
from typing import Any

import numpy as np

from quadrille.algo.spec import InvalidInput
from quadrille.hw.engine import Configuration
from quadrille.hw.engine.cuts import CUTS, MACRO_CUTS, STEPS, macro_levels, step_of

from .clock_runs import Clocked, Run, configuration_of, read_table

__all__ = ["FAMILIES", "Choice", "ClockModel", "choose_cuts"]

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
        from scipy.optimize import nnls

        self.table = tuple(table)
        self.steps = sorted({each.run.step for each in table if each.run.design == "accelerator"})
        self.delays = np.array([1e9 / each.clock_hz for each in table])
        about_macros = np.array([each.run.design == "macro" for each in table])
        features = np.array([_macro_features(each) for each in map(configuration_of, self._runs(about_macros))])
        self.macro = np.linalg.lstsq(features, self.delays[about_macros], rcond=None)[0]
        features = [self._features(configuration_of(run), run.step) for run in self._runs(~about_macros)]
        # No number below 0: neither does a step make anything slower nor a larger accelerator anything faster.
        self.others = nnls(np.array(features), self.delays[~about_macros])[0]

    def _runs(self, chosen: Any) -> list[Run]:
        return [each.run for each, is_chosen in zip(self.table, chosen, strict=True) if is_chosen]

    def _features(self, configuration: Configuration, step: int) -> list[float]:
        """Of all but the macros: what every step after `step` would take away is still there."""
        return [1.0, log2(_cells(configuration)), *(float(step < each) for each in self.steps[1:])]

    def macro_delay(self, configuration: Configuration) -> float:
        """Of a macro, in ns."""
        return float(self.macro @ _macro_features(configuration))

    def step_delay(self, configuration: Configuration) -> float | None:
        """Of all but the macros, in ns; None if no run of the table is cut so."""
        step = step_of(configuration)
        if step not in self.steps:
            return None
        return float(self.others @ self._features(configuration, step))

    def delay(self, run: Run) -> float:
        """Of a run, whether it is in the table or not."""
        configuration = configuration_of(run)
        return self.macro_delay(configuration) if run.design == "macro" else self.step_delay(configuration) or inf

    @cached_property
    def luck(self) -> float:
        """The greatest share by which a run is slower than the mean of those that differ from it in the seed alone."""
        alike: dict[Run, list[float]] = defaultdict(list)
        for each, delay in zip(self.table, self.delays, strict=True):
            alike[replace(each.run, seed=0)].append(delay)
        return float(max(max(found) / np.mean(found) - 1 for found in alike.values()))

    @cached_property
    def error(self) -> float:
        """The greatest share by which a run of the table is slower than the model says, at least `luck`."""
        said = [self.delay(each.run) for each in self.table]
        return float(max(self.luck, *(self.delays / said - 1)))

    def clock(self, configuration: Configuration) -> float | None:
        """Hz that are expected of `configuration`, None if it is cut as no run of the table is."""
        others = self.step_delay(configuration)
        if others is None:
            return None
        return 1e9 / max(self.macro_delay(configuration), others) / (1 + self.error)

    def choose(self, configuration: Configuration, clock_hz: float) -> Choice:
        """The first step, and the fewest cuts of the macro, that reach a clock.

        Raises
        ------
        InvalidInput
            If none do: the clock that can be reached is named.
        """
        best = 0.0
        for step in self.steps:
            for cuts in MACRO_CUTS:
                settings = {"cuts": cuts, **STEPS[step]}
                reached = self.clock(replace(configuration, **settings)) or 0.0
                if reached >= clock_hz:
                    return Choice(settings, reached)
                best = max(best, reached)
        # Rounded down: what is named is reached.
        raise InvalidInput(
            f"Clock of this accelerator must be at most {int(best / 1e6)} MHz on an ECP5, not {clock_hz / 1e6:g}"
        )


def _macro_features(configuration: Configuration) -> list[float]:
    return [1.0, float(macro_levels(configuration, configuration.cuts)), log2(configuration.rows)]


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
    if not 0 < clock_hz < inf:
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
