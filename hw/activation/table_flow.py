"""The steps of a quadratic by pieces whose table is not known: what programmable-quadratic computes in each lane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from amaranth import Cat, Const, Mux, Value

from quadrille.algo.spec import Interval, IntFormat
from quadrille.hw.base import multiply

from .dataflow import Dataflow, Operand, add_delay, multiply_delay, shape_within
from .operations import half_of, inverse, limited, rounded, times

if TYPE_CHECKING:
    from .programmable import ProgrammableQuadratic

__all__ = ["arguments_of", "start_format", "table_flow"]

BIT = Interval(0, 1)


def start_format(code: IntFormat) -> IntFormat:
    """The format of a start: wide enough for one that no argument reaches."""
    return IntFormat(code.bits + 1, signed=code.signed)


def arguments_of(code: IntFormat) -> Interval:
    """What an argument can be, with a reflection or without."""
    interval = code.interval
    return Interval(interval.lo, max(interval.hi, -interval.lo))


def table_flow(block: ProgrammableQuadratic) -> Dataflow:
    """The steps; their shared operands are the fields of the table, `start_3` that of row 3, and of its settings."""
    code, segments = block.input, block.segments
    flow = Dataflow(Operand("code", code.interval))
    widths = {"start": start_format(code), "c0": block.c0, "c1": block.c1, "c2": block.c2}
    table = {name: [flow.share(f"{name}_{n}", form.interval) for n in range(segments)] for name, form in widths.items()}
    negative, argument = _argument(flow, block)

    def column(name: str, reached: Operand | None) -> Operand:
        if reached is None:
            return table[name][0]
        delay = float((segments - 1).bit_length())
        return flow.add(f"{name}_found", widths[name].interval, delay, _found, reached, *table[name])

    reached = None
    if segments > 1:
        every, delay = Interval(0, (1 << (segments - 1)) - 1), add_delay(argument.width)
        reached = flow.add(
            "reached", every, delay, lambda a, *s: Cat(a >= start for start in s), argument, *table["start"][1:]
        )
    start = column("start", reached)
    distances = Interval(0, (1 << code.bits) - 1)
    distance = flow.add("distance", distances, add_delay(code.bits), lambda a, s: a - s, argument, start)

    shift, inner = block.inner_shift, half_of(block.inner_shift)
    first, second = column("c1", reached), column("c2", reached)
    curved = times(flow, "curved", distances * second.interval, distance, second)
    raised = first.interval.shift_left(shift) + Interval(inner, inner)
    linear = flow.wire("linear", raised, lambda c: Cat(Const(inner, shift), c).as_signed(), first)
    total = curved.interval + linear.interval
    slope = flow.add("slope", total, add_delay(shape_within(total).width), lambda t, c: t + c, curved, linear)
    slope = rounded(flow, slope, shift, inner)
    product = times(flow, "product", distances * slope.interval, distance, slope)

    # From here as for constants: the sign turns all bits, and what is added makes up for it.
    half, constant = half_of(block.shift), column("c0", reached)
    if negative is None:
        both = constant.interval + Interval(half, half)
        addend = flow.add("addend", both, add_delay(shape_within(both).width), lambda c: c + half, constant)
        total = product.interval + both
        total = flow.add("sum", total, add_delay(shape_within(total).width), lambda t, c: t + c, product, addend)
    else:
        turn, tail = _reflected(flow, block, negative, argument, half)
        both = _turned(constant.interval) + tail.interval
        delay = 1 + add_delay(shape_within(both).width)
        addend = flow.add("addend", both, delay, _turn_and_add, turn, constant, tail)
        interval = _turned(product.interval) + both
        delay = 1 + add_delay(shape_within(interval).width)
        total = flow.add("sum", interval, delay, _turn_and_add, turn, product, addend)
    flow.finish(limited(flow, rounded(flow, total, block.shift, half), block.output.interval))
    return flow


def _argument(flow: Dataflow, block: ProgrammableQuadratic) -> tuple[Operand | None, Operand]:
    """Whether the code is negative and the table says that such are reflected, and the argument."""
    if not block.input_signed:
        return None, flow.source
    reflect = flow.share("reflect", BIT)
    negative = flow.add("negative", BIT, 1, lambda x, on: x[-1] & on, flow.source, reflect)
    delay = 2 + add_delay(block.input_bits)
    arguments = arguments_of(block.input)
    argument = flow.add("argument", arguments, delay, lambda x, on: Mux(x[-1] & on, -x, x), flow.source, reflect)
    return negative, argument


def _reflected(
    flow: Dataflow, block: ProgrammableQuadratic, negative: Operand, argument: Operand, half: int
) -> tuple[Operand, Operand]:
    """Whether the quadratic is turned, and what is added to it: the reflection's constant and slope, and `half`."""
    negate, constant = flow.share("negate", BIT), flow.share("constant", block.c0.interval)
    turn = flow.add("turn", BIT, 1, lambda n, on: n & on, negative, negate)
    interval, sources = constant.interval, [constant]
    if block.slope_bits:
        slope = flow.share("slope", IntFormat(block.slope_bits, signed=True).interval)
        products = slope.interval * argument.interval
        delay = multiply_delay(argument.width, slope.width)
        sources.append(flow.add("sloped", products, delay, multiply, slope, argument))
        interval = interval + products
    interval = Interval.hull(interval + Interval(half, half + 2), Interval(half, half))

    def build(n: Value, t: Value, *parts: Value) -> Value:
        # Turning the constant and turning the product both lack 1.
        return Mux(n, _sum(parts) + Cat(Const(0, 1), t), 0) + half

    delay = 1 + 2 * add_delay(shape_within(interval).width)
    return turn, flow.add("tail", interval, delay, build, negative, turn, *sources)


def _sum(parts: Sequence[Value]) -> Value:
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


def _turned(interval: Interval) -> Interval:
    """The interval, and with all bits turned."""
    return Interval.hull(interval, Interval(-1 - interval.hi, -1 - interval.lo))


def _turn_and_add(turn: Value, value: Value, addend: Value) -> Value:
    return Mux(turn, inverse(value), value) + addend


def _found(reached: Value, *numbers: Value) -> Value:
    """The number of the last row that is reached: a tree, as all rows before one that is reached are so too."""
    if len(numbers) == 1:
        return numbers[0]
    middle = len(numbers) // 2
    high = _found(reached[middle:], *numbers[middle:])
    return Mux(reached[middle - 1], high, _found(reached[: middle - 1], *numbers[:middle]))
