"""Convolutions in integers: patches under the windows, column sums of each row tile, their codes, the row sums."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import Conv2d, Interval, RowSum, Window

from .arithmetic import IntArray
from .cim import column_factors, reach
from .ladder import ColumnLadders
from .product import exact_type
from .tensors import array_of

__all__ = ["Convolution", "WindowSums", "padded", "patches"]

BLOCK_BYTES = 1 << 19  # of patches: they are read while they are still in a processor's second cache


def padded(maps: NDArray[Any], window: Window, dtype: np.dtype[Any]) -> NDArray[Any]:
    """`maps` (n, channels, height, width) in type `dtype`, with the zeros of the window's padding around them."""
    count, channels, height, width = maps.shape
    down, across = window.padding
    if not down and not across:
        return maps.astype(dtype, copy=False)
    out = np.zeros((count, channels, height + 2 * down, width + 2 * across), dtype=dtype)
    out[:, :, down : down + height, across : across + width] = maps
    return out


def patches(maps: NDArray[Any], window: Window, dtype: np.dtype[Any]) -> NDArray[Any]:
    """What stands under each row of the kernels at each window of `maps`: (n, channels, taps, windows) in type `dtype`.

    Taps are in row-major order (i, j), windows in row-major order (y, x).
    """
    count, channels, height, width = maps.shape
    (rows, columns), (down, across) = window.kernel, window.stride
    high, wide = window.output_size(height, width)
    if rows == columns == 1 and high * wide == height * width:
        return maps.astype(dtype, copy=False).reshape(count, channels, 1, height * width)
    out = np.empty((count, channels, rows, columns, high * wide), dtype=dtype)
    if down == across == 1:
        # What stands under the taps of one row i is a run of what is here, as long as all windows: copied at once.
        shifted = _shifted(maps, window, wide, dtype)
        for i in range(rows):
            out[:, :, i] = shifted[..., i * wide : (i + high) * wide]
    else:
        maps = padded(maps, window, dtype)
        taps = out.reshape(count, channels, rows, columns, high, wide)
        reach, breadth = (high - 1) * down + 1, (wide - 1) * across + 1
        for i in range(rows):
            for j in range(columns):
                taps[:, :, i, j] = maps[:, :, i : i + reach : down, j : j + breadth : across]
    return out.reshape(count, channels, rows * columns, high * wide)


def _shifted(maps: NDArray[Any], window: Window, wide: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """For each column j of a kernel of stride 1, `wide` elements of each padded row from the j-th on, in a line."""
    count, channels, height, width = maps.shape
    (_, columns), (above, left) = window.kernel, window.padding
    out = np.empty((count, channels, columns, height + 2 * above, wide), dtype=dtype)
    out[:, :, :, :above] = 0
    out[:, :, :, above + height :] = 0
    for j in range(columns):
        rows = out[:, :, j, above : above + height]
        first = min(max(left - j, 0), wide)
        last = max(min(width + left - j, wide), first)
        rows[..., :first] = 0
        rows[..., last:] = 0
        rows[..., first:last] = maps[..., first + j - left : last + j - left]
    return out.reshape(count, channels, columns, (height + 2 * above) * wide)


class Convolution:
    """A Conv2d on maps with elements in `source`, ready: `code[t,s,o,y,x]` of `P[t,s,o,y,x]`.

    The rows of a group's kernels are the rows of a matrix for each tile, its columns the group's (slice, output) pairs;
    the products are matrix products on the patches, in the type that is exact for them.
    """

    def __init__(self, node: Conv2d, source: Interval) -> None:
        self.window, self.columns = node.window, node.columns
        _, slices, outputs = node.columns
        groups = node.window.groups
        factors = column_factors(node).reshape(slices, groups, outputs // groups, -1).transpose(1, 0, 2, 3)
        self.factors = factors.reshape(groups, slices * outputs // groups, -1)
        edges = np.cumsum([0, *node.tile_rows]).tolist()
        self.tiles = list(zip(edges[:-1], edges[1:], strict=True))
        steepest = max(int(np.abs(self.factors[:, :, b:e]).sum(axis=2).max()) for b, e in self.tiles)
        largest = max(abs(source.lo), abs(source.hi))
        self.bound = max(steepest * largest, steepest, largest)
        self.dtype = exact_type(self.bound)
        self.matrices = [np.ascontiguousarray(self.factors[:, :, b:e], dtype=self.dtype) for b, e in self.tiles]
        self.ladders: list[tuple[slice, ColumnLadders]] = []
        self.code_type = self.dtype
        if node.adc is not None:
            node.adc.check(node.columns)
            thresholds = array_of(node.adc.thresholds).reshape(len(self.tiles), slices, groups, outputs // groups, -1)
            thresholds = thresholds.swapaxes(1, 2).reshape(len(self.tiles), slices * outputs, -1)
            parts = [self.factors[:, :, begin:end].reshape(slices * outputs, -1) for begin, end in self.tiles]
            least, greatest = zip(*(reach(part, node.seen(source)) for part in parts), strict=True)
            self.ladders = _ladders(thresholds, node.adc.low, np.stack(least), np.stack(greatest))
            self.code_type = self.ladders[0][1].dtype

    def codes(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Codes (n, tiles, slices, outputs, windows down, windows across) of `maps` (n, channels, height, width)."""
        count, _, height, width = maps.shape
        high, wide = self.window.output_size(height, width)
        groups, columns, rows = self.factors.shape
        out = np.empty((count, len(self.tiles), groups * columns, high * wide), dtype=self.code_type)
        step = max(1, BLOCK_BYTES // (groups * rows * high * wide * self.dtype.itemsize))
        for begin in range(0, count, step):
            part = slice(begin, min(begin + step, count))
            taps = patches(maps[part], self.window, self.dtype).reshape(part.stop - begin, groups, rows, high * wide)
            codes = out[part]
            sums = codes if self.code_type == self.dtype else np.empty(codes.shape, dtype=self.dtype)
            for tile, (first, last) in enumerate(self.tiles):
                places = _regrouped(sums[:, tile], groups)
                np.matmul(self.matrices[tile], taps[:, :, first:last], out=places)
            for which, ladders in self.ladders:
                ladders.convert(_side_by_side(sums[:, which]), _side_by_side(codes[:, which]))
        tiles, slices, outputs = self.columns
        out = out.reshape(count, tiles, groups, slices, outputs // groups, high * wide).swapaxes(2, 3)
        return out.reshape(count, tiles, slices, outputs, high, wide)


def _ladders(thresholds: IntArray, low: int, least: IntArray, greatest: IntArray) -> list[tuple[slice, ColumnLadders]]:
    """The ladders (tiles, columns, levels) of all tiles at once if all are lines, else those of each tile."""
    tiles, _, levels = thresholds.shape
    whole = ColumnLadders(thresholds.reshape(-1, levels), low, least.ravel(), greatest.ravel(), trailing=1)
    if whole.line is not None or tiles == 1:
        return [(slice(tiles), whole)]
    return [
        (slice(tile, tile + 1), ColumnLadders(thresholds[tile], low, least[tile], greatest[tile], trailing=1))
        for tile in range(tiles)
    ]


def _regrouped(columns: NDArray[Any], groups: int) -> NDArray[Any]:
    """(n, groups * columns, windows) as (n, groups, columns, windows), in the same memory."""
    view = columns.view()
    view.shape = (len(columns), groups, columns.shape[1] // groups, columns.shape[2])
    return view


def _side_by_side(tiles: NDArray[Any]) -> NDArray[Any]:
    """(n, tiles, columns, windows) as (n, tiles * columns, windows), in the same memory."""
    view = tiles.view()
    view.shape = (len(tiles), tiles.shape[1] * tiles.shape[2], tiles.shape[3])
    return view


class WindowSums:
    """A RowSum with a window on maps with elements in `source`, ready: `X[t,g,y,x]`.

    Each tap (i, j) of a kernel belongs to a run of channels of each tile; the channels are summed first, by a matrix
    product with ones, and then the taps. Taps whose runs are the same share one sum.
    """

    def __init__(self, node: RowSum, source: Interval) -> None:
        window = node.window
        assert window is not None, "a RowSum without a window sums vectors"
        self.window = window
        largest = max(abs(source.lo), abs(source.hi))
        self.dtype = exact_type(max(node.tile_rows) * max(largest, 1))
        taps = window.taps
        channels = sum(node.tile_rows) // taps
        tile_of = np.repeat(np.arange(len(node.tile_rows)), node.tile_rows).reshape(channels, taps)
        ones = (tile_of.T[:, None] == np.arange(len(node.tile_rows))[:, None]).astype(self.dtype)
        self.ones = ones  # (taps, tiles, channels of a group)
        self.alike = bool((ones == ones[0]).all())

    def sums(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Sums (n, tiles, groups, windows down, windows across) of `maps` (n, channels, height, width)."""
        count, _, height, width = maps.shape
        (rows, columns), (down, across) = self.window.kernel, self.window.stride
        high, wide = self.window.output_size(height, width)
        tiles, channels = self.ones.shape[1:]
        maps = maps.astype(self.dtype, copy=False).reshape(count, self.window.groups, channels, height * width)

        def channel_sums(tap: int) -> NDArray[Any]:
            sums = np.matmul(self.ones[tap], maps).reshape(count, self.window.groups * tiles, height, width)
            sums = padded(sums, self.window, self.dtype)
            return sums.reshape(count, self.window.groups, tiles, *sums.shape[2:])

        reach, breadth = (high - 1) * down + 1, (wide - 1) * across + 1
        if self.alike:
            total = channel_sums(0)
            band = sum_of(total[:, :, :, i : i + reach : down] for i in range(rows))
            result = sum_of(band[..., j : j + breadth : across] for j in range(columns))
        else:
            result = sum_of(
                channel_sums(i * columns + j)[:, :, :, i : i + reach : down, j : j + breadth : across]
                for i in range(rows)
                for j in range(columns)
            )
        return result.swapaxes(1, 2)


def sum_of(terms: Iterator[NDArray[Any]]) -> NDArray[Any]:
    """The sum of `terms`, as a new array."""
    total = next(terms).copy()
    for term in terms:
        total += term
    return total
