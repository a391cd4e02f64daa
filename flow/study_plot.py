"""The picture of a granularity study: accuracy of the grid, what it costs, and what variation does to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .figures import MUTED, entitle, sheet, tidy
from .study_findings import Findings

__all__ = ["study_png"]

# Colours tell partial-sum scales apart, markers and dashes weight scales.
COLOURS = {"layer": "#9aa7b5", "array": "#c2571a", "column": "#2457a6"}
MARKERS = {"layer": "o", "array": "s", "column": "D"}
DASHES = {"layer": ":", "array": "--", "column": "-"}


def study_png(options: Mapping[str, Any], findings: Findings) -> bytes:
    """Three panels as PNG; two where nothing was varied."""

    varied = any(grain.variation for grain in findings.grains)
    with sheet(12 if varied else 8, 3.9) as drawn:
        panels = drawn.figure.subplots(1, 3 if varied else 2)
        _draw_grid(panels[0], options, findings)
        _draw_costs(panels[1], findings)
        if varied:
            _draw_variation(panels[2], findings)
        tidy(*panels)
    return drawn.data


def _draw_grid(axes: Any, options: Mapping[str, Any], findings: Findings) -> None:
    """Accuracy with its deviation over seeds: weight scales along the axis, partial-sum scales side by side."""
    levels = list(options["sums"])
    for grain in findings.grains:
        x = list(options["weights"]).index(grain.weights) + 0.2 * (levels.index(grain.sums) - (len(levels) - 1) / 2)
        axes.errorbar(
            x,
            100 * grain.integer.mean,
            100 * grain.integer.deviation,
            color=COLOURS[grain.sums],
            marker=MARKERS[grain.weights],
            capsize=3,
        )
    if findings.float_twin is not None:
        axes.axhline(100 * findings.float_twin.mean, color=MUTED, linewidth=0.8, linestyle=":")
        axes.text(0, 100 * findings.float_twin.mean, " float twin", color=MUTED, fontsize=8, va="bottom")
    axes.set_xticks(range(len(options["weights"])), options["weights"])
    axes.set_xlabel("weight scales per", color=MUTED)
    for level in levels:
        axes.plot([], [], color=COLOURS[level], linewidth=3, label=level)
    axes.legend(frameon=False, title="partial-sum scales per", fontsize=8, title_fontsize=8)
    entitle(axes, "Accuracy of the integers, %")


def _draw_costs(axes: Any, findings: Findings) -> None:
    """The same accuracy over the multiplications of the dequantizer."""
    for grain in findings.grains:
        axes.errorbar(
            grain.multiplications_per_image,
            100 * grain.integer.mean,
            100 * grain.integer.deviation,
            color=COLOURS[grain.sums],
            marker=MARKERS[grain.weights],
            capsize=3,
        )
    for level in dict.fromkeys(grain.weights for grain in findings.grains):
        axes.plot([], [], color=MUTED, marker=MARKERS[level], linestyle="", label=level)
    axes.set_xscale("log")
    counts = sorted({grain.multiplications_per_image for grain in findings.grains})
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("dequantizer multiplications per image", color=MUTED)
    axes.legend(frameon=False, title="weight scales per", fontsize=8, title_fontsize=8)
    entitle(axes, "Accuracy over cost, %")


def _draw_variation(axes: Any, findings: Findings) -> None:
    """Accuracy over sigma; bands only for the two corners, where they can be told apart."""
    for grain in findings.grains:
        if not grain.variation:
            continue
        sigmas = list(grain.variation)
        means = [100 * spread.mean for spread in grain.variation.values()]
        axes.plot(sigmas, means, color=COLOURS[grain.sums], linestyle=DASHES[grain.weights], linewidth=1.3)
        if grain.weights == grain.sums and grain.sums != "array":
            deviations = [100 * spread.deviation for spread in grain.variation.values()]
            low, high = (
                [value + sign * deviation for value, deviation in zip(means, deviations, strict=True)]
                for sign in (-1, 1)
            )
            axes.fill_between(sigmas, low, high, color=COLOURS[grain.sums], alpha=0.18, linewidth=0)
    for level in dict.fromkeys(grain.weights for grain in findings.grains):
        axes.plot([], [], color=MUTED, linestyle=DASHES[level], label=level)
    axes.set_xlabel("sigma of the cells (log-normal)", color=MUTED)
    axes.legend(frameon=False, title="weight scales per", fontsize=8, title_fontsize=8)
    entitle(axes, "Accuracy under variation, %")
