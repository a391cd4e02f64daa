"""A sine by rotation, as steps of a dataflow: one for each angle."""

from __future__ import annotations

from amaranth import Mux, Shape, Value

from quadrille.algo.spec import Cordic, Interval
from quadrille.hw.base import wrap

from .dataflow import Dataflow, Operand, add_delay, shape_within
from .operations import hull_of

__all__ = ["cordic"]


def cordic(flow: Dataflow, operand: Operand, stage: Cordic) -> Operand:
    """The sine of an angle within one period, Y after the last rotation."""
    folded = _folded(flow, operand, stage)
    z = folded
    if stage.guard:
        z = flow.wire("z", folded.interval.shift_left(stage.guard), lambda x: x.shift_left(stage.guard), folded)
    x, y = Operand("gain", Interval(stage.gain, stage.gain)), Operand("zero", Interval(0, 0))
    for i, (angle, length) in enumerate(zip(stage.angles, stage.lengths[1:], strict=True)):
        within = Interval(-length, length)
        x, y, z = (
            _rotated(flow, "x", within, z, x, y, i, minus=True),
            _rotated(flow, "y", within, z, y, x, i, minus=False),
            _turned(flow, z, angle),
        )
    return y


def _folded(flow: Dataflow, operand: Operand, stage: Cordic) -> Operand:
    """The angle with the same sine in the two quarters around 0.

    Beyond them the two top bits differ, and 2q - x or -2q - x is -x with the top bit turned: half a period on.
    """
    quarter, period = 1 << (stage.bits - 2), Shape(stage.bits, True)
    inner = Interval(-quarter, quarter)
    if operand.interval in inner:
        return operand

    def build(x: Value) -> Value:
        angle = wrap(x, period)
        return Mux(angle[-1] ^ angle[-2], wrap(2 * quarter - angle, period), angle)

    return flow.add("folded", inner, 1 + add_delay(stage.bits), build, operand)


def _rotated(
    flow: Dataflow, noun: str, interval: Interval, z: Operand, own: Operand, other: Operand, shift: int, *, minus: bool
) -> Operand:
    """`own - s * (other >> shift)` or, without `minus`, `own + s * (other >> shift)`; s is the sign of z."""
    if other.constant and other.interval.lo == 0:
        return own

    def build(angle: Value, first: Value, second: Value) -> Value:
        part = second.shift_right(shift) if shift else second
        less, more = first - part, first + part
        return Mux(angle < 0, more, less) if minus else Mux(angle < 0, less, more)

    return flow.add(noun, interval, 1 + add_delay(shape_within(interval).width), build, z, own, other)


def _turned(flow: Dataflow, z: Operand, angle: int) -> Operand:
    """`z - s * angle`."""
    source, ends = z.interval, []
    if source.hi >= 0:
        ends += [max(source.lo, 0) - angle, source.hi - angle]
    if source.lo < 0:
        ends += [source.lo + angle, min(source.hi, -1) + angle]
    delay = 1 + add_delay(z.width)
    return flow.add("z", hull_of(*ends), delay, lambda x: Mux(x < 0, x + angle, x - angle), z)
