"""Addition of a stored residual: the twin of hw.engine's residual unit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quadrille.algo.spec import Interval, IntFormat

from .arithmetic import IntArray, check_interval, check_shape, clamp, integers, round_shift
from .beats import Walk, beats_of, table_of

__all__ = ["residual_unit"]

_FIELDS = (
    *("enable", "mantissa_value", "mantissa_residual", "shift", "low", "high"),
    *("base", "groups", "present", "width", "height", "step_window", "step_row", "step_frame"),
)


def residual_unit(
    values: IntArray,
    route: IntArray,
    frame: IntArray,
    first: IntArray,
    table: Mapping[str, IntArray],
    words: IntArray,
    /,
    *,
    lanes: int = 16,
    result_bits: int = 16,
    **widths: object,
) -> dict[str, IntArray]:
    """Adds a stored residual to each value, both brought to a common scale, and rounds and saturates the sum.

    For each beat n, with row `route[n]` of the table:
    `y = min(max(round_shift(mantissa_value * v + mantissa_residual * r, shift), low), high)`, and `y = v`, saturated to
    `result_bits`, where the row does not say `enable`. `r` is the word at the address of the beat's window plus its
    group g, or 0 if `g >= present`. The address of a window is `base` at a beat with `first`, and grows by
    `step_window`, `step_row` after a row of windows, `step_frame` after a frame, modulo the power of 2 that holds
    the addresses.

    `values` (n, lanes); `route`, `frame`, `first` (n,); `table` has the fields of a row, each (rows,); `words`
    (depth, lanes) is the memory. `widths` are the other widths and depths of the hardware.
    Returns `values` (n, lanes), `route`, `frame` and `first` (n,).

    Raises
    ------
    InvalidInput
        If the arrays do not fit one another, or a route or an address is beyond its memory.
    """
    del widths
    rows = table_of(table, _FIELDS)
    beats = beats_of(values, route, frame, first, lanes=lanes, rows=len(rows["enable"]))
    words = integers(words, "Words")
    check_shape("Words", words, (None, lanes))
    beat = {name: field[beats["route"]] for name, field in rows.items()}

    address, present = _addresses(beats["first"], beat, len(words))
    check_interval("Address", address[present], Interval(0, len(words) - 1))
    residuals = np.where(present[:, None], words[np.where(present, address, 0)], 0)
    enable = beat["enable"] != 0
    limits = IntFormat(result_bits, signed=True).interval
    scaled = np.where(enable, beat["mantissa_value"], 1)[:, None] * beats["values"]
    sums = scaled + beat["mantissa_residual"][:, None] * residuals
    shift, low, high = (
        np.where(enable, beat[name], other)[:, None]
        for name, other in (("shift", 0), ("low", limits.lo), ("high", limits.hi))
    )
    return beats | {"values": clamp(round_shift(sums, shift), low, high)}


def _addresses(first: IntArray, beat: Mapping[str, IntArray], depth: int) -> tuple[IntArray, np.ndarray]:
    """Where each beat's residual lies, and whether it has one."""
    modulus = 1 << max(1, (depth - 1).bit_length())
    address, present = np.zeros(len(first), dtype=np.int64), np.zeros(len(first), dtype=bool)
    walk, window = Walk(), 0
    for n in np.flatnonzero(beat["enable"]).tolist():
        row = {name: int(field[n]) for name, field in beat.items()}
        walk.count(bool(first[n]), row["groups"], row["width"], row["height"])
        if first[n]:
            window = row["base"]
        address[n] = (window + walk.group) % modulus
        present[n] = walk.group < row["present"]
        if walk.frame_ends:
            window += row["step_frame"]
        elif walk.row_ends:
            window += row["step_row"]
        elif walk.window_ends:
            window += row["step_window"]
    return address, present
