"""Ladders of thresholds applied to many sums at once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from quadrille.algo.spec import Interval, InvalidInput

from .arithmetic import IntArray
from .line import LadderLine
from .product import FLOAT32_EXACT, exact_type

__all__ = ["ColumnLadders", "LadderTable"]

SMALL_TABLE = 1 << 18  # entries of 8 bytes: stays in a processor's second cache
GREATEST_TABLE = 1 << 24  # entries of 1 byte; beyond, thresholds are searched


class ColumnLadders:
    """The codes `low + #{ j : P >= thresholds[c, j] }` of columns side by side: by a line if there is one, or a table.

    `thresholds` (columns, levels), the sums of each column from `least` to `greatest` (columns,); sums are
    (..., columns, *windows) with `trailing` axes of windows. Codes are float32 where that holds them.
    """

    def __init__(
        self, thresholds: IntArray, low: int, least: IntArray, greatest: IntArray, *, trailing: int = 0
    ) -> None:
        columns, levels = thresholds.shape
        self.dtype = exact_type(max(abs(low), abs(low + levels)))
        self.line = LadderLine.through(thresholds, low, least, greatest, trailing=trailing)
        self.arguments = (thresholds, np.full(columns, low), Interval(int(least.min()), int(greatest.max())), trailing)

    @cached_property
    def table(self) -> LadderTable:
        """The table, where there is no line."""
        thresholds, lows, source, trailing = self.arguments
        return LadderTable(thresholds, lows, source, trailing=trailing, dtype=self.dtype)

    def codes(self, sums: NDArray[Any]) -> NDArray[Any]:
        """The codes of `sums`, integers of any type."""
        if self.line is None:
            return self.table.codes(sums)
        out = np.empty(sums.shape, dtype=np.float32)
        self.line.convert(sums.astype(np.float32, copy=False), out)
        return out

    def convert(self, sums: NDArray[Any], out: NDArray[Any]) -> None:
        """Write the codes of `sums` to `out`, of type `dtype`; they may be the same array."""
        if self.line is None:
            out[...] = self.table.codes(sums)
        else:
            self.line.convert(sums.astype(np.float32, copy=False), out)


class LadderTable:
    """`code = lows[c] + #{ j : P >= thresholds[c, j] }` for sums P in `source`, columns c side by side.

    Where the thresholds are near one another, the codes of all sums between the first and the last are tabulated and a
    code is one look-up; where they are far apart they are searched by bisection. Thresholds (columns, levels) must not
    descend, levels at most 255; lows (columns,).

    Raises
    ------
    InvalidInput
        If the thresholds of all columns together span 63 bits.
    """

    def __init__(
        self,
        thresholds: IntArray,
        lows: IntArray,
        source: Interval,
        *,
        trailing: int = 0,
        dtype: DTypeLike = np.int64,
    ) -> None:
        columns, levels = thresholds.shape
        self.dtype = np.dtype(dtype)
        # What lies outside the sums is as good as at their ends, and keeps every difference within int64.
        ladders = np.clip(thresholds, source.lo, source.hi + 1)
        self.first, self.last = ladders[:, 0] - 1, ladders[:, -1]
        spans = self.last - self.first + 1
        reach = float((self.last.astype(np.float64) - self.first).sum())
        if reach >= 1 << 62:
            raise InvalidInput(f"ADC thresholds must span less than 62 bits together, not {reach:.3g}")
        total = int(spans.sum())
        starts = np.cumsum(spans) - spans
        self.shift = starts - self.first  # a column's sums, so shifted, come after those of the columns before it
        self.lows, self.single = lows, int(np.abs(self.shift).max(initial=0)) + total <= FLOAT32_EXACT
        self.table: NDArray[Any] | None = None
        if total <= GREATEST_TABLE:
            ones = np.ones((columns, 1), dtype=np.int64)
            repeats = np.concatenate([ones, np.diff(ladders, axis=1), ones], axis=1)
            steps = np.repeat(np.tile(np.arange(levels + 1, dtype=np.uint8), columns), repeats.ravel())
            self.table = (steps + np.repeat(lows, spans)).astype(self.dtype) if total <= SMALL_TABLE else steps
        else:
            self.keys = (ladders + self.shift[:, None]).ravel()
            self.lows = lows - np.arange(columns) * levels
        across = (columns, *[1] * trailing)
        self.first, self.last = self.first.reshape(across), self.last.reshape(across)
        self.shift, self.lows = self.shift.reshape(across), self.lows.reshape(across)

    def codes(self, sums: NDArray[Any], columns: IntArray | None = None) -> NDArray[Any]:
        """The codes of `sums`, integers of any type; or, without trailing axes, of column `columns[...]` for each."""
        first, last, shift, lows = (
            values if columns is None else values[columns] for values in (self.first, self.last, self.shift, self.lows)
        )
        kind = np.dtype(np.int64)
        if sums.dtype.kind == "f" and self.table is not None:
            kind = np.dtype(np.float32 if self.single and sums.dtype == np.float32 else np.float64)
        keys = np.maximum(sums.astype(kind, copy=False), first.astype(kind))
        np.minimum(keys, last.astype(kind), out=keys)
        keys += shift.astype(kind)
        if self.table is None:
            return (np.searchsorted(self.keys, keys, side="right") + lows).astype(self.dtype, copy=False)
        codes = self.table.take(keys.astype(np.intp, copy=False), mode="clip")
        return codes if self.table.dtype == self.dtype else (codes + lows).astype(self.dtype, copy=False)
