"""The syntheses of a study of multiply-accumulate units, each kept when it is done."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrille.algo.spec import InvalidInput

from .cost_records import RESULTS, TARGETS, check_names, find_targets, records_bytes
from .executors import as_done
from .mac_designs import DESIGNS
from .mac_energy import product_energy
from .progress import Report

if TYPE_CHECKING:
    from quadrille.boards.targets import CellLibrary, Fpga

__all__ = ["ENERGY_BITS", "MacCostOptions", "MacWork"]

ENERGY_BITS = (2, 4, 8, 16)
TIMEOUT = 3600.0


@dataclass(frozen=True)
class MacCostOptions:
    """Units of each design, the designs, and what they are synthesized for.

    Raises
    ------
    InvalidInput
        If a name is unknown or the number of units cannot be built.
    """

    units: int = 8
    designs: tuple[str, ...] = tuple(DESIGNS)
    targets: tuple[str, ...] = TARGETS

    def __post_init__(self) -> None:
        check_names("Design", self.designs, tuple(DESIGNS))
        check_names("Target", self.targets, TARGETS)
        if not 1 <= self.units <= 256:
            raise InvalidInput(f"Units of the study must be from 1 to 256, not {self.units}")


class MacWork:
    """The syntheses of one study."""

    def __init__(
        self, options: MacCostOptions, folder: Path, records: dict[str, Any], on_run: Callable[[str], None]
    ) -> None:
        self.options, self.folder, self.records, self.on_run = options, folder, records, on_run
        self.found, self.skipped = find_targets(options.targets)

    @property
    def targets(self) -> tuple[str, ...]:
        """Those that are there, cell libraries first."""
        return tuple(self.found)

    @property
    def runs(self) -> list[tuple[str, str]]:
        """Design and target of every synthesis that the options ask for, in their order."""
        return [(name, target) for target in self.found for name in self.options.designs]

    def wanted(self) -> list[dict[str, Any]]:
        """Their records, as far as there are any."""
        known = {_key(record): record for record in self.records["records"]}
        return [known[key] for key in self.runs if key in known]

    def measure(self, pool: Executor, progress: Report) -> None:
        """Synthesize what is not measured yet, by the workers of `pool`, and keep each record when it is made.

        A design that does not go through is left out, and the sentence says so.
        """
        have = {_key(record) for record in self.records["records"]}
        missing = [key for key in self.runs if key not in have]
        label = f"synthesis of units of {self.options.units}"
        progress(label, 0, len(missing))
        for done, (key, outcome) in enumerate(as_done(pool, figures, self.tasks(missing)), 1):
            progress(label, done, len(missing))
            name, target = key
            if isinstance(outcome, InvalidInput):
                self.skipped.append(f"{name} for {target} was left out: {outcome}")
                continue
            self.records["records"].append({"name": name, "target": target, "units": self.options.units, **outcome})
            self.save()
            self.on_run(f"{name}, {target}: {_line(outcome)}")

    def tasks(self, keys: Sequence[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], tuple[Any, ...]]]:
        """What `figures` is called with for each. Energy is that in the first cell library."""
        from quadrille.boards.targets import CellLibrary

        energetic = next((name for name, target in self.found.items() if isinstance(target, CellLibrary)), None)
        return ((key, (key[0], self.options.units, self.found[key[1]], key[1] == energetic)) for key in keys)

    def save(self) -> None:
        """Write results.json, whole."""
        from quadrille.hw.export import publish

        publish(self.folder, {RESULTS: records_bytes(self.records)})


def figures(name: str, units: int, target: Fpga | CellLibrary, energetic: bool) -> dict[str, Any] | InvalidInput:
    """The figures of one synthesis; if `energetic`, those of its netlist too, which is simulated at each precision.

    A fault is given back, not raised: the other syntheses go on.
    """
    from quadrille.boards.synthesis import synthesize, synthesize_netlist
    from quadrille.boards.targets import Fpga
    from quadrille.hw.export import export

    design = DESIGNS[name]
    with tempfile.TemporaryDirectory(prefix="quadrille-") as place:
        folder = export(design.build(units), Path(place) / "design", "mac")
        try:
            if isinstance(target, Fpga):
                found = synthesize(folder / "mac.v", "mac", target, timeout=TIMEOUT)
                kinds = {kind: getattr(found, kind) for kind in ("luts", "flip_flops", "multipliers", "carries")}
                # What takes no multiplier is the same without.
                if found.multipliers:
                    found = synthesize(folder / "mac.v", "mac", target, multipliers=False, timeout=TIMEOUT)
                return {**kinds, "luts_alone": found.luts}
            mapped = synthesize_netlist(folder / "mac.v", "mac", target, clocked=True, timeout=TIMEOUT)
        except InvalidInput as fault:
            return fault
        names = ("area", "gates", "flip_flops", "critical_path", "leakage")
        return {
            **{each: getattr(mapped.resources, each) for each in names},
            **{
                f"energy_{bits}": product_energy(design, units, mapped, folder, bits)
                for bits in ENERGY_BITS
                if energetic and design.products(bits)
            },
        }


def _key(record: Mapping[str, Any]) -> tuple[str, str]:
    return record["name"], record["target"]


def _line(record: Mapping[str, Any]) -> str:
    if "area" in record:
        energy = f", {record['energy_8'] / 1000:.2f} pJ for 8 x 8 bits" if "energy_8" in record else ""
        return f"{record['area']:,.0f} um2, {record['critical_path']:.2f} ns{energy}"
    return f"{record['luts']:,} LUT, {record['multipliers']} DSP, {record['luts_alone']:,} LUT without DSP"
