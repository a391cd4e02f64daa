"""The programmable unit under Verilator: every code, random tables, and rewrites while beats are on their way."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.functions import fit
from quadrille.algo.integer.activation import evaluate, every_code, program, programmable_quadratic
from quadrille.algo.spec import Function, IntFormat, InvalidInput, Polynomial, Reflection, Round, Segment, Wrap
from quadrille.hw.activation import ProgrammableQuadratic
from quadrille.hw.export import export
from quadrille.sim.model import Model, Stall

Arrays = dict[str, np.ndarray]

Parameters = dict[str, Any]

SMALL: Parameters = {"input_bits": 7, "output_bits": 6, "segments": 5, "c0_bits": 12, "c1_bits": 7, "c2_bits": 5}
SMALL |= {"slope_bits": 6, "inner_shift": 2, "shift": 5, "lanes": 2, "cuts": 4}
WIDE: Parameters = {"input_bits": 12, "output_bits": 12, "segments": 9, "inner_shift": 9, "shift": 11}
WIDE |= {"c0_bits": 24, "c1_bits": 15, "c2_bits": 10, "lanes": 4, "cuts": 7, "periodic": True}
UNSIGNED = SMALL | {"input_signed": False, "output_signed": False, "cuts": 1}
FLAT = SMALL | {"inner_shift": 0, "segments": 1, "slope_bits": 0, "cuts": 2}
UNITS = [SMALL, WIDE, UNSIGNED, FLAT, SMALL | {"cuts": 9, "periodic": True}]


@pytest.fixture(scope="module", name="unit")
def unit_fixture(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Simulations by parameters, each built once."""

    @cache
    def unit(items: tuple[tuple[str, Any], ...]) -> tuple[Any, Model]:
        block = ProgrammableQuadratic(**dict(items))
        return block, Model(export(block, tmp_path_factory.mktemp("unit")))

    return lambda parameters: unit(tuple(parameters.items()))


def signed(draw: np.random.Generator, bits: int, shape: Any = None) -> Any:
    """Signed numbers, their two ends more often than chance would have them."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return draw.choice([low, high], shape) if draw.random() < 0.1 else draw.integers(low, high + 1, shape)


def random_rows(draw: np.random.Generator, block: Any) -> Arrays:
    """A table with all that a row can hold; some rows are not reached."""
    count, codes = block.segments, block.input.interval
    reflect = int(block.input_signed and draw.random() < 0.6)
    period = int(draw.integers(0, block.input_bits + 1)) if block.periodic else 0
    codes = IntFormat(period, signed=True).interval if period else codes
    low, high = (0 if reflect else codes.lo), (-codes.lo if reflect else codes.hi)
    starts = np.sort(draw.integers(low, high + 3, count))
    starts[0] = low
    rows = {"start": np.append(starts, signed(draw, block.input_bits))} if block.input_signed else {}
    rows |= {} if block.input_signed else {"start": np.append(starts, 0)}
    rows |= {name: signed(draw, getattr(block, f"{name}_bits"), count + 1) for name in ("c0", "c1", "c2")}
    rows |= {"period": np.full(count + 1, period)} if block.periodic else {}
    shifts = [name for name in ("inner_shift", "shift") if getattr(block, name)]
    rows |= {name: draw.integers(0, getattr(block, name) + 1, count + 1) for name in shifts}
    if block.input_signed:
        rows |= {"reflect": draw.integers(0, 2, count + 1), "negate": draw.integers(0, 2, count + 1)}
        rows["reflect"][-1] = reflect
        if block.slope_bits:
            rows["slope"] = signed(draw, block.slope_bits, count + 1)
    return rows


def writes(tables: list[Arrays]) -> Arrays:
    """The beats of i_table that write each table, and commit it with the last."""
    count = len(tables[0]["start"])
    beats = {f"row.{name}": np.concatenate([table[name] for table in tables]) for name in tables[0]}
    address = np.tile(np.arange(count), len(tables))
    return beats | {"address": address, "commit": (address == count - 1).astype(np.int64)}


@pytest.mark.verilator
@pytest.mark.parametrize("parameters", UNITS)
def test_rewrites_take_effect_between_two_beats(unit: Any, parameters: dict[str, Any]) -> None:
    block, model = unit(parameters)

    @settings(derandomize=True, deadline=None, max_examples=20)
    @given(seed=st.integers(0, 1 << 32), stall=st.sampled_from([0.0, 0.3, 0.8]))
    def check(seed: int, stall: float) -> None:
        draw = np.random.default_rng(seed)
        tables = [random_rows(draw, block) for _ in range(6)]
        beats = writes(tables)
        values = draw.integers(block.input.interval.lo, block.input.interval.hi + 1, (150, block.lanes))
        stalls = Stall({"i": stall / 2, "o": stall, "i_table": stall}, seed=seed & 0xFFFF) if stall else None
        run = model.run({"i": {"values": values}, "i_table": beats}, {"o": len(values)}, stall=stalls)
        committed = run.input_cycles["i_table"][beats["commit"] == 1]
        # A beat that comes in the cycle of a commit is still before it; before the first, a table is all zeros.
        number = np.searchsorted(committed, run.input_cycles["i"], side="left") - 1
        assert len(set(number.tolist())) > 3, "the tables must change while beats are on their way"
        expected = np.zeros_like(values)
        for index, table in enumerate(tables):
            chosen = number == index
            if chosen.any():
                expected[chosen] = programmable_quadratic(values[chosen], table, **block.parameter_values())
        found = run.streams["o"].fields["values"]
        wrong = np.argwhere(found != expected)
        assert not len(wrong), f"beat {wrong[0]} with table {number[wrong[0][0]]}"

    check()


@pytest.mark.verilator
def test_every_code_of_functions_written_one_after_the_other(unit: Any) -> None:
    block, model = unit(WIDE)
    form = IntFormat(12, signed=True)
    starts = (0, 17, 64, 300, 512, 1024, 1500)
    tables = []
    for reflection in (Reflection(-1, 1 << 12), Reflection(1, 0, -(1 << 9)), Reflection(-1)):
        rows = tuple(Segment(s, 37 * s - 5000, 900 - s // 2, s % 31 - 15) for s in starts)
        tables.append(Function("f", form, (Polynomial(rows, 6, reflection), Round(9, form))))
    one = (Segment(-2048, -400_000, 4000, -11),)
    tables.append(Function("f", form, (Polynomial(one, 5), Round(7, form))))
    for name in ("gelu", "sigmoid", "exp"):
        tables.append(fit(name, form, form, input_fraction=8, output_fraction=8).function)
    tables.append(fit("sin", form, form, input_fraction=8, output_fraction=8, period=4.0).function)
    wave = Polynomial((Segment(0, 0, 512, -1),), reflection=Reflection(-1))
    tables.append(Function("wave", form, (Wrap(10), wave, Round(8, form))))
    codes = every_code(tables[0]).reshape(-1, 4)
    for function in tables:
        beats = writes([program(function, **block.parameter_values())])
        # The beats before are for the table to be in; a table and its use are told apart by the commit alone.
        idle = np.zeros((len(beats["address"]) + 1, 4), dtype=np.int64)
        model.run({"i_table": beats, "i": {"values": idle}}, {"o": len(idle)}, reset=False)
        run = model.run({"i": {"values": codes}}, {"o": len(codes)}, reset=False)
        assert np.array_equal(run.streams["o"].fields["values"], evaluate(function, codes))
        assert np.array_equal(run.streams["o"].cycles, run.input_cycles["i"] + block.latency)


def test_more_cuts_than_places_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^Cuts of programmable-quadratic must be from 1 to 12, not 13$"):
        parameters: Parameters = SMALL | {"cuts": 13}
        ProgrammableQuadratic(**parameters)
    with pytest.raises(InvalidInput, match=r"^Codes of programmable-quadratic must be signed to have periods"):
        ProgrammableQuadratic(input_signed=False, periodic=True)
    with pytest.raises(InvalidInput, match=r"^Parameter cuts of programmable-quadratic must be from 1 to 99, not 0$"):
        ProgrammableQuadratic(cuts=0)
