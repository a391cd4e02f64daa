"""Weights whose least significant bits can be seen, pushed to zero and dropped: MSQ's round-clamp quantizer.

Of numbers w01 on the unit interval (`truncation`) the code of n bits is `q_n = min(floor(w01 * 2**n + 1/2), 2**n - 1)`,
and stands for `E * (2*q_n / (2**n - 1) - 1)`. The grids i / 2**n nest, those of DoReFa do not: the k least significant
bits of a weight are `b_k = q_n - 2**k * q_(n-k)`, 0 if and only if the weight sits on the grid of n - k bits. For k = 1
they are in {-1, 0, 1}, for k = 2 in {-2 ... 2}, or 3 at the upper clamp. `c_k = w01 - q_(n-k) / 2**(n-k)`, the grid a
constant to the gradient, is what a penalty on them moves.

Source: MSQ (arXiv 2507.22349), of which the quantizer's equation was not at hand: this one is [INFERRED].
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

import torch
from torch import Tensor

from quadrille.algo.spec import CellEncoding, InvalidInput

from .granularity import Granularity
from .truncation import UnitWeights, unit_interval

__all__ = ["LsbReading", "RoundClampWeights", "coarse_code", "least_significant", "round_clamp"]


class LsbReading(Enum):
    """What the least significant bits of a code are the difference to."""

    NESTED = "nested"  # the code of n - k bits: 2**k * q_(n-k)
    CLAMPED = "clamped"  # the code of n bits, clamped to what n - k bits hold: min(q_n, 2**(n-k) - 1)


def round_clamp(unit: Tensor, bits: int) -> Tensor:
    """`min(floor(unit * 2**bits + 1/2), 2**bits - 1)` of numbers from 0 to 1: no gradient."""
    return torch.floor(unit.detach() * (1 << bits) + 0.5).clamp_max((1 << bits) - 1)


def coarse_code(unit: Tensor, bits: int, dropped: int, reading: LsbReading = LsbReading.NESTED) -> Tensor:
    """What is left of the codes of `bits` bits without `dropped` of them, in units of 2**-bits: no gradient.

    Raises
    ------
    InvalidInput
        If not at least one bit is left, or none is dropped.
    """
    if not 1 <= dropped < bits:
        raise InvalidInput(f"Bits dropped from a weight of {bits} bits must be from 1 to {bits - 1}, not {dropped}")
    if reading is LsbReading.CLAMPED:
        return round_clamp(unit, bits).clamp_max((1 << (bits - dropped)) - 1)
    return round_clamp(unit, bits - dropped) * (1 << dropped)


def least_significant(unit: Tensor, bits: int, dropped: int, reading: LsbReading = LsbReading.NESTED) -> Tensor:
    """`b_k`, the integers that `dropped` bits take away from the codes of `bits` bits: no gradient.

    Raises
    ------
    InvalidInput
        As `coarse_code`.
    """
    return round_clamp(unit, bits) - coarse_code(unit, bits, dropped, reading)


class RoundClampWeights(UnitWeights):
    """Round-clamp codes of `bits` bits, fewer after each `drop`; with one bit the weights are -1 and +1.

    Raises
    ------
    InvalidInput
        If the widths are not from 1 to 8 bits, or more are read than stored.
    """

    rule: ClassVar[str] = "round-clamp"

    def __init__(
        self,
        bits: int,
        *,
        stored_bits: int | None = None,
        granularity: Granularity | None = None,
        reading: LsbReading = LsbReading.NESTED,
    ) -> None:
        super().__init__(bits, stored_bits=stored_bits, granularity=granularity)
        self.reading = reading

    def code(self, unit: Tensor, bits: int) -> Tensor:
        """`round_clamp`."""
        return round_clamp(unit, bits)

    def penalty(self, weight: Tensor, dropped: int) -> Tensor:
        """`sum |c_k|` over all weights, whose gradient is the sign of c_k at each."""
        unit = unit_interval(weight, self.granularity)
        return (unit - coarse_code(unit, self.bits, dropped, self.reading) / (1 << self.bits)).abs().sum()

    @torch.no_grad()
    def active(self, weight: Tensor, dropped: int) -> float:
        """The share of the weights whose `dropped` least significant bits are not all zero."""
        unit = unit_interval(weight, self.granularity)
        return float((least_significant(unit, self.bits, dropped, self.reading) != 0).double().mean())

    @torch.no_grad()
    def distance(self, weight: Tensor) -> float:
        """`||Q_n(W) - Q_(n-1)(W)||**2`: what dropping one more bit moves the weights by."""
        here, there = self.value(weight), RoundClampWeights(self.bits - 1, granularity=self.granularity).value(weight)
        return float((here - there).square().sum())

    def value(self, weight: Tensor) -> Tensor:
        """The real weights that the integers stand for."""
        quantized = self.forward(weight)
        return quantized.integer * quantized.scale + (0 if quantized.offset is None else quantized.offset)

    @torch.no_grad()
    def drop(self, weight: Tensor, count: int) -> None:
        """Have `count` bits less from now on; the float weights stay as they are.

        Raises
        ------
        InvalidInput
            As `coarse_code`.
        """
        coarse_code(weight, self.bits, count)
        self._keep(self.bits - count)

    def _keep(self, bits: int) -> None:
        self.bits = self.stored_bits = bits
        self.encoding = CellEncoding(bits, cell_bits=bits)

    def get_extra_state(self) -> Tensor:
        """The bits, for checkpoints."""
        return torch.tensor(self.bits)

    def set_extra_state(self, state: Tensor) -> None:
        """As many bits as a checkpoint has."""
        self._keep(int(state))
