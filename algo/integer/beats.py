"""Beats of values behind the dequantizer, as arrays: what the twins of their units share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quadrille.algo.spec import Interval

from .arithmetic import IntArray, check_interval, check_shape, integers

__all__ = ["Walk", "beats_of", "table_of"]


def table_of(table: Mapping[str, IntArray], fields: Sequence[str]) -> dict[str, IntArray]:
    """The `fields` of a table of routes, each (rows,).

    Raises
    ------
    InvalidInput
        If they are not integers, or not of one length.
    """
    arrays = {name: integers(table[name], f"Table field {name}") for name in fields}
    rows = len(arrays[fields[0]])
    for name, array in arrays.items():
        check_shape(f"Table field {name}", array, (rows,))
    return arrays


def beats_of(
    values: IntArray, route: IntArray, frame: IntArray, first: IntArray, *, lanes: int, rows: int
) -> dict[str, IntArray]:
    """The fields of n beats: `values` (n, lanes); `route`, `frame`, `first` (n,).

    Raises
    ------
    InvalidInput
        If they do not fit one another, or a route is beyond the `rows` of the table.
    """
    beats = {"values": integers(values, "Values")}
    check_shape("Values", beats["values"], (None, lanes))
    for name, array in (("route", route), ("frame", frame), ("first", first)):
        beats[name] = integers(array, name.capitalize())
        check_shape(name.capitalize(), beats[name], (len(beats["values"]),))
    check_interval("Route", beats["route"], Interval(0, rows - 1))
    return beats


class Walk:
    """Counts beats through maps of rows of windows of groups.

    Attributes
    ----------
    group, x, y : of the beat last counted
    window_ends, row_ends, frame_ends : whether it was the last group of its window, also of its row, also of its frame
    """

    def __init__(self) -> None:
        self.group = self.x = self.y = 0
        self._next = (0, 0, 0)
        self.window_ends = self.row_ends = self.frame_ends = False

    def count(self, first: bool, groups: int, width: int, height: int) -> None:
        """One beat more, the first of a pass if `first`."""
        self.group, self.x, self.y = (0, 0, 0) if first else self._next
        group, x, y = self.group, self.x, self.y
        self.window_ends = group + 1 == groups
        self.row_ends = self.window_ends and x + 1 == width
        self.frame_ends = self.row_ends and y + 1 == height
        if self.frame_ends:
            self._next = (0, 0, 0)
        elif self.row_ends:
            self._next = (0, 0, y + 1)
        elif self.window_ends:
            self._next = (0, x + 1, y)
        else:
            self._next = (group + 1, x, y)
