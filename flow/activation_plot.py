"""The picture of a study of activation costs: area against latency, gates and energy by function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .figures import INK, MUTED, entitle, sheet, tidy

__all__ = ["activation_png"]

Record = Mapping[str, Any]
OURS, BASELINE = "#2457a6", "#c2571a"
MARKERS = {"0": "o", "3": "s", "full": "^"}


def activation_png(settings: Mapping[str, Any], records: Sequence[Record]) -> bytes:
    """Panels as PNG: of the first cell library area against latency, and gates; of the first FPGA look-up tables."""

    libraries = [record for record in records if "area" in record]
    first = [record for record in libraries if record["target"] == libraries[0]["target"]]
    fpga = [record for record in records if "area" not in record]
    names = len({record["name"] for record in records})
    with sheet(14, max(4.0, 0.24 * names + 1), dpi=130) as drawn:
        panels = list(drawn.figure.subplots(1, 2 * bool(first) + bool(fpga), squeeze=False)[0])
        if first:
            _scatter(panels.pop(0), first)
            plain = [record for record in first if record["cuts"] == first[0]["cuts"]]
            _bars(panels.pop(0), plain, "gates", f"Gates, {plain[0]['target']}, {_said(plain[0])}")
        if fpga:
            some = [each for each in fpga if (each["target"], each["cuts"]) == (fpga[0]["target"], fpga[-1]["cuts"])]
            _bars(panels.pop(0), some, "luts_alone", f"LUT without DSP, {some[0]['target']}, {_said(some[0])}")
        tidy(*drawn.figure.axes)
    return drawn.data


def _said(record: Record) -> str:
    return "all cuts" if record["cuts"] == "full" else f"{record['cuts']} cuts"


def _scatter(axes: Any, records: Sequence[Record]) -> None:
    """Area against latency, both logarithmic; a point for each number of cuts."""
    # ReLU is so small that it would press all others into a corner: it is among the bars.
    records = [record for record in records if record["name"] != "relu"] or records
    for record in records:
        colour = OURS if record["ours"] else BASELINE
        axes.plot(record["latency_ns"], record["area"], MARKERS[record["cuts"]], color=colour, markersize=4)
        if record["cuts"] == records[0]["cuts"]:
            place = (record["latency_ns"], record["area"])
            axes.annotate(record["name"], place, (3, 2), textcoords="offset points", fontsize=6, color=INK)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("latency, ns", color=MUTED)
    for cuts in dict.fromkeys(record["cuts"] for record in records):
        label = "all cuts" if cuts == "full" else f"{cuts} cuts"
        axes.plot([], [], MARKERS[cuts], color=MUTED, markersize=4, label=label)
    axes.plot([], [], color=OURS, linewidth=3, label="quadratic")
    axes.plot([], [], color=BASELINE, linewidth=3, label="baseline")
    axes.legend(frameon=False, fontsize=8)
    entitle(axes, f"Area, um2, {records[0]['target']}")


def _bars(axes: Any, records: Sequence[Record], key: str, title: str) -> None:
    ordered = sorted(records, key=lambda record: -record[key])
    colours = [OURS if record["ours"] else BASELINE for record in ordered]
    axes.barh([record["name"] for record in ordered], [record[key] for record in ordered], color=colours)
    axes.tick_params(axis="y", labelsize=7)
    entitle(axes, title)
