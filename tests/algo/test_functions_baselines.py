"""Baselines of the waves: every candidate within its bound at all codes, and by the method that it is named for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quadrille.algo.functions.baselines import BASELINES, Baseline
from quadrille.algo.functions.methods import MOST_ROWS, Formats, cordic_sine, plain_table, worst_error
from quadrille.algo.integer.activation import evaluate, every_code
from quadrille.algo.spec import (
    Cordic,
    Function,
    IntFormat,
    InvalidInput,
    Polynomial,
    Product,
    Rectify,
    Round,
    Square,
    Warp,
    Wrap,
)

S10 = IntFormat(10, signed=True)
SMALL = Formats(S10, S10, 6, 6)


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_candidates_are_within_one_unit(name: str) -> None:
    baseline = BASELINES[name]
    found = baseline.candidates(SMALL)
    assert found
    for candidate in found:
        assert len(candidate) == len(baseline.reals)
        for function, real in zip(candidate, baseline.reals, strict=True):
            # Computed anew, by other means than worst_error.
            codes = every_code(function)
            exact = np.array([real(code / 64) * 64 for code in codes.tolist()])
            exact = np.clip(exact, function.output.interval.lo, function.output.interval.hi)
            assert np.abs(evaluate(function, codes) - exact).max() <= 1 + 1e-9
            assert (function.input, function.output) == (S10, S10)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("sine-cordic", {Wrap, Cordic, Round}),
        ("sine-table", {Wrap, Polynomial, Round}),
        ("relu", {Rectify, Round}),
    ],
)
def test_method_is_what_it_is_called(name: str, kinds: set[type]) -> None:
    for (function,) in BASELINES[name].candidates(SMALL):
        assert {type(stage) for stage in function.stages} == kinds


def test_stages_that_define_a_function_are_there() -> None:
    assert all(isinstance(f.stages[1], Square) for (f,) in BASELINES["gauss-square"].candidates(SMALL))
    assert all(isinstance(f.stages[1], Warp) for (f,) in BASELINES["finer-linear"].candidates(SMALL))
    for real, imaginary in BASELINES["wire-complex"].candidates(SMALL):
        first, second = real.stages[0], imaginary.stages[0]
        assert isinstance(first, Product) and isinstance(second, Product)
        assert first.right == second.right and first.left != second.left


def test_plain_table_is_rounded_exactly() -> None:
    ((function,),) = BASELINES["sine-table"].candidates(SMALL)
    codes = every_code(function)
    exact = np.sin(codes * (math.pi / 2 / 64)) * 64
    assert np.abs(evaluate(function, codes) - exact).max() <= 0.5 + 1e-9


def test_linear_pieces_have_no_squares() -> None:
    for name in ("sine-linear", "gauss-linear", "wire-linear"):
        for (function,) in BASELINES[name].candidates(SMALL):
            tables = [stage for stage in function.stages if isinstance(stage, Polynomial)]
            assert tables and all(segment.c2 == 0 for table in tables for segment in table.segments)


def test_fewer_rotations_are_too_few() -> None:
    stages = cordic_sine(6, S10, 6, 1.0)
    cordic = next(stage for stage in stages if isinstance(stage, Cordic))
    fewer = Cordic(cordic.bits, cordic.guard, cordic.gain, cordic.angles[:-2])
    real = BASELINES["sine-cordic"].reals[0]
    shorter = Function("sine", IntFormat(8, signed=True), (stages[0], fewer, stages[2]), 6, 6)
    assert worst_error(shorter, real) > 1


def test_what_cannot_be_reached_is_said() -> None:
    with pytest.raises(InvalidInput, match=r"^Rotations must reach 0.5 units in the last place of 6 fraction bits$"):
        cordic_sine(6, S10, 6, 0.5)
    with pytest.raises(InvalidInput, match=rf"^Plain table must have at most {MOST_ROWS} rows, not 4097$"):
        plain_table(math.sin, 4096, -1, 12, IntFormat(16, signed=True), 12)
    wrong = Baseline((math.cos,), "table", BASELINES["sine-table"].make)
    with pytest.raises(
        InvalidInput, match=r"^Method table must reach 1 units in the last place at 6 fraction bits, and does not$"
    ):
        wrong.candidates(SMALL)
