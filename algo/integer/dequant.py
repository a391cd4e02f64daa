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
    `acc[frame + group] = (biases[bias] if first else acc[frame + group]) + mantissas * codes`, and if the row says
    last, `min(max(round_shift(acc[frame + group], shift), low), high)` leaves. Accumulators hold 0 at the start and
    wrap at `accumulator_bits`.

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
    slots = frame + beat["group"]
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


BLOCK_BYTES = 1 << 18  # of accumulators: they stay in a processor's second cache while the codes are added


class ColumnDequantization:
    """A Dequantize node, ready: `saturate(round_shift(bias + sum m*code + sum m'*X, shift), format)`.

    `inputs` are the edges that it reads, which say how far its accumulators reach; without them they may use the 63
    bits that every valid Network leaves them.
    """

    def __init__(self, node: Dequantize, inputs: Sequence[Edge] | None = None) -> None:
        greatest_bound = (1 << 62) - 1
        reach = [greatest_bound] * 2 if inputs is None else _reach(node, inputs)
        codes, whole = (min(greatest_bound, bound) for bound in reach)
        self.rescaling = Rescaling(node.shift, node.format, whole)
        # The codes are many, and their part of the sum is often narrow enough for float32 where the whole is not.
        self.code_type = exact_type(codes)
        kind = self.rescaling.type
        self.result_type = kind if inputs is None else exact_type(greatest(node.format.interval))
        self.mantissa = array_of(node.mantissa).astype(self.code_type)[..., None]  # (tiles, slices, outputs, 1)
        # The half that rounds is added once, beforehand; an accumulator has 63 bits, so that there is room for it.
        self.start = (array_of(node.bias) + self.rescaling.half).astype(kind)[:, None]
        self.sum_mantissa = None
        if node.sum_mantissa is not None:
            self.sum_mantissa = np.ascontiguousarray(array_of(node.sum_mantissa).T.astype(kind))  # (outputs, tiles)

    def values(self, codes: NDArray[Any], sums: NDArray[Any] | None = None) -> NDArray[Any]:
        """Values (n, outputs, *windows) of codes (n, tiles, slices, outputs, *windows) and their row sums.

        Row sums are (n, tiles) for codes without windows, else (n, tiles, groups, *windows).
        """
        count, windows = len(codes), codes.shape[4:]
        tiles, slices, outputs, _ = self.mantissa.shape
        codes = codes.reshape(count, tiles * slices, outputs, prod(windows))
        if sums is not None:
            sums = sums.reshape(count, tiles, sums.shape[2] if windows else 1, prod(windows))
        out = np.empty((count, outputs, prod(windows)), dtype=self.result_type)
        step = max(1, BLOCK_BYTES // (outputs * prod(windows) * 8))
        for begin in range(0, count, step):
            part = slice(begin, begin + step)
            total = self._scaled_codes(codes[part]).astype(self.rescaling.type, copy=False)
            if sums is not None and self.sum_mantissa is not None:
                total += self._scaled_sums(sums[part]).reshape(total.shape)
            total += self.start
            out[part] = self.rescaling.settle(total)
        return out.reshape(count, outputs, *windows)

    def _scaled_codes(self, codes: NDArray[Any]) -> NDArray[Any]:
        """The codes (n, columns, outputs, windows), each times its mantissa, added up: (n, outputs, windows)."""
        if self.code_type.kind == "i":
            codes = codes.astype(self.code_type, copy=False)  # float64 times int64 would be float64
        mantissa = self.mantissa.reshape(-1, *self.mantissa.shape[2:])
        total = np.multiply(codes[:, 0], mantissa[0], dtype=self.code_type)
        term = np.empty_like(total)
        for column in range(1, len(mantissa)):
            np.multiply(codes[:, column], mantissa[column], out=term)
            total += term
        return total

    def _scaled_sums(self, sums: NDArray[Any]) -> NDArray[Any]:
        """The row sums (n, tiles, groups, windows) times their mantissas: (n, groups, outputs of a group, windows)."""
        assert self.sum_mantissa is not None, "only where there are mantissas for them"
        outputs, tiles = self.sum_mantissa.shape
        weights = self.sum_mantissa.reshape(sums.shape[2], outputs // sums.shape[2], tiles)
        return np.matmul(weights, sums.swapaxes(1, 2).astype(self.rescaling.type, copy=False))


def _reach(node: Dequantize, inputs: Sequence[Edge]) -> tuple[int, int]:
    """The greatest magnitude of any sum of terms of an accumulator: of the terms of codes alone, and of all terms."""
    tiles, slices, outputs = node.mantissa.shape
    codes = [0] * outputs
    for column, mantissa in enumerate(node.mantissa.flat):
        codes[column % outputs] += max(1, abs(mantissa)) * max(1, greatest(inputs[0].channel(column)))
    whole = [total + abs(bias) for total, bias in zip(codes, node.bias.flat, strict=True)]
    if node.sum_mantissa is not None:
        for column, mantissa in enumerate(node.sum_mantissa.flat):
            tile = column // outputs
            whole[column % outputs] += max(1, abs(mantissa)) * max(1, greatest(inputs[1].channel(tile)))
    return max(codes), max(whole)


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
