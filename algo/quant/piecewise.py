"""Functions of integer stages as torch activations: their exact integers forward, their own derivative backward.

A float x stands for the code `X = clamp(floor(x * 2**F + 1/2))` of the function's input format, F its fraction bits;
the code Y of the result stands for `Y / 2**Fo`. Forward is the integer function itself, element by element. Backward is
the derivative of the same quadratics in reals, at the code: 0 where x leaves the input's range, where a clamp holds it,
and where the result saturates; rounding counts as the identity (straight-through).

The periodic wave in floats and in integers: `phi(u) = u (2 - |u|)` with `u = ((x + 2) mod 4) - 2`, and in codes
`Y' = U (2**(F+1) - |U|)`, U the low F + 2 bits of X as a signed number. At x = X / 2**F the two are equal,
`Y' / 2**(2F) = phi(x)`, with no rounding at all until the result is rounded to Fo bits; the gradient is 2 - 2 |u|.
"""

from __future__ import annotations

from functools import singledispatch
from math import pi
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from quadrille.algo.integer.activation import evaluate, every_code, run_stage
from quadrille.algo.integer.arithmetic import IntArray, round_shift
from quadrille.algo.spec import (
    Clamp,
    Cordic,
    Function,
    InvalidInput,
    Polynomial,
    Product,
    Rectify,
    Round,
    Scale,
    Square,
    Stage,
    Warp,
    Wrap,
)

from .straight_through import round_half_up

__all__ = ["PiecewiseQuadraticActivation", "stage_slope"]

WIDEST_INPUT = 20  # every code has its value and its slope in a table
CORDIC_GAIN = 1.6467602581210656

Reals = NDArray[np.float64]


class _Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, results: Tensor, slopes: Tensor, low: int, scale: float) -> Tensor:
        codes = round_half_up(values * scale)
        high = low + len(results) - 1
        places = (codes.clamp(low, high) - low).long()
        ctx.save_for_backward(places, (codes >= low) & (codes <= high), slopes)
        return results[places].to(values.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        places, inside, slopes = ctx.saved_tensors
        return gradients[0] * torch.where(inside, slopes[places].to(gradients[0].dtype), 0.0), None, None, None, None


class PiecewiseQuadraticActivation(nn.Module):
    """Applies `function` to every element: float in, float out, each result the one of the integers.

    Any function of algo.spec will do, such as `fit("gelu", ...).function` or a wave of algo.functions.

    Raises
    ------
    InvalidInput
        If the function's input has more than 20 bits.
    """

    def __init__(self, function: Function) -> None:
        super().__init__()
        if function.input.bits > WIDEST_INPUT:
            raise InvalidInput(
                f"Input of function {function.name!r} must have at most {WIDEST_INPUT} bits to be trained, "
                f"not {function.input.bits}"
            )
        self.function = function
        codes = every_code(function)
        results = np.ldexp(evaluate(function, codes).astype(np.float64), -function.output_fraction)
        slopes = np.ldexp(slopes_of(function, codes), function.input_fraction - function.output_fraction)
        self.results: Tensor
        self.slopes: Tensor
        # float64 holds every code; neither is state, both follow from the function.
        self.register_buffer("results", torch.from_numpy(results), persistent=False)
        self.register_buffer("slopes", torch.from_numpy(slopes), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """The results for `values`, of the same shape and kind."""
        low, scale = self.function.input.interval.lo, 2.0**self.function.input_fraction
        return _Lookup.apply(values, self.results, self.slopes, low, scale)  # pyright: ignore[reportReturnType]

    def to_function(self) -> Function:
        """What the hardware computes."""
        return self.function

    def extra_repr(self) -> str:
        """Name and formats."""
        return f"{self.function.name}, {self.function.input} to {self.function.output}"


def slopes_of(function: Function, codes: IntArray) -> Reals:
    """The derivative of `function` at `codes`, output codes per input code: the chain of its stages."""
    return _chain(function.stages, codes)


def _chain(stages: tuple[Stage, ...], values: IntArray) -> Reals:
    slope = np.ones(values.shape)
    for stage in stages:
        slope = slope * stage_slope(stage, values)
        values = run_stage(stage, values)
    return slope


@singledispatch
def stage_slope(stage: Stage, values: IntArray) -> Reals:
    """The derivative of one stage at `values`, rounding taken for the identity."""
    raise TypeError(f"Stage must be one with a derivative, not {type(stage).__name__}")


@stage_slope.register(Clamp)
def _clamp(stage: Clamp, values: IntArray) -> Reals:
    return ((values >= stage.low) & (values <= stage.high)).astype(np.float64)


@stage_slope.register(Rectify)
def _rectify(stage: Rectify, values: IntArray) -> Reals:
    return (values > 0).astype(np.float64)


@stage_slope.register(Scale)
def _scale(stage: Scale, values: IntArray) -> Reals:
    return np.full(values.shape, stage.mantissa * 2.0**-stage.shift)


@stage_slope.register(Square)
def _square(stage: Square, values: IntArray) -> Reals:
    return np.ldexp(values.astype(np.float64), 1 - stage.shift)


@stage_slope.register(Warp)
def _warp(stage: Warp, values: IntArray) -> Reals:
    return np.ldexp(np.abs(values).astype(np.float64), 1 - stage.fraction_bits) + 1


@stage_slope.register(Wrap)
def _wrap(stage: Wrap, values: IntArray) -> Reals:
    return np.ones(values.shape)


@stage_slope.register(Polynomial)
def _polynomial(stage: Polynomial, values: IntArray) -> Reals:
    reflection = stage.reflection
    argument = values if reflection is None else np.abs(values)
    table = np.array([[s.start, s.c1, s.c2] for s in stage.segments], dtype=np.int64)
    rows = np.searchsorted(table[:, 0], argument, side="right") - 1
    start, c1, c2 = (table[rows, n] for n in range(3))
    slope = c1 + c2 * (argument - start) * 2.0 ** (1 - stage.inner_shift)
    if reflection is None:
        return slope
    return np.where(values < 0, -(reflection.sign * slope + reflection.slope), slope)


@stage_slope.register(Cordic)
def _cordic(stage: Cordic, values: IntArray) -> Reals:
    turn = 2 * pi / 2**stage.bits
    return stage.gain * CORDIC_GAIN * turn * np.cos(values * turn)


@stage_slope.register(Product)
def _product(stage: Product, values: IntArray) -> Reals:
    left, right = values, values
    for inner in stage.left:
        left = run_stage(inner, left)
    for inner in stage.right:
        right = run_stage(inner, right)
    return _chain(stage.left, values) * right + left * _chain(stage.right, values)


@stage_slope.register(Round)
def _round(stage: Round, values: IntArray) -> Reals:
    limits, rounded = stage.format.interval, round_shift(values, stage.shift)
    inside = (rounded >= limits.lo) & (rounded <= limits.hi)
    return np.where(inside, 2.0**-stage.shift, 0.0)
