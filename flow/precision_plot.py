"""The picture of a precision study: accuracy over energy and over cycles, and the trainings beside one another."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean
from typing import Any

from .figures import INK, MUTED, entitle, sheet, tidy
from .precision_work import METHODS

__all__ = ["precision_png"]

COLOURS = ("#9aa7b5", "#2457a6", "#3a7d44", "#c2571a", "#7b4fa3")
MARKERS = "oDs^v"


def precision_png(options: Mapping[str, Any], records: Mapping[str, Any]) -> bytes:
    """Two panels as PNG, three where there are trainings to compare."""

    compared = bool(records["trainings"])
    with sheet(12.5 if compared else 8, 3.9) as drawn:
        panels = drawn.figure.subplots(1, 3 if compared else 2)
        _trade_off(panels[0], records["modes"], "bit_products", "bit products per image")
        _trade_off(panels[1], records["modes"], "cycles_per_image", "cycles per image")
        if compared:
            _trainings(panels[2], records)
        entitle(panels[0], f"{options['network']}: accuracy, %")
        tidy(*panels)
    return drawn.data


def _trade_off(axes: Any, modes: list[dict[str, Any]], cost: str, label: str) -> None:
    """A point for each mode, under its name."""
    points = sorted((each[cost], 100 * each["accuracy"], each["mode"]) for each in modes)
    axes.plot([x for x, _, _ in points], [y for _, y, _ in points], "o-", color=COLOURS[1], linewidth=1.2)
    for x, y, mode in points:
        axes.annotate(mode, (x, y), (4, 5), textcoords="offset points", color=INK)
    axes.set_xscale("log")
    ticks: list[float] = []
    for x, _, _ in points:
        if not ticks or x > 1.15 * ticks[-1]:  # else the labels would lie over one another
            ticks.append(x)
    axes.set_xticks(ticks, [_short(x) for x in ticks])
    axes.minorticks_off()
    axes.set_xlabel(label, color=MUTED)
    axes.margins(x=0.12, y=0.2)


def _short(count: float) -> str:
    """A number that fits under a tick: 17.0k."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= unit:
            return f"{count / unit:.3g}{name}"
    return f"{count:.3g}"


def _trainings(axes: Any, records: Mapping[str, Any]) -> None:
    """Every training by mode: the mean over seeds, and a dot for each."""
    modes = [each["mode"] for each in records["modes"]]
    methods = [name for name in METHODS if any(each["method"] == name for each in records["trainings"])]
    styles = {name: (marker, colour) for name, marker, colour in zip(METHODS, MARKERS, COLOURS, strict=True)}
    for place, method in enumerate(methods):
        marker, colour = styles[method]
        offset = 0.7 / len(methods) * (place - (len(methods) - 1) / 2)
        for index, mode in enumerate(modes):
            shares = [
                100 * each["accuracy"]
                for each in records["trainings"]
                if (each["method"], each["mode"]) == (method, mode)
            ]
            if not shares:
                continue
            label = method if index == 0 else None
            axes.plot(index + offset, mean(shares), marker, color=colour, markersize=7, label=label)
            axes.plot([index + offset] * len(shares), shares, ".-", color=colour, linewidth=0.8, markersize=3)
    axes.set_xticks(range(len(modes)), [f"mode {mode}" for mode in modes])
    entitle(axes, "Trainings: accuracy, %")
    axes.legend(fontsize=7, loc="best", framealpha=0.9)
