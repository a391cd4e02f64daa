"""Rounding shift and saturation of whole tensors, in whatever type holds the integers exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import Interval, IntFormat

from .product import exact_type

__all__ = ["Rescaling", "greatest"]


def greatest(interval: Interval) -> int:
    """The greatest magnitude in `interval`."""
    return max(abs(interval.lo), abs(interval.hi))


class Rescaling:
    """`saturate(round_shift(v, shift), format)` for integers v of magnitude up to `bound`.

    `type` is the type to compute v in; `half`, what rounds, is to be added to v on the way: v may start from it. In
    float32 and float64 the shift is a product with a power of two and a floor, both exact.
    """

    def __init__(self, shift: int, form: IntFormat, bound: int) -> None:
        self.shift, self.half = shift, 1 << shift >> 1
        self.type = exact_type(max(bound, 1) + self.half)
        limits = np.iinfo(np.int64)
        self.low, self.high = max(form.interval.lo, limits.min), min(form.interval.hi, limits.max)
        if self.type.kind == "f":
            # Ends beyond the values of this type cut nothing off, and may not be numbers of it.
            reach = int(max(bound, 1) + self.half)
            self.low, self.high = max(self.low, -reach), min(self.high, reach)

    def settle(self, values: NDArray[Any]) -> NDArray[Any]:
        """The results of `values`, v + half each; `values` are overwritten."""
        if self.type.kind == "i":
            values >>= self.shift
        elif self.shift:
            values *= self.type.type(2.0**-self.shift)
            np.floor(values, out=values)
        return np.clip(values, self.type.type(self.low), self.type.type(self.high), out=values)
