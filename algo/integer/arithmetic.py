"""The one rounding rule and the named ways down, on integer arrays: the same names as in hw.base.narrow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import Interval, IntFormat, InvalidInput

__all__ = [
    "IntArray",
    "check_interval",
    "check_shape",
    "clamp",
    "integers",
    "round_shift",
    "saturate",
    "truncate",
    "wrap",
]

IntArray = NDArray[np.int64]

GREATEST_SHIFT = 63


def integers(values: object, noun: str) -> IntArray:
    """`values` as an int64 array; `noun` names them when they are refused.

    Raises
    ------
    InvalidInput
        If they are no integers, or do not fit 64 bits signed.
    """
    array = np.asarray(values)
    if array.dtype == np.uint64 and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise InvalidInput(f"{noun} must fit 64 bits signed, and {int(array.max())} does not")
    if array.dtype.kind not in "iu":
        raise InvalidInput(f"{noun} must be integers, not {array.dtype}")
    return array.astype(np.int64, copy=False)


def round_shift(values: IntArray, amount: int | IntArray) -> IntArray:
    """`(values + (1 << (amount - 1))) >> amount`, the identity for 0; arithmetic shift, half up.

    `amount` is one number or an array that broadcasts with `values`. Exact for every int64: computed as the shifted
    value plus the highest bit that it drops, which cannot overflow.

    Raises
    ------
    InvalidInput
        If an `amount` is not from 0 to 63.
    """
    values, amounts = np.asarray(values, dtype=np.int64), np.asarray(amount, dtype=np.int64)
    if amounts.size and not (int(amounts.min()) >= 0 and int(amounts.max()) <= GREATEST_SHIFT):
        wrong = int(amounts.min()) if int(amounts.min()) < 0 else int(amounts.max())
        raise InvalidInput(f"Shift must be from 0 to {GREATEST_SHIFT}, not {wrong}")
    half = values >> np.maximum(amounts - 1, 0)
    return np.where(amounts == 0, values, (half >> 1) + (half & 1))


def clamp(values: IntArray, low: int | IntArray, high: int | IntArray) -> IntArray:
    """`values`, or the nearer of `low` and `high` where they are outside; either may be an array."""
    limits = np.iinfo(np.int64)
    low = max(low, limits.min) if isinstance(low, int) else low
    high = min(high, limits.max) if isinstance(high, int) else high
    return np.minimum(np.maximum(np.asarray(values, dtype=np.int64), low), high)


def saturate(values: IntArray, form: IntFormat) -> IntArray:
    """The nearest value of `form`."""
    return clamp(values, form.interval.lo, form.interval.hi)


def truncate(values: IntArray, form: IntFormat) -> IntArray:
    """`values` themselves, which must lie in `form`: hardware keeps the low bits and knows the others to be copies.

    Raises
    ------
    InvalidInput
        If a value lies outside.
    """
    values = np.asarray(values, dtype=np.int64)
    if values.size and not (form.interval.lo <= int(values.min()) and int(values.max()) <= form.interval.hi):
        raise InvalidInput(f"Truncated values must lie in {form.interval}, not in [{values.min()}, {values.max()}]")
    return values.copy()


def wrap(values: IntArray, form: IntFormat) -> IntArray:
    """`values` modulo `2**bits`, read in `form`, on purpose.

    Raises
    ------
    InvalidInput
        If the format is u64, whose values do not fit int64.
    """
    values = np.asarray(values, dtype=np.int64)
    if form.bits == 64:
        if not form.signed:
            raise InvalidInput("Wrapped values must fit 64 bits signed, and the format u64 does not")
        return values.copy()
    low = values & ((1 << form.bits) - 1)
    if not form.signed:
        return low
    sign = 1 << (form.bits - 1)
    return (low ^ sign) - sign


def check_shape(noun: str, array: IntArray, shape: tuple[int | None, ...]) -> None:
    """Refuse `array`, called `noun`, unless it has `shape`; None is any number."""
    fits = array.ndim == len(shape) and all(want in (None, size) for want, size in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = "[" + ", ".join("n" if size is None else str(size) for size in shape) + "]"
        raise InvalidInput(f"{noun} must have shape {wanted}, not {list(array.shape)}")


def check_interval(noun: str, array: IntArray, interval: Interval) -> None:
    """Refuse `array`, called `noun`, unless every element lies in `interval`."""
    if array.size and not (interval.lo <= int(array.min()) and int(array.max()) <= interval.hi):
        raise InvalidInput(f"{noun} must lie in {interval}, not in [{int(array.min())}, {int(array.max())}]")
