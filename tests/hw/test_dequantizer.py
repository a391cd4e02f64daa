"""The column dequantizer against its twin, with random tables, stalls and back-to-back sums."""

from __future__ import annotations

import random
import re
from typing import Any

import numpy as np
import pytest

from quadrille.algo.integer.dequant import column_dequantizer
from quadrille.algo.spec import IntFormat, InvalidInput
from quadrille.hw.dequant import ColumnDequantizer

PARAMETERS = [
    {"lanes": 1, "code_bits": 3, "mantissa_bits": 4, "accumulator_bits": 16, "bias_bits": 12, "result_bits": 6},
    {"lanes": 3, "code_bits": 5, "mantissa_bits": 8, "accumulator_bits": 24, "bias_bits": 20, "result_bits": 8},
    {"lanes": 4, "code_bits": 12, "mantissa_bits": 16, "accumulator_bits": 32, "bias_bits": 32, "result_bits": 16},
]
TABLES: dict[str, Any] = {
    "table_rows": 9,
    "bias_rows": 3,
    "groups": 2,
    "frames": 2,
    "shift_bits": 4,
    "reference_bits": 6,
}


def draw(chance: random.Random, bits: int) -> int:
    interval = IntFormat(bits, signed=True).interval
    return chance.choice([interval.lo, interval.hi, 0, chance.randint(interval.lo, interval.hi)])


def tables(chance: random.Random, p: dict) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Random rows; no product sum can leave the accumulator, as mapping promises."""
    rows, lanes = p["table_rows"], p["lanes"]
    result = IntFormat(p["result_bits"], signed=True).interval
    lows = [chance.choice([0, result.lo]) for _ in range(rows)]
    table = {
        "mantissas": [[draw(chance, p["mantissa_bits"]) for _ in range(lanes)] for _ in range(rows)],
        "first": [chance.random() < 0.4 for _ in range(rows)],
        "last": [chance.random() < 0.6 for _ in range(rows)],
        "group": [chance.randrange(p["groups"]) for _ in range(rows)],
        "bias": [chance.randrange(p["bias_rows"]) for _ in range(rows)],
        "shift": [chance.randrange(1 << p["shift_bits"]) for _ in range(rows)],
        "low": lows,
        "high": [result.hi for _ in range(rows)],
        "destination": [chance.randrange(256) for _ in range(rows)],
    }
    biases = [[draw(chance, p["bias_bits"] - 1) for _ in range(lanes)] for _ in range(p["bias_rows"])]
    return {name: np.array(values, dtype=np.int64) for name, values in table.items()}, np.array(biases)


CUTS = [{"memory_cuts": memory, "lane_cuts": lane} for memory, lane in ((0, 0), (1, 0), (0, 1), (0, 2), (1, 2))]


@pytest.mark.parametrize("seed", [None, 5, 6])
@pytest.mark.parametrize("cuts", CUTS, ids=str)
@pytest.mark.parametrize("parameters", PARAMETERS, ids=lambda p: f"{p['lanes']} lanes")
def test_equals_its_twin(run_streams, parameters, cuts, seed):
    p = parameters | TABLES | cuts
    chance = random.Random(f"{parameters} {seed}")
    table, biases = tables(chance, p)
    beats = [
        {
            "codes": [draw(chance, p["code_bits"]) for _ in range(p["lanes"])],
            "reference": 0,
            "address": chance.randrange(p["table_rows"]),
            "frame": chance.randrange(p["frames"]),
            "last": chance.random() < 0.5,
        }
        for _ in range(200)
    ]
    block = ColumnDequantizer(**p)
    rows = [
        {"address": n, "row": {name: values[n].tolist() for name, values in table.items()}}
        for n in range(p["table_rows"])
    ]
    bias_rows = [{"address": n, "row": biases[n].tolist()} for n in range(p["bias_rows"])]

    async def load(ctx):
        for port, writes in ((block.i_mantissas, rows), (block.i_biases, bias_rows)):
            ctx.set(port.valid, 1)
            for write in writes:
                ctx.set(port.payload, write)
                await ctx.tick()
            ctx.set(port.valid, 0)

    expected = column_dequantizer(
        np.array([beat["codes"] for beat in beats]),
        np.array([beat["address"] for beat in beats]),
        np.array([beat["frame"] for beat in beats]),
        table,
        biases,
        **p,
    )
    got = run_streams(block, {"i": beats}, {"o": len(expected["values"])}, seed=seed, before=load)["o"]
    assert [[value for value in beat.values] for _, beat in got] == expected["values"].tolist()
    assert [beat.frame for _, beat in got] == expected["frame"].tolist()
    assert [beat.destination for _, beat in got] == expected["destination"].tolist()


@pytest.mark.parametrize("cuts", CUTS, ids=str)
def test_latency_is_as_declared(run_streams, cuts):
    block = ColumnDequantizer(lanes=2, **TABLES, **cuts)
    assert block.latency == 5 + 2 * cuts["memory_cuts"] + cuts["lane_cuts"]
    row = {name: 0 for name in ("first", "group", "bias", "shift", "low", "destination")}

    async def load(ctx):
        ctx.set(block.i_mantissas.valid, 1)
        ctx.set(block.i_mantissas.payload, {"address": 0, "row": row | {"mantissas": [1, 1], "last": 1, "high": 100}})
        await ctx.tick()
        ctx.set(block.i_mantissas.valid, 0)

    beat = {"codes": [1, 2], "reference": 0, "address": 0, "frame": 0, "last": 1}
    got = run_streams(block, {"i": [beat]}, {"o": 1}, before=load)
    assert got["o"][0][0] - got["accepted i"][0][0] == block.latency


def test_parameters_out_of_range_are_refused():
    message = "Parameter lanes of column-dequantizer must be from 1 to 1024, not 0"
    with pytest.raises(InvalidInput, match=f"^{re.escape(message)}$"):
        ColumnDequantizer(lanes=0)
    with pytest.raises(TypeError, match=r"^Parameter lanes of column-dequantizer must be an integer, not 'many'$"):
        ColumnDequantizer(lanes="many")  # pyright: ignore[reportArgumentType]
