"""The tables of a granularity study: Markdown to read, CSV to compute with."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from .study_findings import Findings, Spread

__all__ = ["study_csv", "study_markdown"]


COSTS_NOTE = (
    "Multiplications of the dequantizer are the fewest that the granularity allows: codes with the same scale are "
    "added before they are multiplied, and batch norm merges into the scale. Scales are stored with 16 bits each, "
    "equal ones once, the factors of batch norm left out."
)
FINDINGS_NOTE = (
    "Differences are paired: the same seed gives the same first weights and the same order of images. A difference "
    "counts where its 95 % interval (Student's t over seeds) leaves out 0."
)


def study_markdown(options: Mapping[str, Any], findings: Findings) -> str:
    """The whole study on one page: what was done, the grid, the variation sweep, the verdicts."""
    adc, rows = f"{options['adc_bits']}-bit ADC", f"{options['rows']} rows"
    cells = f"{options['weight_bits']}-bit weights in {options['cell_bits']}-bit cells"
    budget = f"{options['epochs']} epochs over {options['images']:,} training images"
    start = f"after {options['warm_up']} epochs with exact sums" if options["warm_up"] else "from the start"
    images = f"{options['held_out']:,} held-out images"
    lines = [
        f"# Granularity study: {options['model']} on {options['data']}",
        "",
        f"{cells}, {options['activation_bits']}-bit activations, {adc} on arrays of {rows}.",
        f"Every grain with the same budget: {budget}, converters on {start}, {options['seeds']} seeds.",
        f"Accuracy: integer networks on {images}, mean and standard deviation over seeds.",
    ]
    if findings.float_twin is not None:
        lines.append(f"The float twin with the same budget: {_spread(findings.float_twin)}.")
    lines += ["", "## Grid", ""]
    lines += _table(
        (
            "weight scales",
            "partial-sum scales",
            "accuracy, %",
            "fake-quantized, %",
            "multiplications per output pixel",
            "per image",
            "scales, bits",
        ),
        [
            (
                grain.weights,
                grain.sums,
                _spread(grain.integer),
                _spread(grain.model),
                f"{grain.multiplications_per_pixel:,.1f}",
                f"{grain.multiplications_per_image:,}",
                f"{grain.storage:,}",
            )
            for grain in findings.grains
        ],
    )
    lines += ["", COSTS_NOTE]
    if options["sigmas"]:
        lines += ["", "## Variation", ""]
        lines += _table(
            ("weight scales", "partial-sum scales", *(f"sigma {sigma:g}" for sigma in options["sigmas"])),
            [
                (grain.weights, grain.sums, *(_spread(grain.variation[sigma]) for sigma in options["sigmas"]))
                for grain in findings.grains
            ],
        )
        lines += ["", _variation_note(options)]
    lines += ["", "## Findings", ""]
    lines += [f"- {sentence}." for sentence in findings.sentences]
    lines += ["", FINDINGS_NOTE, ""]
    return "\n".join(lines)


def _variation_note(options: Mapping[str, Any]) -> str:
    swept = options["swept_seeds"] or options["seeds"]
    return (
        f"Accuracy in %, mean and standard deviation over {swept} of the seeds x {options['draws']} draws of "
        f"devices, on {options['variation_images']:,} held-out images: the conductance of every cell of a layer with "
        f"ADC is multiplied by exp(theta), theta from N(0, sigma^2), and rounded to {options['fraction_bits']} "
        "fraction bits; nothing is trained anew."
    )


def study_csv(findings: Findings) -> str:
    """A line for each grain, accuracies as shares of 1."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    sigmas = list(findings.grains[0].variation)
    writer.writerow(
        [
            *("weight_scales", "partial_sum_scales", "accuracy_mean", "accuracy_deviation", "model_accuracy_mean"),
            *("multiplications_per_pixel", "multiplications_per_image", "scale_bits", "seeds"),
            *(f"sigma_{sigma:g}_{what}" for sigma in sigmas for what in ("mean", "deviation")),
        ]
    )
    for grain in findings.grains:
        spreads = [grain.variation[sigma] for sigma in sigmas]
        swept = [f"{value:.6f}" for spread in spreads for value in (spread.mean, spread.deviation)]
        writer.writerow(
            [
                *(grain.weights, grain.sums, f"{grain.integer.mean:.6f}", f"{grain.integer.deviation:.6f}"),
                *(f"{grain.model.mean:.6f}", f"{grain.multiplications_per_pixel:.4f}"),
                *(grain.multiplications_per_image, grain.storage, grain.integer.count, *swept),
            ]
        )
    return text.getvalue()


def _spread(spread: Spread) -> str:
    """In percent: 87.31 +- 0.42."""
    return f"{100 * spread.mean:.2f} ± {100 * spread.deviation:.2f}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *rows)]
