"""Tables over two axes, as cell libraries give delays, slews and energies."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """Numbers over the axes `first` (rows) and `second` (columns), either of which may be missing."""

    first: tuple[float, ...] = ()
    second: tuple[float, ...] = ()
    values: tuple[float, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.values)

    def at(self, x: float, y: float) -> float:
        """The value at (x, y): bilinear between the nearest entries, along the same planes beyond the ends.

        0 for a table without entries.
        """
        if not self.values:
            return 0.0
        row, across = _place(self.first, x)
        column, along = _place(self.second, y)
        width = max(len(self.second), 1)
        low = self._row(row * width + column, along)
        return low if across is None else low + across * (self._row((row + 1) * width + column, along) - low)

    def _row(self, index: int, along: float | None) -> float:
        value = self.values[index]
        return value if along is None else value + along * (self.values[index + 1] - value)


def _place(axis: tuple[float, ...], x: float) -> tuple[int, float | None]:
    """The entry below `x`, and how far `x` lies on the way to the next; none where there is no next."""
    if len(axis) < 2:
        return 0, None
    index = min(max(bisect_right(axis, x) - 1, 0), len(axis) - 2)
    return index, (x - axis[index]) / (axis[index + 1] - axis[index])
