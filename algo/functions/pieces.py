"""Integer coefficients of one piece: the quadratic of a grid that stays within integer bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quadrille.algo.integer.arithmetic import IntArray, round_shift
from quadrille.algo.spec import Form

from .exchange import between

__all__ = ["Grid", "Piece", "fit_piece"]


@dataclass(frozen=True)
class Grid:
    """What coefficients are: c0 and c1 in units of 2**-shift of the output's last place, c2 by `form` and `inner`."""

    shift: int
    inner: int
    degree: int = 2
    form: Form = Form.HORNER

    def squared(self, c2: int, offsets: IntArray) -> IntArray:
        """What c2 adds at each offset."""
        if c2 == 0:
            return np.zeros_like(offsets)
        if self.form is Form.HORNER:
            return round_shift(c2 * offsets, self.inner) * offsets
        return c2 * round_shift(offsets * offsets, self.inner)

    def squares(self, c2: float) -> float:
        """The real c2, per offset squared, in units of this grid's integer."""
        return c2 * 2.0**self.inner


@dataclass(frozen=True)
class Piece:
    """Coefficients and how far the piece stays from its bounds at least."""

    c0: int
    c1: int
    c2: int
    room: int


def fit_piece(
    low: IntArray,
    high: IntArray,
    grid: Grid,
    centre: tuple[float, float, float],
    *,
    c0: int | None = None,
    any_will_do: bool = False,
) -> Piece | None:
    """The piece with most room between `low` and `high` at offsets 0, 1, 2, ..., or None if none was found.

    `centre` is the real polynomial with most room, in the units of the grid: by convexity the best integer c2 is beside
    its own, and for each c2 the best c1 beside the real one; c0 is the middle of what remains, or given.
    """
    offsets = np.arange(len(low), dtype=np.int64)
    best: Piece | None = None
    candidates: list[int] = [0]
    if grid.degree == 2 and len(low) > 2:
        candidates = _nearest(grid.squares(centre[2]))
    spare: list[int] = []
    if c0 is not None and len(low) > 1:
        # A quadratic through a given c0 is a line after division by the offset. The curvature of the free centre is
        # the better one wherever it will do: the other makes up for a joint that is off with a bend that goes on.
        points = offsets[1:].astype(np.float64)
        line = between((low[1:] - c0) / points, (high[1:] - c0) / points, min(1, grid.degree - 1), points=points)
        if line.worst > 1e-6:
            return None
        if candidates != [0]:
            spare = _nearest(grid.squares(line.coefficients[1]))
    for n, c2 in enumerate([*candidates, *spare]):
        if n == len(candidates) and best is not None:
            break
        bent = grid.squared(c2, offsets)
        below, above = low - bent, high - bent
        found = _level(below, above, grid) if c0 is None else _anchored(below, above, offsets, c0)
        if found is None:
            continue
        piece = Piece(found[0], found[1], c2, found[2])
        if best is None or piece.room > best.room:
            best = piece
        if any_will_do:
            break
    return best


def _nearest(real: float) -> list[int]:
    """The four integers around `real`, nearest first."""
    floor = math.floor(real)
    return sorted((floor - 1, floor, floor + 1, floor + 2), key=lambda n: abs(n - real))


def _level(below: IntArray, above: IntArray, grid: Grid) -> tuple[int, int, int] | None:
    """c0, c1 and the room of the line between the bounds, from the two slopes beside the best real one."""
    slopes = (0,)
    offsets = np.arange(len(below), dtype=np.int64)
    if grid.degree > 0 and len(below) > 1:
        line = between(below.astype(np.float64), above.astype(np.float64), 1)
        if line.worst > 1e-6:  # beyond what rounding of float64 explains
            return None
        floor = math.floor(line.coefficients[1])
        slopes = (floor, floor + 1)
    best: tuple[int, int, int] | None = None
    for c1 in slopes:
        least, most = int((below - c1 * offsets).max()), int((above - c1 * offsets).min())
        if least <= most and (best is None or most - least > best[2]):
            best = ((least + most) // 2, c1, most - least)
    return best


def _anchored(below: IntArray, above: IntArray, offsets: IntArray, c0: int) -> tuple[int, int, int] | None:
    """c0 as given, the middle slope of those that stay within the bounds, and how many do."""
    if not below[0] <= c0 <= above[0]:
        return None
    if len(below) == 1:
        return c0, 0, 0
    least = int((-((c0 - below[1:]) // offsets[1:])).max())
    most = int(((above[1:] - c0) // offsets[1:]).min())
    return (c0, (least + most) // 2, most - least) if least <= most else None
