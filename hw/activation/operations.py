"""The operations that the stages of a function are made of, as steps of a dataflow."""

from __future__ import annotations

from amaranth import Cat, Const, Mux, Value

from quadrille.algo.spec import Interval
from quadrille.hw.base import multiply

from .dataflow import Dataflow, Operand, add_delay, multiply_delay, shape_within

__all__ = ["half_of", "hull_of", "inverse", "limited", "magnitude", "magnitudes", "rounded", "scaled", "times"]


def hull_of(*numbers: int) -> Interval:
    """The smallest interval with all of `numbers`."""
    return Interval(min(numbers), max(numbers))


def half_of(shift: int) -> int:
    """What is added before a shift so that it rounds half up."""
    return 1 << (shift - 1) if shift else 0


def inverse(value: Value) -> Value:
    """`-1 - value`: all bits turned."""
    sign = value[-1] if value.shape().signed else Const(0, 1)
    return ~Cat(value, sign).as_signed()


def magnitudes(source: Interval) -> Interval:
    """The absolute values of an interval."""
    ends = abs(source.lo), abs(source.hi)
    return Interval(0 if 0 in source else min(ends), max(ends))


def magnitude(flow: Dataflow, operand: Operand, plus: int = 0) -> Operand:
    """`|x| + plus`."""
    interval = magnitudes(operand.interval) + Interval(plus, plus)
    if operand.interval.lo >= 0 and not plus:
        return operand
    return flow.add(
        "magnitude", interval, 1 + add_delay(operand.width), lambda x: Mux(x < 0, plus - x, plus + x), operand
    )


def scaled(flow: Dataflow, operand: Operand, factor: int) -> Operand:
    """`factor * x`: wires for a power of two, else as many sums as the factor has digits."""
    interval = operand.interval * Interval(factor, factor)
    zeros = (factor & -factor).bit_length() - 1
    if factor == 1:
        return operand
    if factor > 0 and factor == 1 << zeros:
        return flow.wire("scaled", interval, lambda x: x.shift_left(zeros), operand)
    digits = bin(abs(factor) ^ 3 * abs(factor)).count("1")  # of the factor in the digits -1, 0 and 1
    delay = max(1, (digits - 1).bit_length() + (factor < 0)) * add_delay(shape_within(interval).width)
    constant = Const(factor, shape_within(Interval(factor, factor)))
    return flow.add("scaled", interval, delay, lambda x: x * constant, operand)


def times(flow: Dataflow, noun: str, interval: Interval, first: Operand, second: Operand) -> Operand:
    """`first * second`, which `interval` is known to hold; one of them may be constant."""
    for one, other in ((first, second), (second, first)):
        if one.constant:
            return scaled(flow, other, one.interval.lo)
    delay = multiply_delay(first.width, second.width)
    return flow.add(noun, interval, delay, multiply, first, second)


def rounded(flow: Dataflow, operand: Operand, shift: int, half: int = 0) -> Operand:
    """`round_shift(x, shift)`, where `half` of it, all or nothing, is in x already."""
    if shift == 0:
        return operand
    rest = half_of(shift) - half
    if rest:
        interval = operand.interval + Interval(rest, rest)
        constant = Const(rest)
        operand = flow.add("sum", interval, add_delay(operand.width), lambda x: x + constant, operand)
    interval = Interval(operand.interval.lo >> shift, operand.interval.hi >> shift)
    return flow.wire("shifted", interval, lambda x: x.shift_right(shift), operand)


def limited(flow: Dataflow, operand: Operand, limits: Interval) -> Operand:
    """The nearest value within `limits`."""
    source = operand.interval
    low, high = Const(limits.lo), Const(limits.hi)

    def build(x: Value) -> Value:
        top = Mux(x > high, high, x) if source.hi > limits.hi else x
        return Mux(x < low, low, top) if source.lo < limits.lo else top

    if source in limits:
        return operand
    return flow.add("limited", source.clamp(limits), add_delay(operand.width), build, operand)
