"""A convolution on compute-in-memory columns; the equation is that of `layer`, at every window of the map.

The rows of the matrix are the kernels of one output in row-major order (channel of the group, i, j). Each tile sees its
own channels alone, unlike in ColumnQuant's published code, where every array is fed with all of them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from quadrille.algo.quant import PartialSumQuantizer, Quantized, slice_factors
from quadrille.algo.quant import expand as expand_scales
from quadrille.algo.spec import InvalidInput, Window

from .converted_convolution import Converters, Geometry, convert_and_add
from .layer import CimLayer, WeightQuantizer

__all__ = ["CimConv2d", "whole_kernel_rows"]


def whole_kernel_rows(kernel: tuple[int, ...], array_rows: int) -> int:
    """Rows of a tile that holds as many whole kernels as an array of `array_rows` rows takes.

    Raises
    ------
    InvalidInput
        If not even one kernel fits.
    """
    taps = kernel[0] * kernel[1]
    if taps > array_rows:
        raise InvalidInput(
            f"Kernel of {kernel[0]} x {kernel[1]} must fit the {array_rows} rows of an array, and has {taps} elements"
        )
    return array_rows // taps * taps


class CimConv2d(CimLayer):
    """A convolution without bias, as macros compute it, on integers padded with code 0.

    `tile_rows` are the rows of a tile: a multiple of the kernel's elements cuts between channels
    (`whole_kernel_rows`), any other number fills every row and cuts through kernels.

    Raises
    ------
    InvalidInput
        If sizes or window are impossible, or weights or converters do not fit the tiles.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        window: Window,
        weights: WeightQuantizer,
        *,
        tile_rows: int,
        adc: PartialSumQuantizer | None = None,
    ) -> None:
        for noun, value in (("Channel count", channels), ("Output count", outputs), ("Row count of a tile", tile_rows)):
            if value < 1:
                raise InvalidInput(f"{noun} must be a positive integer, not {value}")
        window.check()
        if outputs % window.groups:
            raise InvalidInput(f"Groups must divide the {outputs} outputs, not {window.groups}")
        super().__init__(window.rows(channels), outputs, weights, tile_rows, adc)
        self.channels = channels
        self.window = window
        self.each = channels // window.groups
        taps = window.taps
        ends = [sum(self.tile_rows[: index + 1]) for index in range(len(self.tile_rows))]
        self.bounds = tuple(zip([0, *ends[:-1]], ends, strict=True))
        self.geometry = Geometry(
            tuple((begin // taps, -(-end // taps)) for begin, end in self.bounds),
            self.encoding.slices,
            (1, 1) if self._thins else window.stride,
            window.padding,
            window.groups,
        )
        self._draw_weight((outputs, self.each, *window.kernel))

    @property
    def _thins(self) -> bool:
        """Whether the windows are single elements apart from one another: PyTorch 2.13 can crash on such a convolution.

        The elements between them are then left out first, and the stride is 1.
        """
        window = self.window
        return window.kernel == (1, 1) and window.padding == (0, 0) and window.stride != (1, 1)

    def _thinned(self, code: Tensor) -> Tensor:
        down, across = self.window.stride
        return code[:, :, ::down, ::across] if self._thins else code

    def kernels(self, factors: Tensor) -> Tensor:
        """Factors (slices, outputs, rows) as kernels of each tile, (tiles, columns, channels, kernel height and width).

        Columns in the order group, slice, output of the group; zeros where a tile has no row.
        """
        slices, outputs, _ = factors.shape
        taps, groups = self.window.taps, self.window.groups
        widest = max(end - begin for begin, end in self.geometry.spans)
        tiles: list[Tensor] = []
        for (begin, end), (channel, _) in zip(self.bounds, self.geometry.spans, strict=True):
            lead = begin - channel * taps
            tiles.append(F.pad(factors[..., begin:end], (lead, widest * taps - lead - (end - begin))))
        stacked = torch.stack(tiles).reshape(-1, slices, groups, outputs // groups, widest * taps)
        return stacked.transpose(1, 2).reshape(len(tiles), slices * outputs, widest, *self.window.kernel)

    def _factors(self, integer: Tensor) -> Tensor:
        factors = slice_factors(integer, self.encoding)
        return factors if self.perturbation is None else self.perturbation(factors)

    def _in_order(self, columns: Tensor) -> Tensor:
        """(batch, tiles, columns of a tile, *windows) as (batch, tiles, slices, outputs, *windows)."""
        tiles, slices, outputs = self.columns
        groups = self.window.groups
        shape = (len(columns), tiles, groups, slices, outputs // groups, *columns.shape[-2:])
        return columns.reshape(shape).transpose(2, 3).reshape(len(columns), *self.columns, *columns.shape[-2:])

    def column_sums(self, code: Tensor, integer: Tensor) -> Tensor:
        """P of the integers `code` (batch, channels, height, width) and weights (outputs, rows), by one convolution.

        The tiles are groups of it, the slices further outputs; a tile of fewer channels is filled with zeros. Shape
        (batch, tiles, slices, outputs, windows down, windows across).
        """
        code = self._thinned(code)
        kernels = self.kernels(self._factors(integer))
        groups, widest = self.window.groups, kernels.shape[2]
        parts: list[Tensor] = []
        for tile, (begin, end) in enumerate(self.geometry.spans):
            part = self.geometry.take(code, tile)
            if end - begin < widest:
                split = part.reshape(len(code), groups, end - begin, *code.shape[2:])
                part = F.pad(split, (0, 0, 0, 0, 0, widest - (end - begin))).reshape(len(code), -1, *code.shape[2:])
            parts.append(part)
        flat = kernels.reshape(-1, *kernels.shape[2:])
        source = torch.cat(parts, dim=1)
        stride, padding = self.geometry.stride, self.window.padding
        sums = F.conv2d(source, flat, None, stride, padding, 1, groups * len(parts))
        return self._in_order(sums.reshape(len(code), len(parts), -1, *sums.shape[-2:]))

    def column_sums_by_tile(self, code: Tensor, integer: Tensor) -> Tensor:
        """P as `column_sums` has it, one convolution after the other for each tile: the plain form of it."""
        code = self._thinned(code)
        kernels = self.kernels(self._factors(integer))
        window = self.window
        sums = [
            F.conv2d(
                self.geometry.take(code, tile),
                kernels[tile, :, : end - begin],
                None,
                self.geometry.stride,
                window.padding,
                1,
                window.groups,
            )
            for tile, (begin, end) in enumerate(self.geometry.spans)
        ]
        return self._in_order(torch.stack(sums, dim=1))

    def row_sums(self, code: Tensor) -> Tensor:
        """X of the integers `code`: (batch, tiles, groups, windows down, windows across)."""
        code, window = self._thinned(code), self.window
        ones = torch.zeros(len(self.tile_rows), self.rows).to(code)
        for tile, (begin, end) in enumerate(self.bounds):
            ones[tile, begin:end] = 1
        kernels = ones.reshape(-1, self.each, *window.kernel).repeat(window.groups, 1, 1, 1)
        sums = F.conv2d(code, kernels, None, self.geometry.stride, window.padding, 1, window.groups)
        return sums.reshape(len(code), window.groups, len(self.tile_rows), *sums.shape[-2:]).transpose(1, 2)

    def _by_row(self, table: Tensor) -> Tensor:
        """A table (..., tiles) with the tile's value at each of its rows."""
        sizes = torch.tensor(self.tile_rows, device=table.device)
        return table.repeat_interleave(sizes, dim=-1, output_size=self.rows)

    def forward(self, given: Quantized) -> Tensor:
        """Real outputs (batch, outputs, windows down, windows across) of integers and their step."""
        weight = self.weights(self.matrix)
        scales = self.scales(weight)
        window = self.window
        source = given._replace(code=self._thinned(given.code))
        shape = (self.outputs, self.each, *window.kernel)
        if not self.converting:
            # Without converters the columns add up to one product: an ordinary convolution with the quantized weights.
            factors = self._factors(weight.integer)
            effective = (factors * self._by_row(scales.columns.movedim(0, -1))).sum(dim=0)
            if scales.sums is not None:
                effective = effective + self._by_row(scales.sums.transpose(0, 1))
            kernel = (effective * source.step).reshape(shape)
            return F.conv2d(source.code, kernel, None, self.geometry.stride, window.padding, 1, window.groups)
        adc = self.adc
        assert adc is not None
        if self.training and not adc.frozen:
            with torch.no_grad():
                # Sums are linear in the codes: those of the mean image have the mean of the whole batch, for the price
                # of one image. A single image's means would move the zero points of columns from batch to batch.
                adc.follow(self.sampled_sums(given.code.mean(dim=0, keepdim=True)))
        kernels = self.kernels(self._factors(weight.integer))
        step = expand_scales(adc.learned_step(self._elements(given.code)), adc.granularity, adc.columns)
        tables = [self._in_columns(each) for each in (step, adc.zero_points(), scales.columns * source.step)]
        converters = Converters(tables[0], tables[1], tables[2], adc.low, adc.high)
        result = convert_and_add(source.code, kernels, converters, self.geometry)
        if scales.sums is None:
            return result
        return result + self._offsets(given, scales.sums)

    def _in_columns(self, table: Tensor) -> Tensor:
        """A table (tiles, slices, outputs) in the order of the columns of each tile."""
        tiles, slices, outputs = self.columns
        split = table.reshape(tiles, slices, self.window.groups, outputs // self.window.groups)
        return split.transpose(1, 2).reshape(tiles, slices * outputs)

    def _elements(self, code: Tensor) -> float:
        down, across = self.window.output_size(*code.shape[2:])
        return float(down * across)

    def _offsets(self, source: Quantized, offsets: Tensor) -> Tensor:
        """`sum_t offset[t,o] * X[t]` in real numbers."""
        window = self.window
        offsets = offsets * source.step
        if window.groups == 1 and bool((offsets == offsets[:1]).all()):
            # The same for every tile: one sum over all channels, then over the kernel.
            total = self._thinned(source.code).sum(dim=1, keepdim=True)
            ones = torch.ones(1, 1, *window.kernel).to(total)
            return F.conv2d(total, ones, None, self.geometry.stride, window.padding) * offsets[0].reshape(1, -1, 1, 1)
        sums = self.row_sums(source.code)
        split = offsets.reshape(len(self.tile_rows), window.groups, -1)
        return torch.einsum("ntgyx,tgo->ngoyx", sums, split).reshape(len(sums), self.outputs, *sums.shape[-2:])
