"""The activation unit, exported, under Verilator: every code of every function beside values that pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.integer.activation_unit import activation_unit
from quadrille.algo.spec import (
    Clamp,
    Function,
    IntFormat,
    InvalidInput,
    Polynomial,
    Reflection,
    Round,
    Segment,
    Wrap,
)
from quadrille.hw.engine import ActivationUnit, Configuration
from quadrille.hw.engine.activation import Functions
from quadrille.hw.export import export
from quadrille.sim.model import Model, Stall

WAVE = Function(
    "wave",
    IntFormat(10, signed=True),
    (Wrap(7), Polynomial((Segment(0, 0, 64, -1),), reflection=Reflection(-1)), Round(4, IntFormat(8, signed=True))),
)
STEPS = Function(
    "steps",
    IntFormat(9),
    (Clamp(0, 300), Polynomial((Segment(0, 5, 3), Segment(100, -40, 1, 2))), Round(7, IntFormat(8))),
)
LANES = 3
SIZES: dict[str, Any] = {"lanes": LANES, "value_bits": 11, "result_bits": 12, "table_rows": 4, "frame_bits": 2}


def run_all(folder: Path, unit: ActivationUnit, stall: Stall | None = None) -> None:
    """Every code of every function, routes mixed beat by beat, on every lane."""
    functions, draw = unit.functions, np.random.default_rng(4)
    model = Model(export(unit, folder))
    select = np.arange(4) % (len(functions) + 1)
    model.run(
        {
            "i_table": {"address": np.arange(4), "row.select": select},
            "i": {
                "values": np.zeros((5, LANES), np.int64),
                "route": np.zeros(5, np.int64),
                "frame": np.zeros(5, np.int64),
                "first": np.zeros(5, np.int64),
            },
        },
        {"o": 5},
    )
    codes = [np.arange(-1024, 1024)]
    codes += [np.arange(f.input.interval.lo, f.input.interval.hi + 1) for f in functions]
    values = np.concatenate([codes[n] for n in select])
    route = np.concatenate([np.full(len(codes[n]), place) for place, n in enumerate(select)])
    order = draw.permutation(len(values))
    values, route = values[order], route[order]
    # Neighbours of one route stand side by side: each lane sees every code, in another order.
    lanes = np.stack([values] * LANES, axis=1)
    for place in range(4):
        rows = np.flatnonzero(route == place)
        for lane in range(1, LANES):
            lanes[rows, lane] = draw.permutation(values[rows])
    frame, first = np.arange(len(values)) % 4, np.arange(len(values)) % 3 == 0
    expected = activation_unit(
        lanes, route, frame, first.astype(np.int64), {"select": select}, **unit.parameter_values()
    )
    beats = {"values": lanes, "route": route, "frame": frame, "first": first.astype(np.int64)}
    run = model.run({"i": beats}, {"o": len(values)}, stall=stall)
    for name, found in expected.items():
        assert np.array_equal(run.streams["o"].fields[name], found), name


@pytest.mark.verilator
@pytest.mark.parametrize("cuts", [1, 3, 12])
def test_every_code_of_every_function(tmp_path: Path, cuts: int) -> None:
    unit = ActivationUnit(functions=(WAVE, STEPS), cuts=cuts, **SIZES)
    assert unit.latency == cuts + 2
    run_all(tmp_path, unit)


@pytest.mark.verilator
def test_stalls(tmp_path: Path) -> None:
    run_all(tmp_path, ActivationUnit(functions=(STEPS,), cuts=2, **SIZES), Stall(0.4, seed=3))


def test_functions_as_a_parameter() -> None:
    parameter = Functions("functions", "what there is")
    text = json.dumps(parameter.record((WAVE, STEPS)))
    assert parameter.parse("unit", text) == (WAVE, STEPS)
    with pytest.raises(InvalidInput, match=r"^Parameter functions of unit must be records of functions, as JSON, not "):
        parameter.parse("unit", "wave")
    with pytest.raises(TypeError, match=r"^Parameter functions of unit must be a tuple of functions, not 3$"):
        parameter.check("unit", 3)
    values: dict[str, Any] = Configuration.defaults() | {"functions": (WAVE,)}
    configuration = Configuration(**values)
    assert Configuration.from_record(json.loads(json.dumps(configuration.record()))) == configuration


def test_twin_refuses_what_there_is_not() -> None:
    beat, values = np.zeros(1, np.int64), np.zeros((1, 3), np.int64)
    with pytest.raises(InvalidInput, match=r"^Rows must select one of 1 functions or 0, not 2$"):
        activation_unit(values, beat, beat, beat, {"select": beat + 2}, lanes=3, functions=(WAVE,))
