"""The multiply-accumulate array, exported, under Verilator: every unit, precisions that change between windows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.integer.mac import mac_array
from quadrille.algo.spec import IntFormat, InvalidInput
from quadrille.algo.spec.array_precision import UNIT_SCHEMES, ArrayPrecision, precisions_of, text_of
from quadrille.hw.export import export
from quadrille.hw.mac import MacArray
from quadrille.sim.model import Model, Stall
from quadrille.sim.payload import pack_bits, unpack_bits

PRECISIONS = {
    "spatio-temporal": "8x8,4x4,2x2,8x4,3xs5,1x8,7x16,9x5,16x16,16x4,16xs3,1x1",
    "fusion": "8x8,4xs4,2x2,16x8",
    "activation-serial": "8x8,4xs4,1x2",
    "weight-serial": "8x8,4xs4,1x2",
    "sub-word": "8x8,4x4,16xs16,1x8",
    "carry-save": "7x7,4xs4,7xs8",
    "same-weight": "7xs8,1x2",
    "plain-8": "8x8,4xs4",
    "plain-16": "16x16,3x5",
}
WEIGHT_BITS = 16


def sliced(values: np.ndarray, bits: int) -> Any:
    """(n, count) as words in which bit j of value c stands at `j * count + c`."""
    planes = [values >> j & 1 for j in range(bits)]
    words = pack_bits(np.concatenate(planes, axis=1))
    return words if bits * values.shape[1] > 64 else words[:, 0]


def numbers(words: Any, columns: int, bits: int) -> np.ndarray:
    """The inverse of `sliced`."""
    planes = unpack_bits(words.reshape(len(words), -1).astype(np.uint64), columns * bits).astype(np.int64)
    places = np.arange(bits)[:, np.newaxis]
    return (planes.reshape(len(words), bits, columns) << places).sum(axis=1)


def array_of(unit: str, planes: int) -> MacArray:
    return MacArray(
        unit=unit,
        units=2,
        columns=2,
        weight_bits=WEIGHT_BITS,
        precisions=precisions_of(PRECISIONS[unit]),
        planes=planes,
        tag_bits=7,
        cuts=planes - 1,
    )


def windows_of(
    array: MacArray, number: int, vectors: np.ndarray, tags: np.ndarray, *, swap: bool = True
) -> dict[str, Any]:
    """The beats of some vectors; with `swap` the first exchanges the planes."""
    padded = np.zeros((len(vectors), array.rows), dtype=np.int64)
    padded[:, : vectors.shape[1]] = vectors
    beats = {
        "elements": sliced(padded, array.activation_bits),
        "precision": np.full(len(vectors), number),
        "tag": tags,
    }
    return beats | ({"swap": (np.arange(len(vectors)) == 0) & swap} if array.planes == 2 else {})


def sums_of(array: MacArray, fields: dict[str, Any]) -> np.ndarray:
    """S of every column."""
    bits = array.partial_format.bits
    raw = sum(numbers(fields[name], array.columns, bits) for name in ("sum", "carry")) % (1 << bits)
    return np.where(raw >> (bits - 1), raw - (1 << bits), raw)


@pytest.mark.verilator
@pytest.mark.parametrize(("unit", "planes"), [("spatio-temporal", 1), *((unit, 2) for unit in PRECISIONS)])
def test_every_precision_after_every_other(unit: str, planes: int, tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    array = array_of(unit, planes)
    parameters = {parameter.name: getattr(array, parameter.name) for parameter in array.parameters}
    model = Model(export(array, tmp_path))
    order = [n for a in range(len(array.precisions)) for b in range(a + 1) for n in (a, b)]
    for step, number in enumerate(order):
        precision = array.precisions[number]
        span = precision.activation.interval
        rows = int(draw.integers(1, array.rows_of(precision) + 1))
        cells = draw.integers(0, 1 << WEIGHT_BITS, (rows, array.columns))
        vectors = draw.choice([span.lo, span.hi, *draw.integers(span.lo, span.hi + 1, 6)], (6, rows))
        tags = draw.integers(0, 128, 6)
        weights = {"row": np.arange(rows), "precision": np.full(rows, number), "cells": sliced(cells, WEIGHT_BITS)}
        # Windows of zeros, one for each row at least, while the rows are written.
        idle = windows_of(array, number, np.zeros((rows, 1), dtype=np.int64), tags[:1].repeat(rows), swap=False)
        model.run({"i_weights": weights, "i": idle}, {"o": rows}, reset=step == 0)
        stall = Stall(0.5, seed=step) if step % 3 == 0 else None
        run = model.run({"i": windows_of(array, number, vectors, tags)}, {"o": 6}, stall=stall, reset=False)
        sums, references = mac_array(cells, vectors, number, **parameters)
        found = run.streams["o"]
        assert np.array_equal(sums_of(array, found.fields), sums), (step, str(precision))
        assert np.array_equal(found.fields["reference"], references), (step, str(precision))
        assert np.array_equal(found.fields["tag"], tags)
        if stall is None:
            cycles = np.arange(1, 7) * array.cycles_of(precision) + array.datapath.latency
            assert np.array_equal(found.cycles - run.input_cycles["i"][0], cycles)


def test_precisions_as_text() -> None:
    found = precisions_of("8x8,4xs4")
    assert found == (ArrayPrecision(8, IntFormat(8)), ArrayPrecision(4, IntFormat(4, signed=True)))
    assert text_of(found) == "8x8,4xs4"
    with pytest.raises(InvalidInput, match=r"^Precision of an array must be written like 8x4 or 8xs4, not '8y8'$"):
        precisions_of("8x8,8y8")
    with pytest.raises(InvalidInput, match=r"^Signed activations of an array must have at least 2 bits, not 1$"):
        ArrayPrecision(4, IntFormat(1, signed=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"weight_bits": 4},
            r"^Precisions of mac-array must have at most the 4 bits of a stored weight, not 8$",
        ),
        (
            {"unit": "plain-8", "precisions": precisions_of("8x9")},
            r"^Precision of a plain multiplier of 8 bits must be at most that, not 9$",
        ),
        ({"precisions": ()}, r"^Parameter precisions of mac-array must be one or more precisions, each once$"),
    ],
)
def test_bad_arrays(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        MacArray(**change)
    with pytest.raises(TypeError, match=r"^Parameter precisions of mac-array must be a tuple of precisions, not 8$"):
        MacArray(precisions=8)


def test_bad_operands() -> None:
    precisions = precisions_of("8x8")
    cells, vector = np.ones((3, 2), dtype=np.int64), np.ones((1, 3), dtype=np.int64)
    shape: dict[str, Any] = {"units": 2, "columns": 2, "precisions": precisions}
    with pytest.raises(InvalidInput, match=r"^Rows must be at most the 2 of 2 units at precision 8x8, not 3$"):
        mac_array(cells, vector, 0, **shape)
    with pytest.raises(InvalidInput, match=r"^Precision must be one of the 1 that the array has, not number 1$"):
        mac_array(cells, vector, 1, **shape)


def test_every_unit_is_tested() -> None:
    assert set(PRECISIONS) == set(UNIT_SCHEMES)
