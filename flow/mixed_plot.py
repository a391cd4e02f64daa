"""The picture of a mixed-precision study: accuracy over compression, what training takes, the bits of the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from .figures import MUTED, entitle, sheet, tidy

__all__ = ["mixed_png"]

COLOURS = ("#9aa7b5", "#2457a6", "#7b4fa3", "#c2571a", "#3a7d44")
COSTS = {"parameters": "parameters", "step_bytes": "bytes\nof a step", "seconds": "seconds"}


def mixed_png(options: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> bytes:
    """Three panels as PNG."""

    methods = list(dict.fromkeys(each["method"] for each in runs))
    colours = dict(zip(methods, COLOURS, strict=False))
    with sheet(12.5, 3.9) as drawn:
        panels = drawn.figure.subplots(1, 3)
        for method in methods:
            points = [each for each in runs if each["method"] == method]
            x, y = [each["compression"] for each in points], [100 * each["accuracy"] for each in points]
            panels[0].plot(x, y, "o", color=colours[method], label=method, markersize=5)
        panels[0].axvline(options["target"], color=MUTED, linewidth=0.8, linestyle=":")
        panels[0].set_xlabel("times smaller than 32-bit weights", color=MUTED)
        entitle(panels[0], f"{options['recipe']}: accuracy, %")
        panels[0].legend(fontsize=7, loc="best", framealpha=0.9)
        _costs(panels[1], runs, methods, colours)
        _bits(panels[2], runs, methods, colours)
        tidy(*panels)
    return drawn.data


def _mean(runs: Sequence[Mapping[str, Any]], method: str, name: str) -> float:
    return mean(each[name] for each in runs if each["method"] == method)


def _costs(axes: Any, runs: Sequence[Mapping[str, Any]], methods: Sequence[str], colours: Mapping[str, str]) -> None:
    """What training takes, each cost relative to the first method's."""
    width = 0.8 / len(methods)
    for place, method in enumerate(methods):
        offset = width * (place - (len(methods) - 1) / 2)
        shares = [_mean(runs, method, name) / _mean(runs, methods[0], name) for name in COSTS]
        axes.bar([index + offset for index in range(len(COSTS))], shares, width, color=colours[method])
    axes.set_xticks(range(len(COSTS)), list(COSTS.values()))
    entitle(axes, f"Training, times that of {methods[0]}")


def _bits(axes: Any, runs: Sequence[Mapping[str, Any]], methods: Sequence[str], colours: Mapping[str, str]) -> None:
    """The bits of each layer, a line for each training."""
    layers = list(runs[0]["bits"])
    for each in runs:
        shift = 0.08 * (methods.index(each["method"]) - (len(methods) - 1) / 2)
        bits = [each["bits"][layer] + shift for layer in layers]
        axes.plot(range(len(layers)), bits, "o-", color=colours[each["method"]], linewidth=0.9, markersize=3)
    axes.set_xticks(range(len(layers)), layers)
    axes.set_ylim(0, 8.5)
    entitle(axes, "Bits of a weight, by layer")
