"""How far the models are off: on samples that they were fitted to, and on those that were held out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .components import parts_of
from .estimate import Estimator, cost_of
from .models import LIKE, Model, fit
from .samples import is_held_out
from .table import WHOLE, Table

__all__ = ["MEAN", "WORST", "component_errors", "errors_of", "held_out", "left_out", "per_cell_errors", "resource_of"]

MEAN, WORST = 0.10, 0.20
"""What is asked of held-out samples: the mean error, and the largest."""


def resource_of(target: str, table: Table) -> str:
    """What errors are about: area of a cell library, look-up tables of an FPGA."""
    return "area" if target in table.gates else "luts"


def held_out(table: Table, target: str) -> list[int]:
    """The samples that were synthesized as a whole for `target` and never fitted."""
    return sorted(
        row.sample
        for row in table.rows.values()
        if row.target == target and row.component == WHOLE and is_held_out(row.sample)
    )


def errors_of(table: Table, target: str, samples: Iterable[int]) -> Iterator[tuple[int, float, float, float]]:
    """Of each sample its number, what was synthesized, what the model says, and the error relative to the former."""
    resource = resource_of(target, table)
    for number in samples:
        true = table.rows[target, number, WHOLE].figures[resource]
        said = getattr(cost_of(table.samples[number], target).total, resource)
        yield number, true, said, said / true - 1


def component_errors(table: Table, target: str) -> Iterator[tuple[int, str, float]]:
    """Of components of large samples that were never fitted the number of the sample, the module, and the error."""
    resource, estimator = resource_of(target, table), _apart(fit(table)[target])
    for number, sample in enumerate(table.samples):
        for part in parts_of(sample) if is_held_out(number) else ():
            row = table.rows.get((target, number, part.module))
            if row is not None:
                yield number, part.module, getattr(estimator.estimate(part), resource) / row.figures[resource] - 1


def left_out(table: Table, target: str) -> Iterator[tuple[int, float, float]]:
    """Of each sample whose components are all in the table the error of their sum, by models that are fitted to the
    other samples alone; and the error of so much for each cell, as the others have it."""
    resource = resource_of(target, table)
    sums: dict[int, float] = {}
    for number, sample in enumerate(table.samples):
        rows = [table.rows.get((target, number, part.module)) for part in parts_of(sample)]
        if None not in rows:
            sums[number] = sum(row.figures[resource] for row in rows if row is not None)
    if len(sums) < 2:
        return
    for number, true in sums.items():
        others = [
            row
            for row in table.rows.values()
            if row.target == LIKE.get(target) or (row.target == target and row.sample != number)
        ]
        model = fit(Table(others, table.samples, table.gates))[target]
        estimator = _apart(model)
        said = sum(getattr(estimator.estimate(part), resource) for part in parts_of(table.samples[number]))
        shares = [value / _cells(table, each) for each, value in sums.items() if each != number]
        yield number, said / true - 1, sum(shares) / len(shares) * _cells(table, number) / true - 1


def per_cell_errors(table: Table, target: str, samples: Iterable[int]) -> Iterator[tuple[int, float]]:
    """The error of the model of one number: so much for each cell of the macros, as others reckon."""
    resource = resource_of(target, table)
    fitted = [
        (row.figures[resource], _cells(table, row.sample))
        for row in table.rows.values()
        if row.target == target and row.component == WHOLE and not is_held_out(row.sample)
    ]
    share = sum(value / cells for value, cells in fitted) / max(1, len(fitted))
    for number in samples:
        yield number, share * _cells(table, number) / table.rows[target, number, WHOLE].figures[resource] - 1


def _apart(model: Model) -> Estimator:
    """Of components that are no part of a whole: what they have in common does not matter."""
    return Estimator(model._replace(together=dict.fromkeys(model.together, 1.0)))


def _cells(table: Table, number: int) -> float:
    """Cells of the macros or of the arrays, over all planes."""
    macros = [part for part in parts_of(table.samples[number]) if part.module.startswith("macro")]
    return sum(part.features["cells"] for part in macros)
