"""What happens to feature maps between the layers, in integers: added, rescaled, pooled, thinned out.

Functions take and give arrays (n, channels, height, width) that hold integers in any type; what they return is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import Add, Interval, MaxPool, Requantize, Subsample, SumPool

from .product import exact_type
from .rescaling import Rescaling, greatest

__all__ = ["Addition", "Requantization", "max_pool", "subsample", "sum_pool"]


class Addition:
    """An Add of maps with elements in `sources`: `saturate(round_shift(m[0]*a + m[1]*b, shift), format)`."""

    def __init__(self, node: Add, sources: tuple[Interval, Interval]) -> None:
        bound = sum(abs(m) * greatest(source) for m, source in zip(node.mantissas, sources, strict=True))
        bound = max(bound, *map(abs, node.mantissas), *map(greatest, sources))
        self.mantissas, self.rescaling = node.mantissas, Rescaling(node.shift, node.format, bound)

    def values(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        """The sum of `a` and `b`, both of one shape."""
        kind = self.rescaling.type
        total = a.astype(kind)
        total *= kind.type(self.mantissas[0])
        other = b.astype(kind, copy=self.mantissas[1] != 1)
        if self.mantissas[1] != 1:
            other *= kind.type(self.mantissas[1])
        total += other
        total += kind.type(self.rescaling.half)
        return self.rescaling.settle(total)


class Requantization:
    """A Requantize of maps with elements in `source`: `saturate(round_shift(mantissa*x, shift), format)`."""

    def __init__(self, node: Requantize, source: Interval) -> None:
        bound = max(abs(node.mantissa) * greatest(source), abs(node.mantissa), greatest(source))
        self.mantissa, self.rescaling = node.mantissa, Rescaling(node.shift, node.format, bound)

    def values(self, maps: NDArray[Any]) -> NDArray[Any]:
        """The rescaled `maps`, of any shape."""
        kind = self.rescaling.type
        total = maps.astype(kind)
        if self.mantissa != 1:
            total *= kind.type(self.mantissa)
        total += kind.type(self.rescaling.half)
        return self.rescaling.settle(total)


def max_pool(node: MaxPool, maps: NDArray[Any]) -> NDArray[Any]:
    """The greatest element of each window of `maps`: (n, channels, windows down, windows across)."""
    return _pool(np.maximum, maps, node.window.kernel, node.window.stride)


def sum_pool(node: SumPool, source: Interval, maps: NDArray[Any]) -> NDArray[Any]:
    """The sum of each window of `maps`, elements in `source`: (n, channels, windows down, windows across)."""
    kind = exact_type(max(greatest(source), 1) * node.window.taps)
    return _pool(np.add, maps.astype(kind, copy=False), node.window.kernel, node.window.stride)


def _pool(merge: np.ufunc, maps: NDArray[Any], kernel: tuple[int, ...], stride: tuple[int, ...]) -> NDArray[Any]:
    """Windows of `kernel` merged down, then across."""
    for axis, size, step in ((2, kernel[0], stride[0]), (3, kernel[1], stride[1])):
        reach = (maps.shape[axis] - size) // step * step + 1
        ahead: tuple[slice, ...] = (slice(None),) * axis
        merged = maps[(*ahead, slice(0, reach, step))].copy()
        for tap in range(1, size):
            merge(merged, maps[(*ahead, slice(tap, tap + reach, step))], out=merged)
        maps = merged
    return maps


def subsample(node: Subsample, maps: NDArray[Any]) -> NDArray[Any]:
    """Every `stride`-th element of `maps`, and zeros in the channels beyond theirs."""
    kept = maps[:, :, :: node.stride, :: node.stride]
    out = np.zeros((len(maps), node.channels, *kept.shape[2:]), dtype=maps.dtype)
    out[:, : maps.shape[1]] = kept
    return out
