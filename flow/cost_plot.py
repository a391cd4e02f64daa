"""The picture of a cost: for each target a bar for each component, and what of it is which resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .figures import MUTED, entitle, sheet, tidy

if TYPE_CHECKING:
    from .cost_result import CostEstimate, TargetCost

__all__ = ["cost_png"]

LEAST = 0.015
"""Of the whole: smaller components stand together as others."""
COLOURS = (
    "#2457a6", "#c2571a", "#3a8f5c", "#8a4fa3", "#b59a1f", "#2a9aa8", "#a83a5c", "#6b6f2a", "#5c4a3a", "#7f8c99",
    "#d08fb0", "#94b8e0",
)  # fmt: skip


def cost_png(estimate: CostEstimate) -> bytes:
    """A stacked bar for each resource that is counted in logic, as PNG: shares of the components."""
    names = _names(estimate)
    colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)} | {"others": "#c9d1d9"}
    with sheet(1.9 + 1.5 * len(estimate.targets), 4.4, dpi=130) as drawn:
        axes: Any = drawn.figure.subplots()
        for place, each in enumerate(estimate.targets):
            resource = each.columns[0]
            floor = 0.0
            for name, value in _shares(each, names, resource).items():
                label = name if place == 0 else None
                axes.bar(place, 100 * value, 0.62, bottom=100 * floor, color=colours[name], label=label)
                floor += value
        labels = [f"{each.target}\n{each.total[each.columns[0]]:,.0f}" for each in estimate.targets]
        units = ["LUT" if each.columns[0] == "luts" else "um2" for each in estimate.targets]
        axes.set_xticks(
            range(len(labels)), [f"{label} {unit}" for label, unit in zip(labels, units, strict=True)], fontsize=8
        )
        axes.set_ylabel("share, %", color=MUTED)
        entitle(axes, f"{estimate.network}: {estimate.shape}")
        tidy(axes, axis="y")
        axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), reverse=True)
    return drawn.data


def _names(estimate: CostEstimate) -> list[str]:
    """The components that are large on any target, the largest first."""
    largest: dict[str, float] = {}
    for each in estimate.targets:
        resource = each.columns[0]
        for name, figures in each.components.items():
            largest[name] = max(largest.get(name, 0.0), figures[resource] / max(each.total[resource], 1.0))
    return sorted((name for name, share in largest.items() if share >= LEAST), key=lambda name: -largest[name])


def _shares(each: TargetCost, names: list[str], resource: str) -> dict[str, float]:
    whole = max(each.total[resource], 1.0)
    shares = {name: each.components[name][resource] / whole for name in names}
    return shares | {"others": max(0.0, 1 - sum(shares.values()))}
