"""How a network lies on an accelerator: utilization of each tile, the schedule of a batch, and pictures of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from quadrille.algo.spec import Modes, Network

from .occupancy import Span, TileUse, occupancy_picture, schedule_picture, spans_of, tile_uses
from .results import Result
from .tables import table_html, table_text

if TYPE_CHECKING:
    from quadrille.hw.engine import Configuration, Program

__all__ = ["OCCUPANCY", "SCHEDULE", "Layout", "lay_out", "layout_of"]

OCCUPANCY, SCHEDULE = "occupancy.png", "schedule.png"


@dataclass(frozen=True)
class Layout(Result):
    """The tiles of a network on arrays of `rows` x `columns`, one in each of `banks`, in the order of computation.

    Attributes
    ----------
    tiles : what each instruction fills, row tile by row tile
    utilization : the share of the cells that hold a weight, over all instructions
    spans : when the weights of each instruction are written and when they are used, in one batch of `frames` images
    cycles : of such a batch
    pictures : the files that were drawn
    """

    title: ClassVar[str] = "Layout"
    headings: ClassVar[tuple[str, ...]] = ("layer", "row tile", "rows", "columns", "utilization")

    rows: int
    columns: int
    macros: int
    banks: int
    unit: str | None
    frames: int
    cycles: int
    utilization: float
    tiles: tuple[TileUse, ...]
    spans: tuple[Span, ...]
    pictures: tuple[Path, ...] = ()

    def summary(self) -> Sequence[tuple[str, str]]:
        """Shape, utilization and cycles."""
        number = self.macros * self.banks
        plural = "" if number == 1 else "s"
        what = f"{number} macro{plural} of {self.rows} rows x {self.columns // self.macros} columns"
        if self.unit is not None:
            what = f"array of {self.rows} {self.unit} units x {self.columns} columns"
        lines = [
            ("multiplies", what),
            ("tiles", f"{len(self.tiles)}, {100 * self.utilization:.1f} % of the cells used"),
            ("cycles", f"{self.cycles:,} for one batch of {self.frames}"),
        ]
        return lines + [("picture", str(path)) for path in self.pictures]

    def cells(self) -> list[list[str]]:
        """The table of the tiles, and their total."""
        lines = [
            [use.layer, use.label, str(use.rows), str(use.columns), f"{100 * use.share:.1f} %"] for use in self.tiles
        ]
        return [*lines, ["all", "", "", "", f"{100 * self.utilization:.1f} %"]]

    def __str__(self) -> str:
        return f"{super().__str__()}\n\n{table_text(self.headings, self.cells())}"

    def _repr_html_(self) -> str:
        return super()._repr_html_() + table_html(self.headings, self.cells())


def lay_out(
    network: Network | Modes,
    mode: int = 0,
    *,
    rows: int | None = None,
    columns: int | None = None,
    macros: int = 1,
    settings: Mapping[str, object] | None = None,
    configuration: Configuration | None = None,
    output: Path | str | None = None,
) -> Layout:
    """Lay `network` out on macros of that shape, or on the accelerator of `configuration`; `settings` as of `generate`.

    What is said is of the mode of number `mode`, on an accelerator for all. With `output`, a folder, the pictures go
    there: occupancy.png and schedule.png.

    Raises
    ------
    InvalidInput
        If the network cannot run on such an accelerator, a setting is impossible, or the folder cannot be written.
    """
    from quadrille.hw.engine import compile_network
    from quadrille.hw.export import publish

    from .configurations import checked_settings

    if configuration is None:
        chosen = checked_settings(settings or {})
        program = compile_network(network, rows=rows, columns=columns, macros=macros, **chosen)
    else:
        program = compile_network(network, configuration=configuration)
    if output is None:
        return layout_of(program, mode)
    folder = Path(output)
    layout = layout_of(program, mode, (folder / OCCUPANCY, folder / SCHEDULE))
    pictures: dict[str, str | bytes] = {
        OCCUPANCY: occupancy_picture(layout.tiles, layout.rows, layout.columns, utilization=layout.utilization),
        SCHEDULE: schedule_picture(layout.spans, title=f"One batch of {layout.frames}"),
    }
    publish(folder, pictures)
    return layout


def layout_of(program: Program, mode: int = 0, pictures: tuple[Path, ...] = ()) -> Layout:
    """The layout of a mode of a compiled program."""
    plan, configuration = program.plans[mode], program.configuration
    used = ((use.layer, use.tile, use.rows, use.columns, use.most) for use in plan.occupancy())
    schedule = program.timing.schedule(mode=mode)
    instructions = ((span.layer, span.load_start, span.load_end, span.start, span.end) for span in schedule)
    return Layout(
        rows=plan.rows,
        columns=plan.columns,
        macros=configuration.macros,
        banks=plan.banks,
        unit=plan.unit,
        frames=configuration.frames,
        cycles=program.timing.batch_cycles(configuration.frames, mode),
        utilization=sum(plan.utilization) / len(plan.utilization),
        tiles=tile_uses(used, plan.columns),
        spans=spans_of(instructions),
        pictures=pictures,
    )
