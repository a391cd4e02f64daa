"""What the verb `cost` says: cycles of a network, and what its accelerator takes of each target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from .results import Result
from .tables import table_html, table_text

if TYPE_CHECKING:
    from quadrille.boards.cost import Cost, Energy, Estimate

__all__ = ["CostEstimate", "TargetCost", "target_cost"]

FPGA_COLUMNS = ("luts", "flip_flops", "multipliers", "block_rams", "memory_luts")
CELL_COLUMNS = ("area", "gates", "flip_flops", "memory_bits")
HEADINGS = {
    "luts": "LUT",
    "flip_flops": "flip-flops",
    "multipliers": "DSP",
    "block_rams": "block RAM",
    "memory_luts": "LUT in memories",
    "area": "um2",
    "gates": "NAND2",
    "memory_bits": "bits in memories",
}
ENERGY = "energy"


@dataclass(frozen=True)
class TargetCost:
    """What the accelerator takes of one target: all of it, and each component by resource.

    Where it is known, so is `energy`, what an image takes in pJ, `leakage` of all cells among it in the total;
    elsewhere there is none. `basis` is what says so.
    """

    target: str
    basis: str
    total: dict[str, float]
    components: dict[str, dict[str, float]]
    leakage: float | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The resources that the target has."""
        return CELL_COLUMNS if self.total["area"] else FPGA_COLUMNS

    def line(self) -> str:
        """The total for a reader."""
        figures = ", ".join(f"{self.total[name]:,.0f} {HEADINGS[name]}" for name in self.columns)
        return f"{figures} ({self.basis})"

    def energy(self) -> str:
        """What an image takes, for a reader."""
        if self.leakage is None:
            return "not known: no such netlists of this target have been measured"
        left_out = "without memory macros, wires and the clock's tree"
        return f"{self.total[ENERGY]:,.0f} pJ an image, {self.leakage:,.0f} of them leakage; {left_out}"

    def lines(self) -> list[tuple[str, str]]:
        """The total and the energy under their names."""
        return [(self.target, self.line()), (f"energy, {self.target}", self.energy())]

    def headings(self) -> list[str]:
        """Of the table."""
        energy = [] if self.leakage is None else ["pJ/image"]
        return [self.target, *(HEADINGS[column] for column in self.columns), *energy]

    def cells(self) -> list[list[str]]:
        """A line for each component, the largest first, and one for all."""
        first = self.columns[0]
        shown = [*self.columns, *([] if self.leakage is None else [ENERGY])]
        ordered = sorted(self.components.items(), key=lambda item: -item[1][first])
        leakage = [] if self.leakage is None else [["leakage", *[""] * len(self.columns), f"{self.leakage:,.0f}"]]
        return [
            *([name, *(f"{figures[column]:,.0f}" for column in shown)] for name, figures in ordered),
            *leakage,
            ["all", *(f"{self.total[column]:,.0f}" for column in shown)],
        ]


@dataclass(frozen=True)
class CostEstimate(Result):
    """A network on an accelerator: its exact cycles, and what it takes of each target by the models of boards.cost.

    `cycles_per_image` are in batches back to back, by mode; `latency` are the cycles of one image alone.
    """

    title: ClassVar[str] = "Cost"

    network: str
    shape: str
    clock: float
    modes: tuple[str, ...]
    cycles_per_image: tuple[float, ...]
    latency: int
    frames: int
    targets: tuple[TargetCost, ...]
    picture: Path | None = None

    @property
    def images_per_second(self) -> float:
        """At the clock, in the first mode."""
        return self.clock / self.cycles_per_image[0]

    def summary(self) -> Sequence[tuple[str, str]]:
        """Shape, cycles, speed, totals."""
        several = len(self.modes) > 1
        return [
            ("network", self.network),
            ("accelerator", self.shape),
            *(
                (
                    f"cycles, mode {mode}" if several else "cycles per image",
                    f"{cycles:,.1f} in batches of {self.frames} back to back",
                )
                for mode, cycles in zip(self.modes, self.cycles_per_image, strict=True)
            ),
            ("one image alone", f"{self.latency:,} cycles, {1e6 * self.latency / self.clock:,.1f} us"),
            ("throughput", f"{self.images_per_second:,.0f} images a second at {self.clock / 1e6:g} MHz"),
            *(line for each in self.targets for line in each.lines()),
            *([] if self.picture is None else [("picture", str(self.picture))]),
        ]

    def tables(self) -> list[tuple[Sequence[str], list[list[str]]]]:
        """Headings and lines of the table of each target."""
        return [(each.headings(), each.cells()) for each in self.targets]

    def __str__(self) -> str:
        return "\n\n".join([super().__str__(), *(table_text(*table) for table in self.tables())])

    def _repr_html_(self) -> str:
        return super()._repr_html_() + "".join(table_html(*table) for table in self.tables())


def target_cost(cost: Cost, energy: Energy | None) -> TargetCost:
    """As plain numbers."""
    components = {name: _figures(part) for name, part in cost.components.items()}
    total, basis = _figures(cost.total), cost.basis
    if energy is None:
        return TargetCost(cost.target, basis, total, components)
    for name, value in energy.components.items():
        components[name][ENERGY] = _rounded(value)
    total[ENERGY] = _rounded(energy.total)
    return TargetCost(
        cost.target, f"{basis}, energy to {energy.rows} netlists", total, components, _rounded(energy.leakage)
    )


def _figures(estimate: Estimate) -> dict[str, float]:
    return {name: _rounded(getattr(estimate, name)) for name in HEADINGS}


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
