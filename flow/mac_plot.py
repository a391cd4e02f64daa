"""The picture of a study of multiply-accumulate units: throughput per area and energy over the precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .figures import MUTED, entitle, sheet, tidy
from .mac_designs import DESIGNS, OURS, REFERENCE
from .mac_findings import PRECISIONS, throughput
from .mac_work import ENERGY_BITS

__all__ = ["mac_png"]

Record = Mapping[str, Any]
BLUE = "#2457a6"
COLOURS = ("#c2571a", "#3a8f5c", "#8a4fa3", "#b59a1f", "#2a9aa8", "#a83a5c", "#6b6f2a", "#5c4a3a", "#7f8c99", "#d08fb0")


def mac_png(records: Sequence[Record]) -> bytes:
    """Panels as PNG: throughput per area of each target, plain-8 at 8 bits being 1; energy in the first library."""

    targets = list(dict.fromkeys(record["target"] for record in records))
    library = next((each["target"] for each in records if any(f"energy_{bits}" in each for bits in ENERGY_BITS)), None)
    names = [name for name in DESIGNS if any(record["name"] == name for record in records)]
    colours = dict(zip([name for name in names if name != OURS], COLOURS * 2, strict=False)) | {OURS: BLUE}
    count = len(targets) + (library is not None)
    with sheet(4.6 * min(count, 3), 3.6 * -(-count // 3), dpi=130) as drawn:
        panels = list(drawn.figure.subplots(-(-count // 3), min(count, 3), squeeze=False).flat)
        for target, axes in zip(targets, panels, strict=False):
            some = [record for record in records if record["target"] == target]
            reference = [record for record in some if record["name"] == REFERENCE] or some[:1]
            unit = throughput(reference[0], 8) or 1.0
            for record in some:
                values = [throughput(record, bits) for bits in PRECISIONS]
                _line(axes, record["name"], PRECISIONS, [value and value / unit for value in values], colours)
            noun = "LUT" if "luts" in some[0] else "area"
            entitle(axes, f"Throughput per {noun}, {target}")
        if library is not None:
            axes = panels[len(targets)]
            for record in records:
                if record["target"] == library:
                    values = [record.get(f"energy_{bits}") for bits in ENERGY_BITS]
                    _line(axes, record["name"], ENERGY_BITS, [value and value / 1000 for value in values], colours)
            entitle(axes, f"Energy of a product, pJ, {library}")
        for axes in panels[count:]:
            axes.set_axis_off()
        for axes in panels[:count]:
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            axes.set_xticks(PRECISIONS, [str(bits) for bits in PRECISIONS])
            axes.minorticks_off()
            axes.set_xlabel("bits of both operands", color=MUTED)
            tidy(axes)
        panels[0].legend(frameon=False, fontsize=7)
    return drawn.data


def _line(
    axes: Any, name: str, bits: Sequence[int], values: Sequence[float | None], colours: Mapping[str, str]
) -> None:
    """One design over the precisions that it has."""
    points = [(at, value) for at, value in zip(bits, values, strict=True) if value is not None]
    width, style = (2.2, "-") if name == OURS else (1.1, "-" if DESIGNS[name].scalable else "--")
    axes.plot(*zip(*points, strict=True), style, color=colours[name], linewidth=width, marker=".", label=name)
