"""The command `cost`: what a network takes on an accelerator, before synthesis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .console import FILE, FREQUENCY, emit, json_option, names_of, output_option, shape_options

__all__ = ["cost_command"]


@click.command("cost", short_help="Cycles and resources of a network, before synthesis.")
@click.argument("source", type=FILE)
@click.option(
    "--target", "targets", callback=names_of, default="", help="Families and libraries, with commas [default: all]."
)
@click.option("--clock", type=FREQUENCY, default=100e6, help="Clock of the throughput [default: 100MHz].")
@shape_options
@output_option("Where the picture goes, cost.png.", required=False)
@json_option
def cost_command(
    source: Path,
    targets: tuple[str, ...],
    clock: float,
    output: Path | None,
    as_json: bool,
    **shape: Any,
) -> None:
    """Estimate what SOURCE, a network or the folder of an accelerator, costs.

    Cycles are exact. Look-up tables, flip-flops, area and the like come from models that are fitted to syntheses of
    small accelerators, component by component; the options are those of generate, and none may be given for
    the folder of an accelerator, which has its own.

    \b
      quadrille cost build/digits/network.safetensors --columns 64 --target ecp5
      quadrille cost build/digits/hw --clock 50e6 -o build/digits/cost
    """
    from .cost import cost

    result = cost(source, targets=targets, clock=clock, output=output, **shape)
    emit(result, as_json)
