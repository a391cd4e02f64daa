"""Column arithmetic in integers: the twin of hw.dequant."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quadrille.algo.spec import Dequantize, Interval, IntFormat, InvalidInput

from .arithmetic import IntArray, check_interval, check_shape, clamp, integers, round_shift, wrap
from .tensors import array_of

__all__ = ["ColumnDequantization", "column_dequantizer", "dequantize"]


def column_dequantizer(
    codes: IntArray,
    address: IntArray,
    frame: IntArray,
    mantissas: Mapping[str, IntArray],
    biases: IntArray,
    /,
    *,
    lanes: int = 32,
    accumulator_bits: int = 32,
    groups: int = 4,
    **widths: object,
) -> dict[str, IntArray]:
    """Codes to values: multiply, accumulate, round, saturate.

    For each beat n, with row `address[n]` of the table `mantissas`:
    `acc[frame, group] = (biases[bias] if first else acc[frame, group]) + mantissas * codes`, and if the row says last,
    `min(max(round_shift(acc[frame, group], shift), low), high)` leaves. Accumulators hold 0 at the start and wrap at
    `accumulator_bits`.

    `codes` (n, lanes), `address` and `frame` (n,); `mantissas` has the fields of a table row: `mantissas` (rows, lanes)
    and `first`, `last`, `group`, `bias`, `shift`, `low`, `high`, `destination` (rows,); `biases` (bias rows, lanes).
    `widths` are the other widths and depths of the hardware. Returns, for the beats whose row says `last`, `values`
    (m, lanes), `frame` and `destination` (m,).

    Raises
    ------
    InvalidInput
        If the arrays do not fit one another, or an address, a group or a bias row is beyond its table.
    """
    del widths
    codes, address, frame = integers(codes, "Codes"), integers(address, "Address"), integers(frame, "Frame")
    biases = integers(biases, "Biases")
    table = {name: integers(values, f"Table field {name}") for name, values in mantissas.items()}
    rows = len(table["mantissas"])
    check_shape("Codes", codes, (None, lanes))
    check_shape("Address", address, (len(codes),))
    check_shape("Frame", frame, (len(codes),))
    check_shape("Biases", biases, (None, lanes))
    check_shape("Table field mantissas", table["mantissas"], (rows, lanes))
    for name in ("first", "last", "group", "bias", "shift", "low", "high", "destination"):
        check_shape(f"Table field {name}", table[name], (rows,))
    check_interval("Address", address, Interval(0, rows - 1))
    check_interval("Table field group", table["group"], Interval(0, groups - 1))
    check_interval("Table field bias", table["bias"], Interval(0, len(biases) - 1))

    beat = {name: values[address] for name, values in table.items()}
    first, last = beat["first"] != 0, beat["last"] != 0
    terms = codes * beat["mantissas"] + np.where(first[:, None], biases[beat["bias"]], 0)
    # Beats of one accumulator side by side, in their order; sums run from its last first beat, or from its start.
    slots = frame * groups + beat["group"]
    order = np.argsort(slots, kind="stable")
    begins = first[order]
    begins[1:] |= slots[order][1:] != slots[order][:-1]
    begins[:1] = True
    total = np.zeros((len(codes) + 1, lanes), dtype=np.int64)
    np.cumsum(terms[order], axis=0, out=total[1:])
    start = np.flatnonzero(begins)[np.cumsum(begins) - 1]
    sums = np.empty_like(terms)
    sums[order] = total[1:] - total[start]

    accumulator = wrap(sums[last], IntFormat(accumulator_bits, signed=True))
    shift, low, high, destination = (beat[name][last] for name in ("shift", "low", "high", "destination"))
    values = clamp(round_shift(accumulator, shift[:, None]), low[:, None], high[:, None])
    return {"values": values, "frame": frame[last], "destination": destination}


class ColumnDequantization:
    """A Dequantize node, ready: `saturate(round_shift(bias + sum m*code + sum m'*X, shift), format)`."""

    def __init__(self, node: Dequantize) -> None:
        self.mantissa = array_of(node.mantissa).reshape(-1, node.mantissa.shape[-1])
        self.sum_mantissa = None if node.sum_mantissa is None else array_of(node.sum_mantissa)
        # The half that rounds is added once, beforehand; an accumulator has 63 bits, so that there is room for it.
        self.start = array_of(node.bias) + (1 << node.shift >> 1)
        self.shift, self.interval = node.shift, node.format.interval
        self.name = node.name

    def values(self, codes: IntArray, sums: IntArray | None = None) -> IntArray:
        """Values (n, outputs) of codes (n, tiles, slices, outputs) and row sums (n, tiles)."""
        columns = codes.reshape(len(codes), *self.mantissa.shape)
        accumulator = columns[:, 0] * self.mantissa[0]
        accumulator += self.start
        for column in range(1, len(self.mantissa)):
            accumulator += columns[:, column] * self.mantissa[column]
        if sums is not None and self.sum_mantissa is not None:
            for tile, mantissa in enumerate(self.sum_mantissa):
                accumulator += sums[:, tile, None] * mantissa
        accumulator >>= self.shift
        limits = np.iinfo(np.int64)
        low, high = max(self.interval.lo, limits.min), min(self.interval.hi, limits.max)
        return np.clip(accumulator, low, high, out=accumulator)


def dequantize(node: Dequantize, codes: IntArray, sums: IntArray | None = None) -> IntArray:
    """`y[n, o] = saturate(round_shift(acc[n, o], shift), format)`, acc as in algo.spec's Dequantize: (n, outputs).

    `codes` (n, tiles, slices, outputs); `sums`, the row sums (n, tiles), where the node has mantissas for them. Exact
    as long as the accumulator stays within the 63 bits that a valid Network guarantees.

    Raises
    ------
    InvalidInput
        If the arrays do not fit the node's tables.
    """
    codes = integers(codes, "Codes")
    check_shape("Codes", codes, (None, *node.mantissa.shape))
    if (sums is None) != (node.sum_mantissa is None):
        raise InvalidInput("Row sums and their mantissas must be given together, not one without the other")
    if sums is not None:
        sums = integers(sums, "Row sums")
        check_shape("Row sums", sums, (len(codes), node.mantissa.shape[0]))
    return ColumnDequantization(node).values(codes, sums)
