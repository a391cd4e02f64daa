"""Ladders that are straight lines: codes of many sums by a product, a floor and a clip."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arithmetic import IntArray
from .product import FLOAT32_EXACT

__all__ = ["LadderLine"]

GREATEST_LEVELS = 63  # every pair of them is looked at


class LadderLine:
    """`code = low + #{ j : P >= thresholds[c, j] }` as `clip(floor(P*slope[c] + offset[c]), low, low + levels)`.

    Even steps, which most converters have, need no table: float32 arithmetic gives the same codes. That it does is
    proved when the line is laid: product, sum, floor and clip round monotonically, so that a line that is right on both
    sides of every threshold, and at the ends of what P can be, is right everywhere.
    """

    def __init__(self, slope: IntArray, offset: IntArray, low: int, levels: int, trailing: int) -> None:
        across = (len(slope), *[1] * trailing)
        self.slope = slope.astype(np.float32).reshape(across)
        self.offset = offset.astype(np.float32).reshape(across)
        self.low, self.high = np.float32(low), np.float32(low + levels)

    @classmethod
    def through(
        cls, thresholds: IntArray, low: int, least: IntArray, greatest: IntArray, *, trailing: int = 0
    ) -> LadderLine | None:
        """The line for `thresholds` (columns, levels) and sums from `least` to `greatest` (columns,), or None.

        Sums are (..., columns, *windows) with `trailing` axes of windows.
        """
        levels = thresholds.shape[1]
        reach = max(int(np.abs(least).max()), int(np.abs(greatest).max()), abs(low) + levels)
        if levels > GREATEST_LEVELS or reach > FLOAT32_EXACT:
            return None
        thresholds = np.clip(thresholds, least[:, None], greatest[:, None] + 1)  # as good, and far from overflow
        points, bounds = _bounds(thresholds, least, greatest)
        fitted = _fit(points, bounds)
        if fitted is None:
            return None
        slope, offset = fitted
        line = cls(slope, offset + low, low, levels, 1)
        beside = np.concatenate([thresholds, thresholds - 1, least[:, None], greatest[:, None]], axis=1)
        beside = np.clip(beside, least[:, None], greatest[:, None])
        steps = (thresholds[:, :, None] <= beside[:, None]).sum(axis=1)
        codes = beside.astype(np.float32)
        line.convert(codes, codes)
        if not np.array_equal(codes, low + steps):
            return None
        return cls(slope, offset + low, low, levels, trailing)

    def convert(self, sums: NDArray[Any], out: NDArray[Any]) -> None:
        """Write the codes of `sums` to `out`, both float32; they may be the same array."""
        np.multiply(sums, self.slope, out=out)
        np.add(out, self.offset, out=out)
        np.floor(out, out=out)
        np.clip(out, self.low, self.high, out=out)


def _bounds(thresholds: IntArray, least: IntArray, greatest: IntArray) -> tuple[NDArray[Any], NDArray[Any]]:
    """Where the line must not lie: at points[0] it is at least bounds[0], at points[1] less than bounds[1].

    Both are (2, columns, levels + 1), bounds infinite where there is nothing to ask for.
    """
    columns, levels = thresholds.shape
    code = np.arange(1, levels + 1, dtype=np.float64)
    under, over = thresholds <= least[:, None], thresholds > greatest[:, None]
    within = ~(under | over)
    points = np.zeros((2, columns, levels + 1))
    bounds = np.full((2, columns, levels + 1), np.inf)
    bounds[0] = -np.inf
    points[:, :, :levels] = np.where(within, (thresholds, thresholds - 1), 0)
    bounds[0, :, :levels] = np.where(within, code, -np.inf)
    bounds[1, :, :levels] = np.where(within, code, np.inf)
    first, last = under.sum(axis=1), levels - over.sum(axis=1)  # the codes of the least and the greatest sum
    points[0, :, levels], points[1, :, levels] = least, greatest
    bounds[0, :, levels] = np.where(first > 0, first, -np.inf)
    bounds[1, :, levels] = np.where(last < levels, last + 1, np.inf)
    return points, bounds


def _fit(points: NDArray[Any], bounds: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Slope and offset of a line for each column that keeps the bounds, halfway between those that just do."""
    run = points[1][:, None, :] - points[0][:, :, None]  # from each lower bound to each upper bound
    rise = bounds[1][:, None, :] - bounds[0][:, :, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        steepness = rise / run
    flattest = np.where(run < 0, steepness, 0.0).max(axis=(1, 2), initial=0.0)
    steepest = np.where(run > 0, steepness, np.inf).min(axis=(1, 2))
    if (flattest >= steepest).any() or (rise[run == 0] <= 0).any():
        return None
    slope = np.where(np.isinf(steepest), flattest + 1, (flattest + steepest) / 2)
    lowest = (bounds[0] - points[0] * slope[:, None]).max(axis=1)
    highest = (bounds[1] - points[1] * slope[:, None]).min(axis=1)
    lowest = np.where(np.isinf(lowest), np.where(np.isinf(highest), 0, highest) - 1, lowest)
    highest = np.where(np.isinf(highest), lowest + 1, highest)
    return slope, (lowest + highest) / 2
