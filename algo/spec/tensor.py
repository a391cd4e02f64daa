"""Integer tensors that need nothing but the standard library."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from .errors import InvalidInput
from .formats import Interval

__all__ = ["IntTensor"]

_CODES = {"int8": "b", "int16": "h", "int32": "i", "int64": "q"}


@dataclass(frozen=True)
class IntTensor:
    """A constant tensor of integers: row-major, little-endian two's complement bytes.

    `tensor.view[o, i]` reads an element, and `numpy.asarray(tensor.view)` shares the memory, so the rooms that may not
    import numpy and those that compute with it use the same value. Equal tensors are equal and hash alike.

    Raises
    ------
    InvalidInput
        If the type is unknown or the number of bytes does not fit the shape.
    """

    shape: tuple[int, ...]
    dtype: str
    data: bytes

    def __post_init__(self) -> None:
        if self.dtype not in _CODES:
            raise InvalidInput(f"Tensor type must be one of {', '.join(_CODES)}, not {self.dtype!r}")
        if any(size < 0 for size in self.shape):
            raise InvalidInput(f"Tensor shape must have no negative size, not {list(self.shape)}")
        expected = prod(self.shape) * self.itemsize
        if len(self.data) != expected:
            thing = f"Tensor of shape {list(self.shape)} and type {self.dtype}"
            raise InvalidInput(f"{thing} must have {expected} bytes, not {len(self.data)}")

    @classmethod
    def of(cls, values: Iterable[int], shape: tuple[int, ...], dtype: str = "int64") -> IntTensor:
        """A tensor from its elements in row-major order."""
        if dtype not in _CODES:
            raise InvalidInput(f"Tensor type must be one of {', '.join(_CODES)}, not {dtype!r}")
        try:
            elements = array(_CODES[dtype], values)
        except OverflowError:
            raise InvalidInput(f"Tensor elements must fit {dtype}, and one does not") from None
        if sys.byteorder == "big":
            elements.byteswap()
        return cls(shape, dtype, elements.tobytes())

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return int(self.dtype.removeprefix("int")) // 8

    @property
    def view(self) -> memoryview:
        """The elements, indexed by a tuple of as many integers as `shape` has."""
        if not self.data:
            raise InvalidInput(f"Tensor must have elements to be read, not shape {list(self.shape)}")
        flat = memoryview(self.data)
        return flat.cast(_CODES[self.dtype], list(self.shape))  # pyright: ignore[reportArgumentType, reportCallIssue]

    @property
    def flat(self) -> memoryview:
        """The elements in row-major order."""
        return memoryview(self.data).cast(_CODES[self.dtype])  # pyright: ignore[reportArgumentType, reportCallIssue]

    @property
    def interval(self) -> Interval:
        """The smallest interval that holds every element."""
        elements = self.flat
        return Interval(min(elements), max(elements))

    def __repr__(self) -> str:
        return f"IntTensor(shape={self.shape}, dtype={self.dtype!r})"
