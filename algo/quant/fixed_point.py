"""Fixed point with scales that hardware holds exactly: m / 2**n, so that a float64 model and its integers are equal.

Where a learned step is a float that conversion must round to a mantissa, these scales are mantissas from the start:
`w_hat = q * m[o] / 2**n` with q of the weights' format and m of a few bits. Activations are rounded to fraction bits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from quadrille.algo.spec import MOST_WEIGHT_BITS, CellEncoding, IntFormat, InvalidInput

from .binary import QuantizedWeight
from .granularity import Granularity, PerChannel

__all__ = ["FixedPointWeights", "fixed_point"]

SCALE_BITS = 8  # of the mantissas m: an output's greatest weight uses its code's range but for half a percent or more
LEAST_SCALE = 2.0**-40


class _FixedPoint(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, fraction_bits: int, format: IntFormat | None) -> Tensor:
        unit = 2.0**fraction_bits
        codes = torch.floor(values * unit + 0.5)
        if format is not None:
            codes = codes.clamp_(format.interval.lo, format.interval.hi)
        return codes.mul_(1 / unit)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0], None, None


def fixed_point(values: Tensor, fraction_bits: int, format: IntFormat | None = None) -> Tensor:
    """`saturate(floor(values * 2**fraction_bits + 1/2), format) / 2**fraction_bits`; the gradient is 1 everywhere.

    Without a `format` nothing saturates. In float64 the result is exact for values of up to 52 bits.
    """
    return _FixedPoint.apply(values, fraction_bits, format)  # pyright: ignore[reportReturnType]


class FixedPointWeights(nn.Module):
    """A quantizer of weights (outputs, inputs): `w_hat = q * m[o] / 2**n`, scales from the greatest weights.

    n is the one at which the greatest scale over all outputs, `max |w| / (2**(bits-1) - 1)`, has a mantissa of 8 bits;
    the others are rounded up, so that no weight is clipped but by what rounding adds. Nothing is learned; gradients
    pass straight to the weights.

    Raises
    ------
    InvalidInput
        If `bits` is not from 2 to 16.
    """

    def __init__(self, *, bits: int, cell_bits: int = 4) -> None:
        if not 2 <= bits <= MOST_WEIGHT_BITS:
            raise InvalidInput(f"Fixed-point weight width must be from 2 to {MOST_WEIGHT_BITS} bits, not {bits}")
        super().__init__()
        self.encoding = CellEncoding(bits, min(cell_bits, bits))
        self.granularity: Granularity = PerChannel(0)

    @property
    def mantissa_bits(self) -> int:
        """Bits, with a sign, of the greatest mantissa m times the place of a slice."""
        return SCALE_BITS + 1 + self.encoding.cell_bits * (self.encoding.slices - 1)

    @torch.no_grad()
    def scale(self, weight: Tensor) -> Tensor:
        """m[o] / 2**n, (outputs, 1)."""
        wanted = (weight.abs().amax(dim=1, keepdim=True) / self.encoding.interval.hi).clamp_min(LEAST_SCALE)
        exponent = torch.floor(torch.log2(wanted.max())) + 1 - SCALE_BITS
        unit = torch.exp2(exponent)
        return torch.ceil(wanted / unit).clamp(1, (1 << SCALE_BITS) - 1) * unit

    def forward(self, weight: Tensor) -> QuantizedWeight:
        """Integers (outputs, inputs) whose gradient is that of `weight / scale`, and the scales (outputs, 1)."""
        scale = self.scale(weight)
        return QuantizedWeight(fixed_point(weight / scale, 0, self._format), scale, None)

    def value(self, weight: Tensor) -> Tensor:
        """The real weights that the integers stand for."""
        quantized = self.forward(weight)
        return quantized.integer * quantized.scale

    @torch.no_grad()
    def to_int(self, weight: Tensor) -> Tensor:
        """The integers of `weight`, int64."""
        return self.forward(weight).integer.to(torch.int64)

    @property
    def _format(self) -> IntFormat:
        return IntFormat(self.encoding.weight_bits, signed=True)
