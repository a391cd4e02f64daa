"""The picture of an exploration: cycles over area, the front marked, accuracy as colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .figures import INK, MUTED, entitle, sheet, tidy

__all__ = ["exploration_png"]

FAINT = 0.35


def exploration_png(
    network: str, target: str, records: Sequence[Mapping[str, Any]], front: Sequence[Mapping[str, Any]]
) -> bytes:
    """All points that could be costed, as PNG; those of the front ringed, and the steps between them."""
    unit = "um2" if records and "gates" in records[0] else "LUT"
    with sheet(7.2, 4.6) as drawn:
        axes = drawn.figure.subplots()
        known = bool(records) and all(record.get("accuracy") is not None for record in records)
        style: dict[str, Any] = {"c": MUTED}
        shades: Any = "none"
        if known:
            style = {"c": [100 * record["accuracy"] for record in records], "cmap": "viridis"}
        dots = axes.scatter(
            [record["area"] for record in records],
            [record["cycles"] for record in records],
            s=12,
            alpha=FAINT if len(records) > 200 else 0.8,
            linewidths=0,
            **style,
        )
        if known:
            shades = dots.cmap(dots.norm([100 * record["accuracy"] for record in front]))
            bar = drawn.figure.colorbar(dots, ax=axes, label="accuracy of the integers, %")
            bar.solids.set_alpha(1)
        axes.scatter(
            [record["area"] for record in front],
            [record["cycles"] for record in front],
            s=42,
            facecolors=shades,
            edgecolors=INK,
            linewidths=1.1,
            label=f"front: {len(front)} of {len(records):,} points",
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(f"area, {unit} of {target}", color=MUTED)
        axes.set_ylabel("cycles per image", color=MUTED)
        axes.legend(frameon=False, fontsize=8)
        entitle(axes, f"Accelerators for {network}")
        tidy(axes)
    return drawn.data
