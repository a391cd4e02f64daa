"""Training curves, as a picture file and as one within a page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from .figures import MUTED, entitle, sheet, tidy

__all__ = ["curves_png", "curves_svg", "data_uri"]

COLOURS = {"network": "#2457a6", "float twin": "#c2571a"}
OTHERS = ("#2457a6", "#c2571a", "#3a7d44", "#7b4fa3", MUTED)


def curves_png(history: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """Loss and held-out accuracy of each model over the epochs, as PNG."""
    return _drawn(history, "png")


def curves_svg(history: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """The same as SVG."""
    return _drawn(history, "svg")


def data_uri(data: bytes, kind: str) -> str:
    """`data` of the media type `kind` as the address of a picture."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _drawn(history: Mapping[str, Sequence[Mapping[str, Any]]], kind: str) -> bytes:
    from matplotlib.ticker import LogLocator

    with sheet(9, 3.2, kind=kind) as drawn:
        loss, accuracy = drawn.figure.subplots(1, 2)
        for place, (model, epochs) in enumerate(history.items()):
            colour = COLOURS.get(model, OTHERS[place % len(OTHERS)])
            numbers = [epoch["epoch"] for epoch in epochs]
            loss.plot(numbers, [epoch["loss"] for epoch in epochs], color=colour, label=model)
            held_out = [100 * (1 - epoch["held_out_accuracy"]) for epoch in epochs]
            accuracy.plot(numbers, held_out, color=colour, label=model)
        for axes, title in ((loss, "Training loss"), (accuracy, "Held-out error, %")):
            entitle(axes, title)
            axes.set_xlabel("epoch", color=MUTED)
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter("")
            tidy(axes)
            _mark_converters(axes, history.get("network", ()))
        accuracy.legend(frameon=False)
    return drawn.data


def _mark_converters(axes: Any, epochs: Sequence[Mapping[str, Any]]) -> None:
    """A line where the ADCs are switched on, if that is during training."""
    first = next((epoch["epoch"] for epoch in epochs if epoch["converters"]), None)
    if first is not None and first > epochs[0]["epoch"]:
        axes.axvline(first - 0.5, color=MUTED, linewidth=0.8, linestyle=":")
        axes.text(first, 0.97, "ADCs on", transform=axes.get_xaxis_transform(), va="top", color=MUTED, fontsize=8)
