"""How far the cost before synthesis is off, how fast it is, and what it says beside published silicon."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from quadrille.boards.cost import TARGETS, cost_of, energy_of
from quadrille.boards.cost.energy import errors_of as energy_errors_of
from quadrille.boards.cost.energy_table import EnergyTable
from quadrille.boards.cost.errors import (
    MEAN,
    WORST,
    component_errors,
    errors_of,
    held_out,
    left_out,
    per_cell_errors,
)
from quadrille.boards.cost.table import Table
from quadrille.hw.engine import Configuration

Row = tuple[str, str, str]

ENERGY = 0.20
"""What is asked of the energy of each netlist."""
SECONDS = 0.5
COLONNADE_AREA = 0.2272e6
COLONNADE_SHARE = 0.84
COLONNADE_CELLS = 128 * 128
COLONNADE_NODE, NANGATE_NODE = 65, 45
COLONNADE_ENERGY = 423
COLONNADE_VOLTS, NANGATE_VOLTS = 0.8, 1.1
"""Kim et al., Colonnade (JSSC 2021): the macro in um2, the share of its array of bit cells, the process in nm; fJ of
a product of 4 by 4 bits, at volts."""


def rows() -> list[Row]:
    """Rows of the table: what, figure, what is asked for or the other way to reckon."""
    table = Table.read()
    found: list[Row] = []
    for target in TARGETS:
        found += errors(table, target)
    return [*found, *energies(EnergyTable.read()), speed(), *silicon()]


def errors(table: Table, target: str) -> list[Row]:
    """Of wholes that were never fitted, and of samples that are left out of the fit in turn."""
    asked = f"at most {100 * MEAN:.0f} %, {100 * WORST:.0f} % at worst"
    apart, found = held_out(table, target), []
    if apart:
        ours = [error for _, _, _, error in errors_of(table, target, apart)]
        theirs = [error for _, error in per_cell_errors(table, target, apart)]
        found.append((f"{target}, {len(apart)} held out", said(ours), f"{asked}; by cells alone {said(theirs)}"))
    large = [error for _, _, error in component_errors(table, target)]
    if large:
        found.append((f"{target}, {len(large)} components of large ones held out", said(large), asked))
    turns = [*left_out(table, target)]
    if turns:
        ours, theirs = [error for _, error, _ in turns], [error for _, _, error in turns]
        what = f"{target}, sums of components of {len(turns)} left out in turn"
        found.append((what, said(ours), f"by cells alone {said(theirs)}"))
    return found


def energies(table: EnergyTable) -> list[Row]:
    """Of netlists that were never fitted, exported and simulated: their energy, and their area too."""
    found = energy_errors_of(table, table.held_out)
    if not found:
        return []
    what, asked = f"{len(found)} netlists held out", f"at most {100 * ENERGY:.0f} %"
    return [
        (f"energy of an image, {what}", said([energy for _, energy, _ in found]), asked),
        (f"area, {what}", said([area for _, _, area in found]), f"{100 * MEAN:.0f} %, {100 * WORST:.0f} % at worst"),
    ]


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
    configuration = Configuration(**{**Configuration.defaults(), **values})
    ours = cost_of(configuration, "nangate45").components["macro"].area / COLONNADE_CELLS
    scale = NANGATE_NODE / COLONNADE_NODE
    scaled = COLONNADE_AREA * COLONNADE_SHARE / COLONNADE_CELLS * scale**2
    found = [
        (
            "um2 per bit cell with its adders, 128x128, nangate45",
            f"{ours:.1f} (cells, no wires)",
            f"Colonnade, layout at 65 nm scaled by (45/65)^2: {scaled:.1f}, {ours / scaled:.1f} x",
        )
    ]
    # Window after window of 4 planes, nothing loaded.
    busy = {"cycles": 4.0, "events": {"planes": 4.0, "windows": 1.0}, "period": 10.0}
    energy = energy_of(configuration, "nangate45", **busy)
    if energy is not None:
        joules = 1e3 * energy.components["macro"] / (COLONNADE_CELLS / 4)
        theirs = COLONNADE_ENERGY * scale * (NANGATE_VOLTS / COLONNADE_VOLTS) ** 2
        found.append(
            (
                "fJ per product of 4 by 4 bits, 128x128, nangate45",
                f"{joules:.0f} (cells, no wires, no clock tree, no glitches)",
                f"Colonnade, silicon scaled by 45/65 and (1.1/0.8)^2: {theirs:.0f}, {joules / theirs:.1f} x",
            )
        )
    return found


if __name__ == "__main__":
    for row in rows():
        print("   ".join(row))
