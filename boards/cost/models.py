"""Models: for each kind of component and resource a number for every feature; and how they are fitted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from quadrille.hw.engine import Configuration

from ..targets import FPGAS
from .components import parts_of
from .memories import BLOCKS, Placed, placed_in_cells
from .parts import Memory, Part
from .samples import is_held_out
from .structure import MEMORY, STRUCTURE
from .table import FOLDER, WHOLE, Row, Table
from .transfer import scaled

__all__ = [
    "MEMORY",
    "Model",
    "around_memories",
    "dot",
    "fit",
    "models",
    "models_text",
    "place",
    "soft_products",
    "solve",
    "solve_factors",
]

RIDGE = 0.01
"""Of the squared relative error of a row, what a coefficient costs that differs from STRUCTURE's by a typical row."""

FACTOR_RIDGE = 0.02
"""Of the squared relative error of a row, what a coefficient costs that is twice what it was before, or none."""

LIKE = {"ecp5": "ultrascale+"}
"""Families that have the numbers of another, scaled to their own syntheses as long as these are few (FEW), and as they
are without any; memories are their own."""
FEW = 60
BARE = {"table", "activation memory"}
"""Models of components that are nothing but memories."""

Coefficients = Mapping[str, Mapping[str, Mapping[str, float]]]


class Model(NamedTuple):
    """What is known of a target.

    `coefficients[model][resource][feature]`; `together[resource]` is what a whole takes of the sum of its components,
    whose borders are dissolved; `gate` is the area of a NAND; `rows` are the syntheses that it is fitted to. With few
    it has the numbers of the target that it is `like`, scaled to them, and without any as they are.
    """

    target: str
    coefficients: Coefficients
    together: Mapping[str, float]
    gate: float
    rows: int = 0
    like: str = ""


def resources_of(target: str) -> tuple[str, ...]:
    """What is fitted; all else follows from the family's blocks."""
    return ("luts", "flip_flops") if target in FPGAS else ("area", "flip_flops")


def place(target: str, memory: Memory) -> Placed:
    """Where a memory goes on `target`."""
    return BLOCKS[target].place(memory) if target in BLOCKS else placed_in_cells(memory)


def soft_products(target: str, part: Part) -> float:
    """Bits by bits of the products that no multiplier is taken for."""
    blocks = BLOCKS.get(target)
    return sum(
        product.number * product.a * product.b
        for product in part.products
        if blocks is None or not blocks.multipliers(product)
    )


def around_memories(target: str, part: Part) -> Mapping[str, float]:
    """The features of the model MEMORY."""
    total: Counter[str] = Counter()
    for memory in part.memories:
        total.update({"memories": 1.0})
        total.update(place(target, memory).features)
    return total


@cache
def models() -> Mapping[str, Model]:
    """The models of all targets that there is a table for, by name, as `fit` made them."""
    if not (FOLDER / "models.json").is_file():
        return {}
    record = json.loads((FOLDER / "models.json").read_text(encoding="utf-8"))
    return {target: Model(target, **values) for target, values in record.items()}


def fit(table: Table) -> dict[str, Model]:
    """Models of every target in `table`, by its rows that are not held out."""
    rows = Counter(row.target for row in table.rows.values() if not is_held_out(row.sample))
    found = {target: _fit(target, table) for target in sorted(rows) if target not in LIKE or rows[target] > FEW}
    for target, other in LIKE.items():
        if target not in found and other in found:
            found[target] = _like(target, found[other], table)
    return found


def models_text(fitted: Mapping[str, Model]) -> str:
    """What stands in models.json."""
    plain = {target: {**model._asdict()} for target, model in fitted.items()}
    for record in plain.values():
        del record["target"]
    return json.dumps(plain, indent=1, sort_keys=True) + "\n"


def _fit(target: str, table: Table) -> Model:
    rows = [row for row in table.rows.values() if row.target == target and not is_held_out(row.sample)]
    parts = {number: {part.module: part for part in parts_of(sample)} for number, sample in enumerate(table.samples)}
    pairs = [(parts[row.sample][row.component], row) for row in rows if row.component != WHOLE]
    coefficients: dict[str, dict[str, dict[str, float]]] = {}
    for resource in resources_of(target):
        units = _units(target, resource, pairs)
        # Tables and activation memories are nothing but memories: they come first.
        memories = [(part, row) for part, row in pairs if part.model in BARE]
        around = solve(
            [{**around_memories(target, part), **part.features} for part, _ in memories],
            [row.figures[resource] for _, row in memories],
            _prior(MEMORY, units),
        )
        found: dict[str, dict[str, float]] = {MEMORY: around}
        for name in sorted({*STRUCTURE} - {MEMORY}):
            chosen = [(part, row) for part, row in pairs if part.model == name]
            beside = [dot(around, around_memories(target, part)) for part, _ in chosen]
            found[name] = solve(
                [features_of(target, part) for part, _ in chosen],
                [max(0.0, row.figures[resource] - less) for (_, row), less in zip(chosen, beside, strict=True)],
                _prior(name, units),
                [row.figures[resource] for _, row in chosen],
            )
        # The bits of a table are around it already.
        found["table"] = {}
        found["activation memory"] = {name: around[name] for name in ("groups",) if name in around}
        for name, numbers in found.items():
            coefficients.setdefault(name, {})[resource] = numbers
    return Model(target, coefficients, _together(target, rows, table.samples), table.gates.get(target, 0.0), len(rows))


def _like(target: str, other: Model, table: Table) -> Model:
    """The model of another target, scaled to the components of this one."""
    rows = [row for row in table.rows.values() if row.target == target and not is_held_out(row.sample)]
    parts = {number: {part.module: part for part in parts_of(sample)} for number, sample in enumerate(table.samples)}
    pairs = [(parts[row.sample][row.component], row) for row in rows if row.component != WHOLE]
    coefficients: dict[str, dict[str, dict[str, float]]] = {}
    for resource in resources_of(target):
        own = {kind: numbers[resource] for kind, numbers in other.coefficients.items()}
        compared = [
            (
                part.model,
                dot(own[part.model], features_of(target, part)) + dot(own[MEMORY], around_memories(target, part)),
                row.figures[resource],
            )
            for part, row in pairs
        ]
        for kind, numbers in scaled(own, compared).items():
            coefficients.setdefault(kind, {})[resource] = numbers
    return other._replace(target=target, coefficients=coefficients, rows=len(pairs), like=other.target)


def features_of(target: str, part: Part) -> dict[str, float]:
    """The features of a component on `target`, but for its memories."""
    return {**part.features, "soft products": soft_products(target, part)} if part.products else dict(part.features)


def _prior(model: str, units: tuple[float, float]) -> dict[str, float]:
    """What each feature of a model takes by STRUCTURE, where a flip-flop and an operation take `units`."""
    return {
        name: registers * units[0] + operations * units[1] for name, (registers, operations) in STRUCTURE[model].items()
    }


def _units(target: str, resource: str, pairs: Sequence[tuple[Part, Row]]) -> tuple[float, float]:
    """What a flip-flop and an operation take of `resource` in the mean of all components."""
    features: list[dict[str, float]] = []
    for part, _ in pairs:
        memory = part.model in BARE
        own = part.features if memory else features_of(target, part)
        counted = [
            (STRUCTURE[MEMORY], around_memories(target, part)),
            (STRUCTURE[MEMORY if memory else part.model], own),
        ]
        features.append(
            {
                str(n): sum(counts[name][n] * value for counts, each in counted for name, value in each.items())
                for n in range(2)
            }
        )
    found = solve(features, [row.figures[resource] for _, row in pairs], {})
    return found.get("0", 0.0), found.get("1", 0.0)


def _together(target: str, rows: Iterable[Row], samples: Sequence[Configuration]) -> dict[str, float]:
    """The mean share of a whole in the sum of its components."""
    by_sample: dict[int, dict[str, Row]] = {}
    for row in rows:
        by_sample.setdefault(row.sample, {})[row.component] = row
    wholes = [
        (group.pop(WHOLE), group.values())
        for number, group in by_sample.items()
        if {WHOLE, *(part.module for part in parts_of(samples[number]))} <= {*group}
    ]
    found: dict[str, float] = {}
    for resource in resources_of(target):
        shares = [whole.figures[resource] / sum(row.figures[resource] for row in group) for whole, group in wholes]
        found[resource] = round(sum(shares) / len(shares), 4) if shares else 1.0
    return found


def dot(coefficients: Mapping[str, float], features: Mapping[str, float]) -> float:
    """The sum of what each feature counts."""
    return sum(coefficients.get(name, 0.0) * value for name, value in features.items())


def solve(
    features: Sequence[Mapping[str, float]],
    values: Sequence[float],
    prior: Mapping[str, float],
    scales: Sequence[float] | None = None,
) -> dict[str, float]:
    """Numbers, not below 0, whose products with the features come nearest to `values`, relative to `scales`, without
    going far from the `prior`.

    Least squares with a small ridge.
    """
    from scipy.optimize import nnls

    names = sorted({name for each in features for name in each} | {*prior})
    if not values:
        return {name: float(f"{number:.4g}") for name, number in sorted(prior.items()) if number > 0}
    matrix = np.array([[float(each.get(name, 0.0)) for name in names] for each in features])
    target = np.array(values, dtype=float)
    typical = np.array(values if scales is None else scales, dtype=float)
    weights = 1.0 / (typical + 0.05 * typical.mean() + 1.0)
    matrix, target = matrix * weights[:, None], target * weights
    norms = np.sqrt((matrix**2).sum(axis=0)) + 1e-9
    # In columns of norm 1, so that the ridge is the same for all.
    rows = np.vstack([matrix / norms, np.sqrt(RIDGE) * np.eye(len(names))])
    held = np.array([prior.get(name, 0.0) for name in names]) * norms
    numbers = nnls(rows, np.concatenate([target, np.sqrt(RIDGE) * held]))[0] / norms
    return {name: float(f"{number:.4g}") for name, number in zip(names, numbers, strict=True) if number > 0}


def solve_factors(
    features: Sequence[Mapping[str, float]], values: Sequence[float], prior: Mapping[str, float]
) -> dict[str, float]:
    """As `solve`, but what a number costs that differs from the `prior` goes by the factor between them.

    For few rows, in which some features hardly occur: these stay where they were.
    """
    from scipy.optimize import nnls

    names = [name for name, number in sorted(prior.items()) if number > 0]
    if not values:
        return {name: prior[name] for name in names}
    typical = np.array(values, dtype=float)
    weights = 1.0 / (typical + 0.05 * typical.mean() + 1.0)
    matrix = np.array([[each.get(name, 0.0) * prior[name] for name in names] for each in features]) * weights[:, None]
    strength = np.sqrt(FACTOR_RIDGE)
    rows = np.vstack([matrix, strength * np.eye(len(names))])
    factors, _ = nnls(rows, np.concatenate([typical * weights, np.full(len(names), strength)]))
    return {name: float(f"{number * prior[name]:.4g}") for name, number in zip(names, factors, strict=True)}
