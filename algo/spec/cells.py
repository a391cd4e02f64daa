"""How a weight is cut into cells, and how its column sums become signed again."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidInput
from .formats import Interval, IntFormat

__all__ = ["MOST_WEIGHT_BITS", "CellEncoding"]

MOST_WEIGHT_BITS = 16


@dataclass(frozen=True)
class CellEncoding:
    """Weights of `weight_bits` bits in cells of `cell_bits` bits, most significant slice first.

    One bit: a weight B in {-1, +1} is the cell c = (B + 1) / 2, and `sum B*x = 2 * sum c*x - sum x`.
    More bits: a weight q is offset binary, u = q + 2**(weight_bits - 1), cut into `slices` digits in base
    B = 2**cell_bits, `u = sum_s d[s] * B**(slices - 1 - s)`; the first slice takes the bits that are left over when
    cell_bits does not divide weight_bits. With `t` bits in the first slice,
    `q = (d[0] - 2**(t - 1)) * B**(slices - 1) + sum_{s>0} d[s] * B**(slices - 1 - s)`.

    Either way the signed sum of one slice over the rows of a tile is
    `P[s] = gain(s) * sum_r d[s, r]*x[r] - reference_weight(s) * sum_r x[r]`,
    and the sum over rows is `sum_r q[r]*x[r] = sum_s P[s] * place(s)`.

    `differential`: two arrays, one for what is positive, one for what is negative. The magnitude m = |q|, of
    weight_bits - 1 bits (1 for binary weights), is cut into digits as u is above; the first half of the slices holds
    those of weights above 0, the second half those of weights below 0, whose places are negative:
    `q = sum_s d[s] * place(s)`. No slice needs a reference, and the lowest weight of two's complement does not occur.

    Source: ColumnQuant (arXiv 2502.07842) for the
    slices, algorithms of BWMA (arXiv 2508.21524) for binary weights [INFERRED].

    Raises
    ------
    InvalidInput
        If `weight_bits` is not from 1 to 16, or `cell_bits` not from 1 to 16.
    """

    weight_bits: int
    cell_bits: int = 1
    differential: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.weight_bits <= MOST_WEIGHT_BITS:
            raise InvalidInput(f"Weight width must be from 1 to {MOST_WEIGHT_BITS} bits, not {self.weight_bits}")
        if not 1 <= self.cell_bits <= MOST_WEIGHT_BITS:
            raise InvalidInput(f"Cell width must be from 1 to {MOST_WEIGHT_BITS} bits, not {self.cell_bits}")

    @property
    def binary(self) -> bool:
        """Whether the weights are -1 and +1."""
        return self.weight_bits == 1

    @property
    def _digits(self) -> int:
        """Cells that hold one number: a weight, or a magnitude."""
        bits = max(1, self.weight_bits - 1) if self.differential else self.weight_bits
        return -(-bits // self.cell_bits)

    @property
    def slices(self) -> int:
        """Cells per weight."""
        return self._digits * (2 if self.differential else 1)

    @property
    def interval(self) -> Interval:
        """The values of a weight; a binary one is never 0."""
        if self.binary:
            return Interval(-1, 1)
        interval = IntFormat(self.weight_bits, signed=True).interval
        return Interval(-interval.hi, interval.hi) if self.differential else interval

    def slice_bits(self, index: int) -> int:
        """Bits of a weight that slice `index` holds."""
        if index % self._digits:
            return self.cell_bits
        bits = max(1, self.weight_bits - 1) if self.differential else self.weight_bits
        return bits - (self._digits - 1) * self.cell_bits

    def digit(self, weight: int, index: int) -> int:
        """The cell value d[index] of `weight`, from 0 to 2**slice_bits(index) - 1."""
        if self.differential:
            number = max(weight if index < self._digits else -weight, 0)
        elif self.binary:
            return (weight + 1) // 2
        else:
            number = weight + (1 << (self.weight_bits - 1))
        return number // abs(self.place(index)) & ((1 << self.slice_bits(index)) - 1)

    def gain(self, index: int) -> int:
        """What the column sum of slice `index` is multiplied by: 2 for binary weights beside a reference, else 1."""
        return 2 if self.binary and not self.differential else 1

    def reference_weight(self, index: int) -> int:
        """What the reference sum is multiplied by before it is subtracted from slice `index`."""
        if self.differential:
            return 0
        if self.binary:
            return 1
        return 1 << (self.slice_bits(0) - 1) if index == 0 else 0

    def place(self, index: int) -> int:
        """The weight of slice `index` in the sum over slices."""
        size = 1 << (self.cell_bits * (self._digits - 1 - index % self._digits))
        return size if index < self._digits else -size
