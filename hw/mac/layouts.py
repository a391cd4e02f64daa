"""The beats that every multiply-accumulate unit takes and gives."""

from __future__ import annotations

from amaranth import signed, unsigned
from amaranth.lib.data import ArrayLayout, StructLayout

__all__ = ["CYCLE_BITS", "operands_layout", "sum_layout"]

CYCLE_BITS = 32
"""Width of a count of cycles."""


def operands_layout(units: int, unit_bits: int, columns: int = 1) -> StructLayout:
    """Elements of a dot product, as many as the words of all units hold, and the precision that they have."""
    return StructLayout(
        {
            "a": ArrayLayout(unsigned(unit_bits), units * columns),  # of column c from unit c * units on
            "b": ArrayLayout(unsigned(unit_bits), units),
            "a_bits": 4,  # precision, less 1
            "b_bits": 4,
            "a_signed": 1,
            "b_signed": 1,
            "first": 1,  # beat of a dot product
            "last": 1,
        }
    )


def sum_layout(accumulator_bits: int, sums: int = 1, counts_cycles: bool = False) -> StructLayout:
    """A dot product, or those that a unit of several makes at the same time; and the cycles that it took."""
    total = {"sum": signed(accumulator_bits)} if sums == 1 else {"sums": ArrayLayout(signed(accumulator_bits), sums)}
    return StructLayout({**total, **({"cycles": CYCLE_BITS} if counts_cycles else {})})
