"""Between the constant tensors of a Network and numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quadrille.algo.spec import IntTensor, InvalidInput

from .arithmetic import IntArray, integers

__all__ = ["array_of", "tensor_of"]

_TYPES = ("int8", "int16", "int32", "int64")


def array_of(tensor: IntTensor) -> IntArray:
    """The elements of `tensor` as an int64 array of its shape."""
    array = np.frombuffer(tensor.data, dtype=np.dtype(tensor.dtype).newbyteorder("<"))
    return array.reshape(tensor.shape).astype(np.int64)


def tensor_of(values: ArrayLike, dtype: str | None = None) -> IntTensor:
    """A tensor of the integers `values`, of type `dtype`, or of the narrowest type that holds them.

    Raises
    ------
    InvalidInput
        If they are no integers, or do not fit `dtype`.
    """
    array = integers(values, "Tensor elements")
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    if dtype is None:
        dtype = next(t for t in _TYPES if np.iinfo(t).min <= low and high <= np.iinfo(t).max)
    elif dtype not in _TYPES:
        raise InvalidInput(f"Tensor type must be one of {', '.join(_TYPES)}, not {dtype!r}")
    elif not (np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max):
        raise InvalidInput(f"Tensor elements must fit {dtype}, and one does not")
    return IntTensor(array.shape, dtype, array.astype(np.dtype(dtype).newbyteorder("<")).tobytes())
