"""The command `inspect`: what a network is, and how it lies on an accelerator."""

from __future__ import annotations

from pathlib import Path

import click

from .console import FILE, emit, json_option, output_option, setting_option
from .progress import shown

__all__ = ["inspect_command"]


@click.command("inspect", short_help="Show a network, and how it lies on macros.")
@click.argument("network", type=FILE)
@click.option("--mode", help="The mode of a network of several [default: the first].")
@click.option("--rows", type=int, help="Rows of a macro [default: 128].")
@click.option("--columns", type=int, help="Columns of a macro [default: 128].")
@click.option("--macros", type=int, help="Macros side by side [default: 1].")
@setting_option("Set a further parameter of the accelerator (lanes, frames, ...); repeat for more.")
@output_option("Where pictures of occupancy and schedule go.", required=False)
@json_option
def inspect_command(
    network: Path,
    mode: str | None,
    rows: int | None,
    columns: int | None,
    macros: int | None,
    settings: dict[str, str],
    output: Path | None,
    as_json: bool,
) -> None:
    """Show the graph of NETWORK: formats, ranges, the interval of every accumulator, tiles.

    With a shape of macros or an output folder also how it lies on them: utilization of each tile and in all, and in the
    folder occupancy.png and schedule.png. NETWORK may be the folder of an accelerator, which is then the one shown.
    """
    from .inspection import inspect

    with shown(as_json) as progress:
        result = inspect(
            network,
            mode=mode,
            rows=rows,
            columns=columns,
            macros=macros,
            settings=settings,
            output=output,
            progress=progress,
        )
    emit(result, as_json)
