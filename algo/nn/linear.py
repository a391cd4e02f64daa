"""A matrix on compute-in-memory columns: quantized weights, row tiles, converters.

`z[o] = step * ( sum_{t,s} place(s) * scale[o,t] * P_hat[t,s,o] + sum_t offset[o,t] * X[t] )`, where P[t,s,o] is the
column sum of the integers x over the rows of tile t alone, P_hat what its ADC code stands for (P itself without one), X
the sum of x over the tile. The integers are those of the nodes Linear and RowSum of a Network.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quadrille.algo.quant import BinaryWeights, ColumnWeights, PartialSumQuantizer, Quantized, slice_factors
from quadrille.algo.quant import QuantizedWeight as QuantizedWeight
from quadrille.algo.spec import InvalidInput

__all__ = ["CimLinear", "ColumnScales"]


class ColumnScales(NamedTuple):
    """What turns column results into real numbers, for an input step of 1: per column, and per row sum (or None)."""

    columns: Tensor  # (tiles, slices, outputs)
    sums: Tensor | None  # (tiles, outputs)


class CimLinear(nn.Module):
    """A linear layer without bias, as macros compute it: see the module's equation.

    `weights` is the quantizer, BinaryWeights or ColumnWeights; `adc` the converters, or None for exact sums.

    Raises
    ------
    InvalidInput
        If a size is not positive, or the quantizer's granularity gives scales that no row tile or channel has.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        weights: BinaryWeights | ColumnWeights,
        *,
        tile_rows: int = 128,
        adc: PartialSumQuantizer | None = None,
    ) -> None:
        for noun, value in (("Input count", inputs), ("Output count", outputs), ("Row count of a tile", tile_rows)):
            if value < 1:
                raise InvalidInput(f"{noun} must be a positive integer, not {value}")
        super().__init__()
        self.inputs = inputs
        self.outputs = outputs
        self.weights = weights
        self.encoding = weights.encoding
        sizes = [tile_rows] * (inputs // tile_rows) + ([inputs % tile_rows] if inputs % tile_rows else [])
        self.tile_rows = tuple(sizes)
        block = weights.granularity.block((outputs, inputs))
        if block[0] not in (1, outputs) or (block[1] < inputs and block[1] != tile_rows):
            raise InvalidInput(
                f"Weight granularity must be per tensor, per output channel or per column of {tile_rows} rows, "
                f"not {weights.granularity}"
            )
        if adc is not None and adc.columns != self.columns:
            raise InvalidInput(f"ADC must be made for columns {list(self.columns)}, not {list(adc.columns)}")
        self.adc = adc
        bound = 1 / sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        if isinstance(weights, ColumnWeights):
            weights.quantizer.initialise(self.weight)

    @property
    def columns(self) -> tuple[int, int, int]:
        """Row tiles, slices, outputs."""
        return (len(self.tile_rows), self.encoding.slices, self.outputs)

    def _tiled(self, tensor: Tensor) -> Tensor:
        """The last axis cut into (tiles, rows), zeros where the last tile has fewer rows."""
        tiles, rows = len(self.tile_rows), self.tile_rows[0]
        return F.pad(tensor, (0, tiles * rows - self.inputs)).reshape(*tensor.shape[:-1], tiles, rows)

    def column_sums(self, code: Tensor, integer: Tensor) -> Tensor:
        """P of the integers `code` (batch, inputs) and weights (outputs, inputs): (batch, tiles, slices, outputs)."""
        factors = self._tiled(slice_factors(integer, self.encoding))
        if self.columns[0] == 1:  # one tile: one plain matrix product, much the common case
            flat = factors.reshape(-1, factors.shape[-1])
            return F.linear(code, flat).reshape(-1, *self.columns)
        return torch.einsum("ntr,sotr->ntso", self._tiled(code), factors)

    def row_sums(self, code: Tensor) -> Tensor:
        """X of the integers `code` (batch, inputs): (batch, tiles)."""
        return self._tiled(code).sum(dim=-1)

    def scales(self, weight: QuantizedWeight) -> ColumnScales:
        """What columns and row sums are multiplied by, apart from the step of the input and of the ADC."""
        tiles, slices, outputs = self.columns
        places = torch.tensor([float(self.encoding.place(index)) for index in range(slices)]).to(weight.scale)
        scale = weight.scale.expand(outputs, tiles).transpose(0, 1)
        sums = None if weight.offset is None else weight.offset.expand(outputs, tiles).transpose(0, 1)
        return ColumnScales(scale.unsqueeze(1) * places.reshape(1, -1, 1), sums)

    def forward(self, source: Quantized) -> Tensor:
        """Real outputs (batch, outputs) of integers (batch, inputs) and their step."""
        weight = self.weights(self.weight)
        scales = self.scales(weight)
        sums = self.column_sums(source.code, weight.integer)
        result = ((sums if self.adc is None else self.adc(sums)) * scales.columns).sum(dim=(1, 2))
        if scales.sums is not None:
            result = result + self.row_sums(source.code) @ scales.sums
        return result * source.step

    @torch.no_grad()
    def exact_sums(self, code: Tensor) -> Tensor:
        """P of the integers `code` with the weights as they stand, in the parameters' type."""
        integer = self.weights.to_int(self.weight).to(self.weight)
        return self.column_sums(code.to(self.weight), integer)

    @torch.no_grad()
    def to_int(self, code: Tensor) -> Tensor:
        """The codes of every column, int64 (batch, tiles, slices, outputs): the node Linear."""
        sums = self.exact_sums(code)
        return sums.to(torch.int64) if self.adc is None or not self.adc.active else self.adc.to_int(sums)
