"""The one rounding rule and the named ways down, in hardware: the same names as in algo.integer.arithmetic."""

from __future__ import annotations

from amaranth import Cat, Const, Mux, Shape, Value

__all__ = [
    "add",
    "clamp",
    "halve",
    "multiply",
    "outside",
    "round_shift",
    "saturate",
    "select",
    "shift_to_half",
    "truncate",
    "wrap",
]


def multiply(a: Value, b: Value) -> Value:
    """`a * b`, its sign carried on to the width of a machine word.

    The multiplier is the one of `a * b`; a simulator is spared the extension of what it multiplies with and gets.
    """
    width = len(a) + len(b)
    word = next((bits for bits in (32, 64) if bits >= width), width)
    if not a.shape().signed or word == width:
        return a * b
    return Cat(a, a[-1].replicate(word - width)).as_signed() * b


def add(a: Value, b: Value, shape: Shape) -> Value:
    """`a + b` in `shape`, modulo `2 ** shape.width` if it does not fit.

    Where neither is narrower the sign is of no account, and a simulator is spared its extension.
    """
    if min(len(a), len(b)) >= shape.width:
        return truncate(a[: shape.width] + b[: shape.width], shape)
    return truncate(a + b, shape)


def round_shift(value: Value, amount: Value | int) -> Value:
    """`(value + (1 << (amount - 1))) >> amount`, the identity for 0; arithmetic shift, half up.

    A variable `amount` must be unsigned. It is computed as `((value >> (amount - 1)) + 1) >> 1` would be, but from one
    shifter: the value is given one fraction bit first, so that the bit that decides is still there.
    """
    if isinstance(amount, int):
        if amount == 0:
            return value
        return (value + Const(1 << (amount - 1), Shape(amount, False))).shift_right(amount)
    return halve(shift_to_half(value, amount))


def shift_to_half(value: Value, amount: Value) -> Value:
    """`(2*value) >> amount`: the first half of `round_shift`."""
    # For amount = 0 the half is 0, and the sum is the value itself.
    return value.shift_left(1) >> amount


def halve(value: Value) -> Value:
    """`(value + 1) >> 1`: the second half of `round_shift`."""
    return (value + 1).shift_right(1)


def clamp(value: Value, low: Value | int, high: Value | int) -> Value:
    """`value`, or the nearer of `low` and `high` if it is outside."""
    return select(outside(value, low, high), value, low, high)


def outside(value: Value, low: Value | int, high: Value | int) -> tuple[Value, Value]:
    """Whether `value` is below `low`, and whether it is above `high`: the first half of `clamp`."""
    return value < low, value > high


def select(places: tuple[Value, Value], value: Value, low: Value | int, high: Value | int) -> Value:
    """`low` where the first of `places` is set, `high` where the second, else `value`: the second half of `clamp`."""
    return Mux(places[0], low, Mux(places[1], high, value))


def saturate(value: Value, shape: Shape) -> Value:
    """The nearest value of `shape`, in that shape."""
    low, high = (
        (-(1 << (shape.width - 1)), (1 << (shape.width - 1)) - 1) if shape.signed else (0, (1 << shape.width) - 1)
    )
    return truncate(clamp(value, Const(low), Const(high)), shape)


def truncate(value: Value, shape: Shape) -> Value:
    """The low bits of `value`, which the caller knows to lie in `shape`."""
    if len(value) < shape.width:
        return value
    low = value[: shape.width]
    return low.as_signed() if shape.signed else low.as_unsigned()


def wrap(value: Value, shape: Shape) -> Value:
    """`value` modulo `2 ** shape.width`, on purpose."""
    if len(value) < shape.width:
        sign = value[-1] if value.shape().signed else Const(0, 1)
        value = Cat(value, sign.replicate(shape.width - len(value)))
    return truncate(value, shape)
