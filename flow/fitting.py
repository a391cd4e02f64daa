"""The verb `fit`: a scalar function as integer quadratics, in a file that blocks, networks and readers take."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from quadrille.algo.functions import (
    NAMES,
    WAVES,
    Fit,
    Formats,
    named,
    survey,
    usual_formats,
    wave,
    worst_error,
)
from quadrille.algo.functions import fit as fit_pieces
from quadrille.algo.spec import Function, IntFormat, InvalidInput, Polynomial

from .results import Result, listed
from .tables import table_text

__all__ = ["OPTIONS", "FitReport", "FitTable", "fit", "fit_table", "function_of"]

ROWS_SHOWN = 16


def _integer(text: str) -> int:
    return int(text, 0)


def _flag(text: str) -> bool:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]


def _target(text: str) -> float | None:
    return None if text == "none" else float(text)


def _widths(text: str) -> tuple[int, int, int] | int:
    numbers = [int(part) for part in text.split(",")]
    if len(numbers) == 1:
        return numbers[0]
    first, second, third = numbers
    return first, second, third


def _interval(text: str) -> tuple[float, float]:
    low, high = (float(part) for part in text.split(","))
    return low, high


# How each setting is read, and what it must be.
_FORMATS: dict[str, tuple[Callable[[str], Any], str]] = {
    "bits": (_integer, "an integer"),
    "input": (IntFormat.parse, "a format like s8 or u4"),
    "input_fraction": (_integer, "an integer"),
    "output": (IntFormat.parse, "a format like s8 or u4"),
    "output_fraction": (_integer, "an integer"),
}
_FITTING: dict[str, tuple[Callable[[str], Any], str]] = {
    "segments": (_integer, "an integer"),
    "placement": (str, "a placement"),
    "target": (_target, "a number, or none for the least error"),
    "widths": (_widths, "one integer, or three like 12,6,6"),
    "continuous": (_flag, "true or false"),
    "degree": (_integer, "an integer"),
    "symmetry": (str, "a symmetry"),
    "form": (str, "a form"),
    "interval": (_interval, "two numbers like -4,4"),
    "period": (float, "a number"),
}
OPTIONS = (*_FORMATS, *_FITTING)
"""Settings of a fit, by their names with underscores; on a command line hyphens do as well."""

DEFAULT_BITS = 8


@dataclass(frozen=True)
class FitReport(Result):
    """A function in integers: its table, and how near it is in units in the last place of the output."""

    title: ClassVar[str] = "Fit"

    name: str
    input: str
    input_fraction: int
    output: str
    output_fraction: int
    stages: tuple[str, ...]
    rows: tuple[tuple[int, int, int, int], ...]
    table_bits: int
    error: float
    worst_code: int
    joint_step: float | None
    folder: Path
    files: tuple[Path, ...]

    def summary(self) -> Sequence[tuple[str, str]]:
        """Formats, table, error and files."""
        x = self.worst_code / 2**self.input_fraction
        lines = [
            ("function", self.name),
            ("input", f"{self.input}, {self.input_fraction} fraction bits"),
            ("output", f"{self.output}, {self.output_fraction} fraction bits"),
            ("stages", " > ".join(self.stages)),
            ("segments", f"{len(self.rows)}, {self.table_bits} bits of table"),
            ("worst error", f"{self.error:.4f} units in the last place, at code {self.worst_code} (x = {x:g})"),
        ]
        if self.joint_step is not None:
            lines.append(("widest step at a joint", f"{self.joint_step:g} units"))
        return [*lines, ("files", listed(self.folder, self.files))]

    def __str__(self) -> str:
        cells = [[str(number) for number in row] for row in self.rows[:ROWS_SHOWN]]
        more = len(self.rows) - len(cells)
        below = f"\n... and {more} more" if more else ""
        return f"{super().__str__()}\n\n{table_text(('start', 'c0', 'c1', 'c2'), cells)}{below}"


@dataclass(frozen=True)
class FitTable(Result):
    """What every named function costs in its usual formats, fitted to a target."""

    title: ClassVar[str] = "Functions"
    headings: ClassVar[tuple[str, ...]] = ("function", "input", "output", "segments", "table bits", "worst error")

    target: float
    rows: tuple[dict[str, Any], ...]
    folder: Path | None = None
    files: tuple[Path, ...] = ()

    def summary(self) -> Sequence[tuple[str, str]]:
        """What was asked for."""
        lines = [("target", f"{self.target:g} units in the last place, fewest segments")]
        return lines if self.folder is None else [*lines, ("files", listed(self.folder, self.files))]

    def markdown(self) -> str:
        """The table as a page shows it."""
        lines = [self.headings, ["---"] * len(self.headings), *self.cells()]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def cells(self) -> list[list[str]]:
        """The rows as text; s8.5 is s8 with 5 fraction bits."""
        return [
            [
                row["function"],
                f"{row['input']}.{row['input_fraction']}",
                f"{row['output']}.{row['output_fraction']}",
                "exact wave" if row["exact"] else str(row["segments"]),
                str(row["table_bits"]),
                f"{row['error']:.3f}",
            ]
            for row in self.rows
        ]

    def __str__(self) -> str:
        return f"{super().__str__()}\n\n{table_text(self.headings, self.cells())}"


def function_of(name: str, settings: Mapping[str, object]) -> tuple[Function, Fit | None]:
    """The function called `name` in the formats and by the rules of `settings`: an exact wave, or a fit.

    Without formats those that are usual for 8 bits, or for `bits`.

    Raises
    ------
    InvalidInput
        If there is no such function or setting, a value is impossible, or the fit is.
    """
    named(name)
    values = _values(settings)
    formats = _formats(name, values)
    options = {key: value for key, value in values.items() if key in _FITTING}
    if name in WAVES:
        if options:
            raise InvalidInput(f"Wave {name!r} is exact and must have no setting of a fit, not {', '.join(options)}")
        return wave(name, formats.input, formats.output, formats.input_fraction, formats.output_fraction), None
    found = fit_pieces(
        name,
        formats.input,
        formats.output,
        input_fraction=formats.input_fraction,
        output_fraction=formats.output_fraction,
        **options,
    )
    return found.function, found


def fit(name: str, folder: Path | str, settings: Mapping[str, object] | None = None) -> FitReport:
    """Fit the function called `name`, and write it with a plot into `folder`: NAME.json and NAME.png.

    Raises
    ------
    InvalidInput
        As `function_of`.
    """
    from .fitting_plot import fit_png

    function, found = function_of(name, settings or {})
    error, worst = worst_error(function, name) if found is None else (found.error, found.worst_code)
    (polynomial,) = (stage for stage in function.stages if isinstance(stage, Polynomial))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = (folder / f"{name}.json", folder / f"{name}.png")
    files[0].write_text(json.dumps(function.record(), indent=2) + "\n", encoding="utf-8")
    scalar = named(name) if found is None else found.scalar
    files[1].write_bytes(fit_png(function, scalar))
    return FitReport(
        name=name,
        input=str(function.input),
        input_fraction=function.input_fraction,
        output=str(function.output),
        output_fraction=function.output_fraction,
        stages=tuple(stage.kind for stage in function.stages),
        rows=tuple((segment.start, segment.c0, segment.c1, segment.c2) for segment in polynomial.segments),
        table_bits=0 if found is None else found.table_bits,
        error=error,
        worst_code=worst,
        joint_step=None if found is None else found.joint_step,
        folder=folder,
        files=files,
    )


def fit_table(
    bits: Sequence[int] = (8, 12),
    folder: Path | str | None = None,
    *,
    target: float = 1.0,
    names: Sequence[str] = NAMES,
) -> FitTable:
    """Every function of `names` in its usual formats of each of `bits` bits; into `folder` functions.json and .md.

    Raises
    ------
    InvalidInput
        If a name is unknown, or a number of bits is not from 4 to 20.
    """
    rows = [
        {
            "function": row.name,
            "input": str(row.formats.input),
            "input_fraction": row.formats.input_fraction,
            "output": str(row.formats.output),
            "output_fraction": row.formats.output_fraction,
            "exact": row.fit is None,
            "segments": row.segments,
            "table_bits": row.table_bits,
            "error": row.error,
        }
        for width in bits
        for row in survey(width, tuple(names), target=target)
    ]
    table = FitTable(target, tuple(rows))
    if folder is None:
        return table
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = (folder / "functions.json", folder / "functions.md")
    files[0].write_text(json.dumps({"target": target, "rows": rows}, indent=2) + "\n", encoding="utf-8")
    files[1].write_text(table.markdown(), encoding="utf-8")
    return replace(table, folder=folder, files=files)


def _values(settings: Mapping[str, object]) -> dict[str, Any]:
    """The settings by their names with underscores, read where they are text."""
    values: dict[str, Any] = {}
    for key, value in settings.items():
        name = key.replace("-", "_")
        if name not in OPTIONS:
            raise InvalidInput(f"Setting of a fit must be one of {', '.join(OPTIONS)}, not {key!r}")
        read, meaning = {**_FORMATS, **_FITTING}[name]
        if isinstance(value, str):
            try:
                value = read(value)
            except (ValueError, KeyError):
                raise InvalidInput(f"Setting {key} must be {meaning}, not {value!r}") from None
        values[name] = value
    return values


def _formats(name: str, values: Mapping[str, Any]) -> Formats:
    """The formats of `values`, those not given as usual."""
    for end in ("input", "output"):
        if (end in values) != (f"{end}_fraction" in values):
            given, missing = (end, f"{end}-fraction") if end in values else (f"{end}-fraction", end)
            raise InvalidInput(f"Setting {missing} must be given with {given}")
    usual = usual_formats(name, values.get("bits", DEFAULT_BITS))
    return Formats(
        values.get("input", usual.input),
        values.get("input_fraction", usual.input_fraction),
        values.get("output", usual.output),
        values.get("output_fraction", usual.output_fraction),
    )
