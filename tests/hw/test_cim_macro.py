"""The macro against its twin: every small case, random parameters, stalls, both weight planes, and its timing."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quadrille.algo.integer.cim import cim_macro
from quadrille.algo.spec import IntFormat, InvalidInput
from quadrille.hw.base.columns import group_columns
from quadrille.hw.base.compress import COMPRESSORS
from quadrille.hw.cim import CimMacro


def signed_value(bits: int, form: IntFormat) -> int:
    return bits - (1 << form.bits) if form.signed and bits >> (form.bits - 1) else bits


def weight_rows(dut: CimMacro, cells: Any, reference: Any) -> list[dict[str, int]]:
    """One beat for each row, the cell bits where the macro wants them."""
    beats = []
    for r in range(dut.rows):
        bits = (
            (int(cells[r, c]) >> j & 1, j * dut.columns + c) for j in range(dut.cell_bits) for c in range(dut.columns)
        )
        beats.append({"row": r, "reference": int(reference[r]), "cells": sum(bit << at for bit, at in bits)})
    return beats


def planes_of(
    dut: CimMacro, vector: Any, count: int, *, tag: int = 0, swap: int = 0, used: int = 0
) -> list[dict[str, int]]:
    """The bit planes of one vector, `count` of them, most significant first; negative values in two's complement."""
    beats = []
    negative = bool((vector < 0).any())
    for k in reversed(range(count)):
        beat = {
            "bits": sum((int(x) >> k & 1) << r for r, x in enumerate(vector)),
            "first": int(k == count - 1),
            "last": int(k == 0),
        }
        beat |= {"negative": int(negative and k == count - 1)} if dut.signed else {}
        beat |= {"swap": int(swap and k == count - 1)} if dut.planes == 2 else {}
        beat |= {"tag": tag} if dut.tag_bits else {}
        beat |= {"used": used} if dut.gates else {}
        beats.append(beat)
    return beats


def sums_of(dut: CimMacro, payload: Any) -> tuple[list[int], int]:
    """S of every column, and X, of one beat of `o`."""
    form = dut.partial_format

    def words(field: int, column: int) -> int:
        return sum((field >> (k * dut.columns + column) & 1) << k for k in range(form.bits))

    whole = [(words(int(payload.sum), c) + words(int(payload.carry), c)) % (1 << form.bits) for c in range(dut.columns)]
    return [signed_value(value, form) for value in whole], int(payload.reference)


def load(dut: CimMacro, rows: list[dict[str, int]]) -> Any:
    async def write(ctx: Any) -> None:
        for row in rows:
            ctx.set(dut.i_weights.payload, row)
            ctx.set(dut.i_weights.valid, 1)
            while True:
                ready = ctx.get(dut.i_weights.ready)
                await ctx.tick()
                if ready:
                    break
        ctx.set(dut.i_weights.valid, 0)

    return write


def check(
    run_streams: Any, chance: random.Random, *, vectors: int = 6, seed: int | None = None, **parameters: Any
) -> None:
    dut = CimMacro(**parameters)
    draw = np.random.default_rng(chance.randrange(1 << 30))
    cells = draw.integers(0, 1 << dut.cell_bits, (dut.rows, dut.columns))
    reference = draw.integers(0, 2, dut.rows)
    activations, beats, tags, read = [], [], [], []
    for _ in range(vectors):
        negative = dut.signed and chance.random() < 0.5
        low = -(1 << (dut.activation_bits - 1)) if negative else 0
        high = 1 << (dut.activation_bits - (1 if negative else 0))
        vector = draw.integers(low, high, dut.rows)
        tags.append(chance.randrange(1 << dut.tag_bits))
        used = chance.getrandbits(dut.gates) if dut.gates else 0
        beats += planes_of(dut, vector, dut.activation_bits, tag=tags[-1], swap=int(not activations), used=used)
        read.append([not dut.gates or used >> c // dut.gated_columns & 1 for c in range(dut.columns)])
        activations.append(vector)
    rows = weight_rows(dut, cells, reference)
    result = run_streams(dut, {"i": beats}, {"o": vectors}, seed=seed, before=load(dut, rows))
    names = {p.name: getattr(dut, p.name) for p in dut.parameters}
    sums, references = cim_macro(cells, reference, np.array(activations), **names)
    for n, (_, payload) in enumerate(result["o"]):
        got, total = sums_of(dut, payload)
        expected = [there if seen else mine for there, mine, seen in zip(sums[n].tolist(), got, read[n], strict=True)]
        assert (got, total) == (expected, int(references[n])), f"vector {n} of {names}"
        if dut.tag_bits:
            assert int(payload.tag) == tags[n]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("cell_bits", [1, 2])
@pytest.mark.parametrize("compressor", sorted(COMPRESSORS))
def test_every_cell_and_activation(run_streams: Any, signed: bool, cell_bits: int, compressor: str) -> None:
    """Two rows: a column for each pair of cells, a vector for each pair of activations."""
    bits = 2
    cells = np.array(list(itertools.product(range(1 << cell_bits), repeat=2))).T
    shape = {"rows": 2, "columns": cells.shape[1], "cell_bits": cell_bits}
    dut = CimMacro(**shape, activation_bits=bits, signed=signed, compressor=compressor)
    # A vector of one row: unsigned, or with a sign; a vector is either.
    spans = [range(4)] + ([range(-2, 2)] if signed else [])
    vectors = np.array([pair for span in spans for pair in itertools.product(span, repeat=2)])
    beats = [beat for vector in vectors for beat in planes_of(dut, vector, bits)]
    rows = weight_rows(dut, cells, [1, 1])
    result = run_streams(dut, {"i": beats}, {"o": len(vectors)}, before=load(dut, rows))
    expected = vectors @ cells
    for n, (_, payload) in enumerate(result["o"]):
        assert sums_of(dut, payload) == (expected[n].tolist(), int(vectors[n].sum()))


@given(
    rows=st.integers(1, 20),
    columns=st.integers(1, 6),
    activation_bits=st.integers(1, 4),
    signed=st.booleans(),
    cell_bits=st.integers(1, 8),
    planes=st.integers(1, 2),
    cuts=st.integers(0, 3),
    tag_bits=st.integers(0, 3),
    compressor=st.sampled_from(sorted(COMPRESSORS)),
    row_enables=st.booleans(),
    gated_columns=st.integers(0, 4),
    seed=st.none() | st.integers(0, 99),
)
@settings(
    derandomize=True,
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # a function without state
)
def test_equals_twin(run_streams: Any, seed: int | None, **parameters: Any) -> None:
    check(run_streams, random.Random(repr(parameters)), seed=seed, **parameters)


@pytest.mark.parametrize("columns", [63, 65, 130])
@pytest.mark.parametrize("compressor", sorted(COMPRESSORS))
def test_groups_of_columns(run_streams: Any, columns: int, compressor: str) -> None:
    check(run_streams, random.Random(columns), vectors=2, rows=5, columns=columns, cell_bits=2, compressor=compressor)


@pytest.mark.parametrize(
    ("columns", "groups"),
    [(1, [1]), (64, [64]), (65, [64, 1]), (128, [64, 64]), (256, [256]), (600, [256, 256, 64, 24])],
)
def test_group_sizes(columns: int, groups: list[int]) -> None:
    assert group_columns(columns) == groups


@pytest.mark.parametrize("cuts", [0, 1, 3, 8])
@pytest.mark.parametrize("compressor", sorted(COMPRESSORS))
def test_timing(run_streams: Any, cuts: int, compressor: str) -> None:
    """Vectors back to back leave every `interval` cycles, the first `latency` cycles after its last plane."""
    dut = CimMacro(rows=9, columns=3, activation_bits=3, cuts=cuts, compressor=compressor)
    beats = [beat for _ in range(4) for beat in planes_of(dut, np.arange(9) % 8, 3)]
    result = run_streams(dut, {"i": beats}, {"o": 4})
    accepted = [cycle for cycle, _ in result["accepted i"]]
    assert accepted == list(range(12))
    assert [cycle for cycle, _ in result["o"]] == [2 + dut.latency + n * dut.interval for n in range(4)]


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("row_enables", [False, True])
@pytest.mark.parametrize("compressor", sorted(COMPRESSORS))
def test_planes_exchange(seed: int | None, row_enables: bool, compressor: str) -> None:
    """While vectors use one plane, the other is written; the swap comes with the plane that is the first to use it."""
    dut = CimMacro(rows=4, columns=5, activation_bits=2, planes=2, compressor=compressor, row_enables=row_enables)
    draw = np.random.default_rng(7)
    tiles = draw.integers(0, 2, (5, 4, 5))
    vectors = draw.integers(0, 4, (5, 3, 4))
    expected = [(v @ t).tolist() for t, vs in zip(tiles, vectors, strict=True) for v in vs]
    assert exchange(dut, tiles, vectors, seed) == expected


def exchange(dut: CimMacro, tiles: Any, vectors: Any, seed: int | None) -> list[list[int]]:
    """The sums of `vectors[t]` on `tiles[t]`, each tile written as soon as the one before it is in use."""
    chance = random.Random(seed)
    got: list[list[int]] = []
    written = used = 0

    async def writer(ctx: Any) -> None:
        nonlocal written
        for number, cells in enumerate(tiles):
            while used < number:
                await ctx.tick()
            await load(dut, weight_rows(dut, cells, [1, 0, 1, 1]))(ctx)
            written += 1

    async def sender(ctx: Any) -> None:
        nonlocal used
        for number, batch in enumerate(vectors):
            while written <= number:
                await ctx.tick()
            for first, vector in enumerate(batch):
                for beat in planes_of(dut, vector, 2, swap=first == 0):
                    ctx.set(dut.i.payload, beat)
                    ctx.set(dut.i.valid, 1)
                    while True:
                        ready = ctx.get(dut.i.ready)
                        await ctx.tick()
                        if ready:
                            break
                    ctx.set(dut.i.valid, 0)
                    used = number + 1

    async def collector(ctx: Any) -> None:
        while len(got) < sum(len(batch) for batch in vectors):
            ctx.set(dut.o.ready, seed is None or chance.random() < 0.3)
            if ctx.get(dut.o.valid & dut.o.ready):
                got.append(sums_of(dut, ctx.get(dut.o.payload))[0])
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for bench in (collector, writer, sender):
        simulator.add_testbench(bench)
    simulator.run()
    return got


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"rows": 0}, r"^Parameter rows of cim-macro must be from 1 to 4096, not 0$"),
        ({"columns": 0}, r"^Parameter columns of cim-macro must be from 1 to 65536, not 0$"),
        ({"activation_bits": 17}, r"^Parameter activation_bits of cim-macro must be from 1 to 16, not 17$"),
        ({"cell_bits": 9}, r"^Parameter cell_bits of cim-macro must be from 1 to 8, not 9$"),
        ({"planes": 3}, r"^Parameter planes of cim-macro must be from 1 to 2, not 3$"),
        ({"cuts": 9}, r"^Parameter cuts of cim-macro must be from 0 to 8, not 9$"),
        ({"tag_bits": -1}, r"^Parameter tag_bits of cim-macro must be from 0 to 64, not -1$"),
    ],
)
def test_refused(parameters: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        CimMacro(**parameters)


def test_wrong_kinds() -> None:
    with pytest.raises(TypeError, match=r"^Parameter signed of cim-macro must be True or False, not 1$"):
        CimMacro(signed=1)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"^Parameter rows of cim-macro must be an integer, not 2\.0$"):
        CimMacro(rows=2.0)  # pyright: ignore[reportArgumentType]
