"""How far the cost before synthesis is off, how fast it is, and what it says beside published silicon."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from quadrille.boards.cost import TARGETS, cost_of
from quadrille.boards.cost.errors import MEAN, WORST, errors_of, held_out, left_out, per_cell_errors
from quadrille.boards.cost.table import Table
from quadrille.hw.engine import Configuration

Row = tuple[str, str, str]

SECONDS = 0.5
COLONNADE_AREA = 0.2272e6
COLONNADE_SHARE = 0.84
COLONNADE_CELLS = 128 * 128
COLONNADE_NODE, NANGATE_NODE = 65, 45
"""Kim et al., Colonnade (JSSC 2021): the macro in um2, the share of its array of bit cells, and the process in nm."""


def rows() -> list[Row]:
    """Rows of the table: what, figure, what is asked for or the other way to reckon."""
    table = Table.read()
    found: list[Row] = []
    for target in TARGETS:
        found += errors(table, target)
    return [*found, speed(), *silicon()]


def errors(table: Table, target: str) -> list[Row]:
    """Of wholes that were never fitted, and of samples that are left out of the fit in turn."""
    asked = f"at most {100 * MEAN:.0f} %, {100 * WORST:.0f} % at worst"
    apart, found = held_out(table, target), []
    if apart:
        ours = [error for _, _, _, error in errors_of(table, target, apart)]
        theirs = [error for _, error in per_cell_errors(table, target, apart)]
        found.append((f"{target}, {len(apart)} held out", said(ours), f"{asked}; by cells alone {said(theirs)}"))
    turns = [*left_out(table, target)]
    if turns:
        ours, theirs = [error for _, error, _ in turns], [error for _, _, error in turns]
        what = f"{target}, sums of components of {len(turns)} left out in turn"
        found.append((what, said(ours), f"by cells alone {said(theirs)}"))
    return found


def said(errors: Sequence[float]) -> str:
    """Errors in words."""
    return f"{100 * np.mean(np.abs(errors)):.1f} % in the mean, {100 * np.max(np.abs(errors)):.1f} % at worst"


def speed() -> Row:
    """Configurations a second, none asked about twice."""
    values, target = Configuration.defaults(), TARGETS[0]
    configurations = [
        Configuration(**{**values, "rows": rows, "columns": columns, "feature_words": words})
        for rows in range(32, 160, 8)
        for columns in range(32, 160, 8)
        for words in (64, 96)
    ]
    done, start = 0, time.process_time()
    while time.process_time() - start < SECONDS and done < len(configurations):
        cost_of(configurations[done], target)
        done += 1
    return "configurations costed", f"{done / (time.process_time() - start):,.0f} a second and core", "at least 500"


def silicon() -> list[Row]:
    """The array of bit cells of Colonnade beside a macro of as many, scaled by the square of the process."""
    if "nangate45" not in TARGETS:
        return []
    values = {"rows": 128, "columns": 128, "weight_planes": 1, "cuts": 0, "activation_bits": 4, "lanes": 32}
    macro = cost_of(Configuration(**{**Configuration.defaults(), **values}), "nangate45").components["macro"]
    ours = macro.area / COLONNADE_CELLS
    scaled = COLONNADE_AREA * COLONNADE_SHARE / COLONNADE_CELLS * (NANGATE_NODE / COLONNADE_NODE) ** 2
    return [
        (
            "um2 per bit cell with its adders, 128x128, nangate45",
            f"{ours:.1f} (cells, no wires)",
            f"Colonnade, layout at 65 nm scaled by (45/65)^2: {scaled:.1f}, {ours / scaled:.1f} x",
        )
    ]


if __name__ == "__main__":
    for row in rows():
        print("   ".join(row))
