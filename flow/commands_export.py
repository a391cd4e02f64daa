"""The command that takes what was generated out of the house: export, onto a board or into an ASIC flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .console import FILE, FOLDER, FREQUENCY, emit, json_option, output_option
from .progress import shown

__all__ = ["export_command"]

MEMORIES = ("black-boxes", "flip-flops")
CELLS = ("flip-flops", "latches")


@click.command("export", short_help="Write a board's bitstream or project, or an ASIC netlist.")
@click.argument("source", metavar="DIR", type=FOLDER)
@click.option("--board", help="An FPGA board: ulx3s, orangecrab, icebreaker, arty_a7, vcu128 or zcu104.")
@click.option("--clock", type=FREQUENCY, help="Clock that must be met, 50e6 or 50MHz [default: the board's]. (--board)")
@click.option("--baud", type=click.IntRange(1), help="Bits per second of the UART [default: the board's]. (--board)")
@click.option("--seed", type=click.IntRange(0), help="Where the placer starts [default: 1]. (--board)")
@click.option(
    "--sources-only", is_flag=True, default=None, help="Everything but the bitstream: no place and route. (--board)"
)
@click.option("--asic", is_flag=True, help="A netlist in the cells of a library.")
@click.option("--liberty", type=FILE, multiple=True, help="Liberty file of the library; repeat for more. (--asic)")
@click.option("--clock-period", type=click.FloatRange(0, min_open=True), help="Clock to aim at, in ns. (--asic)")
@click.option("--memories", type=click.Choice(MEMORIES), help="What memories become [default: black-boxes]. (--asic)")
@click.option(
    "--cells", type=click.Choice(CELLS), help="What holds the weights of a macro [default: flip-flops]. (--asic)"
)
@output_option("Where everything goes.")
@json_option
def export_command(
    source: Path,
    board: str | None,
    asic: bool,
    output: Path,
    as_json: bool,
    **options: Any,
) -> None:
    """Take what is in DIR onto a board, or into an ASIC flow.

    With --board, DIR is a folder of `quadrille generate`: its accelerator behind a serial line, with constraints, a
    build script, a report, and the bitstream where the tools are open (ECP5, iCE40); for Xilinx, a Vivado project.
    With --asic, DIR is any exported component: its netlist, area by module, critical path, constraints.

    \b
      quadrille export build/digits/hw --board ulx3s -o build/digits/ulx3s
      quadrille export build/digits/hw --asic --liberty cells.lib --clock-period 10 -o build/digits/asic
    """
    if (board is None) == (not asic):
        raise click.UsageError("either option --board or option --asic must be given, and not both")
    of_board, of_asic = ("clock", "baud", "seed", "sources_only"), ("liberty", "clock_period", "memories", "cells")
    given = {name: value for name, value in options.items() if value not in (None, ())}
    for name in of_board if asic else of_asic:
        if name in given:
            option, kind, other = name.replace("_", "-"), *(("board", "asic") if asic else ("asic", "board"))
            raise click.UsageError(f"option --{option} is for --{kind}, not for --{other}")
    with shown(as_json) as progress:
        if board is not None:
            from .export_board import export_board

            result = export_board(source, output, board=board, progress=progress, **given)
        else:
            if "liberty" not in given:
                raise click.UsageError("option --liberty must be given with --asic, once for each file")
            from .export_asic import export_asic

            result = export_asic(
                source,
                output,
                liberty=given["liberty"],
                clock_period=given.get("clock_period"),
                memories=given.get("memories", MEMORIES[0]),
                cells=given.get("cells", CELLS[0]),
                progress=progress,
            )
    emit(result, as_json)
