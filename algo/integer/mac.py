"""Dot products at any precision: the twins of hw.mac, and the words that their operands travel in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.precision import CHUNK_BITS, MacMode, Operand

from .arithmetic import IntArray, clamp, integers

__all__ = ["DotProduct", "chunks_of", "pack_chunks", "spatio_temporal_mac"]


@dataclass(frozen=True)
class DotProduct:
    """A dot product on its way through a unit.

    Attributes
    ----------
    total : `sum_k a[k] * b[k]`
    beats : words of either operand; cycles : in which they are multiplied
    """

    total: int
    beats: int
    cycles: int


def spatio_temporal_mac(
    a: object, b: object, /, *, mode: MacMode, units: int = 8, accumulator_bits: int = 48
) -> DotProduct:
    """`sum_k a[k] * b[k]`, exact, in `ceil(K / (units * mode.elements))` beats of `mode.cycles` cycles.

    `a`, `b` (K,).

    Raises
    ------
    InvalidInput
        If the operands have different lengths or none, an element is none of its precision, elements of -1 and +1 do
        not fill whole beats (there is no 0 to fill up with), or the sum does not fit the accumulator.
    """
    left, right = integers(a, "Operand a"), integers(b, "Operand b")
    if left.ndim != 1 or left.shape != right.shape or not len(left):
        shapes = f"{list(left.shape)} and {list(right.shape)}"
        raise InvalidInput(f"Operands must be two vectors of one length, not of shapes {shapes}")
    size = units * mode.elements
    beats = -(-len(left) // size)
    if mode.a.binary and mode.b.binary and len(left) % size:
        raise InvalidInput(f"Elements of -1 and +1 must fill whole beats of {size}, not {len(left)} elements")
    total = int(np.sum(left.astype(object) * right.astype(object)))
    bound = 1 << (accumulator_bits - 1)
    if not -bound <= total < bound:
        raise InvalidInput(f"Dot product must fit an accumulator of {accumulator_bits} bits, and {total} does not")
    return DotProduct(total, beats, beats * mode.cycles)


def chunks_of(values: IntArray, operand: Operand) -> IntArray:
    """The chunks of `values` (n,), as `operand.cut` makes them of each: (n, chunks).

    Raises
    ------
    InvalidInput
        If the operand has no such value.
    """
    wrong = ~np.isin(values, (-1, 1)) if operand.binary else (values != clamp(values, *_ends(operand)))
    if wrong.any():
        operand.cut(int(values[wrong][0]))
    if operand.binary:
        return (values[:, None] + 1) // 2
    above = (operand.bits, *operand.offsets)
    fields = [
        (values >> low) & ((1 << (CHUNK_BITS if j == 0 else high - low)) - 1)
        for j, (high, low) in enumerate(zip(above, operand.offsets, strict=False))
    ]
    return np.stack(fields, axis=1)


def _ends(operand: Operand) -> tuple[int, int]:
    return operand.interval.lo, operand.interval.hi


def pack_chunks(a: IntArray, b: IntArray, *, mode: MacMode, units: int) -> tuple[IntArray, IntArray]:
    """The words of both operands, (beats, units) each: in every word four chunks of 4 bits, the first lowest.

    Where a vector ends within a beat, zeros follow; an operand of -1 and +1 has none, its fields then are 0 too, and
    the other operand's zeros make the products vanish.

    Raises
    ------
    InvalidInput
        If an element is none of its precision.
    """
    words: list[IntArray] = []
    for operand, values in ((mode.a, a), (mode.b, b)):
        beats = -(-len(values) // (units * mode.elements))
        fields = np.zeros((beats * units * mode.elements, operand.chunks), dtype=np.int64)
        fields[: len(values)] = chunks_of(values, operand)
        fields = fields.reshape(beats, units, -1)
        words.append((fields << (CHUNK_BITS * np.arange(fields.shape[2]))).sum(axis=2))
    return words[0], words[1]
