"""What the records of a granularity study show, computed from the numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from quadrille.algo.nn.study.comparison import Comparison, compare

__all__ = ["Findings", "GrainFindings", "Spread", "findings"]

Accuracies = Mapping[int, float]
Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (0 for one value) of `count` accuracies."""

    mean: float
    deviation: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of `values`."""
        return cls(mean(values), stdev(values) if len(values) > 1 else 0.0, len(values))


@dataclass(frozen=True)
class GrainFindings:
    """One grain: accuracies over seeds, costs, and over sigma the accuracies of all seeds and draws of devices."""

    weights: str
    sums: str
    integer: Spread
    model: Spread
    multiplications_per_pixel: float
    multiplications_per_image: int
    storage: int
    variation: dict[float, Spread]

    @property
    def accuracy(self) -> float:
        """The mean of the integer networks."""
        return self.integer.mean


@dataclass(frozen=True)
class Findings:
    """All grains, the float twin, and the sentences of the comparisons."""

    grains: tuple[GrainFindings, ...]
    float_twin: Spread | None
    comparisons: dict[str, Comparison]

    @property
    def sentences(self) -> list[str]:
        """Each comparison and its verdict."""
        return [f"{what}: {comparison}: {_ruling(comparison)}" for what, comparison in self.comparisons.items()]


def _ruling(comparison: Comparison) -> str:
    return {
        "wins": "the finer wins",
        "loses": "the finer loses",
        "within noise": "within noise, no winner",
    }.get(comparison.verdict, comparison.verdict)


def findings(options: Mapping[str, Any], runs: Records, variation: Records) -> Findings:
    """What the records `runs` and `variation` of a study with `options` show."""
    grid = [(weights, sums) for weights in options["weights"] for sums in options["sums"]]
    grains: list[GrainFindings] = []
    for weights, sums in grid:
        mine = [run for run in runs if (run["weights"], run["sums"]) == (weights, sums)]
        swept: dict[float, list[float]] = {}
        for record in variation:
            if (record["weights"], record["sums"]) == (weights, sums):
                for point in record["points"]:
                    swept.setdefault(point["sigma"], []).extend(point["accuracies"])
        grains.append(
            GrainFindings(
                weights=weights,
                sums=sums,
                integer=Spread.of([run["accuracy"] for run in mine]),
                model=Spread.of([run["model_accuracy"] for run in mine]),
                multiplications_per_pixel=mine[0]["multiplications_per_pixel"],
                multiplications_per_image=mine[0]["multiplications_per_image"],
                storage=mine[0]["storage"],
                variation={sigma: Spread.of(values) for sigma, values in swept.items()},
            )
        )
    twins = [run["float_accuracy"] for run in runs if run["float_accuracy"] is not None]
    accuracies = {cell: _by_seed(runs, cell) for cell in grid}
    return Findings(tuple(grains), Spread.of(twins) if twins else None, _comparisons(options, accuracies, variation))


def _by_seed(runs: Records, cell: tuple[str, str]) -> dict[int, float]:
    return {run["seed"]: run["accuracy"] for run in runs if (run["weights"], run["sums"]) == cell}


def _comparisons(
    options: Mapping[str, Any], accuracies: Mapping[tuple[str, str], Accuracies], variation: Records
) -> dict[str, Comparison]:
    """Finer against coarser: both scales together, each on its own, and under the greatest variation."""
    found: dict[str, Comparison] = {}
    for coarse in ("layer", "array"):
        if ("column", "column") in accuracies and (coarse, coarse) in accuracies:
            comparison = compare(accuracies["column", "column"], accuracies[coarse, coarse])
            found[f"Column-wise weights and partial sums against {coarse}-wise"] = comparison
    for axis, noun, others in ((0, "weight", options["sums"]), (1, "partial-sum", options["weights"])):
        levels = options["weights" if axis == 0 else "sums"]
        for fine, coarse in (("array", "layer"), ("column", "layer"), ("column", "array")):
            if fine in levels and coarse in levels:
                cells = [[(level, other)[:: 1 if axis == 0 else -1] for other in others] for level in (fine, coarse)]
                averaged = [_mean_of([accuracies[cell[0], cell[1]] for cell in each]) for each in cells]
                what = f"{fine.capitalize()}-wise {noun} scales against {coarse}-wise"
                found[f"{what} (mean over the other)" if len(others) > 1 else what] = compare(*averaged)
    sigma = max(options["sigmas"], default=0.0)
    under = {cell: _under(variation, cell, sigma) for cell in accuracies}
    if sigma > 0 and under.get(("column", "column")) and under.get(("layer", "layer")):
        what = f"Column-wise weights and partial sums against layer-wise under variation of sigma {sigma:g}"
        found[what] = compare(under["column", "column"], under["layer", "layer"])
    return found


def _mean_of(parts: Sequence[Accuracies]) -> dict[int, float]:
    """The mean over `parts`, seed by seed."""
    return {seed: mean(part[seed] for part in parts) for seed in parts[0]}


def _under(variation: Records, cell: tuple[str, str], sigma: float) -> dict[int, float]:
    """The mean accuracy over the draws at `sigma`, by seed."""
    return {
        record["seed"]: mean(point["accuracies"])
        for record in variation
        if (record["weights"], record["sums"]) == cell
        for point in record["points"]
        if point["sigma"] == sigma
    }
