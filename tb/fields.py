"""Fields of a payload: packed into and unpacked from one Python integer, whatever its width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy

from quadrille.algo.spec import InvalidInput

__all__ = ["Field", "FieldValue"]

#: The value of a field: one integer, or one per lane.
FieldValue: TypeAlias = int | Sequence[int] | numpy.ndarray

#: From here on a numpy bit matrix packs faster than shifts in a loop.
_MANY = 8
#: Lanes of this width and more do not fit the int64 of that matrix.
_WIDE = 63


@dataclass(frozen=True)
class Field:
    """One field of a stream's payload: an integer of `width` bits at bit `offset`, or an array of them.

    `dimensions` are pairs of count and stride in bits, outermost first; a field without any holds one integer and not
    a list. Nested arrays are one list in row-major order.
    """

    name: str
    offset: int
    width: int
    signed: bool = False
    dimensions: tuple[tuple[int, int], ...] = ()

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Offset of each lane from the field's own offset."""
        places = [0]
        for count, stride in self.dimensions:
            places = [place + index * stride for place in places for index in range(count)]
        return tuple(places)

    @cached_property
    def _dense(self) -> bool:
        """Many narrow lanes that adjoin: worth a bit matrix."""
        adjoining = self.dimensions == ((len(self.places), self.width),)
        return adjoining and len(self.places) >= _MANY and self.width < _WIDE

    def pack(self, value: FieldValue) -> int:
        """Bits of `value` at the field's place in the payload.

        Raises
        ------
        InvalidInput
            If the number of lanes is not `count`, or a value does not fit its width.
        """
        values = _as_list(value)
        if len(values) != len(self.places):
            raise InvalidInput(f"Field {self.name} must have {len(self.places)} values, not {len(values)}")
        low = -(1 << (self.width - 1)) if self.signed else 0
        high = low + (1 << self.width) - 1
        if min(values) < low or max(values) > high:
            lane, element = next((k, v) for k, v in enumerate(values) if not low <= v <= high)
            raise InvalidInput(f"Field {self.name} lane {lane} must be from {low} to {high}, not {element}")
        if not self._dense:
            mask = (1 << self.width) - 1
            packed = 0
            for place, element in zip(self.places, values, strict=True):
                packed |= (element & mask) << place
            return packed << self.offset
        matrix = (numpy.asarray(values, dtype=numpy.int64)[:, None] >> numpy.arange(self.width)) & 1
        packed = numpy.packbits(matrix.astype(numpy.uint8).reshape(-1), bitorder="little").tobytes()
        return int.from_bytes(packed, "little") << self.offset

    def unpack(self, payload: int) -> int | list[int]:
        """The field's value in `payload`: an integer, or a list with one for each lane."""
        mask = (1 << self.width) - 1
        sign = 1 << (self.width - 1) if self.signed else 0
        payload >>= self.offset
        if not self.dimensions:
            return ((payload & mask) ^ sign) - sign
        if not self._dense:
            return [(((payload >> place) & mask) ^ sign) - sign for place in self.places]
        size = len(self.places) * self.width
        raw = (payload & ((1 << size) - 1)).to_bytes((size + 7) // 8, "little")
        bits = numpy.unpackbits(numpy.frombuffer(raw, dtype=numpy.uint8), count=size, bitorder="little")
        values = bits.reshape(-1, self.width).astype(numpy.int64) @ (1 << numpy.arange(self.width))
        return ((values ^ sign) - sign).tolist()


def _as_list(value: FieldValue) -> list[int]:
    if isinstance(value, numpy.ndarray):
        return value.reshape(-1).tolist()
    if isinstance(value, Sequence):
        return [int(element) for element in value]
    return [int(value)]
