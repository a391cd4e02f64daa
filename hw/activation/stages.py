"""Each stage of a function as steps of a dataflow: what algo.spec says of it, in gates."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

from amaranth import Mux, Shape

from quadrille.algo.spec import (
    Clamp,
    Cordic,
    Function,
    Interval,
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
from quadrille.hw.base import wrap

from .cordic import cordic
from .dataflow import Dataflow, Operand, add_delay
from .operations import half_of, limited, magnitude, rounded, scaled, times
from .polynomial import polynomial

__all__ = ["dataflow_of"]


def dataflow_of(function: Function) -> Dataflow:
    """The steps of `function`."""
    flow = Dataflow(Operand("code", function.input.interval))
    flow.finish(_chain(flow, flow.source, function.stages))
    return flow


def _chain(flow: Dataflow, operand: Operand, stages: tuple[Stage, ...]) -> Operand:
    """The stages one after the other; a polynomial that is rounded has the half for that among its constants."""
    half = 0
    for number, stage in enumerate(stages):
        if isinstance(stage, Round):
            operand = limited(flow, rounded(flow, operand, stage.shift, half), stage.format.interval)
            half = 0
        elif isinstance(stage, Polynomial):
            follower = stages[number + 1] if number + 1 < len(stages) else None
            half = half_of(follower.shift) if isinstance(follower, Round) else 0
            operand = polynomial(flow, operand, stage, half)
        else:
            operand = expand(stage, flow, operand)
    return operand


@singledispatch
def expand(stage: Stage, flow: Dataflow, operand: Operand) -> Operand:
    """The operand that `stage` makes of `operand`."""
    raise TypeError(f"Stage must be one of algo.spec's, not {type(stage).__name__}")


def _rule(kind: type[Any]) -> Callable[[Callable[..., Operand]], Callable[..., Operand]]:
    return expand.register(kind)


@_rule(Clamp)
def _clamp(stage: Clamp, flow: Dataflow, operand: Operand) -> Operand:
    return limited(flow, operand, Interval(stage.low, stage.high))


@_rule(Rectify)
def _rectify(stage: Rectify, flow: Dataflow, operand: Operand) -> Operand:
    if operand.interval.lo >= 0:
        return operand
    return flow.add("rectified", stage.interval(operand.interval), 1, lambda x: Mux(x[-1], 0, x), operand)


@_rule(Scale)
def _scale(stage: Scale, flow: Dataflow, operand: Operand) -> Operand:
    # A factor of two that the shift takes away again needs no bit.
    mantissa, shift = stage.mantissa, stage.shift
    while shift and mantissa % 2 == 0:
        mantissa, shift = mantissa // 2, shift - 1
    return rounded(flow, scaled(flow, operand, mantissa), shift)


@_rule(Square)
def _square(stage: Square, flow: Dataflow, operand: Operand) -> Operand:
    squared = times(flow, "square", Square().interval(operand.interval), operand, operand)
    return rounded(flow, squared, stage.shift)


@_rule(Warp)
def _warp(stage: Warp, flow: Dataflow, operand: Operand) -> Operand:
    one, source = 1 << stage.fraction_bits, operand.interval
    factor = magnitude(flow, operand, plus=one)
    ends = Interval(source.lo * (abs(source.lo) + one), source.hi * (abs(source.hi) + one))
    return rounded(flow, times(flow, "warped", ends, operand, factor), stage.fraction_bits)


@_rule(Wrap)
def _wrap(stage: Wrap, flow: Dataflow, operand: Operand) -> Operand:
    interval, period = stage.interval(operand.interval), Shape(stage.bits, True)
    offset = stage.offset % (1 << stage.bits)
    if offset:
        delay = add_delay(stage.bits)
        return flow.add("phase", interval, delay, lambda x: wrap(wrap(x, period) + offset, period), operand)
    return operand if interval == operand.interval else flow.wire("phase", interval, lambda x: wrap(x, period), operand)


@_rule(Cordic)
def _cordic(stage: Cordic, flow: Dataflow, operand: Operand) -> Operand:
    return cordic(flow, operand, stage)


@_rule(Product)
def _product(stage: Product, flow: Dataflow, operand: Operand) -> Operand:
    left, right = _chain(flow, operand, stage.left), _chain(flow, operand, stage.right)
    return times(flow, "product", left.interval * right.interval, left, right)
