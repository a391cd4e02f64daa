"""Dot products at any precision: the twins of hw.mac, and the words that their operands travel in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.mac_schemes import ActivationSerial, BitFusion, Plain, SubWord
from quadrille.algo.spec.precision import MacMode, Operand, Scheme
from quadrille.algo.spec.spatio_temporal import SpatioTemporal

from .arithmetic import IntArray, clamp, integers

__all__ = [
    "DotProduct",
    "activation_serial_mac",
    "dot_product",
    "fusion_mac",
    "pack",
    "plain_mac",
    "spatio_temporal_mac",
    "sub_word_mac",
]


@dataclass(frozen=True)
class DotProduct:
    """A dot product on its way through a unit.

    Attributes
    ----------
    total : `sum_k a[k] * b[k]`
    beats : words of either operand for each unit; cycles : in which they are multiplied
    """

    total: int
    beats: int
    cycles: int


def dot_product(
    a: object, b: object, /, *, scheme: Scheme, mode: MacMode, units: int, accumulator_bits: int
) -> DotProduct:
    """`sum_k a[k] * b[k]`, exact, in `ceil(K / (units * elements))` beats of the cycles that the scheme takes.

    `a`, `b` (K,).

    Raises
    ------
    InvalidInput
        If the design has not the mode, the operands have different lengths or none, elements of -1 and +1 do not fill
        whole beats (there is no 0 to fill up with), or the sum does not fit the accumulator.
    """
    scheme.check(mode)
    left, right = integers(a, "Operand a"), integers(b, "Operand b")
    if left.ndim != 1 or left.shape != right.shape or not len(left):
        shapes = f"{list(left.shape)} and {list(right.shape)}"
        raise InvalidInput(f"Operands must be two vectors of one length, not of shapes {shapes}")
    size = units * scheme.elements(mode)
    beats = -(-len(left) // size)
    if mode.a.binary and mode.b.binary and len(left) % size:
        raise InvalidInput(f"Elements of -1 and +1 must fill whole beats of {size}, not {len(left)} elements")
    total = int(np.sum(left.astype(object) * right.astype(object)))
    bound = 1 << (accumulator_bits - 1)
    if not -bound <= total < bound:
        raise InvalidInput(f"Dot product must fit an accumulator of {accumulator_bits} bits, and {total} does not")
    return DotProduct(total, beats, beats * scheme.cycles(mode))


def spatio_temporal_mac(
    a: object, b: object, /, *, mode: MacMode, units: int = 8, accumulator_bits: int = 48
) -> DotProduct:
    """`sum_k a[k] * b[k]` by bit-serial sub-units: `dot_product` with SpatioTemporal."""
    return dot_product(a, b, scheme=SpatioTemporal(), mode=mode, units=units, accumulator_bits=accumulator_bits)


def plain_mac(
    a: object, b: object, /, *, mode: MacMode, width: int = 8, units: int = 8, accumulator_bits: int = 48
) -> DotProduct:
    """`sum_k a[k] * b[k]` by whole multipliers: `dot_product` with Plain."""
    return dot_product(a, b, scheme=Plain(width), mode=mode, units=units, accumulator_bits=accumulator_bits)


def fusion_mac(a: object, b: object, /, *, mode: MacMode, units: int = 8, accumulator_bits: int = 48) -> DotProduct:
    """`sum_k a[k] * b[k]` by bricks of 2 x 2 bits: `dot_product` with BitFusion."""
    return dot_product(a, b, scheme=BitFusion(), mode=mode, units=units, accumulator_bits=accumulator_bits)


def sub_word_mac(a: object, b: object, /, *, mode: MacMode, units: int = 8, accumulator_bits: int = 48) -> DotProduct:
    """`sum_k a[k] * b[k]` by an array multiplier in parts: `dot_product` with SubWord."""
    return dot_product(a, b, scheme=SubWord(), mode=mode, units=units, accumulator_bits=accumulator_bits)


def activation_serial_mac(
    a: object, b: object, /, *, mode: MacMode, units: int = 8, accumulator_bits: int = 48
) -> DotProduct:
    """`sum_k a[k] * b[k]` one bit of b at a time: `dot_product` with ActivationSerial."""
    return dot_product(a, b, scheme=ActivationSerial(), mode=mode, units=units, accumulator_bits=accumulator_bits)


def pack(a: IntArray, b: IntArray, *, scheme: Scheme, mode: MacMode, units: int) -> tuple[IntArray, IntArray]:
    """The words of both operands, (beats, units) each: the elements of a unit one after the other, the first lowest,
    or highest on the sides that the scheme calls descending.

    Where a vector ends within a beat, zeros follow; an operand of -1 and +1 has none, its fields then are 0 too, and
    the other operand's zeros make the products vanish.

    Raises
    ------
    InvalidInput
        If an element is none of its precision.
    """
    elements = scheme.elements(mode)
    words: list[IntArray] = []
    for side, operand, values in (("a", mode.a, a), ("b", mode.b, b)):
        slot = scheme.slot(operand, mode)
        beats = -(-len(values) // (units * elements))
        fields = np.zeros(beats * units * elements, dtype=np.int64)
        fields[: len(values)] = _fields(values, operand, scheme, slot)
        places = np.arange(elements)[:: -1 if side in scheme.descending else 1]
        words.append((fields.reshape(beats, units, elements) << (slot * places)).sum(axis=2))
    return words[0], words[1]


def _fields(values: IntArray, operand: Operand, scheme: Scheme, slot: int) -> IntArray:
    """What the slots of `values` hold."""
    interval = operand.interval
    wrong = ~np.isin(values, (-1, 1)) if operand.binary else values != clamp(values, interval.lo, interval.hi)
    if wrong.any():
        operand.check(int(values[wrong][0]))
    if operand.binary:
        return (values + 1) // 2
    pieces = [((values >> low) & ((1 << width) - 1)) << place for low, place, width in scheme.offsets(operand)]
    return np.bitwise_or.reduce(pieces) & ((1 << slot) - 1)
