"""What all commands share: the options, how a result is printed, and how a fault ends a command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from quadrille.algo.spec import InvalidInput, QuadrilleError

from .results import Result

__all__ = [
    "FILE",
    "FOLDER",
    "FREQUENCY",
    "INTERRUPTED",
    "MISMATCH",
    "emit",
    "integers_of",
    "json_option",
    "names_of",
    "numbers_of",
    "output_option",
    "play",
    "setting_option",
    "shape_options",
    "workers_options",
]

MISMATCH = 1
FAULT = 2
INTERRUPTED = 130

FILE = click.Path(path_type=Path)
FOLDER = click.Path(path_type=Path)


class _Frequency(click.ParamType):
    """A frequency in Hz, also with a unit: 50e6, 50MHz."""

    name = "Hz"
    units = (("ghz", 1e9), ("mhz", 1e6), ("khz", 1e3), ("hz", 1.0), ("", 1.0))

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).strip().lower()
        unit, factor = next((unit, factor) for unit, factor in self.units if text.endswith(unit))
        try:
            hertz = float(text.removesuffix(unit)) * factor
        except ValueError:
            hertz = 0.0
        if not 0 < hertz < float("inf"):
            self.fail(f"{value!r} must be a positive frequency in Hz, such as 50e6 or 50MHz.", param, ctx)
        return hertz


FREQUENCY = _Frequency()

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output.")


def output_option(help: str, required: bool = True) -> Callable[[Any], Any]:
    """The option `-o FOLDER`."""
    return click.option("-o", "--output", type=FOLDER, required=required, metavar="FOLDER", help=help)


def workers_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--jobs N` and `--scheduler ADDRESS`: who works."""
    command = click.option(
        "--scheduler", metavar="ADDRESS", help="Work on the Dask cluster whose scheduler is there: tcp://HOST:8786."
    )(command)
    return click.option("--jobs", type=int, default=1, show_default=True, help="Processes that work.")(command)


def setting_option(help: str) -> Callable[[Any], Any]:
    """The option `--set NAME=VALUE`, as a dictionary."""
    return click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", callback=_settings, help=help)


def shape_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of an accelerator's shape: engine, unit, rows, columns, macros, None unless given, and settings."""
    text = "Set a further parameter of the accelerator (lanes, frames, ...); repeat for more."
    command = setting_option(text)(command)
    options = (
        ("--engine", str, "What multiplies: cim macros, or a mac array [default: cim]."),
        ("--unit", str, "What a mac array is made of [default: spatio-temporal]."),
        ("--rows", int, "Rows of a macro, or units in a column [default: 128; 32 of an array]."),
        ("--columns", int, "Columns of a macro [default: 128; 32 of an array]."),
        ("--macros", int, "Macros side by side [default: 1]."),
    )
    for name, kind, text in reversed(options):
        command = click.option(name, type=kind, help=text)(command)
    return command


def _settings(context: click.Context, option: click.Parameter, texts: Sequence[str]) -> dict[str, str]:
    settings: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise InvalidInput(f"Setting must be written name=value, not {text!r}")
        if name in settings:
            raise InvalidInput(f"Setting must be given once, and {name} is given twice")
        settings[name] = value
    return settings


def emit(result: Result, as_json: bool) -> None:
    """Print `result` on standard output, as JSON or as a table."""
    text = json.dumps(result.as_dict(), indent=2, ensure_ascii=False) if as_json else str(result)
    click.echo(text)


def play(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run `command` and return its exit status: 2 and one sentence for a user's fault, 130 for Ctrl-C."""
    try:
        status = command.main(args=arguments, prog_name=command.name, standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else command.name
        return _refuse(f"{error.format_message().rstrip('.')} (see {path} --help)")
    except click.ClickException as error:
        return _refuse(error.format_message())
    except QuadrilleError as error:
        return _refuse(str(error))
    except TypeError as error:
        # Raised by our own checks for a value of the wrong kind; anything deeper is a fault of the program.
        if _raised_by_check(error):
            return _refuse(str(error))
        raise
    except BrokenPipeError:
        # The reader of our output has gone: `quadrille ... | head`. Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        return _refuse(f"File or folder{where} cannot be used: {error.strerror or error}")
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted; what was there before is unchanged", err=True)
        return INTERRUPTED
    return status if isinstance(status, int) else 0


def _raised_by_check(error: TypeError) -> bool:
    """Whether the innermost frame is a `raise` of ours, not a failed operation."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    names = ("check", "take", "__init__", "__post_init__")
    return frame is not None and frame.tb_frame.f_code.co_name in names


def _refuse(sentence: str) -> int:
    click.echo(f"quadrille: {sentence}", err=True)
    return FAULT


def names_of(context: click.Context, option: click.Parameter, text: str) -> tuple[str, ...]:
    """An option's callback: a comma-separated list."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def numbers_of(context: click.Context, option: click.Parameter, text: str) -> tuple[float, ...]:
    """An option's callback: a comma-separated list of numbers."""
    try:
        return tuple(float(part) for part in names_of(context, option, text))
    except ValueError:
        raise InvalidInput(f"Option --{option.name} must be numbers with commas between them, not {text!r}") from None


def integers_of(context: click.Context, option: click.Parameter, text: str) -> tuple[int, ...]:
    """An option's callback: a comma-separated list of integers."""
    try:
        return tuple(int(part) for part in names_of(context, option, text))
    except ValueError:
        raise InvalidInput(f"Option --{option.name} must be integers with commas between them, not {text!r}") from None
