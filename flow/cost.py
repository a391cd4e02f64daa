"""The verb `cost`: cycles and resources of a network on an accelerator, before anything is synthesized."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrille.algo.spec import InvalidInput, Modes

from .configurations import TOP, checked_settings, configuration_of
from .cost_result import CostEstimate, target_cost
from .inspection import network_file

if TYPE_CHECKING:
    from quadrille.hw.engine import Configuration
    from quadrille.hw.engine.timing import Timing

__all__ = ["CLOCK", "PICTURE", "cost", "on_accelerator", "sized"]

CLOCK = 100e6
PICTURE = "cost.png"


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
    from quadrille.boards.cost import TARGETS, cost_of, energy_of, events_of

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
        chosen = checked_settings(settings, engine=engine, unit=unit)
        configuration, timing = sized(modes, rows=rows, columns=columns, macros=macros or 1, **chosen)
    cycles = [timing.cycles_per_image(number) for number in range(len(modes.names))]
    run = {"cycles": cycles[0], "events": events_of(timing), "period": 1e9 / clock}
    costs = [(cost_of(configuration, target), energy_of(configuration, target, **run)) for target in targets or TARGETS]
    result = CostEstimate(
        network=modes.name,
        shape=shape_of(configuration),
        clock=float(clock),
        modes=modes.names,
        cycles_per_image=tuple(cycles),
        latency=timing.batch_cycles(1),
        frames=configuration.frames,
        targets=tuple(target_cost(*each) for each in costs),
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
    from quadrille.hw.engine.sizing import plans_on
    from quadrille.hw.engine.timing import Timing, stages_of
    from quadrille.hw.engine.weight_memory import WeightMemory

    plans = plans_on(modes, configuration)
    stages = stages_of(plans, configuration, WeightMemory(plans, configuration).heights)
    return configuration, Timing.of(plans, configuration, delays_of(configuration, anew), stages)


def shape_of(configuration: Configuration) -> str:
    """What multiplies, and how its sums become results, in words."""
    c = configuration
    number = c.macros * c.banks
    what = f"{number} macro{'' if number == 1 else 's'} of {c.rows} rows x {c.columns} columns"
    if c.engine == "mac":
        what = f"array of {c.rows} {c.unit} units x {c.all_columns} columns"
    return f"{what}, {c.lanes} lanes, {c.converter} converter"
