"""The exported macro under Verilator: groups of columns of every width, stalls, reset in mid-flight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.integer.cim import cim_macro
from quadrille.hw.base.compress import COMPRESSORS
from quadrille.hw.cim import CimMacro
from quadrille.hw.export import export
from quadrille.sim.model import Model, Stall
from quadrille.sim.payload import pack_bits, unpack_bits

pytestmark = pytest.mark.verilator

WARM_UP, VECTORS = 60, 30
RESET_AT = 400  # among the vectors that are compared


def bit_sliced(numbers: Any, bits: int) -> Any:
    """Numbers [n, columns] as a field: word k, bit k of every number, at `k * columns`."""
    return pack_bits((numbers[:, None, :] >> np.arange(bits)[:, None] & 1).reshape(len(numbers), -1))


def numbers_of(field: Any, columns: int, bits: int) -> Any:
    """The inverse."""
    sliced = unpack_bits(np.asarray(field), columns * bits).reshape(len(field), bits, columns).astype(np.int64)
    return (sliced << np.arange(bits)[:, None]).sum(axis=1)


@pytest.mark.parametrize(
    "parameters",
    [
        {"rows": 24, "columns": 70, "cell_bits": 2, "signed": True, "planes": 2, "cuts": 1},
        {"rows": 12, "columns": 257, "activation_bits": 3},
    ],
    ids=lambda p: f"{p['rows']}x{p['columns']}",
)
@pytest.mark.parametrize("compressor", sorted(COMPRESSORS))
def test_macro(tmp_path: Path, parameters: Any, compressor: str) -> None:
    dut = CimMacro(**parameters, compressor=compressor)
    names = {p.name: getattr(dut, p.name) for p in dut.parameters}
    draw = np.random.default_rng(1)
    cells = draw.integers(0, 1 << dut.cell_bits, (dut.rows, dut.columns))
    reference = draw.integers(0, 2, dut.rows)
    bits, count = dut.activation_bits, WARM_UP + VECTORS
    low = -(1 << (bits - 1)) if dut.signed else 0
    vectors = draw.integers(low, low + (1 << bits), (count, dut.rows))
    planes = (vectors[:, None, :] >> np.arange(bits)[::-1, None] & 1).reshape(-1, dut.rows)
    first = np.tile([1] + [0] * (bits - 1), count)
    beats = {"bits": planes @ (1 << np.arange(dut.rows)), "first": first, "last": np.roll(first, -1)}
    if dut.signed:
        beats["negative"] = first
    if dut.planes == 2:
        beats["swap"] = (np.arange(len(first)) == WARM_UP * bits).astype(np.int64)
    rows = {"row": np.arange(dut.rows), "reference": reference, "cells": bit_sliced(cells, dut.cell_bits)}
    sums, references = cim_macro(cells, reference, vectors, **names)
    form = dut.partial_format
    with Model(export(dut, tmp_path / "macro")) as model:
        for stall, reset_at in ((None, None), (Stall(0.4, seed=3), None), (Stall(0.4, seed=4), RESET_AT)):
            run = model.run({"i": beats, "i_weights": rows}, {"o": count}, stall=stall, reset_at=reset_at)
            # Rows go in beside the first vectors, which therefore meet no weights that are known.
            assert run.input_cycles["i_weights"][-1] < run.input_cycles["i"][WARM_UP * bits - 1]
            fields = {name: values[WARM_UP:] for name, values in run.streams["o"].fields.items()}
            words = [numbers_of(fields[name], dut.columns, form.bits) for name in ("sum", "carry")]
            got = (words[0] + words[1]) & ((1 << form.bits) - 1)
            expected = sums[WARM_UP:] & ((1 << form.bits) - 1)
            assert np.array_equal(got, expected), f"{names} with {stall}, reset at {reset_at}"
            assert np.array_equal(fields["reference"], references[WARM_UP:])
