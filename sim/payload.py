"""Payloads as numpy sees them: fields of many beats to and from packed 64-bit words, without a loop over beats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import InvalidInput

from .driver import integer_bits
from .manifest import Field, Stream

__all__ = ["empty_field", "pack", "pack_bits", "unpack_bits"]

Words = NDArray[np.uint64]


def pack_bits(bits: Any) -> Words:
    """Bits [n, width], bit 0 first, as words [n, ceil(width / 64)]: how fields of more than 64 bits are given.

    Raises
    ------
    InvalidInput
        If there is an element that is neither 0 nor 1.
    """
    array = np.atleast_2d(np.asarray(bits))
    if array.size and (array.min() < 0 or array.max() > 1):
        raise InvalidInput(f"Bits must be 0 or 1, not {_first_outside(array, 0, 1)}")
    packed = np.packbits(array.astype(np.uint8), axis=-1, bitorder="little")
    spare = -packed.shape[-1] % 8
    padded = np.pad(packed, [(0, 0)] * (packed.ndim - 1) + [(0, spare)])
    return np.ascontiguousarray(padded).view("<u8")


def unpack_bits(words: Any, width: int) -> NDArray[np.uint8]:
    """The inverse of `pack_bits`: words [n, m] as bits [n, width]."""
    octets = np.ascontiguousarray(words, dtype="<u8").view(np.uint8)
    return np.unpackbits(octets, axis=-1, bitorder="little")[..., :width]


def empty_field(field: Field, beats: int) -> NDArray[Any]:
    """Where `beats` beats of a field are stored.

    Shape [beats] for a scalar, [beats, count] for an array; int32 where every value fits, else int64, uint64 for u64;
    a last axis of words for elements of more than 64 bits.
    """
    shape = (beats,) if field.count is None else (beats, field.count)
    if field.width > 64:
        return np.zeros((*shape, field.words), np.uint64)
    if field.width == 64 and not field.signed:
        return np.zeros(shape, np.uint64)
    return np.zeros(shape, np.int32 if integer_bits(field) == 32 else np.int64)


def pack(stream: Stream, beats: Any) -> Words:
    """The beats of an input stream as packed payloads [n, words], C-contiguous.

    `beats` is the value of every field by name, arrays of [n] or [n, count] (with a last axis of words for fields of
    more than 64 bits), or the payloads already packed, uint64 [n, words].

    Raises
    ------
    InvalidInput
        If a field is missing, unknown, of another shape, or has a value outside its format.
    """
    if not isinstance(beats, Mapping):
        return _packed(stream, beats)
    known = {field.name: field for field in stream.fields}
    for name in beats:
        if name not in known:
            have = ", ".join(known) or "none"
            raise InvalidInput(f"Stream {stream.name}: field must be one of {have}, not {name!r}")
    missing = [name for name in known if name not in beats]
    if missing:
        raise InvalidInput(f"Stream {stream.name}: field {missing[0]} must be given, and is not")
    arrays = {name: _checked(stream, field, beats[name]) for name, field in known.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    count = next(iter(lengths.values()), 0)
    for name, length in lengths.items():
        if length != count:
            first = next(iter(lengths))
            raise InvalidInput(
                f"Stream {stream.name}, field {name}: must have as many beats as field {first}, {count}, not {length}"
            )
    words = np.zeros((count, stream.words), np.uint64)
    for name, field in known.items():
        _insert(words, field, arrays[name])
    return words


def _packed(stream: Stream, beats: Any) -> Words:
    array = np.asarray(beats)
    if array.ndim == 1 and stream.words == 1:
        array = array[:, np.newaxis]
    if array.dtype != np.uint64 or array.ndim != 2 or array.shape[1] != stream.words:
        raise InvalidInput(
            f"Stream {stream.name}: packed payloads must be uint64 of shape [n, {stream.words}], "
            f"not {array.dtype} of shape {list(array.shape)}"
        )
    spare = stream.words * 64 - stream.width
    if spare and array.size:
        highest = array[:, -1].max()
        if (spare == 64 and highest) or (spare < 64 and int(highest) >> (64 - spare)):
            raise InvalidInput(f"Stream {stream.name}: packed payloads must fit {stream.width} bits")
    return np.ascontiguousarray(array)


def _checked(stream: Stream, field: Field, values: Any) -> NDArray[Any]:
    """The values as uint64 [n, elements] of raw bits, or [n, elements * words] for wide elements; ranges checked."""
    array = np.asarray(values)
    where = f"Stream {stream.name}, field {field.name}"
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    if not np.issubdtype(array.dtype, np.integer):
        raise InvalidInput(f"{where}: values must be integers, not {array.dtype}")
    per_beat = field.elements * (field.words if field.width > 64 else 1)
    if array.ndim == 0 or array.size != len(array) * per_beat:
        counts = "" if per_beat == 1 else f", {per_beat}"
        raise InvalidInput(f"{where}: values must have shape [n{counts}], not {list(array.shape)}")
    array = array.reshape(len(array), per_beat)
    low, high = (
        (-(1 << (field.width - 1)), (1 << (field.width - 1)) - 1) if field.signed else (0, (1 << field.width) - 1)
    )
    if field.width > 64:
        low, high = 0, (1 << 64) - 1
    if array.size and (int(array.min()) < low or int(array.max()) > high):
        raise InvalidInput(f"{where}: values must fit {field.format}, not {_first_outside(array, low, high)}")
    raw = array.astype(np.uint64)
    rest = field.width % 64
    if field.width > 64 and rest and raw.size and int(raw[:, field.words - 1 :: field.words].max()) >> rest:
        raise InvalidInput(f"{where}: words must fit {field.format}")
    return raw & np.uint64((1 << field.width) - 1) if field.width < 64 else raw


def _first_outside(array: NDArray[Any], low: int, high: int) -> int:
    return next(int(value) for value in array.reshape(-1).tolist() if not low <= value <= high)


def _insert(words: Words, field: Field, raw: NDArray[np.uint64]) -> None:
    """Put the raw bits of a field into the packed payloads."""
    column = 0
    for offset in field.offsets:
        for part in range(field.words):
            word, shift = divmod(offset + part * 64, 64)
            width = min(64, field.width - part * 64)
            words[:, word] |= raw[:, column] << np.uint64(shift)
            if shift + width > 64:
                words[:, word + 1] |= raw[:, column] >> np.uint64(64 - shift)
            column += 1
