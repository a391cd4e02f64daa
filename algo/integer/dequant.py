"""Column arithmetic in integers: the twin of hw.dequant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import Dequantize, Edge, Interval, IntFormat, InvalidInput

from .arithmetic import IntArray, check_interval, check_shape, clamp, integers, round_shift, wrap
from .product import exact_type
from .rescaling import Rescaling, greatest
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
    """A Dequantize node, ready: `saturate(round_shift(bias + sum m*code + sum m'*X, shift), format)`.

    `inputs` are the edges that it reads, which say how far its accumulators reach; without them they may use the 63
    bits that every valid Network leaves them.
    """

    def __init__(self, node: Dequantize, inputs: Sequence[Edge] | None = None) -> None:
        bound = (1 << 62) - 1
        if inputs is not None:
            bound = min(bound, max(_reach(node, inputs), *(greatest(edge.interval) for edge in inputs)))
        self.rescaling = Rescaling(node.shift, node.format, bound)
        kind = self.rescaling.type
        self.result_type = kind if inputs is None else exact_type(greatest(node.format.interval))
        self.mantissa = array_of(node.mantissa).astype(kind)[..., None]  # (tiles, slices, outputs, 1)
        # The half that rounds is added once, beforehand; an accumulator has 63 bits, so that there is room for it.
        self.start = (array_of(node.bias) + self.rescaling.half).astype(kind)[:, None]
        self.sum_mantissa = None
        if node.sum_mantissa is not None:
            self.sum_mantissa = np.ascontiguousarray(array_of(node.sum_mantissa).T.astype(kind))  # (outputs, tiles)

    def values(self, codes: NDArray[Any], sums: NDArray[Any] | None = None) -> NDArray[Any]:
        """Values (n, outputs, *windows) of codes (n, tiles, slices, outputs, *windows) and their row sums.

        Row sums are (n, tiles) for codes without windows, else (n, tiles, groups, *windows).
        """
        kind, windows = self.rescaling.type, codes.shape[4:]
        tiles, slices, outputs, _ = self.mantissa.shape
        codes = codes.reshape(len(codes), tiles, slices, outputs, prod(windows))
        if kind.kind == "i":
            codes = codes.astype(kind, copy=False)  # float64 times int64 would be float64
        if sums is None or self.sum_mantissa is None:
            total = codes[:, 0, 0] * self.mantissa[0, 0]
            total += self.start
            done = 1
        else:
            # (groups, outputs of a group, tiles) on (n, groups, tiles, windows)
            groups = sums.shape[2] if windows else 1
            sums = sums.reshape(len(codes), tiles, groups, prod(windows)).swapaxes(1, 2)
            weights = self.sum_mantissa.reshape(groups, outputs // groups, tiles)
            total = np.matmul(weights, sums.astype(kind, copy=False)).reshape(len(codes), outputs, prod(windows))
            total += self.start
            done = 0
        for column in range(done, tiles * slices):
            tile, piece = divmod(column, slices)
            total += codes[:, tile, piece] * self.mantissa[tile, piece]
        result = self.rescaling.settle(total).astype(self.result_type, copy=False)
        return result.reshape(len(codes), outputs, *windows)


def _reach(node: Dequantize, inputs: Sequence[Edge]) -> int:
    """The greatest magnitude of any sum of terms of an accumulator: that of all terms' magnitudes together."""
    tiles, _, outputs = node.mantissa.shape
    totals = [abs(bias) for bias in node.bias.flat]
    for column, mantissa in enumerate(node.mantissa.flat):
        totals[column % outputs] += max(1, abs(mantissa)) * max(1, greatest(inputs[0].channel(column)))
    if node.sum_mantissa is not None:
        for column, mantissa in enumerate(node.sum_mantissa.flat):
            tile = column // outputs
            totals[column % outputs] += max(1, abs(mantissa)) * max(1, greatest(inputs[1].channel(tile)))
    return max(totals)


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
