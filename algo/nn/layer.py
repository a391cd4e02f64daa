"""What every layer on macros has in common: quantized weights, row tiles, slices, converters.

`z[o] = step * ( sum_{t,s} place(s) * scale[o,t] * P_hat[t,s,o] + sum_t offset[o,t] * X[t] )`, where P[t,s,o] is the
column sum of the integers x over the rows of tile t alone, P_hat what its ADC code stands for (P itself without one), X
the sum of x over the tile. The integers are those of the nodes Linear, Conv2d and RowSum of a Network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn

from quadrille.algo.quant import (
    BinaryWeights,
    BitPlaneWeights,
    ColumnWeights,
    FixedPointWeights,
    PartialSumQuantizer,
    QuantizedWeight,
    UnitWeights,
)
from quadrille.algo.spec import CellEncoding, InvalidInput

__all__ = ["CimLayer", "ColumnScales", "Perturbation", "WeightQuantizer", "row_tiles"]

WeightQuantizer = BinaryWeights | ColumnWeights | FixedPointWeights | UnitWeights | BitPlaneWeights
"""What makes integers of float weights."""

Perturbation = Callable[[Tensor], Tensor]
"""From the factors of all slices, (slices, outputs, rows), to those of imperfect cells, of the same shape."""


class ColumnScales(NamedTuple):
    """What turns column results into real numbers, for an input step of 1: per column, and per row sum (or None)."""

    columns: Tensor  # (tiles, slices, outputs)
    sums: Tensor | None  # (tiles, outputs)


def row_tiles(rows: int, tile_rows: int) -> tuple[int, ...]:
    """`rows` cut into tiles of `tile_rows` rows, the last with what is left over."""
    return (*([tile_rows] * (rows // tile_rows)), *([rows % tile_rows] if rows % tile_rows else []))


class CimLayer(nn.Module, ABC):
    """A matrix of `outputs` x `rows` weights on macros, cut into tiles of `tile_rows` rows.

    `weights` is the quantizer, `adc` the converters, or None for exact sums. A `perturbation`, where set, changes what
    the cells of each slice multiply by: variation-aware training.

    Raises
    ------
    InvalidInput
        If the quantizer's granularity gives scales that no row tile or channel has, or the converters are made for
        other columns.
    """

    weight: nn.Parameter

    def __init__(
        self,
        rows: int,
        outputs: int,
        weights: WeightQuantizer,
        tile_rows: int,
        adc: PartialSumQuantizer | None,
    ) -> None:
        super().__init__()
        self.rows = rows
        self.outputs = outputs
        self.weights = weights
        self.tile_rows = row_tiles(rows, tile_rows)
        self.perturbation: Perturbation | None = None
        block = weights.granularity.block((outputs, rows))
        if block[0] not in (1, outputs) or (block[1] < rows and block[1] != tile_rows):
            raise InvalidInput(
                f"Weight granularity must be per tensor, per output channel or per column of {tile_rows} rows, "
                f"not {weights.granularity}"
            )
        if adc is not None and adc.columns != self.columns:
            raise InvalidInput(f"ADC must be made for columns {list(self.columns)}, not {list(adc.columns)}")
        self.adc = adc

    def _draw_weight(self, shape: tuple[int, ...]) -> None:
        """First weights, uniform up to `1 / sqrt(rows)`."""
        bound = 1 / sqrt(self.rows)
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        if isinstance(self.weights, ColumnWeights):
            self.weights.quantizer.initialise(self.matrix)

    @property
    def encoding(self) -> CellEncoding:
        """How the weights are cut into cells; pruning of bits changes it."""
        return self.weights.encoding

    @property
    def matrix(self) -> Tensor:
        """The float weights as (outputs, rows)."""
        return self.weight.reshape(self.outputs, self.rows)

    @property
    def columns(self) -> tuple[int, int, int]:
        """Row tiles, slices, outputs."""
        return (len(self.tile_rows), self.encoding.slices, self.outputs)

    @property
    def converting(self) -> bool:
        """Whether partial sums pass the ADC."""
        return self.adc is not None and bool(self.adc.active)

    def scales(self, weight: QuantizedWeight) -> ColumnScales:
        """What columns and row sums are multiplied by, apart from the step of the input and of the ADC."""
        tiles, slices, outputs = self.columns
        places = torch.tensor([float(self.encoding.place(index)) for index in range(slices)]).to(weight.scale)
        scale = weight.scale.expand(outputs, tiles).transpose(0, 1)
        sums = None if weight.offset is None else weight.offset.expand(outputs, tiles).transpose(0, 1)
        return ColumnScales(scale.unsqueeze(1) * places.reshape(1, -1, 1), sums)

    def integers(self) -> Tensor:
        """The integers of the weights as they stand, (outputs, rows), int64."""
        return self.weights.to_int(self.matrix)

    @abstractmethod
    def column_sums(self, code: Tensor, integer: Tensor) -> Tensor:
        """P of the integers `code` and of weights (outputs, rows): (batch, tiles, slices, outputs, *windows)."""

    @abstractmethod
    def row_sums(self, code: Tensor) -> Tensor:
        """X of the integers `code`: (batch, tiles), or (batch, tiles, groups, *windows)."""

    @torch.no_grad()
    def exact_sums(self, code: Tensor) -> Tensor:
        """P of the integers `code` with the weights as they stand, in the parameters' type."""
        return self.column_sums(code.to(self.weight), self.integers().to(self.weight))

    @torch.no_grad()
    def sampled_sums(self, code: Tensor) -> Tensor:
        """P as `exact_sums` gives it, windows and images on one axis: (samples, tiles, slices, outputs)."""
        sums = self.exact_sums(code)
        return sums if sums.ndim == 4 else sums.movedim((4, 5), (1, 2)).reshape(-1, *self.columns)

    @torch.no_grad()
    def to_int(self, code: Tensor) -> Tensor:
        """The codes of every column, int64 (batch, tiles, slices, outputs, *windows): the node Linear or Conv2d."""
        sums = self.exact_sums(code)
        if self.adc is None or not self.adc.active:
            return sums.to(torch.int64)
        if sums.ndim == 4:
            return self.adc.to_int(sums)
        codes = self.adc.to_int(sums.movedim((4, 5), (1, 2)).reshape(-1, *self.columns))
        return codes.reshape(len(sums), *sums.shape[4:], *self.columns).movedim((1, 2), (4, 5))
