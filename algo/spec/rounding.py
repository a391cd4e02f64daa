"""The one rounding rule and the named ways down, as values."""

from __future__ import annotations

from enum import Enum

__all__ = ["Overflow", "Rounding"]


class Rounding(Enum):
    """How a right shift treats the bits it drops."""

    HALF_UP = "half-up"  # (v + (1 << (n - 1))) >> n: the rule of the whole integer pipeline
    FLOOR = "floor"  # v >> n


class Overflow(Enum):
    """How a value is made to fit a narrower format."""

    SATURATE = "saturate"  # the nearest value of the format
    TRUNCATE = "truncate"  # the low bits, where the dropped ones are known to be copies of the sign
    WRAP = "wrap"  # the low bits, on purpose
