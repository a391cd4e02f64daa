"""What came of `export --asic`: a design in the cells of a library, as a table, as JSON and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .figures import INK, MUTED, entitle, sheet, tidy
from .kept import Kept
from .tables import table_html, table_text

if TYPE_CHECKING:
    from quadrille.boards.asic.hierarchy import ModuleCost
    from quadrille.boards.asic.timing import Step

__all__ = ["AsicExport", "area_picture"]

MOST_BARS = 24


@dataclass(frozen=True)
class AsicExport(Kept):
    """A design in the cells of a library.

    Attributes
    ----------
    area, leakage : of all cells, in um2 and nW; memories that are black boxes are not in it
    nand_area : of the smallest two-input NAND, in um2
    gated : flip-flops whose clock rests while they hold
    clock_period : the one that was asked for, in ns; none if it should be as short as it can
    reached : the shortest period before layout, in ns, with `io_delay` left at inputs and at outputs
    modules : by area
    path : the critical path
    memories : black boxes, as a memory compiler asks for them
    """

    title: ClassVar[str] = "Netlist"
    headings: ClassVar[tuple[str, ...]] = (
        "module",
        "um2",
        "",
        "gates",
        "flip-flops",
        "gated",
        "leakage uW",
        "memories",
    )

    design: str
    top: str
    library: str
    liberty: tuple[str, ...]
    area: float
    nand_area: float
    cells: int
    flip_flops: int
    gated: int
    clock_gates: int
    latches: int
    leakage: float
    clock_period: float | None
    reached: float
    io_delay: float
    modules: tuple[ModuleCost, ...]
    path: tuple[Step, ...]
    memories: tuple[dict[str, Any], ...]
    content_hash: str

    @property
    def gates(self) -> float:
        """The area in two-input NANDs."""
        return self.area / self.nand_area

    def summary(self) -> Sequence[tuple[str, str]]:
        """What it takes, and how fast it is."""
        wanted = "" if self.clock_period is None else f", {self.clock_period:g} ns asked for"
        places = dict.fromkeys(path.relative_to(self.folder).parts[0] for path in self.files)
        boxes = sum(memory["instances"] for memory in self.memories)
        bits = sum(memory["instances"] * memory["words"] * memory["bits"] for memory in self.memories)
        return [
            ("design", f"{self.top}, {self.design}"),
            ("library", f"{self.library}: {', '.join(self.liberty)}"),
            ("area", f"{self.area:,.0f} um2, {self.gates:,.0f} gates, {self.cells:,} cells"),
            (
                "flip-flops",
                f"{self.flip_flops:,}, {self.gated:,} with a gated clock ({self.clock_gates:,} clock gates)",
            ),
            ("latches", f"{self.latches:,}"),
            *([("memories", f"{boxes} black boxes, {bits:,} bits, not in the area")] if boxes else []),
            ("leakage", f"{self.leakage / 1e3:,.1f} uW" if self.leakage >= 1e3 else f"{self.leakage:.1f} nW"),
            ("clock period", f"{self.reached:.3f} ns before layout, without wires{wanted}"),
            *([("unchanged", "nothing that matters is new since this was made")] if self.unchanged else []),
            *([("files", f"{self.folder}/ {' '.join(places)}")] if places else []),
        ]

    def rows(self) -> list[list[str]]:
        """The table of the modules."""
        return [
            [
                self.top if module.place == "." else module.place,
                f"{module.area:,.0f}",
                f"{100 * module.area / self.area if self.area else 0:.1f} %",
                f"{module.area / self.nand_area:,.0f}",
                f"{module.flip_flops:,}",
                f"{module.gated:,}",
                f"{module.leakage / 1e3:,.2f}",
                f"{module.memories:,}" if module.memories else "",
            ]
            for module in self.modules
        ]

    def segments(self) -> list[list[str]]:
        """The critical path by module: how many cells in a row, and ns in them."""
        found: list[tuple[str, int, float]] = []
        before = 0.0
        for step in self.path:
            module = step.place.rpartition(".")[0].rpartition(".")[0] or self.top
            delay, before = step.arrival - before, step.arrival
            if found and found[-1][0] == module:
                found[-1] = (module, found[-1][1] + 1, found[-1][2] + delay)
            else:
                found.append((module, 1, delay))
        return [[module, str(count), f"{delay:.3f}"] for module, count, delay in found]

    def __str__(self) -> str:
        start, end = (self.path[0].place, self.path[-1].place) if self.path else ("nowhere", "nowhere")
        return "\n\n".join(
            [
                super().__str__(),
                table_text(self.headings, self.rows()),
                f"Critical path, {self.reached:.3f} ns from {start} to {end}\n"
                + table_text(("module", "cells", "ns"), self.segments()),
            ]
        )

    def _repr_html_(self) -> str:
        return super()._repr_html_() + table_html(self.headings, self.rows())


def area_picture(export: AsicExport) -> bytes:
    """The area of each module as a bar, the largest on top: PNG."""
    modules = export.modules[:MOST_BARS]
    with sheet(6.4, 0.9 + 0.24 * len(modules)) as drawn:
        axes = drawn.figure.add_subplot()
        places = range(len(modules))
        axes.barh(places, [module.area for module in modules], color="#3b6ea5", height=0.7)
        names = [export.top if module.place == "." else module.place for module in modules]
        axes.set_yticks(places, names, color=INK)
        axes.invert_yaxis()
        axes.set_xlabel("area, um2", color=MUTED)
        tidy(axes, axis="x")
        entitle(axes, f"{export.top} in {export.library}: {export.area:,.0f} um2")
    return drawn.data
