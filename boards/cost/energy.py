"""The energy of an image, component by component: what clocks take in every cycle, and what each event switches.

It is that of `quadrille power`, before it is measured: cells without wires, without the tree of the clock, without
glitches, and without memory macros.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from quadrille.hw.engine import Configuration

from .components import parts_of
from .energy_table import EnergyRow, EnergyTable
from .estimate import Estimator
from .events import EVENTS, group_of
from .models import dot, solve, solve_factors
from .parts import Part

__all__ = ["Energy", "EnergyModel", "energy_models", "energy_of", "errors_of", "fit_energy"]

PICO = 1e-3
"""Of a nanowatt for a nanosecond, in femtojoules, and of a femtojoule in picojoules."""

SHARES = {"registers by cycle": 0.5, "registers by event": 0.5, "words by cycle": 1.0, "area by event": 1.0}
"""As the hardware is written, before anything is measured: of the clock of a flip-flop, and of what area switches."""

Features = dict[str, float]


class EnergyModel(NamedTuple):
    """What is known of a library: by group of components what one of each feature takes, in fJ, and the leakage of a
    square micrometre, in nW; `rows` are the netlists that it is fitted to."""

    target: str
    coefficients: Mapping[str, Mapping[str, float]]
    leakage: float
    rows: int


@dataclass(frozen=True)
class Energy:
    """What an image takes, in pJ: `components` by name what switches, `leakage` at the clock that was asked about."""

    components: Mapping[str, float]
    leakage: float
    rows: int

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.components.values()) + self.leakage


def energy_of(
    configuration: Configuration, target: str, *, cycles: float, events: Mapping[str, float], period: float
) -> Energy | None:
    """The energy of an image of `cycles` cycles and `events` (see `events_of`), at a clock `period` in ns; None for
    targets without a table, and for gated columns, which no netlist in it has."""
    model = energy_models().get(target)
    if model is None or configuration.gated_columns:
        return None
    estimator = Estimator.of(target)
    found: dict[str, float] = {}
    area = 0.0
    for part in parts_of(configuration):
        features = features_of(part, estimator, cycles, events)
        found[part.module or "top"] = dot(model.coefficients[group_of(part.module)], features) * PICO
        area += estimator.estimate(part).area
    return Energy(found, model.leakage * area * cycles * period * PICO * PICO, model.rows)


def features_of(part: Part, estimator: Estimator, cycles: float, events: Mapping[str, float]) -> Features:
    """What the energy of a component is counted in.

    Registers are clocked in every cycle, or with an event where they share an enable; so are those behind memories that
    are made of flip-flops. Words of such memories and rows of cells have a gated clock each. All else switches with the
    events.
    """
    whole, logic = estimator.estimate(part), estimator.estimate(part._replace(memories=()))
    placed = [estimator.placed(memory).features for memory in part.memories]
    words = sum(each.get("words", 0.0) for each in placed)
    registers = logic.flip_flops + sum(each.get("read bits", 0.0) for each in placed)
    group = group_of(part.module)
    if group == "macro":
        registers, words = max(0.0, registers - part.features.get("cells", 0.0)), part.features.get("rows", 0.0)
    events_here = EVENTS[group]
    return {
        "registers by cycle": cycles * registers,
        "words by cycle": cycles * words,
        f"registers by {events_here[0]}": events.get(events_here[0], 0.0) * registers,
        **{f"area by {event}": events.get(event, 0.0) * whole.area for event in events_here},
    }


@cache
def energy_models() -> Mapping[str, EnergyModel]:
    """The models of all libraries that there is a table for, by name, fitted when first asked for."""
    table = EnergyTable.read()
    return {target: fit_energy(target, table) for target in dict.fromkeys(row.target for row in table.fitted)}


def fit_energy(target: str, table: EnergyTable) -> EnergyModel:
    """The model of a library, by the rows of `table` that are not held out."""
    rows = [row for row in table.fitted if row.target == target]
    estimator = Estimator.of(target)
    coefficients: dict[str, dict[str, float]] = {group: {} for group in EVENTS}
    for part in ("clock", "data"):
        found = [
            (group, {name: value for name, value in features.items() if name.startswith("area") == (part == "data")})
            for row in rows
            for group, features in _grouped(row, estimator).items()
        ]
        values = [row.groups.get(group, {}).get(part, 0.0) / PICO for row in rows for group in _grouped(row, estimator)]
        # What it takes in the mean of all groups is where each starts from.
        unit = solve([{"": _pooled(features)} for _, features in found], values, {}).get("", 0.0)
        for group, own in coefficients.items():
            chosen = [(features, value) for (name, features), value in zip(found, values, strict=True) if name == group]
            prior = {name: unit * SHARES[_whatever(name)] for features, _ in chosen for name in features}
            own.update(solve_factors([features for features, _ in chosen], [value for _, value in chosen], prior))
    area = sum(row.area for row in rows)
    return EnergyModel(target, coefficients, sum(row.leakage for row in rows) / area, len(rows))


def _grouped(row: EnergyRow, estimator: Estimator) -> dict[str, Features]:
    """The features of all components of a group together."""
    found: dict[str, Features] = {}
    for part in parts_of(row.configuration):
        group = found.setdefault(group_of(part.module), {})
        for name, value in features_of(part, estimator, row.cycles, row.events).items():
            group[name] = group.get(name, 0.0) + value
    return found


def _whatever(name: str) -> str:
    """A feature by whichever event."""
    return name if name.endswith(" by cycle") else f"{name.partition(' by ')[0]} by event"


def _pooled(features: Mapping[str, float]) -> float:
    """Features of whichever event, together, as SHARES count them."""
    return sum(SHARES[_whatever(name)] * value for name, value in features.items())


def errors_of(table: EnergyTable, rows: Iterable[EnergyRow]) -> list[tuple[str, float, float]]:
    """Of each row its name, and the errors of energy without leakage and of area, relative to what was measured."""
    found: list[tuple[str, float, float]] = []
    for row in rows:
        model, estimator = fit_energy(row.target, table), Estimator.of(row.target)
        said = sum(
            dot(model.coefficients[group], features) * PICO for group, features in _grouped(row, estimator).items()
        )
        area = sum(estimator.estimate(part).area for part in parts_of(row.configuration))
        found.append((row.name, said / row.energy - 1, area / row.area - 1))
    return found
