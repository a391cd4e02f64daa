"""Simulated cycles a second of an array of 32 x 32 spatio-temporal units, beside columns of units, and numpy."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from macro import cache_in

from quadrille.algo.integer.mac_array import mac_array
from quadrille.algo.spec.array_precision import precisions_of
from quadrille.hw.export import export
from quadrille.hw.mac import MacArray
from quadrille.sim.model import Model
from quadrille.sim.payload import pack_bits, unpack_bits

Row = tuple[str, str, str]

UNITS = COLUMNS = 32
WINDOWS = 50_000
BITS = 8


def stimulus(array: MacArray, vectors: Any, cells: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The beats of all windows, in the first precision, and those that write the weights."""
    elements = np.zeros((len(vectors), array.activation_bits, array.rows), np.uint8)
    places = np.arange(array.activation_bits)[:, np.newaxis]
    elements[:, :, : vectors.shape[1]] = vectors[:, np.newaxis] >> places & 1
    windows = {
        "elements": pack_bits(elements.reshape(len(vectors), -1)),
        "precision": np.zeros(len(vectors), np.int64),
    }
    bits = (cells[:, np.newaxis] >> np.arange(BITS)[:, np.newaxis] & 1).reshape(len(cells), -1)
    rows = {"row": np.arange(len(cells)), "precision": np.zeros(len(cells), np.int64), "cells": pack_bits(bits)}
    return windows, rows


def simulated(array: MacArray, cache: Path, windows: int) -> tuple[float, float, float]:
    """Cycles and products a second, the best of three runs, checked; and seconds of its Verilog."""
    draw = np.random.default_rng(1)
    rows = array.rows_of(array.precisions[0])
    vectors, cells = draw.integers(0, 256, (windows, rows)), draw.integers(0, 256, (rows, COLUMNS))
    parameters = {parameter.name: getattr(array, parameter.name) for parameter in array.parameters}
    expected, _ = mac_array(cells, vectors, 0, **parameters)
    start = time.thread_time()
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name, cache_in(cache):
        folder = export(array, Path(name) / "design", "mac_array")
        verilog = time.thread_time() - start
        model = Model(folder)
        beats, weights = stimulus(array, vectors, cells)
        idle = {field: values[: len(cells)] for field, values in stimulus(array, vectors * 0, cells)[0].items()}
        model.run({"i_weights": weights, "i": idle}, {"o": len(cells)})
        run, best = model.run({"i": beats}, {"o": windows}, reset=False), 0.0
        for _ in range(3):
            start = time.thread_time()
            run = model.run({"i": beats}, {"o": windows}, reset=False)
            best = max(best, run.total_cycles / (time.thread_time() - start))
        fields, places = run.streams["o"].fields, np.arange(array.partial_format.bits)[:, np.newaxis]
        shape = (windows, array.partial_format.bits, COLUMNS)
        words = sum(
            (unpack_bits(fields[word], shape[1] * COLUMNS).reshape(shape).astype(np.int64) << places).sum(axis=1)
            for word in ("sum", "carry")
        )
        assert np.array_equal(words % (1 << shape[1]), expected % (1 << shape[1]))
    return best, best * rows * COLUMNS / array.cycles_of(array.precisions[0]), verilog


def computed() -> float:
    """Products a second of numpy's integer matrix product, in 32 bits."""
    draw = np.random.default_rng(1)
    vectors = draw.integers(0, 256, (WINDOWS, UNITS)).astype(np.int32)
    cells = draw.integers(0, 256, (UNITS, COLUMNS)).astype(np.int32)
    start = time.thread_time()
    _ = vectors @ cells
    return WINDOWS * UNITS * COLUMNS / (time.thread_time() - start)


def rows() -> list[Row]:
    """The table."""
    shape: dict[str, Any] = {"columns": COLUMNS, "weight_bits": BITS}
    array = MacArray(units=UNITS, precisions=precisions_of("8x8,4x4,2x2"), **shape)
    # As many operand bits a cycle: a plain unit takes two elements.
    plain = MacArray(unit="plain-8", units=UNITS // 2, precisions=precisions_of("8x8"), **shape)
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        cycles, products, verilog = simulated(array, Path(name), WINDOWS)
        others, other_products, _ = simulated(plain, Path(name), WINDOWS // 10)
    numpy = computed()
    return [
        ("32 x 32 spatio-temporal units at 8 bits", f"{cycles / 1e3:.0f} k cycles/s", "100 k cycles/s"),
        ("its Verilog", f"{verilog:.1f} s", "5 s"),
        ("its products", f"{products / 1e6:.0f} M/s", ""),
        (
            "16 plain units of 2 x 32 columns, one by one",
            f"{others / 1e3:.0f} k cycles/s, {other_products / 1e6:.0f} M/s",
            f"{cycles / others:.1f} times the cycles, {products / other_products:.2f} times the products above",
        ),
        ("numpy, 32-bit integers", f"{numpy / 1e6:.0f} M products/s", f"{products / numpy:.2f} times as many above"),
    ]


if __name__ == "__main__":
    for row in rows():
        print(*row, sep="  ")
