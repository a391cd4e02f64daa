"""Whether a polynomial fits between a lower and an upper bound at every point, and the one with most room.

The polynomial of degree k that violates its bounds least, or keeps the most distance to them, touches k + 2 of them in
turn, above, below, above. Exchange (Remez 1934) finds these points: each round interpolates a reference of k + 2 points
and takes in the point violated most. The level of any reference is a bound for all polynomials, so that one positive
level is a proof that no polynomial fits. In float64: the coefficients found are where integers are searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Between", "Reals", "between"]

Reals = NDArray[np.float64]

ROUNDS = 40
ENOUGH = 1e-3  # of a unit of the bounds: nearer to the optimum than that gains nothing


@dataclass(frozen=True)
class Between:
    """What `between` found: how much the best polynomial violates a bound, negative for room; its coefficients c0, c1,
    c2; and, where none fits, the index of the last point of the proof.
    """

    violation: float
    coefficients: tuple[float, float, float]
    proof: int | None = None

    @property
    def fits(self) -> bool:
        """Whether no bound is violated."""
        return self.violation <= 0


def between(low: Reals, high: Reals, degree: int, *, points: Reals | None = None, any_will_do: bool = False) -> Between:
    """The polynomial of `degree` 0 to 2 between `low` and `high` at `points` (0, 1, 2, ...), ascending.

    Stops at a proof that none fits; with `any_will_do` also at the first that does.
    """
    x = np.arange(len(low), dtype=np.float64) if points is None else points
    count = len(x)
    if count < degree + 2:
        values = (low + high) / 2
        coefficients = _interpolate(list(x), list(values))
        room = float(np.min(high - low)) / 2
        return Between(-room, coefficients, None if room >= 0 else int(np.argmin(high - low)))
    # The extremes of the Chebyshev polynomial, made distinct.
    nodes = (1 - np.cos(np.pi * np.arange(degree + 2) / (degree + 1))) / 2 * (count - 1)
    reference = [int(round(node)) for node in nodes]
    for n in range(1, degree + 2):
        reference[n] = max(reference[n], reference[n - 1] + 1)
    for n in range(degree, -1, -1):
        reference[n] = min(reference[n], count - (degree + 2 - n)) if n else 0
    reference[-1] = count - 1
    best = Between(np.inf, (0.0, 0.0, 0.0))
    for _ in range(ROUNDS):
        level, values, sides = _level(x, low, high, reference)
        if level > ENOUGH * 1e-6:
            return Between(level, best.coefficients, reference[-1])
        c0, c1, c2 = coefficients = _interpolate([x[n] for n in reference[:-1]], values[:-1])
        fitted = c0 + (c1 + c2 * x) * x if degree == 2 else c0 + c1 * x
        below, above = low - fitted, fitted - high
        n_below, n_above = int(below.argmax()), int(above.argmax())
        under = below[n_below] >= above[n_above]
        violation = float(below[n_below] if under else above[n_above])
        if violation < best.violation:
            best = Between(violation, coefficients)
        if violation - level < ENOUGH or (any_will_do and violation <= 0):
            break
        _take_in(reference, sides, n_below if under else n_above, -1 if under else 1)
    return best


def _level(x: Reals, low: Reals, high: Reals, reference: list[int]) -> tuple[float, list[float], list[int]]:
    """The level of a reference, the values of its polynomial and the side that each point touches: -1 low, 1 high."""
    at = [float(x[n]) for n in reference]
    weights: list[float] = []
    span = at[-1] - at[0]
    for i, left in enumerate(at):
        product = 1.0
        for j, right in enumerate(at):
            if i != j:
                product *= (left - right) / span
        weights.append(1 / product)
    total = sum(abs(weight) for weight in weights)
    lows, highs = [float(low[n]) for n in reference], [float(high[n]) for n in reference]
    first = sum(w * (lo if w > 0 else hi) for w, lo, hi in zip(weights, lows, highs, strict=True)) / total
    second = -sum(w * (hi if w > 0 else lo) for w, lo, hi in zip(weights, lows, highs, strict=True)) / total
    level, sign = (first, 1) if first >= second else (second, -1)
    sides = [-1 if sign * weight > 0 else 1 for weight in weights]
    values = [hi + level if side > 0 else lo - level for side, lo, hi in zip(sides, lows, highs, strict=True)]
    return level, values, sides


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
