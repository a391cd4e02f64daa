"""The named functions: what is said of each, and that the exact waves are the waves."""

import math

import numpy as np
import pytest

from quadrille.algo.functions import (
    NAMES,
    WAVES,
    Scalar,
    Symmetry,
    named,
    quad_wave,
    usual_formats,
    wave,
    worst_error,
)
from quadrille.algo.functions.corridor import detect_symmetry
from quadrille.algo.integer.activation import evaluate, every_code
from quadrille.algo.spec import Function, Interval, IntFormat, InvalidInput

S8, S12 = IntFormat(8, signed=True), IntFormat(12, signed=True)

# Digits from tables, not from the code under test.
VALUES = {
    "sigmoid": (2.0, 0.8807970779778823),
    "tanh": (0.5, 0.46211715726000973),
    "gelu": (-3.0, -0.00404969409489031),
    "silu": (1.0, 0.7310585786300049),
    "exp": (-1.0, 0.36787944117144233),
    "softplus": (-20.0, 2.0611536203143316e-09),
    "sin": (1.0, 0.8414709848078965),
    "cos": (1.0, 0.5403023058681398),
    "gauss": (1.5, 0.10539922456186433),
    "erf": (0.5, 0.5204998778130465),
    "mish": (1.0, 0.8650983882673103),
    "reciprocal": (1.6, 0.625),
    "reciprocal-square-root": (2.56, 0.625),
    "quad": (0.5, 0.75),
    "quad-cosine": (0.5, 0.75),
    "bump": (1.5, 0.75),
    "parabola": (0.5, 0.75),
    "triangle": (1.25, 0.75),
    "quad-finer": (0.5, 0.9375),
}


def test_every_name_has_a_value_here() -> None:
    assert set(VALUES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_value(name: str) -> None:
    x, expected = VALUES[name]
    assert named(name)(x) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_symmetry_is_the_one_the_values_have(name: str) -> None:
    scalar = named(name)
    if scalar.interval[0] < 0 < scalar.interval[1]:
        assert detect_symmetry(scalar, Interval(-1000, 1000), 8) is scalar.symmetry
    else:
        assert scalar.symmetry is Symmetry.NONE


@pytest.mark.parametrize("name", [name for name in NAMES if named(name).period is not None])
def test_period_repeats(name: str) -> None:
    scalar = named(name)
    assert scalar.period is not None
    for x in np.linspace(-3, 3, 31):
        assert scalar(x + scalar.period) == pytest.approx(scalar(x), abs=1e-12)


def test_beyond_its_interval_a_function_holds_the_value_at_the_end() -> None:
    assert named("exp")(5.0) == 1.0
    assert named("reciprocal")(0.0) == 1.0 and named("reciprocal")(9.0) == 0.5
    assert Scalar("identity", lambda x: x, interval=(-1.0, 2.0))(7.0) == 2.0


def test_far_out_nothing_overflows() -> None:
    for name in NAMES:
        assert math.isfinite(named(name)(-30000.0)) and math.isfinite(named(name)(30000.0))


def test_period_stretches() -> None:
    assert named("sin", period=4.0)(1.0) == pytest.approx(1.0)
    assert named("quad", period=8.0)(2.0) == pytest.approx(1.0)


def series(x: np.ndarray, amplitude: float, power: int, alternate: bool, cosine: bool) -> np.ndarray:
    total = np.zeros_like(x)
    for n in range(1, 4000, 2):
        sign = (-1) ** ((n - 1) // 2) if alternate else 1
        angle = n * math.pi * x / 2
        total += sign * amplitude / (math.pi * n) ** power * (np.cos(angle) if cosine else np.sin(angle))
    return total


@pytest.mark.parametrize(
    ("name", "amplitude", "power", "alternate", "cosine", "near"),
    [
        ("quad", 32.0, 3, False, False, 1e-7),
        ("quad-cosine", 32.0, 3, True, True, 1e-7),
        ("triangle", 8.0, 2, True, False, 1e-3),
    ],
)
def test_harmonics_of_the_docstring(
    name: str, amplitude: float, power: int, alternate: bool, cosine: bool, near: float
) -> None:
    x = np.linspace(-2, 2, 81)
    found = series(x, amplitude, power, alternate, cosine)
    assert np.abs(found - [named(name)(v) for v in x]).max() < near


def test_quad_wave_has_the_golden_vectors() -> None:
    vectors = {-1024: 0, -700: 238, -512: 0, -256: -256, -100: -161, -1: -2, 0: 0, 1: 2, 64: 112, 100: 161}
    vectors |= {256: 256, 300: 248, 511: 2, 512: 0, 640: -192, 1023: -2}
    function = quad_wave(S12, IntFormat(10, signed=True), 8, 8)
    assert evaluate(function, list(vectors)).tolist() == list(vectors.values())


@pytest.mark.parametrize("name", list(WAVES))
@pytest.mark.parametrize("bits", [6, 8, 12])
def test_wave_is_the_real_one_rounded(name: str, bits: int) -> None:
    formats = usual_formats(name, bits)
    function = wave(name, formats.input, formats.output, formats.input_fraction, formats.output_fraction)
    error, worst = worst_error(function, name)
    assert error <= (1.0 if name == "quad-finer" else 0.5)
    scale = 2.0**formats.output_fraction
    exact = [named(name)(code / 2**formats.input_fraction) * scale for code in every_code(function)]
    off = np.abs(evaluate(function, every_code(function)) - np.array(exact))
    assert off.max() == pytest.approx(error) and off[worst - function.input.interval.lo] == pytest.approx(error)
    assert Function.from_record(function.record()) == function


def test_wave_of_few_input_bits_gives_more_output_bits_by_scaling() -> None:
    function = wave("triangle", S8, S12, 4, 9)
    assert worst_error(function, "triangle")[0] == 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: named("relu"), r"^Function must be one of sigmoid, tanh, .*, not 'relu'$"),
        (lambda: named("tanh", period=4.0), r"^Function 'tanh' must repeat to take a period$"),
        (lambda: named("sin", period=-1.0), r"^Period of function 'sin' must be positive, not -1.0$"),
        (lambda: wave("saw", S8, S8, 5, 5), r"^Wave must be one of quad, .*, not 'saw'$"),
        (
            lambda: wave("quad", S8, S8, 2, 6),
            r"^Output of wave 'quad' must have from 0 to 4 fraction bits, twice those of the input, not 6$",
        ),
        (lambda: usual_formats("gelu", 3), r"^Bits of a function's formats must be from 4 to 20, not 3$"),
    ],
)
def test_refusals(call, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        call()
