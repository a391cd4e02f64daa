"""The tables of a study of coordinate networks: Markdown for people, CSV for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from .study_pictures_findings import PictureFindings, psnr_of, title_of

__all__ = ["picture_csv", "picture_markdown"]


def picture_csv(options: Mapping[str, Any], records: Mapping[str, Any]) -> str:
    """One line for each run and stage."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["picture", "method", "frequency", "rate", "parameters", "stage", "psnr", "ssim"])
    for run in records["runs"]:
        for stage in ("float", *map(str, options["bits"])):
            numbers = [run[stage]["psnr"], run[stage]["ssim"]]
            writer.writerow(
                [*(run[key] for key in ("picture", "method", "frequency", "rate", "parameters")), stage, *numbers]
            )
    return text.getvalue()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def picture_markdown(
    options: Mapping[str, Any],
    records: Mapping[str, Any],
    found: PictureFindings,
    shapes: Mapping[str, tuple[int, ...]],
) -> str:
    """PSNR and SSIM of every run, the search, and the findings."""
    pictures, methods = options["pictures"], options["methods"]
    stages = ["float", *map(str, options["bits"])]
    runs = {(run["picture"], run["method"]): run for run in records["runs"]}
    grid = " x ".join(", ".join(f"{value:g}" for value in options[key]) for key in ("frequencies", "rates"))
    setting = (
        f"{options['layers']} hidden layers of {options['hidden']}, {options['steps']:,} steps of {options['batch']:,} "
        f"points, then {options['tuning_steps']:,} in fixed point for each number of bits; seed {options['seed']}. "
        f"Frequency and learning rate of each method are the best of {grid} after {options['search_steps']:,} steps "
        "on the first picture, for clips on the first clip. Pictures are grey; those called clip are crops that move "
        "across a photograph, a stand-in for video. PSNR of float is that of unrounded values, of fixed point that of "
        "8-bit pixels."
    )
    parts = [
        "# Coordinate networks: activations compared",
        setting,
        "## Findings",
        "\n".join(f"- {sentence}" for sentence in found.sentences),
    ]
    for stage in stages:
        what = "floating point" if stage == "float" else f"{stage} bits"
        rows = [
            [
                f"{picture} ({' x '.join(map(str, shapes[picture][:-1]))})",
                *_marked([psnr_of(records, picture, method, stage) for method in methods]),
            ]
            for picture in pictures
        ]
        rows.append(["mean", *(f"{found.means[method][stage]:.2f}" for method in methods)])
        parts += [f"## PSNR in dB, {what}", _table(["picture", *map(title_of, methods)], rows)]
    ssim_rows = [[picture, *(_ssim(runs[picture, method]) for method in methods)] for picture in pictures]
    parts += ["## SSIM, floating point", _table(["picture", *map(title_of, methods)], ssim_rows)]
    kinds = {name.startswith("clip:"): name for name in reversed(pictures)}
    settings = [runs[name, method] for name in kinds.values() for method in methods]
    parts += [
        "## What each method was trained with",
        _table(
            ["picture", "method", "frequency", "learning rate", "parameters"],
            [_settings(run) for run in settings],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _marked(values: Sequence[float]) -> list[str]:
    """Numbers, the greatest in bold."""
    return [f"**{value:.2f}**" if value == max(values) else f"{value:.2f}" for value in values]


def _settings(run: Mapping[str, Any]) -> list[str]:
    numbers = [f"{run['frequency']:g}", f"{run['rate']:g}", f"{run['parameters']:,}"]
    return [run["picture"], title_of(run["method"]), *numbers]


def _ssim(run: Mapping[str, Any]) -> str:
    return "" if run["float"]["ssim"] is None else f"{run['float']['ssim']:.4f}"
