"""Parts of the fitter: bounds from real values, polynomials between bounds; and every refusal."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.functions import Scalar, fit, named
from quadrille.algo.functions.corridor import Corridor, Reference
from quadrille.algo.functions.exchange import between
from quadrille.algo.functions.placement import Placer
from quadrille.algo.spec import IntFormat, InvalidInput

S8, S12 = IntFormat(8, signed=True), IntFormat(12, signed=True)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(0, 2))
def test_exchange_finds_what_linear_programming_would(seed: int, count: int, degree: int) -> None:
    """A polynomial put between bounds is found again; a proof against one means that 4 points contradict it."""
    random = np.random.default_rng(seed)
    x = np.arange(count, dtype=np.float64)
    values = np.polyval(random.normal(size=degree + 1) / [max(1.0, count) ** n for n in range(degree, -1, -1)], x)
    low, high = values - random.uniform(0.01, 2, count), values + random.uniform(0.01, 2, count)
    found = between(low, high, degree)
    assert found.fits
    c0, c1, c2 = found.coefficients
    fitted = c0 + c1 * x + c2 * x * x
    assert (fitted >= low - 1e-9).all() and (fitted <= high + 1e-9).all()


def test_exchange_proves_that_none_fits() -> None:
    x = np.arange(20, dtype=np.float64)
    found = between(np.abs(x - 10) - 1, np.abs(x - 10) + 1, 1)
    assert not found.fits and found.proof is not None
    assert between(np.array([2.0]), np.array([1.0]), 2).proof == 0


@pytest.mark.parametrize("name", ["gelu", "sigmoid", "mish", "sin"])
@pytest.mark.parametrize("degree", [1, 2])
def test_no_piece_could_reach_farther(name: str, degree: int) -> None:
    """By linear programming, which knows nothing of exchange: so the fewest pieces in reals are the fewest."""
    linprog = pytest.importorskip("scipy.optimize").linprog
    scalar = named(name)
    reference = Reference.of(scalar, S8.interval, 5, S8, 5)
    placer = Placer(Corridor(reference, scalar.symmetry, 5, 5, 1.0), degree)

    def feasible(start: int, end: int) -> bool:
        powers = np.vander(np.arange(end - start + 1) / 128, degree + 1)
        low, high = placer.low[start : end + 1], placer.high[start : end + 1]
        found = linprog(
            np.zeros(degree + 1), np.vstack([powers, -powers]), np.concatenate([high, -low]), bounds=(None, None)
        )
        return found.status == 0

    starts = placer.real_starts()
    assert starts is not None
    for start in starts:
        end = placer.farthest(start)
        assert feasible(start, end)
        assert end == placer.count - 1 or not feasible(start, end + 1)


@pytest.mark.parametrize("target", [0.5, 0.6, 1.0, 1.5, 2.25])
def test_allowed_codes_are_exactly_those_within_the_target(target: float) -> None:
    values = np.array([0.0, 1.0, -1.0, 1e-30, -1e-30, 2.5, -2.5, 0.1, 126.9, 127.0, -128.0, 1 - 2.0**-53])
    reference = Reference("test", S8.interval, values, values, S8)
    lowest, highest = reference.allowed(target)
    for value, low, high in zip(values, lowest, highest, strict=True):
        near = [y for y in range(-128, 128) if abs(y - Fraction(float(value))) <= Fraction(target)]
        assert (low, high) == (near[0], near[-1])


FORMATS: dict[str, Any] = {"input_fraction": 5, "output_fraction": 5}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: fit(lambda x: 1 / x, S8, S8, **FORMATS),
            r"^Function 'lambda' must be finite on \[-4, 3.96875\], and it is not at 0$",
        ),
        (
            lambda: fit(lambda x: math.sqrt(x), S8, S8, **FORMATS),
            r"^Function 'lambda' must be finite on \[-4, 3.96875\], and it is not at -4$",
        ),
        (
            lambda: fit("sin", S8, S8, **FORMATS, segments=1),
            r"^Target of fit 'sin' must be within reach, and 1 segment placed by error come to 4.47 units, not 1$",
        ),
        (
            lambda: fit("gelu", S12, S12, input_fraction=8, output_fraction=8, segments=2, placement="uniform"),
            r"^Target of fit 'gelu' must be within reach, and 2 segments placed by uniform come to [0-9.]+ units, not",
        ),
        (
            lambda: fit("gelu", S8, S8, **FORMATS, widths=(3, 3, 3)),
            r"^Target of fit 'gelu' must be within reach, and 1024 segments placed by error with coefficients of",
        ),
        (
            lambda: fit("gelu", S8, S8, **FORMATS, target=0.25),
            r"^Target of fit 'gelu' must be 0.497 or more, which rounding to integers costs, not 0.25$",
        ),
        (
            lambda: fit("sin", S8, S8, **FORMATS, period=3.0),
            r"^Period of function 'sin' must be a power of two of input codes, and 3 is 96 of them$",
        ),
        (
            lambda: fit("reciprocal", S8, S8, input_fraction=7, output_fraction=6),
            r"^Interval of function 'reciprocal' must hold an input, and \[1, 2\] holds none of format s8 with 7",
        ),
        (lambda: fit("gelu", S8, S8, **FORMATS, degree=3), r"^Degree of a fit must be 0, 1 or 2, not 3$"),
        (
            lambda: fit("gelu", S8, S8, **FORMATS, degree=0, continuous=True),
            r"^Continuous pieces of a fit must be of degree 1 or 2, not 0$",
        ),
        (lambda: fit("gelu", S8, S8, **FORMATS, segments=0), r"^Segments of a fit must be from 1 to 1024, not 0$"),
        (
            lambda: fit("gelu", S8, S8, **FORMATS, segments=6, placement="uniform"),
            r"^Uniform segments of a fit must be a power of two, not 6$",
        ),
        (lambda: fit("gelu", S8, S8, **FORMATS, target=None), r"^Fit must have a target or a number of segments,"),
        (lambda: fit("gelu", S8, S8, **FORMATS, target=-1.0), r"^Target of a fit must be positive, not -1.0$"),
        (
            lambda: fit("gelu", S8, S8, **FORMATS, placement="even"),
            r"^Placement of a fit must be one of error, uniform, power-of-two, not 'even'$",
        ),
        (
            lambda: fit("gelu", S8, S8, **FORMATS, symmetry="mirror"),
            r"^Symmetry of a fit must be one of none, even, odd, complement, ramp, not 'mirror'$",
        ),
        (
            lambda: fit("gelu", IntFormat(24), S8, **FORMATS),
            r"^Formats of a fit must have at most 20 bits in and 32 out, not 24 and 8$",
        ),
    ],
)
def test_refusals(call, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        call()


def test_symmetry_that_the_function_has_not_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^Target of fit 'exp' must be within reach"):
        fit(Scalar("exp", math.exp), S8, S8, **FORMATS, symmetry="odd")
