"""A linear layer on compute-in-memory columns; the equation is that of `layer`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from quadrille.algo.quant import PartialSumQuantizer, Quantized, slice_factors
from quadrille.algo.spec import InvalidInput

from .layer import CimLayer, WeightQuantizer

__all__ = ["CimLinear"]


class CimLinear(CimLayer):
    """A linear layer without bias, as macros compute it; its `inputs` are the rows.

    Raises
    ------
    InvalidInput
        If a size is not positive, or weights or converters do not fit the tiles.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        weights: WeightQuantizer,
        *,
        tile_rows: int = 128,
        adc: PartialSumQuantizer | None = None,
    ) -> None:
        for noun, value in (("Input count", inputs), ("Output count", outputs), ("Row count of a tile", tile_rows)):
            if value < 1:
                raise InvalidInput(f"{noun} must be a positive integer, not {value}")
        super().__init__(inputs, outputs, weights, tile_rows, adc)
        self.inputs = inputs
        self._draw_weight((outputs, inputs))

    def _tiled(self, tensor: Tensor) -> Tensor:
        """The last axis cut into (tiles, rows), zeros where the last tile has fewer rows."""
        tiles, rows = len(self.tile_rows), self.tile_rows[0]
        return F.pad(tensor, (0, tiles * rows - self.inputs)).reshape(*tensor.shape[:-1], tiles, rows)

    def column_sums(self, code: Tensor, integer: Tensor) -> Tensor:
        """P of the integers `code` (batch, inputs) and weights (outputs, inputs): (batch, tiles, slices, outputs)."""
        factors = slice_factors(integer, self.encoding)
        if self.perturbation is not None:
            factors = self.perturbation(factors)
        factors = self._tiled(factors)
        if self.columns[0] == 1:  # one tile: one plain matrix product, much the common case
            flat = factors.reshape(-1, factors.shape[-1])
            return F.linear(code, flat).reshape(-1, *self.columns)
        return torch.einsum("ntr,sotr->ntso", self._tiled(code), factors)

    def row_sums(self, code: Tensor) -> Tensor:
        """X of the integers `code` (batch, inputs): (batch, tiles)."""
        return self._tiled(code).sum(dim=-1)

    def forward(self, source: Quantized) -> Tensor:
        """Real outputs (batch, outputs) of integers (batch, inputs) and their step."""
        weight = self.weights(self.weight)
        scales = self.scales(weight)
        sums = self.column_sums(source.code, weight.integer)
        result = ((sums if self.adc is None else self.adc(sums)) * scales.columns).sum(dim=(1, 2))
        if scales.sums is not None:
            result = result + self.row_sums(source.code) @ scales.sums
        return result * source.step
