"""Measure the table that the energies of `boards.cost` are fitted to: the samples asked for anew, the others are kept.

    python bench/energy_table.py [--target nangate45] [--samples "digits 64x8,..."] [--timeout 1800]

Each sample is generated, mapped (`quadrille export --asic`) and simulated on data (`quadrille power`): minutes of one
core. Cell libraries lie in QUADRILLE_DATA/liberty.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quadrille.algo.integer.network_file import read_modes, write_network
from quadrille.boards.cost.energy_table import FOLDER, EnergyRow, EnergyTable
from quadrille.boards.cost.events import events_of, group_of
from quadrille.boards.targets import library
from quadrille.flow.cost import on_accelerator
from quadrille.flow.export_asic import export_asic
from quadrille.flow.generation import configuration_of, generate
from quadrille.flow.power import power_of
from quadrille.tb.networks import random_network

DIGITS = Path(__file__).parents[1] / "examples" / "digits-small" / "network.safetensors"
CONVOLUTIONS: Mapping[str, Any] = {"shape": (2, 6, 6), "channels": (4, 6), "rows": 18}
SAMPLES: Mapping[str, tuple[Mapping[str, Any] | None, Mapping[str, Any]]] = {
    "digits 64x8": (None, {"rows": 64, "columns": 8, "settings": {"lanes": 2, "frames": 2}}),
    "digits 64x16": (None, {"rows": 64, "columns": 16, "settings": {"lanes": 4, "frames": 4}}),
    "digits array 4x8": (None, {"rows": 4, "columns": 8, "engine": "mac", "settings": {"lanes": 4, "frames": 2}}),
    "convolutions 18x8": (
        {"seed": 1, **CONVOLUTIONS},
        {"rows": 18, "columns": 8, "settings": {"lanes": 2}},
    ),
    "linear 24x12": (
        {"seed": 2, "sizes": (48, 24, 10), "tile_rows": 24, "activation_bits": 4, "adc_bits": 3, "uniform": False},
        {"rows": 24, "columns": 12, "settings": {"lanes": 4, "frames": 4, "converter": "ladder"}},
    ),
    "convolutions array 3x6": (
        {"seed": 3, **CONVOLUTIONS, "rows": 12, "weight_bits": 4, "cell_bits": 4},
        {"rows": 3, "columns": 6, "engine": "mac", "settings": {"lanes": 2}},
    ),
    "linear 16x16": (
        {"seed": 4, "sizes": (32, 16, 16, 5), "tile_rows": 16, "activation_bits": 2, "weight_bits": 2},
        {"rows": 16, "columns": 16, "settings": {"lanes": 4, "frames": 2, "weight_planes": 1}},
    ),
    "convolutions 36x12": (
        {"seed": 5, "shape": (4, 5, 5), "channels": (6,), "rows": 36, "adc_bits": 4},
        {"rows": 36, "columns": 12, "settings": {"lanes": 4}},
    ),
}
"""By name what `random_network` makes, or none: digits, with data of theirs; and what `generate` is asked for."""
IMAGES = 12


def measured(name: str, target: str, timeout: float) -> EnergyRow:
    """Export a sample, simulate its netlist, and sum what switches by group of components."""
    described, shape = SAMPLES[name]
    with tempfile.TemporaryDirectory(prefix="quadrille-") as place:
        folder = Path(place)
        path = DIGITS if described is None else write_network(random_network(**described), folder / "n.safetensors")
        generate(path, folder / "hw", **shape)
        exported = export_asic(folder / "hw", folder / "netlist", liberty=library(target).files, timeout=timeout)
        found = power_of(folder / "netlist", images=IMAGES)
        configuration, timing = on_accelerator(
            read_modes(folder / "hw" / "network.safetensors"), configuration_of(folder / "hw")
        )
        groups: dict[str, Counter[str]] = {}
        for module in exported.modules:
            group = groups.setdefault(group_of(module.place.removeprefix(".")), Counter())
            group.update({"area": module.area, "flip_flops": module.flip_flops})
        for module in found.modules:
            group = groups.setdefault(group_of(module.place.removeprefix(".")), Counter())
            group.update({"clock": module.clock, "data": module.switching + module.internal, "leakage": module.leakage})
    per_image = found.cycles / IMAGES
    for group in groups.values():
        # Of a cycle in fJ, as they come; of an image in pJ.
        group.update({part: group.pop(part, 0.0) * per_image / 1e3 for part in ("clock", "data")})
    return EnergyRow(target, name, configuration, per_image, events_of(timing), groups)


def main() -> None:
    """Each sample, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--target", default="nangate45", help="a cell library")
    parser.add_argument("--samples", default=",".join(SAMPLES), help="names, with commas")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds of a synthesis")
    options = parser.parse_args()
    table, start = EnergyTable.read(), time.monotonic()
    for name in options.samples.split(","):
        row = measured(name, options.target, options.timeout)
        table.add(row)
        table.write(FOLDER)
        print(f"{time.monotonic() - start:6.0f} s  {name}: {row.energy:,.0f} pJ an image", flush=True)


if __name__ == "__main__":
    main()
