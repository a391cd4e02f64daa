"""The choices that every convolutional model here shares: arrays, widths of numbers, granularity."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from quadrille.algo.quant import (
    BinaryFit,
    BinaryWeights,
    ColumnWeights,
    Granularity,
    LsqActivation,
    PartialSumQuantizer,
    PerArray,
    PerChannel,
    PerColumn,
    PerTensor,
    StaircaseActivation,
)
from quadrille.algo.spec import InvalidInput, Window

from .blocks import CimBlock
from .convolution import CimConv2d, whole_kernel_rows
from .layer import row_tiles
from .linear import CimLinear
from .norm import Bias

__all__ = ["CimStyle"]

GRANULARITIES = ("layer", "array", "column")


@dataclass(frozen=True, kw_only=True)
class CimStyle:
    """How the layers of a model stand on arrays of `array_rows` rows.

    Weights have `weight_bits` bits in cells of `cell_bits`; with one bit they are BWMA's, a row sum with their offset
    if `affine`. The scales of weights and of partial sums have a granularity each, "layer", "array" or "column"; those
    of one-bit weights also "channel", which needs no scale for each tile. `adc_bits` None leaves the sums exact. Tiles
    hold whole kernels, or fill every row if `fill_rows`. Weights of more than one bit stand in a positive and a
    negative array if `differential`, else as offset binary beside a reference column. Activations have
    `activation_bits` bits and LSQ's gradient, or that of the soft staircase if `staircase`.

    The first and the last layer have their own width of weights and exact sums.

    Raises
    ------
    InvalidInput
        If a granularity is none of those.
    """

    array_rows: int = 128
    weight_bits: int = 1
    cell_bits: int = 1
    activation_bits: int = 4
    adc_bits: int | None = 5
    weight_granularity: str = "column"
    sum_granularity: str = "column"
    fit: BinaryFit = BinaryFit.SIMPLE
    affine: bool = True
    fill_rows: bool = False
    differential: bool = False
    staircase: bool = False
    first_bits: int = 4
    last_bits: int = 8

    def __post_init__(self) -> None:
        allowed = (*GRANULARITIES, "channel") if self.weight_bits == 1 else GRANULARITIES
        if self.weight_granularity not in allowed:
            raise InvalidInput(
                f"Granularity of weights must be one of {', '.join(allowed)}, not {self.weight_granularity!r}"
            )
        if self.sum_granularity not in GRANULARITIES:
            raise InvalidInput(
                f"Granularity of partial sums must be one of {', '.join(GRANULARITIES)}, not {self.sum_granularity!r}"
            )

    def _weights(self, outputs: int, rows: int, tile_rows: int, bits: int) -> BinaryWeights | ColumnWeights:
        granularity: Granularity
        match self.weight_granularity:
            case "layer":
                granularity = PerTensor()
            case "channel":
                granularity = PerChannel(0)
            case "array":
                granularity = PerArray(tile_rows)
            case _:
                granularity = PerColumn(tile_rows)
        if bits == 1:
            return BinaryWeights(granularity, fit=self.fit, affine=self.affine)
        return ColumnWeights(
            (outputs, rows),
            bits=bits,
            cell_bits=self.cell_bits,
            tile_rows=tile_rows,
            granularity=granularity,
            differential=self.differential,
        )

    def _adc(self, columns: tuple[int, int, int]) -> PartialSumQuantizer | None:
        if self.adc_bits is None:
            return None
        granularity: Granularity
        match self.sum_granularity:
            case "layer":
                granularity = PerTensor()
            case "array":
                granularity = PerChannel(0)
            case _:
                granularity = PerColumn()
        return PartialSumQuantizer(self.adc_bits, columns, granularity)

    def convolution(
        self,
        channels: int,
        outputs: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
    ) -> CimConv2d:
        """A layer on arrays with converters; the padding keeps the size at stride 1 unless told."""
        around = kernel // 2 if padding is None else padding
        window = Window((kernel, kernel), (stride, stride), (around, around), groups)
        rows = window.rows(channels)
        tile_rows = self.array_rows if self.fill_rows else whole_kernel_rows(window.kernel, self.array_rows)
        weights = self._weights(outputs, rows, tile_rows, self.weight_bits)
        adc = self._adc((len(row_tiles(rows, tile_rows)), weights.encoding.slices, outputs))
        return CimConv2d(channels, outputs, window, weights, tile_rows=tile_rows, adc=adc)

    def first(self, channels: int, outputs: int, kernel: int = 3, *, padding: int | None = None) -> CimConv2d:
        """The layer that reads the images, with exact sums."""
        around = kernel // 2 if padding is None else padding
        window = Window((kernel, kernel), (1, 1), (around, around))
        rows = window.rows(channels)
        tile_rows = whole_kernel_rows(window.kernel, self.array_rows)
        weights = ColumnWeights(
            (outputs, rows), bits=self.first_bits, tile_rows=tile_rows, differential=self.differential
        )
        return CimConv2d(channels, outputs, window, weights, tile_rows=tile_rows)

    def linear(self, inputs: int, outputs: int) -> CimLinear:
        """A linear layer on arrays with converters."""
        weights = self._weights(outputs, inputs, self.array_rows, self.weight_bits)
        adc = self._adc((len(row_tiles(inputs, self.array_rows)), weights.encoding.slices, outputs))
        return CimLinear(inputs, outputs, weights, tile_rows=self.array_rows, adc=adc)

    def last(self, name: str, inputs: int, classes: int) -> CimBlock:
        """The block of the logits, with exact sums and a bias."""
        weights = ColumnWeights(
            (classes, inputs), bits=self.last_bits, tile_rows=self.array_rows, differential=self.differential
        )
        layer = CimLinear(inputs, classes, weights, tile_rows=self.array_rows)
        return CimBlock(name, layer, Bias(classes), None)

    def activation(self) -> LsqActivation | StaircaseActivation:
        """The quantizer of a layer's activations."""
        return (StaircaseActivation if self.staircase else LsqActivation)(self.activation_bits)

    def block(self, name: str, layer: CimConv2d | CimLinear) -> CimBlock:
        """`layer` with batch norm and activation."""
        norm = (nn.BatchNorm2d if isinstance(layer, CimConv2d) else nn.BatchNorm1d)(layer.outputs)
        return CimBlock(name, layer, norm, self.activation())
