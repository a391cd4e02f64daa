"""Multi-bit weights by columns: one learned step per row tile and output channel, cut into slices of the cell width.

Source: ColumnQuant (arXiv 2502.07842) for quantizer and slices; the gradient through the slices is [INFERRED].
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from quadrille.algo.spec import MOST_WEIGHT_BITS, CellEncoding, IntFormat, InvalidInput

from .binary import QuantizedWeight
from .granularity import Granularity, PerColumn
from .lsq import Lsq

__all__ = ["ColumnWeights", "slice_factors"]


class _Slices(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, integer: Tensor, encoding: CellEncoding) -> Tensor:
        ctx.encoding = encoding
        weight = integer.to(torch.int64)
        factors: list[Tensor] = []
        for index in range(encoding.slices):
            place = encoding.place(index)
            if encoding.differential:
                number = (weight if place > 0 else -weight).clamp_min(0)
            else:
                number = weight + (1 << (encoding.weight_bits - 1))
            digit = (number >> (abs(place).bit_length() - 1)) & ((1 << encoding.slice_bits(index)) - 1)
            factors.append(encoding.gain(index) * digit - encoding.reference_weight(index))
        return torch.stack(factors).to(integer)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        encoding: CellEncoding = ctx.encoding
        places = torch.tensor([encoding.place(index) for index in range(encoding.slices)]).to(gradients[0])
        return (gradients[0] / places.reshape(-1, 1, 1)).mean(dim=0), None


def slice_factors(integer: Tensor, encoding: CellEncoding) -> Tensor:
    """What each slice of each weight multiplies its input by: (slices, outputs, inputs) from (outputs, inputs).

    `integer = sum_s factor[s] * place(s)`; a binary weight is its own only factor. Backward, the mean over the slices
    of `gradient[s] / place(s)`: the gradient of the integer itself wherever no converter stands between.
    """
    if encoding.binary and not encoding.differential:
        return integer.unsqueeze(0)
    return _Slices.apply(integer, encoding)  # pyright: ignore[reportReturnType]


class ColumnWeights(nn.Module):
    """A quantizer of weights of `shape` (outputs, inputs): signed LSQ codes with learned steps.

    The `granularity` is PerColumn(tile_rows), one step per column of each array, unless another is given: PerTensor(),
    PerChannel(0) or PerArray(tile_rows). `differential` weights stand in two arrays, one for either sign.

    Raises
    ------
    InvalidInput
        If `bits` is not from 2 to 16 (one bit is BinaryWeights), or the cells are not of 1 to 16 bits.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        bits: int,
        cell_bits: int = 1,
        tile_rows: int,
        granularity: Granularity | None = None,
        differential: bool = False,
    ) -> None:
        if not 2 <= bits <= MOST_WEIGHT_BITS:
            raise InvalidInput(f"Multi-bit weight width must be from 2 to {MOST_WEIGHT_BITS} bits, not {bits}")
        super().__init__()
        self.encoding = CellEncoding(bits, cell_bits, differential)
        self.tile_rows = tile_rows
        self.granularity: Granularity = PerColumn(tile_rows) if granularity is None else granularity
        self.quantizer = Lsq(IntFormat(bits, signed=True), shape, self.granularity, symmetric=differential)

    def forward(self, weight: Tensor) -> QuantizedWeight:
        """Codes and steps of `weight`."""
        code, step = self.quantizer(weight)
        # No granularity cuts a column of an array: the step of its first row is that of all.
        return QuantizedWeight(code, step[:, :: self.tile_rows], None)

    @torch.no_grad()
    def to_int(self, weight: Tensor) -> Tensor:
        """The integers of `weight`, int64."""
        return self.quantizer.to_int(weight)
