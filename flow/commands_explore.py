"""The command `explore`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.array_precision import UNIT_SCHEMES

from .console import (
    FILE,
    FREQUENCY,
    emit,
    integers_of,
    json_option,
    names_of,
    output_option,
    setting_option,
    workers_options,
)
from .progress import shown

__all__ = ["explore_command"]


def _bits_of(context: click.Context, option: click.Parameter, text: str) -> tuple[int | None, ...]:
    """An option's callback: bits of converters, exact, or own."""
    known: dict[str, int | None] = {"own": None, "exact": 0}
    found: list[int | None] = []
    for part in names_of(context, option, text):
        if part not in known and not part.isdigit():
            raise InvalidInput(f"Option --adc-bits must be bits, exact or own, with commas between, not {part!r}")
        found.append(known[part] if part in known else int(part))
    return tuple(found)


@click.command("explore", short_help="Cost every accelerator of a grid, and show those that no other beats.")
@click.argument("network", type=FILE)
@output_option("Where points.csv, pareto.csv, exploration.png and the networks of other arithmetics go.")
@click.option(
    "--engine", "engines", callback=names_of, default="cim", show_default=True, help="cim macros, mac arrays, or both."
)
@click.option(
    "--unit",
    "units",
    callback=names_of,
    default="spatio-temporal",
    show_default=True,
    help=f"What mac arrays are made of: {', '.join(UNIT_SCHEMES)}.",
)
@click.option("--rows", callback=integers_of, default="128", show_default=True, help="Rows of a macro or an array.")
@click.option("--columns", callback=integers_of, default="128", show_default=True, help="Columns of a macro.")
@click.option("--macros", callback=integers_of, default="1", show_default=True, help="Macros side by side.")
@click.option("--lanes", callback=integers_of, default="", help="Columns converted in a cycle [default: the engine's].")
@click.option(
    "--adc-bits",
    callback=_bits_of,
    default="own",
    show_default=True,
    help="Bits of converters, calibrated anew where they are not the network's own; exact: none.",
)
@setting_option("A further parameter of the accelerator, one value or several with commas; repeat for more.")
@click.option("--target", default="ecp5", show_default=True, help="FPGA family or cell library that areas are of.")
@click.option("--clock", type=FREQUENCY, help="Clock, 100e6 or 100MHz: registers are chosen for it on ecp5.")
@click.option("--images", type=int, help="Only the first IMAGES held-out images answer for accuracies [default: all].")
@click.option("--energy", is_flag=True, help="Energy of an image is an axis of the front too, where it is known.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted exploration was.")
@workers_options
@json_option
def explore_command(
    network: Path,
    output: Path,
    target: str,
    clock: float | None,
    images: int | None,
    energy: bool,
    resume: bool,
    jobs: int,
    scheduler: str | None,
    settings: dict[str, str],
    as_json: bool,
    **lists: Any,
) -> None:
    """Cost every accelerator of a grid for NETWORK: exact cycles, area by the models of `quadrille cost`, accuracy.

    Options take several values with commas between; all combinations are points. A point that cannot be is skipped,
    with the reason. Nothing is generated or synthesized; pareto.csv has the command that generates each point.

    \b
      quadrille explore build/digits/network.safetensors --rows 64,128,256 --columns 32,64,128 \\
        --macros 1,2,4 --lanes 8,16,32 --adc-bits own,4,3,exact -o build/explored
    """
    from .explore import explore
    from .explore_grid import Grid

    grid = Grid.of({**lists, "lanes": lists["lanes"] or (None,)}, settings)
    with shown(as_json) as progress:
        result = explore(
            network,
            output,
            grid,
            target=target,
            clock=clock,
            images=images,
            jobs=jobs,
            scheduler=scheduler,
            resume=resume,
            energy=energy,
            progress=progress,
        )
    emit(result, as_json)
