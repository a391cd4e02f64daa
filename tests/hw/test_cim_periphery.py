"""Column reader and converters against their twins: stalls, back-to-back results, tables written at run time."""

from __future__ import annotations

import random
from inspect import signature
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quadrille.algo.integer.cim import (
    column_reader,
    exact_converter,
    ladder_converter,
    multiply_shift_converter,
)
from quadrille.algo.spec import IntFormat, InvalidInput
from quadrille.hw.cim import ColumnReader, Converter, ExactConverter, LadderConverter, MultiplyShiftConverter

STATELESS = settings(
    derandomize=True,
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # a function without state
)


def draw(chance: random.Random, form: IntFormat) -> int:
    interval = form.interval
    return chance.choice([interval.lo, interval.hi, chance.randint(interval.lo, interval.hi)])


def bit_sliced(numbers: list[int], bits: int) -> int:
    """Word k, bit k of every number, at `k * len(numbers)`."""
    return sum((number >> k & 1) << (k * len(numbers) + c) for c, number in enumerate(numbers) for k in range(bits))


@given(
    columns=st.integers(1, 20),
    lanes=st.integers(1, 7),
    partial_bits=st.integers(1, 6),
    reference_bits=st.integers(1, 6),
    reference_signed=st.booleans(),
    address_bits=st.integers(1, 5),
    steps=st.integers(1, 6),
    banks=st.integers(1, 3),
    seed=st.none() | st.integers(0, 99),
)
@STATELESS
def test_reader_equals_twin(run_streams: Any, seed: int | None, **parameters: Any) -> None:
    chance = random.Random(repr(parameters))
    dut = ColumnReader(**parameters, frame_bits=3)
    form = IntFormat(dut.reference_bits, dut.reference_signed)
    results = 5
    sums, carries = (
        [[chance.randrange(1 << dut.partial_bits) for _ in range(dut.columns)] for _ in range(results)] for _ in "sc"
    )
    tags: dict[str, list[Any]] = {
        "reference": [[draw(chance, form) for _ in range(dut.banks)] for _ in range(results)],
        "steps": [chance.randint(1, dut.steps) for _ in range(results)],
        "address": [chance.randrange(1 << dut.address_bits) for _ in range(results)],
        "frame": [chance.randrange(8) for _ in range(results)],
    }
    beats = [
        {name: values[n] for name, values in tags.items()}
        | {"sum": bit_sliced(sums[n], dut.partial_bits), "carry": bit_sliced(carries[n], dut.partial_bits)}
        for n in range(results)
    ]
    if dut.banks == 1:
        tags["reference"] = [values[0] for values in tags["reference"]]
        beats = [beat | {"reference": value} for beat, value in zip(beats, tags["reference"], strict=True)]
    counts, address, frame, reference = (np.array(tags[n]) for n in ("steps", "address", "frame", "reference"))
    names = {p.name: getattr(dut, p.name) for p in dut.parameters}
    expected = [column_reader(np.array(w), reference, counts, address, frame, **names) for w in (sums, carries)]
    result = run_streams(dut, {"i": beats}, {"o": sum(tags["steps"])}, seed=seed)["o"]
    for n, (_, payload) in enumerate(result):
        assert [int(lane) for lane in payload.sum] == expected[0]["sum"][n].tolist()
        assert [int(lane) for lane in payload.carry] == expected[1]["sum"][n].tolist()
        for name in ("reference", "address", "frame", "last"):
            assert int(getattr(payload, name)) == int(expected[0][name][n]), f"{name} of step {n}"


def test_reader_sustains_a_step_per_cycle(run_streams: Any) -> None:
    dut = ColumnReader(columns=12, lanes=4, partial_bits=2, reference_bits=2, steps=3)
    beats = [{"sum": 0, "carry": 0, "reference": 0, "steps": 3, "address": 0, "frame": n} for n in range(4)]
    result = run_streams(dut, {"i": beats}, {"o": 12})
    assert [cycle for cycle, _ in result["o"]] == list(range(dut.latency, dut.latency + 12))
    assert [cycle for cycle, _ in result["accepted i"]] == [0, 3, 6, 9]


PARAMETERS: list[tuple[type[Converter], dict[str, int]]] = [
    (ExactConverter, {"lanes": 3, "code_bits": 9}),
    (ExactConverter, {"lanes": 1, "code_bits": 14, "cell_bits": 8, "partial_signed": True, "reference_signed": True}),
    (LadderConverter, {"lanes": 3, "code_bits": 9, "adc_bits": 2}),
    (LadderConverter, {"lanes": 2, "code_bits": 9, "adc_bits": 3, "partial_signed": True, "reference_signed": True}),
    (
        MultiplyShiftConverter,
        {"lanes": 3, "code_bits": 9, "adc_bits": 3, "multiplier_bits": 6, "offset_bits": 12, "shift": 5},
    ),
    (
        MultiplyShiftConverter,
        {"lanes": 2, "code_bits": 9, "adc_bits": 1, "multiplier_bits": 3, "offset_bits": 8, "shift": 0},
    ),
]
TWINS: dict[Any, Any] = {
    ExactConverter: exact_converter,
    LadderConverter: ladder_converter,
    MultiplyShiftConverter: multiply_shift_converter,
}


def table_of(chance: random.Random, dut: Converter) -> dict[str, Any]:
    rows, lanes = range(dut.table_rows), range(dut.lanes)
    codes = IntFormat(dut.code_bits, signed=True)
    table: dict[str, Any] = {
        "double": [chance.randrange(2) for _ in rows],
        "reference_weight": [chance.choice([0, 1, 1 << (dut.cell_bits - 1)]) for _ in rows],
        "use_reference": [int(chance.random() < 0.2) for _ in rows],
        "exact": [int(chance.random() < 0.3) for _ in rows],
    }
    if not isinstance(dut, ExactConverter):
        table["low"] = [chance.choice([0, -2, -17]) for _ in rows]
    if isinstance(dut, LadderConverter):
        levels = range((1 << dut.adc_bits) - 1)
        table["thresholds"] = [[sorted(draw(chance, codes) for _ in levels) for _ in lanes] for _ in rows]
    if isinstance(dut, MultiplyShiftConverter):
        offset = IntFormat(dut.offset_bits, signed=True)
        table["multiplier"] = [[draw(chance, IntFormat(dut.multiplier_bits)) for _ in lanes] for _ in rows]
        table["offset"] = [[draw(chance, offset) for _ in lanes] for _ in rows]
    return table


def writes_of(dut: Converter, table: dict[str, Any]) -> list[dict[str, Any]]:
    common = [name for name in ("double", "reference_weight", "use_reference", "exact", "low") if name in table]
    beats = []
    for n in range(dut.table_rows):
        row: dict[str, Any] = {"common": {name: table[name][n] for name in common}}
        if "thresholds" in table:
            row["lanes"] = table["thresholds"][n]
        if "multiplier" in table:
            pairs = zip(table["multiplier"][n], table["offset"][n], strict=True)
            row["lanes"] = [{"multiplier": m, "offset": o} for m, o in pairs]
        beats.append({"address": n, "row": row})
    return beats


def writer(dut: Converter, writes: list[dict[str, Any]]) -> Any:
    async def load(ctx: Any) -> None:
        ctx.set(dut.i_table.valid, 1)
        for write in writes:
            ctx.set(dut.i_table.payload, write)
            await ctx.tick()
        ctx.set(dut.i_table.valid, 0)

    return load


def steps_of(chance: random.Random, dut: Converter, count: int) -> tuple[list[dict[str, Any]], list[list[int]]]:
    """Beats whose P fits the codes, as interval arithmetic promises, and the sums S that they hold."""
    beats, sums = [], []
    reference = IntFormat(dut.reference_bits, dut.reference_signed)
    for n in range(count):
        values = [draw(chance, IntFormat(dut.partial_bits, dut.partial_signed)) for _ in range(dut.lanes)]
        carry = [chance.randrange(1 << dut.partial_bits) for _ in values]
        beats.append(
            {
                "sum": [(s - c) % (1 << dut.partial_bits) for s, c in zip(values, carry, strict=True)],
                "carry": carry,
                "reference": draw(chance, reference),
                "address": chance.randrange(dut.table_rows),
                "frame": n % 8,
                "last": n % 2,
            }
        )
        sums.append(values)
    return beats, sums


CUTS = [{"memory_cuts": memory, "lane_cuts": lane} for memory, lane in ((0, 0), (1, 0), (0, 1), (1, 2))]


@pytest.mark.parametrize("seed", [None, 4])
@pytest.mark.parametrize("cuts", CUTS, ids=str)
@pytest.mark.parametrize(("kind", "parameters"), PARAMETERS, ids=lambda value: getattr(value, "block_name", ""))
def test_converter_equals_twin(
    run_streams: Any, kind: Any, parameters: dict[str, int], cuts: dict[str, int], seed: int | None
) -> None:
    chance = random.Random(repr(parameters))
    dut = kind(**parameters, **cuts, table_rows=6, frame_bits=3, partial_bits=6, reference_bits=5)
    table = table_of(chance, dut)
    beats, sums = steps_of(chance, dut, 60)
    names = {p.name: getattr(dut, p.name) for p in dut.parameters}
    reference, address = (np.array([beat[name] for beat in beats]) for name in ("reference", "address"))
    arrays = {name: np.array(values) for name, values in table.items()}
    expected = TWINS[kind](np.array(sums), reference, address, arrays, **names)
    result = run_streams(dut, {"i": beats}, {"o": len(beats)}, seed=seed, before=writer(dut, writes_of(dut, table)))[
        "o"
    ]
    for n, (_, payload) in enumerate(result):
        assert [int(code) for code in payload.codes] == expected[n].tolist(), f"step {n}"
        assert int(payload.reference) == reference[n]
        assert (int(payload.address), int(payload.frame), int(payload.last)) == (address[n], n % 8, n % 2)


@pytest.mark.parametrize("cuts", CUTS, ids=str)
@pytest.mark.parametrize(("kind", "parameters"), PARAMETERS[::2], ids=lambda value: getattr(value, "block_name", ""))
def test_converter_timing(run_streams: Any, kind: Any, parameters: dict[str, int], cuts: dict[str, int]) -> None:
    dut = kind(**parameters, **cuts, table_rows=4)
    beat = {"sum": [0] * dut.lanes, "carry": [0] * dut.lanes, "reference": 0, "address": 0, "frame": 0, "last": 0}
    result = run_streams(dut, {"i": [beat] * 5}, {"o": 5})
    assert [cycle for cycle, _ in result["accepted i"]] == list(range(5))
    assert [cycle for cycle, _ in result["o"]] == list(range(dut.latency, dut.latency + 5))


@pytest.mark.parametrize("adc_bits", [1, 2, 3])
def test_ladder_counts_every_threshold(run_streams: Any, adc_bits: int) -> None:
    """Every P of seven bits against thresholds that repeat and reach both ends."""
    dut = LadderConverter(lanes=1, adc_bits=adc_bits, code_bits=7, partial_bits=6, partial_signed=True, table_rows=1)
    thresholds = sorted([-64, 63, -3, 0, 5, 5, 20][: (1 << adc_bits) - 1])
    common = {"double": 1, "reference_weight": 0, "use_reference": 0, "exact": 0, "low": -2}
    row = {"common": common, "lanes": [thresholds]}
    beats = [
        {"sum": [value % 64], "carry": [0], "reference": 0, "address": 0, "frame": 0, "last": 0}
        for value in range(-32, 32)
    ]
    before = writer(dut, [{"address": 0, "row": row}])
    result = run_streams(dut, {"i": beats}, {"o": len(beats)}, before=before)["o"]
    got = [int(payload.codes[0]) for _, payload in result]
    assert got == [-2 + sum(2 * value >= t for t in thresholds) for value in range(-32, 32)]


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        (ColumnReader, {"lanes": 0}, r"^Parameter lanes of column-reader must be from 1 to 1024, not 0$"),
        (ColumnReader, {"columns": 0}, r"^Parameter columns of column-reader must be from 1 to 65536, not 0$"),
        (ColumnReader, {"steps": 0}, r"^Parameter steps of column-reader must be from 1 to 65536, not 0$"),
        (ExactConverter, {"lanes": 2000}, r"^Parameter lanes of exact-converter must be from 1 to 1024, not 2000$"),
        (LadderConverter, {"adc_bits": 9}, r"^Parameter adc_bits of ladder-converter must be from 1 to 8, not 9$"),
        (
            MultiplyShiftConverter,
            {"shift": 41},
            r"^Parameter shift of multiply-shift-converter must be from 0 to 40, not 41$",
        ),
    ],
)
def test_refused(kind: Any, parameters: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        kind(**parameters)


def test_converter_must_say_how() -> None:
    class Silent:
        convert = Converter.convert

    silent: Any = Silent()
    with pytest.raises(TypeError, match=r"^Silent must say how it converts$"):
        silent.convert(*([None] * (len(signature(Converter.convert).parameters) - 1)))
