"""The command `power`: what a netlist takes while it runs real data."""

from __future__ import annotations

from pathlib import Path

import click

from .console import FILE, FOLDER, FREQUENCY, emit, json_option
from .progress import shown

__all__ = ["power_command"]


@click.command("power", short_help="Estimate the power of a netlist on real data, by module.")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--images", type=click.IntRange(1), help="Held-out images that an accelerator runs [default: 50].")
@click.option("--clock", type=FREQUENCY, help="Clock of the estimate, 500e6 or 500MHz [default: the netlist's].")
@click.option("--liberty", type=FILE, multiple=True, help="Liberty file of the netlist's library; repeat for more.")
@json_option
def power_command(
    folder: Path, images: int | None, clock: float | None, liberty: tuple[Path, ...], as_json: bool
) -> None:
    """Simulate the netlist in DIR, which `quadrille export --asic` wrote, and weigh what switches with its library.

    An accelerator runs images; any other block plays a scenario of its testbench. Table and picture go into DIR, with
    the switching of every net as SAIF. An estimate before layout: it says what it leaves out.

    \b
      quadrille export build/digits/hw --asic --liberty cells.lib -o build/digits/asic
      quadrille power build/digits/asic --images 100 --liberty cells.lib
    """
    from .power import power_of

    with shown(as_json) as progress:
        period = None if clock is None else 1e9 / clock
        result = power_of(folder, images=images, liberty=liberty, period=period, progress=progress)
    emit(result, as_json)
