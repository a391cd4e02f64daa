"""Weights on the unit interval, stored once and read at any precision: TruncQuant, and DoReFa beside it.

`w01 = tanh(w) / (2 * max|tanh(w)|) + 1/2`, E = mean|w| (a constant to the gradient), both of one block of weights. A
code of k bits is u from 0 to 2**k - 1, and stands for `E * (2*u / (2**k - 1) - 1)`. What differs is how w01 becomes u:

- truncated (TruncQuant, arXiv 2506.11431): `u_k = min(floor(w01 * 2**k), 2**k - 1)`, so that `u_k = u_8 >> (8 - k)` for
  every k: the 8-bit codes are stored, and a precision is how many of their leading bits are read.
- rounded (DoReFa, arXiv 1606.06160): `u_k = floor(w01 * (2**k - 1) + 1/2)`, whose grids do not nest: of uniform weights
  its 8-bit code, truncated, misses its own k-bit code for 16 % at k = 2 and 22 % at k = 4.

Hardware holds `q = u - 2**(k-1)`, two's complement, worth `E * (2*q + 1) / (2**k - 1)`: a scale, and an offset that
multiplies the sum of the inputs. With one bit it holds `B = 2*u - 1` in {-1, +1}, worth E*B. The gradient of the value
is that of `E * (2*w01 - 1)` at every k [INFERRED: the papers pass the gradient straight through].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from quadrille.algo.spec import CellEncoding, InvalidInput

from .binary import QuantizedWeight
from .granularity import Granularity, PerTensor, expand, group_max, group_mean

__all__ = [
    "MOST_STORED_BITS",
    "DorefaWeights",
    "TruncatedWeights",
    "UnitWeights",
    "rounded_code",
    "truncate",
    "truncated_code",
    "unit_interval",
]

MOST_STORED_BITS = 8
LEAST_PEAK = 2.0**-40


def unit_interval(weight: Tensor, granularity: Granularity | None = None) -> Tensor:
    """`tanh(w) / (2 * max|tanh(w)|) + 1/2`, from 0 to 1, the maximum over each block; the gradient passes it too."""
    granularity = PerTensor() if granularity is None else granularity
    squashed = torch.tanh(weight)
    peak = group_max(squashed.abs(), granularity).clamp_min(LEAST_PEAK)
    return squashed / (2 * expand(peak, granularity, tuple(weight.shape))) + 0.5


def truncated_code(unit: Tensor, bits: int) -> Tensor:
    """`min(floor(unit * 2**bits), 2**bits - 1)` of numbers from 0 to 1: no gradient."""
    return torch.floor(unit.detach() * (1 << bits)).clamp_max((1 << bits) - 1)


def rounded_code(unit: Tensor, bits: int) -> Tensor:
    """`floor(unit * (2**bits - 1) + 1/2)` of numbers from 0 to 1: no gradient."""
    return torch.floor(unit.detach() * ((1 << bits) - 1) + 0.5)


def truncate(code: Tensor, stored_bits: int, bits: int) -> Tensor:
    """The leading `bits` of codes of `stored_bits` bits: `code >> (stored_bits - bits)`, of integers in any type.

    Raises
    ------
    InvalidInput
        If there are not so many bits.
    """
    _check_bits(bits, stored_bits)
    return torch.floor(code / (1 << (stored_bits - bits))).to(code)


def _check_bits(bits: int, stored_bits: int) -> None:
    if not 1 <= stored_bits <= MOST_STORED_BITS:
        raise InvalidInput(f"Stored weight width must be from 1 to {MOST_STORED_BITS} bits, not {stored_bits}")
    if not 1 <= bits <= stored_bits:
        raise InvalidInput(f"Weight width must be from 1 to the {stored_bits} bits that are stored, not {bits}")


class UnitWeights(nn.Module, ABC):
    """A quantizer of weights (outputs, inputs) whose codes of `stored_bits` bits are read at `bits` bits.

    `granularity` says which weights share peak and E; the papers have one of each for a layer.

    Raises
    ------
    InvalidInput
        If the widths are not from 1 to 8 bits, or more are read than stored.
    """

    rule: ClassVar[str]

    def __init__(self, bits: int, *, stored_bits: int | None = None, granularity: Granularity | None = None) -> None:
        stored_bits = bits if stored_bits is None else stored_bits
        _check_bits(bits, stored_bits)
        super().__init__()
        self.bits = bits
        self.stored_bits = stored_bits
        self.granularity: Granularity = PerTensor() if granularity is None else granularity
        self.encoding = CellEncoding(bits, cell_bits=bits)

    @abstractmethod
    def code(self, unit: Tensor, bits: int) -> Tensor:
        """The unsigned codes of `bits` bits of numbers from 0 to 1: no gradient."""

    def forward(self, weight: Tensor) -> QuantizedWeight:
        """Integers, scale and offset of `weight`."""
        unit = unit_interval(weight, self.granularity)
        code = truncate(self.code(unit, self.stored_bits), self.stored_bits, self.bits)
        levels = (1 << self.bits) - 1
        ramp = unit * levels
        code = code + (ramp - ramp.detach())
        size = group_mean(weight.detach().abs(), self.granularity)
        if self.bits == 1:
            return QuantizedWeight(2 * code - 1, size, None)
        return QuantizedWeight(code - (1 << (self.bits - 1)), 2 * size / levels, size / levels)

    @torch.no_grad()
    def to_int(self, weight: Tensor) -> Tensor:
        """The integers of `weight`, int64."""
        return self.forward(weight).integer.round().to(torch.int64)

    @torch.no_grad()
    def stored(self, weight: Tensor) -> Tensor:
        """The unsigned codes of `stored_bits` bits that `to_int` reads the leading bits of, int64."""
        return self.code(unit_interval(weight, self.granularity), self.stored_bits).to(torch.int64)


class TruncatedWeights(UnitWeights):
    """TruncQuant: the code of `bits` bits is the same whether it is made so or cut from more bits."""

    rule: ClassVar[str] = "truncated"

    def code(self, unit: Tensor, bits: int) -> Tensor:
        """`truncated_code`."""
        return truncated_code(unit, bits)


class DorefaWeights(UnitWeights):
    """DoReFa: rounded to the grid of `stored_bits` bits, so that reading fewer bits is not what was trained."""

    rule: ClassVar[str] = "rounded"

    def code(self, unit: Tensor, bits: int) -> Tensor:
        """`rounded_code`."""
        return rounded_code(unit, bits)
