"""Change of format: the twin of hw.engine's requantizer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quadrille.algo.spec import IntFormat

from .arithmetic import IntArray, clamp, round_shift
from .beats import beats_of, table_of

__all__ = ["requantizer"]


def requantizer(
    values: IntArray,
    route: IntArray,
    frame: IntArray,
    first: IntArray,
    table: Mapping[str, IntArray],
    /,
    *,
    lanes: int = 16,
    result_bits: int = 9,
    **widths: object,
) -> dict[str, IntArray]:
    """Multiplies each value by its route's mantissa, rounds and saturates.

    For each beat n, with row `route[n]` of the table: `y = min(max(round_shift(mantissa * v, shift), low), high)`, and
    `y = v`, saturated to `result_bits`, where the row does not say `enable`.

    `values` (n, lanes); `route`, `frame`, `first` (n,); `table` has the fields of a row, each (rows,). `widths` are the
    other widths and depths of the hardware. Returns `values` (n, lanes), `route`, `frame` and `first` (n,).

    Raises
    ------
    InvalidInput
        If the arrays do not fit one another, or a route is beyond the table.
    """
    del widths
    rows = table_of(table, ("enable", "mantissa", "shift", "low", "high"))
    beats = beats_of(values, route, frame, first, lanes=lanes, rows=len(rows["enable"]))
    limits = IntFormat(result_bits, signed=True).interval
    enable = rows["enable"] != 0
    mantissa, shift, low, high = (
        np.where(enable, rows[name], other)[beats["route"]][:, None]
        for name, other in (("mantissa", 1), ("shift", 0), ("low", limits.lo), ("high", limits.hi))
    )
    return beats | {"values": clamp(round_shift(mantissa * beats["values"], shift), low, high)}
