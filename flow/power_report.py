"""What came of `power`: the power of a netlist by module, as a table, as JSON and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from .figures import INK, MUTED, entitle, sheet, tidy
from .results import Result, listed
from .tables import table_html, table_text

if TYPE_CHECKING:
    from quadrille.boards.asic.power import ModulePower

__all__ = ["NetlistPower", "power_picture"]

COLOURS = ("#2457a6", "#3a8f5c", "#b59a1f", "#9aa7b5")
MOST_BARS = 24


@dataclass(frozen=True)
class NetlistPower(Result):
    """The power of a netlist, an estimate before layout.

    Attributes
    ----------
    data : what was run, and `cycles` how long
    images : how many; none of a block that its testbench stimulates
    period : of the clock, in ns
    power : of all cells, in mW at that clock; dynamic and leakage
    energy : of a cycle, in pJ, with leakage
    energy_per_image : in pJ, with leakage
    modules : the largest first; what they take of a cycle, in fJ, and their leakage in nW
    memories : black boxes, which are left out
    unseen : nets whose switching nobody knows, of `nets`; they count as resting
    left_out : what else the estimate does not hold
    """

    title: ClassVar[str] = "Power"

    top: str
    library: str
    data: str
    images: int | None
    cycles: int
    period: float
    power: float
    dynamic: float
    leakage: float
    energy: float
    energy_per_image: float | None
    modules: tuple[ModulePower, ...]
    memories: tuple[str, ...]
    nets: int
    unseen: int
    left_out: tuple[str, ...]
    folder: Path
    files: tuple[Path, ...]

    def summary(self) -> Sequence[tuple[str, str]]:
        """The whole, and what it does not hold."""
        per_image = self.energy_per_image
        return [
            ("netlist", f"{self.top} in {self.library}"),
            ("data", f"{self.data}, {self.cycles:,} cycles"),
            ("clock", f"{1e3 / self.period:,.0f} MHz, {self.period:.3f} ns"),
            ("power", f"{self.power:.3f} mW: {self.dynamic:.3f} dynamic, {self.leakage:.3f} leakage"),
            ("energy", f"{self.energy:,.2f} pJ a cycle" + (f", {per_image:,.0f} pJ an image" if per_image else "")),
            *([("memories", f"{len(self.memories)} black boxes, left out")] if self.memories else []),
            *([("not seen", f"{self.unseen:,} of {self.nets:,} nets, taken as at rest")] if self.unseen else []),
            ("estimate", f"without {', '.join(self.left_out)}"),
            ("files", listed(self.folder, self.files)),
        ]

    @property
    def headings(self) -> tuple[str, ...]:
        """Of the table of the modules."""
        each = "pJ/image" if self.images else "pJ/cycle"
        return ("module", "mW", "", "clock", "switching", "internal", "leakage", each)

    def rows(self) -> list[list[str]]:
        """The table of the modules: mW, and shares of it."""
        cycles = self.cycles / self.images if self.images else 1.0
        found: list[list[str]] = []
        for module in self.modules:
            power = module.power(self.period)
            milliwatts = [part / self.period * 1e-3 for part in (module.clock, module.switching, module.internal)]
            found.append(
                [
                    self.top if module.place == "." else module.place,
                    f"{power:.4f}",
                    f"{100 * power / self.power if self.power else 0:.1f} %",
                    *(f"{each:.4f}" for each in (*milliwatts, module.leakage * 1e-6)),
                    f"{module.energy(self.period) * 1e-3 * cycles:,.{1 if self.images else 3}f}",
                ]
            )
        return found

    def __str__(self) -> str:
        return f"{super().__str__()}\n\n{table_text(self.headings, self.rows())}"

    def _repr_html_(self) -> str:
        return super()._repr_html_() + table_html(self.headings, self.rows())


def power_picture(result: NetlistPower) -> bytes:
    """The power of each module as a bar by its parts, the largest on top: PNG."""
    modules = result.modules[:MOST_BARS]
    parts = {
        "clock": [module.clock for module in modules],
        "switching": [module.switching for module in modules],
        "internal": [module.internal for module in modules],
        "leakage": [module.leakage * result.period * 1e-3 for module in modules],
    }
    with sheet(6.4, 1.1 + 0.24 * len(modules)) as drawn:
        axes = drawn.figure.add_subplot()
        start = [0.0] * len(modules)
        for (part, energies), colour in zip(parts.items(), COLOURS, strict=True):
            widths = [energy / result.period * 1e-3 for energy in energies]
            axes.barh(range(len(modules)), widths, left=start, color=colour, height=0.7, label=part)
            start = [before + width for before, width in zip(start, widths, strict=True)]
        names = [result.top if module.place == "." else module.place for module in modules]
        axes.set_yticks(range(len(modules)), names, color=INK)
        axes.invert_yaxis()
        axes.set_xlabel(f"mW at {1e3 / result.period:,.0f} MHz, before layout", color=MUTED)
        axes.legend(loc="lower right", frameon=False)
        tidy(axes, axis="x")
        entitle(axes, f"{result.top} in {result.library}: {result.power:.2f} mW, {result.data}")
    return drawn.data
