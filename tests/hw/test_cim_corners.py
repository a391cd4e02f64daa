"""The macro at the corners of its parameters: weights cut into cells, summed in the Verilog, put together again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quadrille.algo.integer.cim import cells
from quadrille.algo.spec import CellEncoding, IntTensor
from quadrille.hw.base.compress import COMPRESSORS
from quadrille.hw.cim import CimMacro
from quadrille.hw.export import export
from quadrille.sim.model import Model
from quadrille.sim.payload import pack_bits, unpack_bits

pytestmark = pytest.mark.verilator

OUTPUTS, VECTORS = 4, 300


@pytest.mark.parametrize(
    "rows, weight_bits, cell_bits, activation_bits, signed",
    [(64, 1, 1, 1, False), (64, 8, 4, 8, True), (256, 1, 1, 8, True), (256, 8, 1, 1, False), (256, 8, 4, 8, True)],
)
@pytest.mark.parametrize("compressor", sorted(COMPRESSORS))
def test_products_at_the_corners(
    tmp_path: Path, rows: int, weight_bits: int, cell_bits: int, activation_bits: int, signed: bool, compressor: str
) -> None:
    """`sum_i q[o, i] * x[i]` from the macro's sums, for random weights and vectors and the extremes of both."""
    encoding, draw = CellEncoding(weight_bits, cell_bits), np.random.default_rng(rows + weight_bits)
    span = encoding.interval
    weights = draw.integers(span.lo, span.hi + 1, (OUTPUTS, rows))
    if encoding.binary:
        weights = np.where(weights > 0, 1, -1)
    weights[0], weights[1] = span.lo, span.hi
    digits = cells(IntTensor.of(weights.ravel().tolist(), weights.shape), encoding)
    stored = digits.reshape(-1, rows).T  # (rows, slices * outputs)
    columns = stored.shape[1]

    activations = {"activation_bits": activation_bits, "signed": signed}
    dut = CimMacro(rows=rows, columns=columns, **activations, cell_bits=cell_bits, cuts=1, compressor=compressor)
    low = -(1 << (activation_bits - 1)) if signed else 0
    high = low + (1 << activation_bits) - 1
    warm_up = rows // activation_bits + 20  # vectors that pass while the rows go in
    vectors = draw.integers(low, high + 1, (warm_up + VECTORS, rows))
    vectors[warm_up], vectors[warm_up + 1], vectors[warm_up + 2] = low, high, draw.choice([low, high], rows)
    planes = (vectors[:, None, :] >> np.arange(activation_bits)[::-1, None] & 1).reshape(-1, rows)
    first = np.tile([1] + [0] * (activation_bits - 1), len(vectors))
    beats = {"bits": pack_bits(planes), "first": first, "last": np.roll(first, -1)}
    if signed:
        beats["negative"] = first
    sliced = (stored[:, None, :] >> np.arange(cell_bits)[:, None] & 1).reshape(rows, -1)
    loading = {"row": np.arange(rows), "reference": np.ones(rows, np.int64), "cells": pack_bits(sliced)}
    with Model(export(dut, tmp_path / "macro")) as model:
        run = model.run({"i": beats, "i_weights": loading}, {"o": len(vectors)})

    bits, form = dut.partial_format.bits, dut.partial_format
    fields = {name: values[warm_up:] for name, values in run.streams["o"].fields.items()}

    def numbers(name: str) -> np.ndarray:
        words = (
            unpack_bits(np.asarray(fields[name]).reshape(VECTORS, -1), columns * bits)
            .reshape(-1, bits, columns)
            .astype(np.int64)
        )
        return (words << np.arange(bits)[:, None]).sum(axis=1)

    sums = (numbers("sum") + numbers("carry")) & ((1 << bits) - 1)
    if form.signed:
        sums -= (sums >> (bits - 1)) << bits
    sums = sums.reshape(-1, encoding.slices, OUTPUTS)
    reference = np.asarray(fields["reference"])[:, None]
    total = sum(
        encoding.place(s) * (encoding.gain(s) * sums[:, s] - encoding.reference_weight(s) * reference)
        for s in range(encoding.slices)
    )
    assert np.array_equal(total, vectors[warm_up:] @ weights.T)
