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
from .models import dot, solve
from .parts import Part

__all__ = ["Energy", "EnergyModel", "energy_models", "energy_of", "errors_of", "fit_energy"]

PICO = 1e-3
"""Of a nanowatt for a nanosecond, in femtojoules, and of a femtojoule in picojoules."""

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
    targets without a table."""
    model = energy_models().get(target)
    if model is None:
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

    Registers are clocked in every cycle, unless they share an enable: then with their events. Words of memories and
    cells that are made of flip-flops have a gated clock each. Logic switches with events, and so do the multiplexers
    behind stored bits.
    """
    logic = estimator.estimate(part._replace(memories=()))
    placed = [estimator.placed(memory) for memory in part.memories]
    bits = sum(each.features.get("stored bits", 0.0) for each in placed)
    words = sum(each.features.get("words", 0.0) for each in placed)
    registers = logic.flip_flops
    group = group_of(part.module)
    if group == "macro":
        cells = part.features.get("cells", 0.0)
        registers, words = max(0.0, registers - cells), words + part.features.get("rows", 0.0)
    found = {"registers by cycle": cycles * registers, "words by cycle": cycles * words}
    for event in EVENTS[group]:
        count = events.get(event, 0.0)
        found[f"registers by {event}"] = count * registers
        found[f"area by {event}"] = count * logic.area
        found[f"bits by {event}"] = count * bits
    return found


@cache
def energy_models() -> Mapping[str, EnergyModel]:
    """The models of all libraries that there is a table for, by name, fitted when first asked for."""
    table = EnergyTable.read()
    return {target: fit_energy(target, table) for target in dict.fromkeys(row.target for row in table.fitted)}


def fit_energy(target: str, table: EnergyTable) -> EnergyModel:
    """The model of a library, by the rows of `table` that are not held out."""
    rows = [row for row in table.fitted if row.target == target]
    estimator = Estimator.of(target)
    groups: dict[str, list[tuple[Features, float]]] = {group: [] for group in EVENTS}
    for row in rows:
        for group, features in _grouped(row, estimator).items():
            figures = row.groups.get(group, {})
            groups[group].append((features, (figures.get("clock", 0.0) + figures.get("data", 0.0)) / PICO))
    # What a feature takes in the mean of all groups, whatever the event, is where those of each start from.
    pooled = [(_pooled(features), value) for found in groups.values() for features, value in found]
    common = solve([features for features, _ in pooled], [value for _, value in pooled], {})
    coefficients: dict[str, Mapping[str, float]] = {}
    for group, found in groups.items():
        prior = {name: common.get(_whatever(name), 0.0) for features, _ in found for name in features}
        coefficients[group] = solve([features for features, _ in found], [value for _, value in found], prior)
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


def _pooled(features: Mapping[str, float]) -> Features:
    """Features of whichever event, together."""
    found: Features = {}
    for name, value in features.items():
        found[_whatever(name)] = found.get(_whatever(name), 0.0) + value
    return found


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
