"""Weights whose every bit is a parameter: the bit-level method that MSQ is measured against.

A matrix of n-bit weights is n - 1 planes of signed digits d_b in [-1, 1], `q = floor(sum_b 2**b * d_b + 1/2)`, worth
`step * q`: the digits carry the sign, so that q is symmetric and its two's complement has n bits. The gradient of q to
d_b is 2**b where the digit is inside its range. An L1 penalty on all digits empties planes; a plane that few weights
use is dropped and the digits made anew from the rounded codes.

Source: BSQ (ICLR 2021) for trained bits, the requantization and the pruning of planes. It has two planes for each bit,
one for either sign, and a group lasso on each plane: one signed plane and L1 are [INFERRED], and half the parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from quadrille.algo.spec import MOST_WEIGHT_BITS, CellEncoding, InvalidInput

from .binary import QuantizedWeight
from .granularity import Granularity, PerTensor
from .lsq import positive
from .straight_through import round_half_up, round_straight_through

__all__ = ["BitPlaneWeights"]

LEAST_BITS = 2  # one plane: -1, 0, 1


class BitPlaneWeights(nn.Module):
    """`weight` (outputs, inputs) in planes of digits, `bits` bits with the sign, the greatest weight at full scale.

    Raises
    ------
    InvalidInput
        If `bits` is not from 2 to 16.
    """

    planes: nn.Parameter
    step: Tensor

    def __init__(self, weight: Tensor, bits: int) -> None:
        if not LEAST_BITS <= bits <= MOST_WEIGHT_BITS:
            raise InvalidInput(f"Weights of bit planes must have from 2 to {MOST_WEIGHT_BITS} bits, not {bits}")
        super().__init__()
        self.bits = bits
        self.granularity: Granularity = PerTensor()
        step = positive(weight.detach().abs().max()) / self.highest
        self.register_buffer("step", step.reshape(1, 1))
        self.planes = nn.Parameter(torch.zeros(bits - 1, *weight.shape))
        self._write(round_half_up(weight / step))

    @property
    def highest(self) -> int:
        """The greatest code."""
        return (1 << (self.bits - 1)) - 1

    @property
    def encoding(self) -> CellEncoding:
        """Two's complement of `bits` bits, one cell for each weight."""
        return CellEncoding(self.bits, cell_bits=self.bits)

    @torch.no_grad()
    def _write(self, code: Tensor) -> None:
        """Make the digits those of `code`: the bits of its magnitude, with its sign."""
        magnitude = code.abs().clamp_max(self.highest).to(torch.int64)
        for index, plane in enumerate(self.planes):
            plane.copy_((magnitude >> index & 1) * code.sign())

    def forward(self, weight: Tensor) -> QuantizedWeight:
        """Codes and step; `weight` is not looked at."""
        used = self.planes[: self.bits - 1].clamp(-1, 1)
        places = torch.tensor([float(1 << index) for index in range(self.bits - 1)]).to(used)
        code = round_straight_through((used * places.reshape(-1, 1, 1)).sum(dim=0))
        return QuantizedWeight(code, self.step, None)

    @torch.no_grad()
    def to_int(self, weight: Tensor) -> Tensor:
        """The codes, int64."""
        return self.forward(weight).integer.round().to(torch.int64)

    def penalty(self, weight: Tensor, dropped: int) -> Tensor:
        """`sum |d_b|` over all planes that count."""
        return self.planes[: self.bits - 1].abs().sum()

    @torch.no_grad()
    def active(self, weight: Tensor, dropped: int) -> float:
        """The share of the weights whose `dropped` least significant bits are not all zero."""
        return float((self.to_int(weight).abs() % (1 << dropped) != 0).double().mean())

    @torch.no_grad()
    def drop(self, weight: Tensor, count: int) -> None:
        """Have `count` bits less from now on: codes are rounded to the coarser grid, and digits made anew.

        Raises
        ------
        InvalidInput
            If less than two bits would be left.
        """
        if not 1 <= count <= self.bits - LEAST_BITS:
            raise InvalidInput(
                f"Bits dropped from planes of {self.bits} bits must be from 1 to {self.bits - LEAST_BITS}, not {count}"
            )
        code = round_half_up(self.to_int(weight).to(self.planes) / (1 << count))
        self.bits -= count
        self.step *= 1 << count
        self._write(code)

    @torch.no_grad()
    def trim(self, weight: Tensor) -> int:
        """Leave out the leading planes that no weight uses, which changes no weight; how many they were."""
        code = self.to_int(weight)
        needed = max(LEAST_BITS, int(code.abs().max()).bit_length() + 1)
        trimmed = self.bits - needed
        if trimmed:
            self.bits = needed
            self._write(code.to(self.planes))
        return trimmed

    def get_extra_state(self) -> Tensor:
        """The bits, for checkpoints."""
        return torch.tensor(self.bits)

    def set_extra_state(self, state: Tensor) -> None:
        """As many bits as a checkpoint has."""
        self.bits = int(state)
