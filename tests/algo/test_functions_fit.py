"""The fitter: every fit within its target over all inputs, as few segments as there can be, and every refusal."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.functions import NAMES, WAVES, Fit, Placement, Scalar, Symmetry, fit, named, survey, worst_error
from quadrille.algo.integer.activation import evaluate, every_code
from quadrille.algo.spec import Clamp, Form, Function, IntFormat, InvalidInput, Wrap

S8, S12, U8 = IntFormat(8, signed=True), IntFormat(12, signed=True), IntFormat(8)
SMOOTH = [name for name in NAMES if name not in WAVES]


def exact_error(found: Fit) -> Fraction:
    """The worst error by fractions, one code after the other: what numpy must have found."""
    function, limits = found.function, found.function.output.interval
    worst = Fraction(0)
    for code, y in zip(every_code(function), evaluate(function, every_code(function)), strict=True):
        reduced = int(code)
        for stage in function.stages:
            if isinstance(stage, Wrap):
                half = 1 << (stage.bits - 1)
                reduced = (reduced + half) % (2 * half) - half
            if isinstance(stage, Clamp):
                reduced = min(max(reduced, stage.low), stage.high)
        f = Fraction(found.scalar(reduced / 2**function.input_fraction)) * 2**function.output_fraction
        worst = max(worst, abs(int(y) - min(max(f, Fraction(limits.lo)), Fraction(limits.hi))))
    return worst


def check(found: Fit, target: float = 1.0) -> None:
    error = exact_error(found)
    assert error <= Fraction(target) and found.error == float(error)
    errors = found.errors()
    worst = abs(errors[found.worst_code - found.function.input.interval.lo])
    assert worst == pytest.approx(found.error) and np.abs(errors).max() == pytest.approx(found.error)
    assert found.segments == len(found.polynomial.segments) and found.table_bits == found.polynomial.table_bits
    assert Function.from_record(found.function.record()) == found.function


@pytest.mark.parametrize("placement", list(Placement))
@pytest.mark.parametrize("name", SMOOTH)
def test_every_function_is_within_one_unit(name: str, placement: Placement) -> None:
    input = U8 if named(name).interval[0] > 0 else S8
    check(fit(name, input, S8, input_fraction=5, output_fraction=5, placement=placement))


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("degree", [0, 1, 2])
@pytest.mark.parametrize("name", ["sigmoid", "mish", "sin"])
def test_every_degree_and_form_is_within_one_unit(name: str, degree: int, form: Form) -> None:
    found = fit(name, S8, S8, input_fraction=5, output_fraction=5, degree=degree, form=form)
    check(found)
    coefficients = [(s.c1, s.c2) for s in found.polynomial.segments]
    assert degree == 2 or all(c2 == 0 for _, c2 in coefficients)
    assert degree > 0 or all(c1 == 0 for c1, _ in coefficients)


@pytest.mark.parametrize("placement", list(Placement))
@pytest.mark.parametrize("name", ["gelu", "sin", "exp", "sigmoid", "tanh", "mish"])
def test_continuous_pieces_join(name: str, placement: Placement) -> None:
    found = fit(name, S12, S12, input_fraction=8, output_fraction=8, placement=placement, continuous=True)
    check(found)
    assert found.continuous and found.joint_step == 0
    if found.polynomial.reflection is not None and found.polynomial.reflection.sign < 0:
        assert 2 * found.polynomial.segments[0].c0 == found.polynomial.reflection.constant


def test_pieces_may_step_where_they_are_not_asked_to_join() -> None:
    found = fit("sin", S8, S8, input_fraction=5, output_fraction=5)
    assert not found.continuous and 0 < found.joint_step < 4


@pytest.mark.parametrize("widths", [(14, 10, 6), (16, 8, 8), 28, 22])
@pytest.mark.parametrize("name", ["gelu", "exp"])
def test_coefficients_keep_to_their_widths(name: str, widths: tuple[int, int, int] | int) -> None:
    found = fit(name, S12, S12, input_fraction=8, output_fraction=8, widths=widths)
    check(found)
    if isinstance(widths, int):
        assert sum(found.widths) <= widths
    else:
        assert all(width <= limit for width, limit in zip(found.widths, widths, strict=True))


def test_fewest_segments() -> None:
    """No real quadratics do with fewer: the corridor of any one-segment-less cover has a proof against it."""
    for name in ("gelu", "mish", "sin"):
        found = fit(name, S8, S8, input_fraction=5, output_fraction=5)
        with pytest.raises(InvalidInput):
            fit(name, S8, S8, input_fraction=5, output_fraction=5, segments=found.segments - 1)


def test_more_segments_make_no_larger_table() -> None:
    least = fit("sin", S12, S12, input_fraction=8, output_fraction=8)
    found = fit("sin", S12, S12, input_fraction=8, output_fraction=8, segments=16)
    check(found)
    assert found.table_bits <= least.table_bits and found.segments <= 16


@pytest.mark.parametrize("segments", [1, 2, 4, 8])
def test_without_a_target_the_least_error_is_found(segments: int) -> None:
    found = fit("tanh", S12, S12, input_fraction=8, output_fraction=10, segments=segments, target=None)
    finer = fit("tanh", S12, S12, input_fraction=8, output_fraction=10, segments=2 * segments, target=None)
    assert found.segments <= segments and 0.5 <= finer.error <= found.error
    with pytest.raises(InvalidInput, match=r"^Target of fit 'tanh' must be"):
        fit("tanh", S12, S12, input_fraction=8, output_fraction=10, segments=segments, target=0.45)


def test_uniform_segments_are_as_many_as_asked_and_equally_wide() -> None:
    found = fit("exp", S8, S8, input_fraction=4, output_fraction=6, placement="uniform", segments=16)
    check(found)
    starts = [segment.start for segment in found.polynomial.segments]
    assert len(starts) == 16 and {b - a for a, b in zip(starts, starts[1:], strict=False)} == {8}


@pytest.mark.parametrize("name", ["gelu", "exp", "mish", "reciprocal"])
def test_dyadic_segments_are_prefixes(name: str) -> None:
    input = IntFormat(12) if name == "reciprocal" else S12
    found = fit(name, input, S12, input_fraction=10, output_fraction=9, placement="power-of-two")
    starts = [segment.start for segment in found.polynomial.segments]
    for start, following in zip(starts, starts[1:], strict=False):
        width = following - start
        assert width & (width - 1) == 0 and start % width == 0


def test_symmetry_halves_the_table() -> None:
    half = fit("tanh", S12, S12, input_fraction=8, output_fraction=10)
    whole = fit("tanh", S12, S12, input_fraction=8, output_fraction=10, symmetry="none")
    check(half)
    check(whole)
    assert half.symmetry is Symmetry.ODD and half.polynomial.reflection is not None
    assert whole.polynomial.reflection is None and whole.segments > half.segments


@pytest.mark.parametrize(
    ("function", "symmetry"),
    [
        (lambda x: x * x / 8, Symmetry.EVEN),
        (lambda x: math.atan(x), Symmetry.ODD),
        (lambda x: 0.5 + math.atan(x) / math.pi, Symmetry.COMPLEMENT),
        (lambda x: max(x, 0.0), Symmetry.RAMP),
        (lambda x: math.cos(x + 0.5), Symmetry.NONE),
    ],
)
def test_symmetry_of_any_callable_is_seen(function, symmetry: Symmetry) -> None:
    found = fit(function, S8, S8, input_fraction=5, output_fraction=5)
    check(found)
    assert found.symmetry is symmetry


@pytest.mark.parametrize("name", ["gelu", "silu", "softplus"])
def test_slope_of_a_reflection_takes_the_shift_it_needs(name: str) -> None:
    """f(-x) = f(x) - x with fewer output than input fraction bits."""
    check(fit(name, S12, S8, input_fraction=9, output_fraction=3))


@pytest.mark.parametrize("name", ["sigmoid", "gelu", "tanh"])
def test_codes_may_count_more_than_ones(name: str) -> None:
    """Negative fraction bits, of either end."""
    check(fit(name, S8, S8, input_fraction=4, output_fraction=-1))
    check(fit(name, S8, S8, input_fraction=-2, output_fraction=-3))
    check(fit(name, S8, S8, input_fraction=-1, output_fraction=4))


def test_period_is_wrapped() -> None:
    found = fit("sin", S12, S12, input_fraction=8, output_fraction=10, period=4.0)
    check(found)
    assert found.function.stages[0] == Wrap(10)
    assert found.polynomial.segments[-1].start < 512
    assert worst_error(found.function, lambda x: math.sin(math.pi * x / 2))[0] < 1.01


def test_interval_is_clamped() -> None:
    found = fit("exp", S8, U8, input_fraction=4, output_fraction=7)
    check(found)
    assert found.function.stages[0] == Clamp(-128, 0)
    narrow = fit("tanh", S8, S8, input_fraction=4, output_fraction=7, interval=(-2.0, 2.0))
    check(narrow)
    assert narrow.function.stages[0] == Clamp(-32, 32)


def test_saturation_lets_the_polynomial_pass() -> None:
    found = fit(lambda x: x * x, S8, S8, input_fraction=4, output_fraction=4)
    check(found)
    assert found.segments == 1


def test_piece_of_one_code() -> None:
    steps = Scalar("steps", lambda x: math.floor(x * 8) % 2 * 3.0)
    check(fit(steps, S8, S8, input_fraction=5, output_fraction=4))


ROWS_8 = {"gelu": (2, 50), "tanh": (2, 70), "exp": (3, 96), "reciprocal": (2, 50)}


@pytest.mark.parametrize("bits", [8, 12])
def test_survey(bits: int) -> None:
    rows = {row.name: row for row in survey(bits)}
    assert set(rows) == set(NAMES)
    for row in rows.values():
        assert row.error <= 1 and worst_error(row.function, row.name)[0] <= 1
        assert row.function.input.bits == row.function.output.bits == bits
    if bits == 8:
        assert {name: (rows[name].segments, rows[name].table_bits) for name in ROWS_8} == ROWS_8


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6),
    st.integers(3, 9),
    st.integers(2, 8),
    st.sampled_from(list(Placement)),
    st.booleans(),
    st.sampled_from(list(Form)),
    st.booleans(),
)
def test_any_smooth_function_in_any_formats(
    seed: int, bits: int, out: int, placement: Placement, continuous: bool, form: Form, signed: bool
) -> None:
    a, b, c, d = np.random.default_rng(seed).uniform(-2, 2, 4)
    found = fit(
        Scalar("any", lambda x: float(a * math.sin(b * x) + c * x + d)),
        IntFormat(bits, signed=signed),
        IntFormat(out, signed=True),
        input_fraction=bits - 2,
        output_fraction=out - 3,
        placement=placement,
        continuous=continuous,
        form=form,
    )
    check(found)
    assert found.continuous or not continuous
