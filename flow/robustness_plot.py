"""The picture of a robustness study: accuracy by what is known of the mode, and how attacks carry over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from .figures import INK, MUTED, entitle, sheet, tidy
from .robustness_tables import KNOWLEDGE, METHODS, RANDOM, transfer_of

__all__ = ["robustness_png"]

COLOURS = dict(zip(METHODS, ("#9aa7b5", "#c2571a", "#7b4fa3", "#2457a6"), strict=True))


def robustness_png(options: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> bytes:
    """Two panels as PNG."""
    with sheet(11, 3.9) as drawn:
        left, right = drawn.figure.subplots(1, 2, width_ratios=(1.7, 1))
        _accuracies(left, options, runs)
        _transfer(right, options, runs)
    return drawn.data


def _accuracies(axes: Any, options: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> None:
    """The mean over seeds of every training, and a dot for each seed."""
    names = ["clean", "fgsm_guess", *(f"pgd_{each}" for each in KNOWLEDGE)]
    labels = ["clean", "FGSM\nguess", *(f"PGD-{options['pgd_steps']}\n{each}" for each in KNOWLEDGE)]
    methods = [method for method in METHODS if any(each["method"] == method for each in runs)]
    width = 0.8 / len(methods)
    for place, method in enumerate(methods):
        offset = width * (place - (len(methods) - 1) / 2)
        for index, name in enumerate(names):
            shares = [100 * each[name] for each in runs if each["method"] == method]
            label = method if index == 0 else None
            axes.bar(index + offset, mean(shares), width, color=COLOURS[method], label=label)
            axes.plot([index + offset] * len(shares), shares, ".", color=INK, markersize=3)
    axes.set_xticks(range(len(names)), labels)
    axes.set_ylim(0, 105)
    entitle(axes, f"{options['recipe']}: accuracy, %")
    axes.legend(fontsize=7, ncols=2, loc="upper right", framealpha=0.9)
    tidy(axes, axis="y")


def _transfer(axes: Any, options: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> None:
    """Crafted for a mode, read in one."""
    if not any(each["method"] == RANDOM for each in runs):
        axes.set_axis_off()
        return
    table = [[100 * share for share in row] for row in transfer_of(runs, RANDOM, "pgd")]
    axes.imshow(table, cmap="Blues", vmin=0, vmax=100, alpha=0.8)
    for row, shares in enumerate(table):
        for column, share in enumerate(shares):
            axes.text(column, row, f"{share:.1f}", ha="center", va="center", color=INK)
    modes = options["modes"]
    axes.set_xticks(range(len(modes)), [f"{mode} bits" for mode in modes])
    axes.set_yticks(range(len(modes)), [f"{mode} bits" for mode in modes])
    axes.set_xlabel("read at", color=MUTED)
    axes.set_ylabel("crafted for", color=MUTED)
    entitle(axes, f"PGD-{options['pgd_steps']}, {RANDOM}: accuracy, %")
