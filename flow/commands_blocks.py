"""The commands about single blocks: component, regress."""

from __future__ import annotations

import textwrap
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from quadrille.algo.spec import InvalidInput

from .blocks import component, components
from .console import FOLDER, MISMATCH, emit, json_option, output_option, setting_option

__all__ = ["component_command", "regress_command"]


@click.command("component", add_help_option=False)
@click.argument("name", required=False)
@setting_option("Set a parameter; repeat for more.")
@output_option("Where the Verilog and its manifest go.", required=False)
@click.option("--top", help="Name of the Verilog module [default: the component's, with underscores].")
@click.option(
    "--around",
    type=click.Path(path_type=Path),
    help="Folder of an accelerator: write an edge of that one, with its program.",
)
@click.option("--list", "listing", is_flag=True, help="List the components and exit.")
@click.option("-h", "--help", "helping", is_flag=True, help="With a NAME: its parameters, their defaults and ranges.")
@json_option
@click.pass_context
def component_command(
    context: click.Context,
    name: str | None,
    settings: dict[str, str],
    output: Path | None,
    top: str | None,
    around: Path | None,
    listing: bool,
    helping: bool,
    as_json: bool,
) -> None:
    """Write one hardware block as Verilog with its manifest.

    \b
      quadrille component --list
      quadrille component cim-macro --help
      quadrille component cim-macro --set rows=64 --set columns=32 -o build/macro
      quadrille component axi-accelerator --around build/digits/hw -o build/digits/axi
    """
    if helping and name is None:
        click.echo(context.get_help())
    elif listing or helping:
        described = components(name if helping else None)
        if as_json:
            emit(described, as_json)
        elif helping:
            print_parameters(described.components[0])
        else:
            emit(described, as_json)
            click.echo("\nquadrille component NAME --help shows the parameters of one.")
    elif name is None:
        raise InvalidInput("Component must be named, and --list shows all names")
    elif output is None:
        raise InvalidInput("Output folder must be given with -o")
    else:
        emit(component(name, output, settings, top, around), as_json)


def print_parameters(described: dict) -> None:
    """Everything there is to know before setting a parameter."""
    console = Console(soft_wrap=False)
    click.echo(f"{described['name']}: {described['summary']}.\n")
    equation = textwrap.dedent("    " + described["equation"].partition("\n\n")[2]).strip()
    if equation:
        click.echo(textwrap.indent(equation, "  ") + "\n")
    table = Table("parameter", "default", "range", "meaning", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for parameter in described["parameters"]:
        table.add_row(*(parameter[key] for key in ("name", "default", "range", "help")))
    console.print(table, highlight=False, markup=False)
    click.echo(f"\nquadrille component {described['name']} --set NAME=VALUE ... -o FOLDER writes it.")


@click.command("regress")
@click.argument("blocks", nargs=-1, metavar="[BLOCK]...")
@click.option("--on", type=FOLDER, metavar="DIR", help="Test the block that was exported to DIR, or a netlist of it.")
@click.option("--waves", is_flag=True, help="Keep a waveform of every test.")
@click.option("--seed", type=int, help="Seed of the stimuli, to replay a test [default: fixed].")
@output_option("Where results, logs and waveforms go.", required=False)
@json_option
def regress_command(
    blocks: tuple[str, ...], on: Path | None, waves: bool, seed: int | None, output: Path | None, as_json: bool
) -> int:
    """Run the cocotb testbenches of all blocks, or of those named.

    One line per test, with the seed that replays it; the results are also written as JUnit XML. Exit status 1 if one
    fails.
    """
    from .regression import regress

    result = regress(blocks, output, on=on, waves=waves, seed=seed, on_test=partial(click.echo, err=as_json))
    emit(result, as_json)
    return 0 if result.passed else MISMATCH
