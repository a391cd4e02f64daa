"""How finely scales are cut: those of weights and of partial sums, each per layer, per array or per column."""

from __future__ import annotations

from typing import NamedTuple

from quadrille.algo.quant.granularity import Granularity, PerArray, PerChannel, PerColumn, PerTensor
from quadrille.algo.spec import InvalidInput

__all__ = ["LEVELS", "Grain", "check_level", "sum_granularity", "weight_granularity"]

LEVELS = ("layer", "array", "column")


class Grain(NamedTuple):
    """One point of the grid: the levels of the weight scales and of the partial-sum scales."""

    weights: str
    sums: str

    def __str__(self) -> str:
        return f"{self.weights}/{self.sums}"


def check_level(noun: str, level: str) -> str:
    """`level`, if it is one.

    Raises
    ------
    InvalidInput
        If it is not; `noun` says whose.
    """
    if level not in LEVELS:
        raise InvalidInput(f"Granularity of {noun} must be one of {', '.join(LEVELS)}, not {level!r}")
    return level


def weight_granularity(level: str, tile_rows: int) -> Granularity:
    """The granularity of weights (outputs, rows) in arrays of `tile_rows` rows."""
    return {"layer": PerTensor(), "array": PerArray(tile_rows), "column": PerColumn(tile_rows)}[
        check_level("weight scales", level)
    ]


def sum_granularity(level: str) -> Granularity:
    """The granularity of partial sums (tiles, slices, outputs)."""
    return {"layer": PerTensor(), "array": PerChannel(0), "column": PerColumn()}[
        check_level("partial-sum scales", level)
    ]
