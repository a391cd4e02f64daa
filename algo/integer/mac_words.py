"""How dot products travel through a multiply-accumulate unit: the words of their elements, beats and cycles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.precision import MacMode, Operand, Scheme

from .arithmetic import IntArray, clamp, integers

__all__ = ["DotProduct", "DotProducts", "dot_product", "dot_products", "pack"]


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


@dataclass(frozen=True)
class DotProducts:
    """The same of a unit that makes several at a time: `totals`, 0 where the mode has none."""

    totals: tuple[int, ...]
    beats: int
    cycles: int


def dot_product(
    a: object, b: object, /, *, scheme: Scheme, mode: MacMode, units: int, accumulator_bits: int
) -> DotProduct:
    """`sum_k a[k] * b[k]`, exact, in `ceil(K / (units * elements))` groups of the beats and cycles of the scheme.

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
    groups = _groups(len(left), scheme=scheme, mode=mode, units=units)
    total = checked_sum(left, right, accumulator_bits)
    return DotProduct(total, groups * scheme.beats(mode), groups * scheme.cycles(mode))


def dot_products(
    a: object, b: object, /, *, scheme: Scheme, mode: MacMode, units: int, accumulator_bits: int
) -> DotProducts:
    """All dot products that a unit of several makes of `a` and `b` (vectors, K): the sums of `Scheme.pairs`.

    Raises
    ------
    InvalidInput
        As `dot_product`; and if there are not as many vectors as the mode has.
    """
    scheme.check(mode)
    left, right = integers(a, "Operand a"), integers(b, "Operand b")
    vectors = scheme.vectors(mode)
    if left.ndim != 2 or left.shape != right.shape or len(left) != vectors or not left.size:
        shapes = f"{list(left.shape)} and {list(right.shape)}"
        raise InvalidInput(f"Operands must be {vectors} vectors each, all of one length, not of shapes {shapes}")
    groups = _groups(left.size, scheme=scheme, mode=mode, units=units)
    totals = [0] * scheme.sums
    for total, of_a, of_b in {(total, of_a % vectors, of_b % vectors) for of_a, of_b, total in scheme.pairs(mode)}:
        totals[total] = checked_sum(left[of_a], right[of_b], accumulator_bits)
    return DotProducts(tuple(totals), groups * scheme.beats(mode), groups * scheme.cycles(mode))


def _groups(length: int, *, scheme: Scheme, mode: MacMode, units: int) -> int:
    size = units * scheme.elements(mode)
    if mode.a.binary and mode.b.binary and length % size:
        raise InvalidInput(f"Elements of -1 and +1 must fill whole beats of {size}, not {length} elements")
    return -(-length // size)


def checked_sum(a: IntArray, b: IntArray, accumulator_bits: int) -> int:
    """`sum_k a[k] * b[k]` of any width, if an accumulator of so many bits holds it; InvalidInput if not."""
    total = int(np.sum(a.astype(object) * b.astype(object)))
    bound = 1 << (accumulator_bits - 1)
    if not -bound <= total < bound:
        raise InvalidInput(f"Dot product must fit an accumulator of {accumulator_bits} bits, and {total} does not")
    return total


def pack(a: IntArray, b: IntArray, *, scheme: Scheme, mode: MacMode, units: int) -> tuple[IntArray, IntArray]:
    """The words of both operands, (beats, units) each: the elements of a unit one after the other, the first lowest,
    or highest on the sides that the scheme calls descending. Operands (K,), or (vectors, K) where it has several.

    Where a vector ends within a beat, zeros follow; an operand of -1 and +1 has none, its fields then are 0 too, and
    the other operand's zeros make the products vanish.

    Raises
    ------
    InvalidInput
        If an element is none of its precision.
    """
    elements = scheme.elements(mode)
    sides: list[IntArray] = []
    for operand, values in ((mode.a, a), (mode.b, b)):
        values = np.transpose(values).ravel()
        groups = -(-len(values) // (units * elements))
        fields = np.zeros(groups * units * elements, dtype=np.int64)
        fields[: len(values)] = _fields(values, operand, scheme)
        sides.append(fields.reshape(groups, units, elements))
    if scheme.planes:
        pairs = [(i, j) for i in reversed(range(mode.a.bits)) for j in reversed(range(mode.b.bits))]
        planes = [[fields >> pair[side] & 1 for pair in pairs] for side, fields in enumerate(sides)]
        sides = [np.stack(parts, axis=1).reshape(-1, units, elements) for parts in planes]
    words: list[IntArray] = []
    for side, operand, fields in zip("ab", (mode.a, mode.b), sides, strict=True):
        slot = scheme.slot(operand, mode)
        places = np.arange(elements)[:: -1 if side in scheme.descending else 1]
        words.append(((fields & ((1 << slot) - 1)) << (slot * places)).sum(axis=2))
    return words[0], words[1]


def _fields(values: IntArray, operand: Operand, scheme: Scheme) -> IntArray:
    """What the slots of `values` hold, and above it what the sign goes on to."""
    interval = operand.interval
    wrong = ~np.isin(values, (-1, 1)) if operand.binary else values != clamp(values, interval.lo, interval.hi)
    if wrong.any():
        operand.check(int(values[wrong][0]))
    if operand.binary:
        return (values + 1) // 2
    pieces = [((values >> low) & ((1 << width) - 1)) << place for low, place, width in scheme.offsets(operand)]
    return np.bitwise_or.reduce(pieces)
