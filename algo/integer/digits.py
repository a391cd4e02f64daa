"""Operands in signed digits of radix 4, and what they cost a unit that goes through those that are not 0."""

from __future__ import annotations

import numpy as np

from quadrille.algo.spec.digits import BYTE
from quadrille.algo.spec.digits import ent_digits as digits_of

from .arithmetic import IntArray, check_interval, integers

__all__ = ["digit_cycles", "ent_digits"]

_LOW, _HIGH = BYTE.interval.lo, BYTE.interval.hi
_TABLE = np.array([digits_of(value) for value in range(_LOW, _HIGH + 1)])


def ent_digits(values: object) -> IntArray:
    """The digits (..., 4) of signed bytes in the code EN-T, the lowest first: `algo.spec.digits.ent_digits`.

    Raises
    ------
    InvalidInput
        If a value is no signed byte.
    """
    found = integers(values, "Values")
    check_interval("Values", found, BYTE.interval)
    return _TABLE[found - _LOW]


def digit_cycles(values: IntArray, *, units: int, elements: int) -> int:
    """Cycles that `values` (K,) take units that each visit the digits of their elements that are not 0.

    Each beat brings every unit `elements` values, and K fills whole beats; it takes as long as the unit with most
    digits, at least one cycle.
    """
    of_units = np.count_nonzero(ent_digits(values), axis=-1).reshape(-1, units, elements).sum(axis=2)
    return int(np.maximum(of_units.max(axis=1), 1).sum())
