"""The verb `cost`: cycles and resources of a network on an accelerator, before anything is synthesized."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import InvalidInput, Modes

from .generation import TOP, checked_settings, configuration_of
from .inspection import network_file
from .results import Result
from .tables import table_html, table_text

if TYPE_CHECKING:
    from quadrille.boards.cost import Cost, Estimate
    from quadrille.hw.engine import Configuration
    from quadrille.hw.engine.timing import Timing

__all__ = ["CLOCK", "PICTURE", "CostEstimate", "TargetCost", "cost", "sized"]

CLOCK = 100e6
PICTURE = "cost.png"
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


@dataclass(frozen=True)
class TargetCost:
    """What the accelerator takes of one target: all of it, and each component by resource; `basis` is what says so."""

    target: str
    basis: str
    total: dict[str, float]
    components: dict[str, dict[str, float]]

    @property
    def columns(self) -> tuple[str, ...]:
        """The resources that the target has."""
        return CELL_COLUMNS if self.total["area"] else FPGA_COLUMNS

    def line(self) -> str:
        """The total for a reader."""
        figures = ", ".join(f"{self.total[name]:,.0f} {HEADINGS[name]}" for name in self.columns)
        return f"{figures} ({self.basis})"

    def cells(self) -> list[list[str]]:
        """A line for each component, the largest first, and one for all."""
        first = self.columns[0]
        ordered = sorted(self.components.items(), key=lambda item: -item[1][first])
        return [
            [name, *(f"{figures[column]:,.0f}" for column in self.columns)]
            for name, figures in [*ordered, ("all", self.total)]
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
            *((each.target, each.line()) for each in self.targets),
            *([] if self.picture is None else [("picture", str(self.picture))]),
        ]

    def tables(self) -> list[tuple[Sequence[str], list[list[str]]]]:
        """Headings and lines of the table of each target."""
        return [([each.target, *(HEADINGS[column] for column in each.columns)], each.cells()) for each in self.targets]

    def __str__(self) -> str:
        return "\n\n".join([super().__str__(), *(table_text(*table) for table in self.tables())])

    def _repr_html_(self) -> str:
        return super()._repr_html_() + "".join(table_html(*table) for table in self.tables())


def cost(
    source: Path | str,
    *,
    targets: Sequence[str] = (),
    clock: float = CLOCK,
    engine: str | None = None,
    unit: str | None = None,
    rows: int | None = None,
    columns: int | None = None,
    macros: int | None = None,
    settings: Mapping[str, object] | None = None,
    output: Path | str | None = None,
) -> CostEstimate:
    """What the network in `source` takes on the accelerator that `generate` would make with these options; or, if
    `source` is the folder of an accelerator, on that one, whose shape and settings are there already.

    Nothing is elaborated: cycles are those of the program, exactly, and resources those of models (boards.cost).
    Without `targets` it is all that there is a table for. With `output` also a picture, cost.png, into that folder.

    Raises
    ------
    InvalidInput
        If there is no valid Network, it cannot run on such an accelerator, there is no table for a target, or a shape
        or setting is given for an accelerator that is there.
    """
    from quadrille.algo.integer.network_file import read_modes
    from quadrille.boards.cost import TARGETS, cost_of

    if not clock > 0:
        raise InvalidInput(f"Clock of a cost must be above 0 Hz, not {clock:g}")
    folder = Path(source)
    modes = read_modes(network_file(source))
    if folder.is_dir() and (folder / f"{TOP}.json").is_file():
        asked = {"engine": engine, "unit": unit, "rows": rows, "columns": columns, "macros": macros, **(settings or {})}
        for name, value in asked.items():
            if value is not None:
                raise InvalidInput(f"Option {name} must be left out for an accelerator that is there, and is {value}")
        configuration, timing = on_accelerator(modes, configuration_of(folder))
    else:
        named = {name: value for name, value in (("engine", engine), ("unit", unit)) if value is not None}
        chosen = checked_settings({**(settings or {}), **named})
        configuration, timing = sized(modes, rows=rows, columns=columns, macros=macros or 1, **chosen)
    costs = [cost_of(configuration, target) for target in targets or TARGETS]
    result = CostEstimate(
        network=modes.name,
        shape=shape_of(configuration),
        clock=float(clock),
        modes=modes.names,
        cycles_per_image=tuple(timing.cycles_per_image(number) for number in range(len(modes.names))),
        latency=timing.batch_cycles(1),
        frames=configuration.frames,
        targets=tuple(target_cost(each) for each in costs),
        picture=None if output is None else Path(output) / PICTURE,
    )
    if output is not None:
        from quadrille.hw.export import publish

        from .cost_plot import cost_png

        publish(Path(output), {PICTURE: cost_png(result)})
    return result


def sized(modes: Modes, **shape: Any) -> tuple[Configuration, Timing]:
    """The least accelerator of that shape, and the network's timing on it."""
    from quadrille.hw.engine.sizing import Sizing

    size = Sizing(modes).size(**shape)
    return size.configuration, size.timing


def on_accelerator(modes: Modes, configuration: Configuration) -> tuple[Configuration, Timing]:
    """An accelerator that is there, and the network's timing on it."""
    from quadrille.hw.engine.delays import delays_of
    from quadrille.hw.engine.once import anew
    from quadrille.hw.engine.sizing import plans_on, weights_in
    from quadrille.hw.engine.timing import Timing, stages_of

    plans = plans_on(modes, configuration)
    strips = weights_in(plans, configuration).strips
    stages = stages_of(plans, configuration, [strip.rows for strip in strips])
    return configuration, Timing.of(plans, configuration, delays_of(configuration, anew), stages)


def shape_of(configuration: Configuration) -> str:
    """What multiplies, and how its sums become results, in words."""
    c = configuration
    number = c.macros * c.banks
    what = f"{number} macro{'' if number == 1 else 's'} of {c.rows} rows x {c.columns} columns"
    if c.engine == "mac":
        what = f"array of {c.rows} {c.unit} units x {c.all_columns} columns"
    return f"{what}, {c.lanes} lanes, {c.converter} converter"


def target_cost(each: Cost) -> TargetCost:
    """As plain numbers."""
    components = {name: _figures(part) for name, part in each.components.items()}
    return TargetCost(each.target, each.basis, _figures(each.total), components)


def _figures(estimate: Estimate) -> dict[str, float]:
    return {name: float(f"{getattr(estimate, name):.6g}") for name in HEADINGS}
