"""Matrix products of integers, exact, by the fastest arithmetic that is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import Interval, InvalidInput

from .arithmetic import IntArray

__all__ = ["IntegerMatrix", "exact_type"]

FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = 1 << 53


def exact_type(bound: int) -> np.dtype[Any]:
    """The fastest type that holds every integer of magnitude up to `bound`: float32, float64 or int64.

    Sums and products that stay within `bound` are exact in it, in whatever order they are computed.

    Raises
    ------
    InvalidInput
        If `bound` does not fit 63 bits.
    """
    if bound >= 1 << 63:
        raise InvalidInput(f"Sums must fit 64 bits signed, and may reach {bound}")
    if bound <= FLOAT32_EXACT:
        return np.dtype(np.float32)
    return np.dtype(np.float64 if bound <= FLOAT64_EXACT else np.int64)


class IntegerMatrix:
    """A constant matrix (rows, columns) that multiplies integer vectors with elements in `source`.

    Whatever order a BLAS adds in, no product and no partial sum of a column exceeds
    `bound = max_c sum_r |matrix[r, c]| * max |x|`. Up to 2**24 every integer is a float32, and the float32 product is
    exact; up to 2**53 the float64 product is; beyond, numpy's own int64 product is used. Where no element exceeds
    `greatest` in magnitude, `rows * greatest * max |x|` is bound enough and saves a pass over the matrix.

    Raises
    ------
    InvalidInput
        If the sums may exceed 63 bits.
    """

    def __init__(self, matrix: IntArray, source: Interval, *, greatest: int | None = None) -> None:
        largest = max(abs(source.lo), abs(source.hi))
        if greatest is None:
            steepest = int(np.abs(matrix).sum(axis=0, dtype=np.int64).max(initial=0))
        else:
            steepest = greatest * len(matrix)
        self.bound = max(steepest * largest, steepest, largest)
        self.dtype = exact_type(self.bound)
        self.matrix = np.ascontiguousarray(matrix, dtype=self.dtype)

    def product(self, vectors: NDArray[np.generic]) -> NDArray[np.generic]:
        """`vectors @ matrix` (n, columns): integers, in whatever type they were computed in."""
        return np.ascontiguousarray(vectors, dtype=self.dtype) @ self.matrix

    def sums(self, vectors: NDArray[np.generic]) -> IntArray:
        """`vectors @ matrix` (n, columns) in int64."""
        return self.product(vectors).astype(np.int64, copy=False)
