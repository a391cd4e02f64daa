"""The beats that every multiply-accumulate unit takes and gives."""

from __future__ import annotations

from amaranth import signed, unsigned
from amaranth.lib.data import ArrayLayout, StructLayout

__all__ = ["operands_layout", "sum_layout"]


def operands_layout(units: int, unit_bits: int) -> StructLayout:
    """Elements of a dot product, as many as the words of all units hold, and the precision that they have."""
    return StructLayout(
        {
            "a": ArrayLayout(unsigned(unit_bits), units),
            "b": ArrayLayout(unsigned(unit_bits), units),
            "a_bits": 4,  # precision, less 1
            "b_bits": 4,
            "a_signed": 1,
            "b_signed": 1,
            "first": 1,  # beat of a dot product
            "last": 1,
        }
    )


def sum_layout(accumulator_bits: int, sums: int = 1) -> StructLayout:
    """A dot product, or those that a unit of several makes at the same time."""
    if sums == 1:
        return StructLayout({"sum": signed(accumulator_bits)})
    return StructLayout({"sums": ArrayLayout(signed(accumulator_bits), sums)})
