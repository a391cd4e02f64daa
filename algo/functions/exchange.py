"""Whether a polynomial fits between a lower and an upper bound at every point, and the one with most room.

Distance from the bounds counts in half of the width between them, from the middle: 1 is a bound, more a violation. The
polynomial of degree k whose worst distance is least has it at k + 2 points, in turn above, below, above. Exchange
(Remez 1934) finds these points: each round interpolates a reference of k + 2 points and takes in the point that is
worst. What a reference alone costs is a bound for all polynomials: more than 1 is a proof that none fits. In float64:
the coefficients found are where integers are searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Between", "Reals", "between"]

Reals = NDArray[np.float64]

ROUNDS = 40
ENOUGH = 1e-3  # of half a width: nearer to the optimum than that gains nothing
ROUNDING = 1e-9


@dataclass(frozen=True)
class Between:
    """What `between` found: the worst of the best polynomial, from -1 in the middle through 0 at a bound; its
    coefficients c0, c1, c2; and, where none fits, the index of the last point of the proof.
    """

    worst: float
    coefficients: tuple[float, float, float]
    proof: int | None = None

    @property
    def fits(self) -> bool:
        """Whether no bound is violated."""
        return self.worst <= 0


def between(low: Reals, high: Reals, degree: int, *, points: Reals | None = None, any_will_do: bool = False) -> Between:
    """The polynomial of `degree` 0 to 2 between `low` and `high` at `points` (0, 1, 2, ...), ascending.

    Stops at a proof that none fits; with `any_will_do` also at the first that does.
    """
    x = np.arange(len(low), dtype=np.float64) if points is None else points
    count = len(x)
    half = (high - low) / 2
    if (crossed := half < 0).any():
        return Between(np.inf, (0.0, 0.0, 0.0), int(crossed.argmax()))
    if count < degree + 2:
        return Between(-1.0, _interpolate(list(x), list((low + high) / 2)))
    middle, half = (low + high) / 2, np.maximum(half, ROUNDING)
    # The extremes of the Chebyshev polynomial, made distinct.
    nodes = (1 - np.cos(np.pi * np.arange(degree + 2) / (degree + 1))) / 2 * (count - 1)
    reference = [round(float(node)) for node in nodes]
    for n in range(1, degree + 1):
        reference[n] = max(reference[n], reference[n - 1] + 1)
    for n in range(degree, 0, -1):
        reference[n] = min(reference[n], reference[n + 1] - 1)
    best = Between(np.inf, (0.0, 0.0, 0.0))
    for _ in range(ROUNDS):
        level, values, sides = _level(x, middle, half, reference)
        if level > ROUNDING:
            return Between(level, best.coefficients, reference[-1])
        c0, c1, c2 = coefficients = _interpolate([x[n] for n in reference[:-1]], values[:-1])
        fitted = c0 + (c1 + c2 * x) * x if degree == 2 else c0 + c1 * x
        off = (fitted - middle) / half
        n = int(np.abs(off).argmax())
        worst = abs(float(off[n])) - 1
        if worst < best.worst:
            best = Between(worst, coefficients)
        # A point of the reference can only be the worst by rounding.
        if worst - level < ENOUGH or (any_will_do and worst <= 0) or n in reference:
            break
        _take_in(reference, sides, n, 1 if off[n] > 0 else -1)
    return best


def _level(x: Reals, middle: Reals, half: Reals, reference: list[int]) -> tuple[float, list[float], list[int]]:
    """The level of a reference, the values of its polynomial and the side of each point: -1 below, 1 above."""
    at = [float(x[n]) for n in reference]
    span = at[-1] - at[0]
    weights: list[float] = []
    for i, left in enumerate(at):
        product = 1.0
        for j, right in enumerate(at):
            if i != j:
                product *= (left - right) / span
        weights.append(1 / product)
    middles, halves = [float(middle[n]) for n in reference], [float(half[n]) for n in reference]
    # The divided difference of every polynomial is 0: the middles' is what distances of one size must make up for.
    difference = sum(w * m for w, m in zip(weights, middles, strict=True))
    distance = abs(difference) / sum(abs(w) * h for w, h in zip(weights, halves, strict=True))
    sides = [-1 if (w > 0) == (difference > 0) else 1 for w in weights]
    values = [m + side * distance * h for m, h, side in zip(middles, halves, sides, strict=True)]
    return distance - 1, values, sides


def _interpolate(at: Sequence[float], values: Sequence[float]) -> tuple[float, float, float]:
    """The coefficients of the polynomial through one, two or three points."""
    if len(at) == 1:
        return float(values[0]), 0.0, 0.0
    a, b = float(at[0]), float(at[1])
    first = (float(values[1]) - float(values[0])) / (b - a)
    if len(at) == 2:
        return float(values[0]) - first * a, first, 0.0
    c = float(at[2])
    second = ((float(values[2]) - float(values[1])) / (c - b) - first) / (c - a)
    return float(values[0]) - first * a + second * a * b, first - second * (a + b), second


def _take_in(reference: list[int], sides: list[int], point: int, side: int) -> None:
    """Exchange a point of the reference for `point`, which violates `side`, so that the sides still alternate."""
    if point < reference[0]:
        if sides[0] == side:
            reference[0] = point
        else:
            reference[:] = [point, *reference[:-1]]
        return
    if point > reference[-1]:
        if sides[-1] == side:
            reference[-1] = point
        else:
            reference[:] = [*reference[1:], point]
        return
    after = next(n for n, other in enumerate(reference) if other >= point)
    reference[after if sides[after] == side or after == 0 else after - 1] = point
