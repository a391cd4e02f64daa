"""The command `fit`."""

from __future__ import annotations

from pathlib import Path

import click

from quadrille.algo.spec import InvalidInput

from .console import FOLDER, emit, json_option

__all__ = ["fit_command"]


@click.command("fit", short_help="Fit a scalar function by integer quadratics.")
@click.argument("name", required=False)
@click.option("--bits", help="Bits of the function's usual formats, where none are given [default: 8].")
@click.option("--input", metavar="FORMAT", help="Format of the input: s8, u12.")
@click.option("--input-fraction", metavar="BITS", help="Its fraction bits: x = code / 2**BITS.")
@click.option("--output", metavar="FORMAT", help="Format of the output.")
@click.option("--output-fraction", metavar="BITS", help="Its fraction bits.")
@click.option("--segments", metavar="N", help="At most so many segments [default: the fewest that reach the target].")
@click.option("--placement", help="Where segments start: error, uniform or power-of-two [default: error].")
@click.option(
    "--target", metavar="UNITS", help="Worst error, in units in the last place; none: the least [default: 1]."
)
@click.option("--widths", metavar="BITS", help="Bits of all coefficients together, or of c0,c1,c2.")
@click.option("--continuous", is_flag=True, help="Segments agree where the next one starts.")
@click.option("--degree", help="2, 1 for linear segments, 0 for a plain table [default: 2].")
@click.option("--symmetry", help="auto, none, even, odd, complement or ramp [default: auto].")
@click.option("--form", help="horner or square [default: horner].")
@click.option("--interval", metavar="LOW,HIGH", help="What x is held to before.")
@click.option("--period", help="Stretch a periodic function to this period, and wrap x into one.")
@click.option("--table", is_flag=True, help="What every function costs at 8 and 12 bits, or at --bits.")
@click.option("-o", "folder", type=FOLDER, metavar="FOLDER", help="Where NAME.json and NAME.png, or the table, go.")
@json_option
def fit_command(
    name: str | None, table: bool, folder: Path | None, as_json: bool, continuous: bool, **texts: str | None
) -> None:
    """Fit the function NAME by pieces of integer quadratics, within one unit in the last place of its output.

    NAME.json is the function for `quadrille component piecewise-quadratic --set function=NAME.json`, NAME.png shows
    function, fit and error. The worst error is exact: all inputs are tried.

    \b
      quadrille fit gelu -o build/gelu
      quadrille fit sigmoid --bits 12 --segments 8 --continuous -o build/sigmoid
      quadrille fit tanh --input s10 --input-fraction 7 --output s8 --output-fraction 7 -o build/tanh
      quadrille fit --table
    """
    from .fitting import fit, fit_table

    settings: dict[str, object] = {key: text for key, text in texts.items() if text is not None}
    if continuous:
        settings["continuous"] = True
    if table:
        if name is not None or set(settings) - {"bits"}:
            raise InvalidInput("Table of all functions takes no name and no setting but bits")
        bits = settings.get("bits")
        emit(fit_table((8, 12) if bits is None else (_bits(str(bits)),), folder), as_json)
    elif name is None:
        raise InvalidInput("Function must be named, and --table shows all")
    elif folder is None:
        raise InvalidInput("Output folder of a fit must be given with -o")
    else:
        emit(fit(name, folder, settings), as_json)


def _bits(text: str) -> int:
    if not text.isdigit():
        raise InvalidInput(f"Setting bits must be an integer, not {text!r}")
    return int(text)
