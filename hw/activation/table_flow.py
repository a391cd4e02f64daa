"""The steps of a quadratic by pieces whose table is not known: what programmable-quadratic computes in each lane."""

from __future__ import annotations

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

    # A shift whose amount is not known gives one bit more first: the half is then one unit of what comes out of it.
    first, second = column("c1", reached), column("c2", reached)
    curved = times(flow, "curved", distances * second.interval, distance, second)
    amount = flow.share("inner_shift", Interval(0, block.inner_shift))
    doubled, delay = curved.interval.shift_left(1), float(block.inner_shift.bit_length())
    curved = flow.add("curved", doubled, delay, lambda t, n: t.shift_left(1) >> n, curved, amount)
    raised = first.interval.shift_left(1) + Interval(1, 1)
    linear = flow.wire("linear", raised, lambda c: Cat(Const(1, 1), c).as_signed(), first)
    total = curved.interval + linear.interval
    slope = flow.add("slope", total, add_delay(shape_within(total).width), lambda t, c: t + c, curved, linear)
    slope = rounded(flow, slope, 1, 1)
    product = times(flow, "product", distances * slope.interval, distance, slope)

    # As for constants: the sign turns all bits, and what is added makes up for it; the half is added before the shift.
    half, constant = flow.share("half", Interval(0, half_of(block.shift))), column("c0", reached)
    if negative is None:
        total = _sum(flow, "sum", product, _sum(flow, "addend", constant, half))
    else:
        turn, tail = _reflected(flow, block, negative, argument, half)
        total = _turned_sum(flow, "sum", turn, product, _turned_sum(flow, "addend", turn, constant, tail))
    amount = flow.share("shift", Interval(0, block.shift))
    delay = float(block.shift.bit_length())
    total = flow.add("shifted", total.interval, delay, lambda t, n: t >> n, total, amount)
    flow.finish(limited(flow, total, block.output.interval))
    return flow


def _sum(flow: Dataflow, noun: str, first: Operand, second: Operand) -> Operand:
    total = first.interval + second.interval
    return flow.add(noun, total, add_delay(shape_within(total).width), lambda a, b: a + b, first, second)


def _turned_sum(flow: Dataflow, noun: str, turn: Operand, first: Operand, second: Operand) -> Operand:
    """`second + first`, or, with `turn`, `second - 1 - first`."""
    interval = first.interval
    total = Interval.hull(interval, Interval(-1 - interval.hi, -1 - interval.lo)) + second.interval
    delay = 1 + add_delay(shape_within(total).width)
    return flow.add(noun, total, delay, lambda t, a, b: Mux(t, inverse(a), a) + b, turn, first, second)


def _argument(flow: Dataflow, block: ProgrammableQuadratic) -> tuple[Operand | None, Operand]:
    """Whether the code is negative and the table says that such are reflected, and the argument."""
    source, bits, delay = flow.source, block.input_bits, 2 + add_delay(block.input_bits)
    if block.periodic:
        # The bits above a period are copies of its highest: `top` has a 1 there, and `mask` one in each below.
        mask, top = (flow.share(name, Interval(0, (1 << bits) - 1)) for name in ("mask", "top"))

        def phase(x: Value, below: Value, sign: Value) -> Value:
            negative = (x.as_unsigned() & sign).any()
            return ((x.as_unsigned() & below) | (~below & negative.replicate(bits)))[:bits].as_signed()

        source = flow.add("phase", source.interval, 2.0 + bits.bit_length(), phase, source, mask, top)
    if not block.input_signed:
        return None, source
    reflect = flow.share("reflect", BIT)
    negative = flow.add("negative", BIT, 1, lambda x, on: x[-1] & on, source, reflect)
    arguments = arguments_of(block.input)
    argument = flow.add("argument", arguments, delay, lambda x, on: Mux(x[-1] & on, -x, x), source, reflect)
    return negative, argument


def _reflected(
    flow: Dataflow, block: ProgrammableQuadratic, negative: Operand, argument: Operand, half: Operand
) -> tuple[Operand, Operand]:
    """Whether the quadratic is turned, and what is added to it: the reflection's constant and slope, and `half`."""
    negate, constant = flow.share("negate", BIT), flow.share("constant", block.c0.interval)
    turn = flow.add("turn", BIT, 1, lambda n, on: n & on, negative, negate)
    straight = constant
    if block.slope_bits:
        slope = flow.share("slope", IntFormat(block.slope_bits, signed=True).interval)
        products = slope.interval * argument.interval
        delay = multiply_delay(argument.width, slope.width)
        straight = _sum(flow, "straight", flow.add("sloped", products, delay, multiply, slope, argument), constant)
    # Turning the constant and turning the product both lack 1.
    interval = Interval.hull(straight.interval + Interval(0, 2), Interval(0, 0)) + half.interval

    def build(n: Value, t: Value, s: Value, h: Value) -> Value:
        return Mux(n, s + Cat(Const(0, 1), t), 0) + h

    delay = 1 + add_delay(shape_within(interval).width)
    return turn, flow.add("tail", interval, delay, build, negative, turn, straight, half)


def _found(reached: Value, *numbers: Value) -> Value:
    """The number of the last row that is reached: a tree, as all rows before one that is reached are so too."""
    if len(numbers) == 1:
        return numbers[0]
    middle = len(numbers) // 2
    high = _found(reached[middle:], *numbers[middle:])
    return Mux(reached[middle - 1], high, _found(reached[: middle - 1], *numbers[:middle]))
