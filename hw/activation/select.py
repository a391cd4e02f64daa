"""Which segment an argument lies in, how far, and what the table holds for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth import Array, Cat, Const, Mux, Shape, Value

from quadrille.algo.spec import Interval, Segment
from quadrille.hw.base import wrap

from .dataflow import Dataflow, Operand, add_delay, shape_within
from .operations import hull_of

__all__ = ["Pieces", "Selection", "select"]

Pieces = Sequence[tuple[Segment, Interval]]
"""The segments that arguments reach, each with the interval of the distances from its start."""


@dataclass(frozen=True)
class Selection:
    """The distance from the start of the segment, and a way to ask the table for a column."""

    flow: Dataflow
    distance: Operand
    selector: Operand | None
    first: int | None  # of a selector that counts equal segments; None for one that has a bit for each start

    def column(self, noun: str, numbers: Sequence[int]) -> Operand:
        """The number that stands in the selected segment's row."""
        interval, selector, first = hull_of(*numbers), self.selector, self.first
        shape, delay = shape_within(interval), float((len(numbers) - 1).bit_length())
        if selector is None or interval.lo == interval.hi:
            return Operand(noun, Interval(numbers[0], numbers[0]))
        if first is None:
            return self.flow.add(noun, interval, delay, lambda reached: _reached(reached, numbers, shape), selector)
        return self.flow.add(noun, interval, delay, lambda index: _counted(index, first, numbers, shape), selector)


def select(flow: Dataflow, argument: Operand, pieces: Pieces) -> Selection:
    """The selection of one of `pieces` by `argument`.

    Equal segments whose length is a power of two, and that start at multiples of it, are counted by the high bits of
    the argument, and its low bits are the distance. Others are found by comparison with each start.
    """
    starts = [segment.start for segment, _ in pieces]
    distances = Interval.hull(*(d for _, d in pieces))
    if len(pieces) == 1:
        return Selection(flow, _less(flow, argument, starts[0], distances), None, None)
    shift = _uniform(starts, distances)
    if shift is not None:
        low = flow.wire("distance", distances, lambda a: wrap(a, Shape(shift)), argument)
        high = Interval(argument.interval.lo >> shift, argument.interval.hi >> shift)
        index = flow.wire("index", high, lambda a: a.shift_right(shift), argument)
        return Selection(flow, low, index, starts[0] >> shift)

    limits = starts[1:]
    every = Interval(0, (1 << len(limits)) - 1)
    delay = add_delay(argument.width)
    reached = flow.add("reached", every, delay, lambda a: Cat(a >= Const(limit) for limit in limits), argument)
    selection = Selection(flow, argument, reached, None)
    start = selection.column("start", starts)
    if all(segment.start % (1 << d.hi.bit_length()) == 0 for segment, d in pieces):
        # A start shares no bit with what lies beyond it: to take it away is to clear its bits.
        shape = Shape(max(1, distances.hi.bit_length()), False)
        masks = [segment.start % (1 << shape.width) for segment, _ in pieces]
        mask = selection.column("mask", masks)
        distance = flow.add("distance", distances, 1, lambda a, s: wrap(a, shape) ^ s, argument, mask)
    else:
        distance = flow.add("distance", distances, add_delay(argument.width), lambda a, s: a - s, argument, start)
    return Selection(flow, distance, reached, None)


def _less(flow: Dataflow, argument: Operand, start: int, distances: Interval) -> Operand:
    if start == 0:
        return argument
    constant = Const(start)
    return flow.add("distance", distances, add_delay(argument.width), lambda a: a - constant, argument)


def _uniform(starts: Sequence[int], distances: Interval) -> int | None:
    """The logarithm of the length of equal segments, if they are; the last may be cut short, not longer."""
    length = starts[1] - starts[0]
    equal = all(after - before == length for before, after in zip(starts, starts[1:], strict=False))
    if not equal or length & (length - 1) or starts[0] % length or distances.hi >= length:
        return None
    return length.bit_length() - 1


def _counted(index: Value, first: int, numbers: Sequence[int], shape: Shape) -> Value:
    """`numbers[index - first]`, by the bits of the index as they are."""
    places = 1 << len(index)
    rows = [numbers[min((place - first) % places, len(numbers) - 1)] for place in range(places)]
    return Array(Const(number, shape) for number in rows)[index.as_unsigned()]


def _reached(reached: Value, numbers: Sequence[int], shape: Shape) -> Value:
    """The number of the last start that is reached: a tree, as all starts below one that is reached are so too."""

    def among(low: int, high: int) -> Value:
        if len(set(numbers[low:high])) == 1:
            return Const(numbers[low], shape)
        middle = (low + high) // 2
        return Mux(reached[middle - 1], among(middle, high), among(low, middle))

    return among(0, len(numbers))
