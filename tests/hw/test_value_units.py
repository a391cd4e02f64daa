"""Residual unit, pooling unit and requantizer, exported, under Verilator: every beat against their twins."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer.arithmetic import round_shift
from quadrille.algo.integer.pooling import MAX, NONE, SUM, pooling_unit
from quadrille.algo.integer.requantizer import requantizer
from quadrille.algo.integer.residual import residual_unit
from quadrille.algo.spec import InvalidInput
from quadrille.hw.engine.pooling import PoolingUnit
from quadrille.hw.engine.requantizer import Requantizer
from quadrille.hw.engine.residual import ResidualUnit
from quadrille.hw.export import export
from quadrille.sim.model import Model, Stall

Arrays = dict[str, np.ndarray]

SMALL = {"lanes": 3, "table_rows": 4, "frame_bits": 2}
MAPS = SMALL | {"groups": 3, "width": 6, "height": 5}
RESIDUAL = MAPS | {"value_bits": 7, "residual_bits": 4, "result_bits": 8, "mantissa_bits": 5, "shift_bits": 3}
RESIDUAL |= {"depth": 500}
POOLING = MAPS | {"value_bits": 4, "pool_bits": 7, "depth": 18}
REQUANTIZER = SMALL | {"value_bits": 9, "result_bits": 5, "mantissa_bits": 4, "shift_bits": 4}

UNITS: list[tuple[type, dict[str, int]]] = [
    (ResidualUnit, RESIDUAL),
    (PoolingUnit, POOLING),
    (Requantizer, REQUANTIZER),
    (ResidualUnit, RESIDUAL | {"memory_cuts": 1, "lane_cuts": 2}),
    (ResidualUnit, RESIDUAL | {"lane_cuts": 1}),
    (PoolingUnit, POOLING | {"memory_cuts": 1}),
    (Requantizer, REQUANTIZER | {"memory_cuts": 1, "lane_cuts": 1}),
    (Requantizer, REQUANTIZER | {"lane_cuts": 2}),
]
TWINS: dict[type, Callable[..., Arrays]] = {
    ResidualUnit: residual_unit,
    PoolingUnit: pooling_unit,
    Requantizer: requantizer,
}


@pytest.fixture(scope="module", name="model")
def model_fixture(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Simulations of units by class and parameters, each built once."""

    @cache
    def model(kind: type, items: tuple[tuple[str, int], ...]) -> tuple[Any, Model]:
        block = kind(**dict(items))
        return block, Model(export(block, tmp_path_factory.mktemp("unit")))

    return lambda kind, parameters: model(kind, tuple(parameters.items()))


def integers(draw: np.random.Generator, bits: int, shape: Any) -> np.ndarray:
    """Signed numbers, their two ends more often than chance would have them."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return draw.choice([low, high, 0], shape) if draw.random() < 0.1 else draw.integers(low, high + 1, shape)


def play(unit: tuple[Any, Model], beats: Arrays, table: Arrays, words: Any = None, stall: Stall | None = None) -> Any:
    """Write table and memory, then run `beats`; the last row of the table must not be among those written.

    That row is all zeros, so that its beats pass: they fill the time in which the others are written.
    """
    block, model = unit
    rows = {"address": np.arange(block.table_rows - 1)} | {f"row.{k}": v[:-1] for k, v in table.items()}
    inputs = {"i_table": rows}
    if words is not None:
        inputs["i_words"] = {"address": np.arange(len(words)), "values": words}
    count = max(len(stream["address"]) for stream in inputs.values()) + 1
    warm = {name: np.zeros((count, *array.shape[1:]), np.int64) for name, array in beats.items()}
    warm["route"] += block.table_rows - 1
    model.run(inputs | {"i": warm}, {"o": count})
    expected = TWINS[type(block)](
        *(beats[name] for name in ("values", "route", "frame", "first")),
        table,
        *(() if words is None else (words,)),
        **block.parameter_values(),
    )
    run = model.run({"i": beats}, {"o": len(expected["values"])}, stall=stall)
    for name, values in expected.items():
        assert np.array_equal(run.streams["o"].fields[name], values), name
    return run


def passes_of(draw: np.random.Generator, table: Arrays, parameters: dict[str, int], frames: int) -> Arrays:
    """Beats of several passes, each of a random route over `frames` maps; some are given up midway."""
    parts = []
    for number in draw.integers(0, parameters["table_rows"], 4):
        windows = int(table["width"][number] * table["height"][number]) if "width" in table else 7
        groups = int(table["groups"][number]) if "groups" in table else 2
        count = whole = frames * max(1, windows * groups)
        if draw.random() < 0.3:
            count = int(draw.integers(1, whole + 1))
        parts.append(
            {
                "values": integers(draw, parameters["value_bits"], (count, parameters["lanes"])),
                "route": np.full(count, number),
                "frame": np.arange(count) * frames // whole,
                "first": np.arange(count) == 0,
            }
        )
    return {name: np.concatenate([part[name] for part in parts]).astype(np.int64) for name in parts[0]}


def random_table(draw: np.random.Generator, kind: type, parameters: dict[str, int]) -> Arrays:
    """Random rows, the last all zeros."""
    rows, table = parameters["table_rows"], {}
    if kind is not Requantizer:
        table |= {name: draw.integers(1, parameters[name] + 1, rows) for name in ("groups", "width", "height")}
    if kind is PoolingUnit:
        table |= {"kind": draw.integers(0, 3, rows)}
        table |= {f"window_{name}": draw.integers(1, table[name] + 1) for name in ("width", "height")}
    else:
        limits = integers(draw, parameters["result_bits"], (2, rows))
        table |= {"enable": draw.integers(0, 4, rows) > 0, "low": limits.min(0), "high": limits.max(0)}
        table |= {"shift": draw.integers(0, 1 << parameters["shift_bits"], rows)}
        names = ["mantissa"] if kind is Requantizer else ["mantissa_value", "mantissa_residual"]
        table |= {name: integers(draw, parameters["mantissa_bits"], rows) for name in names}
    if kind is ResidualUnit:
        # Maps with a gap behind each window and row, one after the other, or the same one for each frame.
        pitch = table["groups"] + draw.integers(0, 2, rows)
        height, steps = table["height"], table["width"] * table["height"] - 1
        table |= {"base": draw.integers(0, 30, rows), "present": draw.integers(0, table["groups"] + 1)}
        gap = draw.integers(0, 2, rows)
        table |= {"step_window": pitch, "step_row": pitch + gap}
        table["step_frame"] = np.where(draw.random(rows) < 0.5, pitch, -(pitch * steps + gap * (height - 1)) % 512)
    for values in table.values():
        values[-1] = 0
    return {name: values.astype(np.int64) for name, values in table.items()}


def every(ranges: dict[str, tuple[int, int]]) -> Arrays:
    """Rows with every combination of the fields, each in its range, and zeros last; the lower limit is the low one."""
    grid = np.meshgrid(*(np.arange(low, high) for low, high in ranges.values()), indexing="ij")
    table = {name: np.append(values.ravel(), 0) for name, values in zip(ranges, grid, strict=True)}
    low, high = table["low"], table["high"]
    return table | {"low": np.minimum(low, high), "high": np.maximum(low, high)}


@pytest.mark.verilator
@pytest.mark.parametrize(("kind", "parameters"), UNITS)
def test_equals_its_twin_on_maps_of_every_shape(model: Any, kind: type, parameters: dict[str, int]) -> None:
    unit = model(kind, parameters)

    @settings(derandomize=True, deadline=None, max_examples=60)
    @given(seed=st.integers(0, 1 << 32), frames=st.integers(1, 3), stall=st.sampled_from([0.0, 0.3, 0.7]))
    def check(seed: int, frames: int, stall: float) -> None:
        draw = np.random.default_rng(seed)
        table = random_table(draw, kind, parameters)
        beats = passes_of(draw, table, parameters, frames)
        words = None
        if kind is ResidualUnit:
            words = integers(draw, parameters["residual_bits"], (parameters["depth"], parameters["lanes"]))
        run = play(unit, beats, table, words, Stall(stall, seed=seed & 0xFFFF) if stall else None)
        assert run.streams["o"].surplus == 0

    check()


@pytest.mark.verilator
def test_residual_unit_computes_every_sum_of_small_formats(model: Any) -> None:
    parameters = {"lanes": 8, "value_bits": 3, "residual_bits": 3, "result_bits": 3, "mantissa_bits": 2}
    parameters |= {"shift_bits": 2, "table_rows": 4097, "depth": 8, "groups": 1, "width": 8, "height": 1}
    unit = model(ResidualUnit, parameters)
    names = ("mantissa_value", "mantissa_residual", "shift", "low", "high")
    table = every(dict(zip(names, ((-2, 2), (-2, 2), (0, 4), (-4, 4), (-4, 4)), strict=True)))
    one = np.append(np.ones(4096, np.int64), 0)
    table |= {"enable": one, "groups": one, "present": one, "width": 8 * one, "height": one, "step_window": one}
    table |= {name: 0 * one for name in ("base", "step_row", "step_frame")}
    lanes, residuals = np.arange(8) - 4, np.repeat(np.arange(8)[:, None] - 4, 8, axis=1)
    route = np.repeat(np.arange(4096), 8)
    beats = {"values": np.tile(lanes, (len(route), 1)), "route": route, "frame": 0 * route}
    run = play(unit, beats | {"first": (np.arange(len(route)) % 8 == 0).astype(np.int64)}, table, residuals)
    value, residual, shift, low, high = (table[name][:-1, None, None] for name in names)
    expected = np.clip(round_shift(value * lanes + residual * residuals, shift), low, high)
    assert np.array_equal(run.streams["o"].fields["values"], expected.reshape(-1, 8))


@pytest.mark.verilator
def test_requantizer_computes_every_product_of_small_formats(model: Any) -> None:
    parameters = {"lanes": 16, "value_bits": 4, "result_bits": 4, "mantissa_bits": 3, "shift_bits": 2}
    unit = model(Requantizer, parameters | {"table_rows": 2 * 8 * 4 * 256 + 1})
    table = every({"enable": (0, 2), "mantissa": (-4, 4), "shift": (0, 4), "low": (-8, 8), "high": (-8, 8)})
    route = np.arange(len(table["enable"]) - 1)
    beats = {"values": np.tile(np.arange(16) - 8, (len(route), 1)), "route": route, "frame": 0 * route}
    play(unit, beats | {"first": 0 * route}, table)


@pytest.mark.verilator
def test_pooling_unit_combines_every_pair_of_small_values(model: Any) -> None:
    parameters = MAPS | {"lanes": 16, "value_bits": 4, "pool_bits": 4, "depth": 1, "table_rows": 3, "width": 16}
    unit = model(PoolingUnit, parameters)
    table = {"kind": [MAX, SUM, 0], "groups": [1, 1, 0], "width": [1, 1, 0], "height": [2, 2, 0]}
    table = {name: np.array(values) for name, values in table.items()}
    table |= {"window_width": table["width"], "window_height": table["height"]}
    route = np.repeat([0, 1], 32)
    values = np.where(np.arange(64)[:, None] % 2, np.arange(64)[:, None] // 2 % 16 - 8, np.arange(16) - 8)
    beats = {"values": values, "route": route, "frame": 0 * route, "first": (np.arange(64) % 32 == 0).astype(np.int64)}
    got = play(unit, beats, table).streams["o"].fields["values"]
    one, other = np.arange(16) - 8, np.arange(16)[:, None] - 8
    assert np.array_equal(got[:16], np.maximum(one, other))
    assert np.array_equal(got[16:], (one + other + 8) % 16 - 8)


@pytest.mark.verilator
@pytest.mark.parametrize(("kind", "parameters"), UNITS)
def test_latency_is_as_declared_for_every_beat(model: Any, kind: type, parameters: dict[str, int]) -> None:
    block, _ = unit = model(kind, parameters)
    table = random_table(np.random.default_rng(1), kind, parameters)
    beats = passes_of(np.random.default_rng(2), table | {"kind": np.zeros(4)}, parameters, 3)
    table |= {"kind": np.full(4, NONE)} if kind is PoolingUnit else {}
    words = np.ones((parameters["depth"], 3), np.int64) if kind is ResidualUnit else None
    run = play(unit, beats, table, words)
    accepted = run.input_cycles["i"]
    assert np.array_equal(np.diff(accepted), np.ones(len(accepted) - 1)), "a beat in every cycle"
    assert np.array_equal(run.streams["o"].cycles, accepted + block.latency)


def bits_of(layout: Any, row: dict[str, int]) -> int:
    """A row as the integer that a table starts with."""
    return sum((value & ((1 << layout[name].width) - 1)) << layout[name].offset for name, value in row.items())


@pytest.mark.parametrize(("kind", "parameters"), UNITS)
def test_table_may_be_there_from_the_start(run_streams: Any, kind: type, parameters: dict[str, int]) -> None:
    draw = np.random.default_rng(4)
    table = random_table(draw, kind, parameters)
    rows = [{name: int(values[n]) for name, values in table.items()} for n in range(parameters["table_rows"])]
    layout = kind(**parameters)
    layout.inspected()
    block = kind(**parameters, table=tuple(bits_of(layout.row, row) for row in rows))
    beats = passes_of(draw, table, parameters, 1)
    words = [np.zeros((parameters["depth"], 3), np.int64)] if kind is ResidualUnit else []
    expected = TWINS[kind](*(beats[n] for n in ("values", "route", "frame", "first")), table, *words, **parameters)
    fed = [{name: values[n].tolist() for name, values in beats.items()} for n in range(len(beats["route"]))]
    got = run_streams(block, {"i": fed}, {"o": len(expected["route"])}, seed=3)["o"]
    assert [[int(value) for value in beat.values] for _, beat in got] == expected["values"].tolist()
    for name in ("route", "frame", "first"):
        assert [int(beat[name]) for _, beat in got] == expected[name].tolist()


def test_results_narrower_than_values_are_refused() -> None:
    message = r"^Parameter pool_bits of pooling-unit must be at least the 12 bits of a value, not 8$"
    with pytest.raises(InvalidInput, match=message):
        PoolingUnit(value_bits=12, pool_bits=8)


@pytest.mark.parametrize(("kind", "parameters"), UNITS)
def test_parameters_out_of_range_are_refused(kind: type, parameters: dict[str, int]) -> None:
    message = f"Parameter table_rows of {kind.block_name} must be from 1 to 65536, not 0"
    with pytest.raises(InvalidInput, match=f"^{re.escape(message)}$"):
        kind(**parameters | {"table_rows": 0})
