"""The command `study mac-cost`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from .console import emit, json_option, names_of, output_option, workers_options
from .progress import shown

__all__ = ["mac_cost_command"]


@click.command("mac-cost", short_help="What multiply-accumulate units of any precision take, and give for it.")
@output_option("Where results.json, study.md, study.csv and study.png go.")
@click.option("--units", type=int, default=8, show_default=True, help="Units of each design.")
@click.option("--designs", callback=names_of, default="", help="Rows of the table, with commas [default: all].")
@click.option(
    "--targets",
    callback=names_of,
    default="ultrascale+,ecp5,nangate45,sky130hd,asap7",
    show_default=True,
    help="FPGA families and cell libraries, whose files lie in QUADRILLE_DATA/liberty.",
)
@workers_options
@json_option
def mac_cost_command(
    output: Path, designs: tuple[str, ...], jobs: int, scheduler: str | None, as_json: bool, **settings: Any
) -> None:
    """Synthesize the spatio-temporal unit and the designs it is measured against, all in one shell.

    In the first cell library every netlist is simulated with random dot products at 2, 4, 8 and 16 bits and must give
    the exact sums; what switches meanwhile is its energy. Throughput per area is that of the same number of units at
    every precision. Needs the extra `synthesis`.

    An interrupted study goes on when the command is given again; one of as many units takes more designs.

    \b
      quadrille study mac-cost --designs spatio-temporal,fusion,plain-8 --targets ecp5 --units 4 -o build/mac-cost
    """
    from .mac_designs import DESIGNS
    from .study_mac import MacCostOptions, study_mac

    options = MacCostOptions(**{**settings, "designs": designs or tuple(DESIGNS)})
    with shown(as_json) as progress:
        result = study_mac(
            options,
            output,
            jobs=jobs,
            scheduler=scheduler,
            progress=progress,
            on_run=partial(click.echo, err=True),
        )
    emit(result, as_json)
