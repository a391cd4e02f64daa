"""Pooling of windows: the twin of hw.engine's pooling unit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quadrille.algo.spec import Interval, IntFormat

from .arithmetic import IntArray, check_interval, wrap
from .beats import Walk, beats_of, table_of

__all__ = ["MAX", "NONE", "SUM", "pooling_unit"]

NONE, MAX, SUM = 0, 1, 2
"""Kinds of a row."""


def pooling_unit(
    values: IntArray,
    route: IntArray,
    frame: IntArray,
    first: IntArray,
    table: Mapping[str, IntArray],
    /,
    *,
    lanes: int = 16,
    pool_bits: int = 16,
    depth: int = 128,
    **widths: object,
) -> dict[str, IntArray]:
    """Maximum or sum over windows that do not overlap.

    With row `route[n]` of the table, for each lane, group and window (Y, X) of the pooled map: the maximum (kind 1) or
    the sum (kind 2, modulo `2 ** pool_bits`) of `v[Y * window_height + i, X * window_width + j]`; beats of kind 0 pass.
    Windows that would reach beyond the map's right or lower edge are left out. A result leaves with the last
    element of its window; `first` marks the first that leaves since the beat with `first` came.

    `values` (n, lanes); `route`, `frame`, `first` (n,); `table` has the fields of a row, each (rows,). `widths` are the
    other widths and depths of the hardware. Returns, for the m beats that leave, `values` (m, lanes), `route`, `frame`
    and `first` (m,).

    Raises
    ------
    InvalidInput
        If the arrays do not fit one another, or a route or a partial result is beyond its memory.
    """
    del widths
    rows = table_of(table, ("kind", "groups", "window_width", "window_height", "width", "height"))
    beats = beats_of(values, route, frame, first, lanes=lanes, rows=len(rows["kind"]))
    form = IntFormat(pool_bits, signed=True)
    partials = np.zeros((depth, lanes), dtype=np.int64)
    walk, waits = Walk(), False
    leaving: list[int] = []
    firsts: list[int] = []
    results: list[IntArray] = []
    for n, (value, number) in enumerate(zip(beats["values"], beats["route"].tolist(), strict=True)):
        row = {name: int(field[number]) for name, field in rows.items()}
        starts_pass = bool(beats["first"][n])
        waits |= starts_pass
        result: IntArray | None = value
        if row["kind"] != NONE:
            walk.count(starts_pass, row["groups"], row["width"], row["height"])
            result = _combine(value, walk, row, partials, form)
        if result is not None:
            leaving.append(n)
            firsts.append(int(waits))
            results.append(result)
            waits = False
    return {
        "values": np.array(results, dtype=np.int64).reshape(-1, lanes),
        "route": beats["route"][leaving],
        "frame": beats["frame"][leaving],
        "first": np.array(firsts, dtype=np.int64),
    }


def _combine(
    value: IntArray, walk: Walk, row: Mapping[str, int], partials: IntArray, form: IntFormat
) -> IntArray | None:
    """Enter one element; the result of its window if it is the last."""
    window_x, column = divmod(walk.x, row["window_width"])
    window_y, line = divmod(walk.y, row["window_height"])
    if (window_x + 1) * row["window_width"] > row["width"] or (window_y + 1) * row["window_height"] > row["height"]:
        return None
    word = window_x * row["groups"] + walk.group
    check_interval("Word", np.array([word]), Interval(0, len(partials) - 1))
    if column or line:
        held = partials[word]
        value = np.maximum(held, value) if row["kind"] == MAX else wrap(held + value, form)
    partials[word] = value
    return value if column + 1 == row["window_width"] and line + 1 == row["window_height"] else None
