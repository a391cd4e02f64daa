"""Paired comparisons over seeds: the same seed means the same first weights and the same order of images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

__all__ = ["Comparison", "compare"]

# Student's t at 97.5 % for 1, 2, ... degrees of freedom; beyond the table, the normal distribution's.
STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
NORMAL = 1.960


@dataclass(frozen=True)
class Comparison:
    """The mean over seeds of `accuracy - other accuracy`, a share of 1, and its standard error (None for one seed)."""

    seeds: int
    mean: float
    standard_error: float | None

    @property
    def margin(self) -> float | None:
        """Half the width of the 95 % interval around the mean, by Student's t."""
        if self.standard_error is None:
            return None
        freedom = self.seeds - 1
        return self.standard_error * (STUDENT[freedom - 1] if freedom <= len(STUDENT) else NORMAL)

    @property
    def verdict(self) -> str:
        """Whether the first "wins", "loses", differs "within noise", or "one seed cannot tell"."""
        if self.margin is None:
            return "one seed cannot tell"
        if abs(self.mean) <= self.margin:
            return "within noise"
        return "wins" if self.mean > 0 else "loses"

    def __str__(self) -> str:
        """In points."""
        if self.standard_error is None or self.margin is None:
            return f"{100 * self.mean:+.2f} points with one seed"
        low, high = (100 * (self.mean + sign * self.margin) for sign in (-1, 1))
        return (
            f"{100 * self.mean:+.2f} points, standard error {100 * self.standard_error:.2f} over {self.seeds} seeds "
            f"(95 % interval {low:+.2f} to {high:+.2f})"
        )


def compare(first: Mapping[int, float], second: Mapping[int, float]) -> Comparison:
    """`first` against `second`, accuracies by seed, over the seeds that both have (at least one)."""
    differences = [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
    count = len(differences)
    mean = sum(differences) / count
    if count < 2:
        return Comparison(count, mean, None)
    variance = sum((difference - mean) ** 2 for difference in differences) / (count - 1)
    return Comparison(count, mean, sqrt(variance / count))
