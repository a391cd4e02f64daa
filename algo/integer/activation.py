"""Scalar functions by stages, on integer arrays: the twin of hw.activation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import Any

import numpy as np

from quadrille.algo.spec import (
    Clamp,
    Cordic,
    Form,
    Function,
    IntFormat,
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

from .arithmetic import IntArray, check_interval, clamp, integers, round_shift, saturate, wrap
from .programmable import program, programmable_quadratic

__all__ = [
    "activation_pipeline",
    "evaluate",
    "every_code",
    "piecewise_quadratic",
    "program",
    "programmable_quadratic",
    "run_stage",
]


def every_code(function: Function) -> IntArray:
    """All inputs of `function`, (2**bits,), from the lowest to the highest."""
    interval = function.input.interval
    return np.arange(interval.lo, interval.hi + 1, dtype=np.int64)


def evaluate(function: Function, codes: object) -> IntArray:
    """`y = function(x)` for every element of `codes`, of any shape; each stage by its equation in algo.spec.

    Raises
    ------
    InvalidInput
        If the codes are no integers, or not of the function's input format.
    """
    values = integers(codes, f"Codes of function {function.name!r}")
    check_interval(f"Codes of function {function.name!r}", values, function.input.interval)
    for stage in function.stages:
        values = run_stage(stage, values)
    return values


def activation_pipeline(
    values: object, *, function: Function | Mapping[str, object], lanes: int, cuts: int
) -> IntArray:
    """`y = function(v)` for every element of `values`, (beats, lanes); `cuts` change nothing but the latency.

    `function` may be its record, as a manifest holds it.

    Raises
    ------
    InvalidInput
        If there are not as many values in a beat as lanes, or as `evaluate` does.
    """
    del cuts
    found = integers(values, "Values")
    if found.ndim != 2 or found.shape[1] != lanes:
        raise InvalidInput(f"Values must have shape [beats, {lanes}], not {list(found.shape)}")
    return evaluate(function if isinstance(function, Function) else Function.from_record(function), found)


def piecewise_quadratic(
    values: object, *, function: Function | Mapping[str, object], lanes: int, cuts: int
) -> IntArray:
    """`y = function(v)` for a function of quadratic pieces: as activation_pipeline."""
    return activation_pipeline(values, function=function, lanes=lanes, cuts=cuts)


@singledispatch
def run_stage(stage: Stage, values: IntArray) -> IntArray:
    """What leaves `stage` when `values` enter it."""
    raise TypeError(f"Stage must be one of algo.spec's, not {type(stage).__name__}")


def _rule(kind: type[Any]) -> Callable[[Callable[[Any, IntArray], IntArray]], Callable[[Any, IntArray], IntArray]]:
    return run_stage.register(kind)


@_rule(Clamp)
def _clamp(stage: Clamp, values: IntArray) -> IntArray:
    return clamp(values, stage.low, stage.high)


@_rule(Rectify)
def _rectify(stage: Rectify, values: IntArray) -> IntArray:
    del stage
    return np.maximum(values, 0)


@_rule(Scale)
def _scale(stage: Scale, values: IntArray) -> IntArray:
    return round_shift(values * stage.mantissa, stage.shift)


@_rule(Square)
def _square(stage: Square, values: IntArray) -> IntArray:
    return round_shift(values * values, stage.shift)


@_rule(Warp)
def _warp(stage: Warp, values: IntArray) -> IntArray:
    return round_shift(values * (np.abs(values) + (1 << stage.fraction_bits)), stage.fraction_bits)


@_rule(Wrap)
def _wrap(stage: Wrap, values: IntArray) -> IntArray:
    return wrap(values + stage.offset, IntFormat(stage.bits, signed=True))


@_rule(Polynomial)
def _polynomial(stage: Polynomial, values: IntArray) -> IntArray:
    reflection = stage.reflection
    argument = values if reflection is None else np.abs(values)
    table = np.array([[s.start, s.c0, s.c1, s.c2] for s in stage.segments], dtype=np.int64)
    rows = np.searchsorted(table[:, 0], argument, side="right") - 1
    start, c0, c1, c2 = (table[rows, n] for n in range(4))
    offset = argument - start
    if stage.form is Form.HORNER:
        result = c0 + (c1 + round_shift(c2 * offset, stage.inner_shift)) * offset
    else:
        result = c0 + c1 * offset + c2 * round_shift(offset * offset, stage.inner_shift)
    if reflection is None:
        return result
    mirrored = reflection.sign * result + reflection.constant + reflection.slope * argument
    return np.where(values < 0, mirrored, result)


@_rule(Cordic)
def _cordic(stage: Cordic, values: IntArray) -> IntArray:
    quarter = 1 << (stage.bits - 2)
    folded = np.where(
        values > quarter, 2 * quarter - values, np.where(values < -quarter, -2 * quarter - values, values)
    )
    x, y, z = np.full_like(values, stage.gain), np.zeros_like(values), folded << stage.guard
    for i, angle in enumerate(stage.angles):
        sign = np.where(z >= 0, 1, -1)
        x, y, z = x - sign * (y >> i), y + sign * (x >> i), z - sign * angle
    return y


@_rule(Product)
def _product(stage: Product, values: IntArray) -> IntArray:
    left, right = values, values
    for inner in stage.left:
        left = run_stage(inner, left)
    for inner in stage.right:
        right = run_stage(inner, right)
    return left * right


@_rule(Round)
def _round(stage: Round, values: IntArray) -> IntArray:
    return saturate(round_shift(values, stage.shift), stage.format)
