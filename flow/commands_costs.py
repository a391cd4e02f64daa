"""The command `cost`: what a network takes on an accelerator, before synthesis."""

from __future__ import annotations

from pathlib import Path

import click

from .console import FILE, emit, json_option, names_of, output_option, setting_option

__all__ = ["cost_command"]


@click.command("cost", short_help="Cycles and resources of a network, before synthesis.")
@click.argument("source", type=FILE)
@click.option(
    "--target", "targets", callback=names_of, default="", help="Families and libraries, with commas [default: all]."
)
@click.option("--clock", type=float, default=100e6, show_default=True, help="Clock in Hz, for throughput.")
@click.option("--engine", help="What multiplies: cim macros, or a mac array [default: cim].")
@click.option("--unit", help="What a mac array is made of [default: spatio-temporal].")
@click.option("--rows", type=int, help="Rows of a macro, or units in a column [default: 128; 32 of an array].")
@click.option("--columns", type=int, help="Columns of a macro [default: 128; 32 of an array].")
@click.option("--macros", type=int, help="Macros side by side [default: 1].")
@setting_option("Set a further parameter of the accelerator (lanes, frames, ...); repeat for more.")
@output_option("Where the picture goes, cost.png.", required=False)
@json_option
def cost_command(
    source: Path,
    targets: tuple[str, ...],
    clock: float,
    engine: str | None,
    unit: str | None,
    rows: int | None,
    columns: int | None,
    macros: int | None,
    settings: dict[str, str],
    output: Path | None,
    as_json: bool,
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

    result = cost(
        source,
        targets=targets,
        clock=clock,
        engine=engine,
        unit=unit,
        rows=rows,
        columns=columns,
        macros=macros,
        settings=settings,
        output=output,
    )
    emit(result, as_json)
