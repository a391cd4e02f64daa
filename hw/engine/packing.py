"""Integers to bits: values in a layout, rows in the words of the data port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from amaranth import Shape
from amaranth.lib.data import ArrayLayout, StructLayout

from quadrille.algo.spec import InvalidInput

from .loader import HEADER, row_words
from .targets import PORT_BITS

__all__ = ["pack", "packet"]


def pack(layout: Any, value: Any) -> int:
    """The bits of `value` in `layout`: a mapping for a struct, a sequence for an array, an integer for the rest.

    Raises
    ------
    InvalidInput
        If an integer does not fit its field.
    """
    if isinstance(layout, StructLayout):
        assert isinstance(value, Mapping) and set(value) == set(layout.members), (list(layout.members), value)
        return sum(pack(layout[name].shape, part) << layout[name].offset for name, part in value.items())
    if isinstance(layout, ArrayLayout):
        stride = Shape.cast(layout.elem_shape).width
        return sum(pack(layout.elem_shape, part) << (n * stride) for n, part in enumerate(value))
    shape = Shape.cast(layout)
    low = -(1 << (shape.width - 1)) if shape.signed else 0
    if not low <= value < low + (1 << shape.width):
        raise InvalidInput(f"Table field must fit {'s' if shape.signed else 'u'}{shape.width}, not {value}")
    return value & ((1 << shape.width) - 1)


def packet(target: int, address: int, rows: Iterable[int], width: int) -> list[int]:
    """The data-port words that write `rows` of `width` bits from row `address` on."""
    rows = list(rows)
    mask = (1 << PORT_BITS) - 1
    header = pack(HEADER, {"target": target, "address": address, "count": len(rows)})
    return [header, *(row >> (PORT_BITS * n) & mask for row in rows for n in range(row_words(width)))]
