"""Which elements of a tensor share a scale: granularity as a value, and the one reduction that serves all of them.

Every granularity is a block size per axis. The tensor is cut into blocks of that size, the last of an axis may be
shorter, and one scale belongs to each block:

| granularity       | tensor (outputs, inputs) = (10, 300) | blocks of | scales  |
|-------------------|--------------------------------------|-----------|---------|
| PerTensor()       | one scale                            | (10, 300) | (1, 1)  |
| PerArray(128)     | one per row tile                     | (10, 128) | (1, 3)  |
| PerChannel(0)     | one per output channel               | (1, 300)  | (10, 1) |
| PerColumn(128)    | one per output channel and row tile  | (1, 128)  | (10, 3) |
| PerGroup(32)      | one per 32 neighbours                | (1, 32)   | (10, 10)|
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from quadrille.algo.spec import InvalidInput

__all__ = [
    "Granularity",
    "PerArray",
    "PerChannel",
    "PerColumn",
    "PerGroup",
    "PerTensor",
    "expand",
    "group_max",
    "group_mean",
    "group_sizes",
    "group_sum",
    "scale_shape",
]

Shape = tuple[int, ...]


class Granularity(Protocol):
    """A frozen value that says how a shape is cut into blocks."""

    def block(self, shape: Shape) -> Shape:
        """The block size on each axis of a tensor of `shape`."""
        ...


@dataclass(frozen=True)
class PerTensor:
    """One scale for everything: per layer, for weights and partial sums."""

    def block(self, shape: Shape) -> Shape:
        """The whole shape."""
        return shape


@dataclass(frozen=True)
class PerChannel:
    """One scale for each index of `axis`: of weights (outputs, inputs) per output channel.

    Of partial sums (tiles, slices, outputs) it is one per array.
    """

    axis: int = 0

    def block(self, shape: Shape) -> Shape:
        """One on `axis`, everything on the others."""
        axis = _axis(self.axis, shape)
        return tuple(1 if index == axis else size for index, size in enumerate(shape))


@dataclass(frozen=True)
class PerGroup:
    """One scale for each `size` neighbours on `axis`, separately for every index of the other axes."""

    size: int
    axis: int = -1

    def __post_init__(self) -> None:
        _check_positive("Group size", self.size)

    def block(self, shape: Shape) -> Shape:
        """`size` on `axis`, one on the others."""
        axis = _axis(self.axis, shape)
        return tuple(self.size if index == axis else 1 for index in range(len(shape)))


@dataclass(frozen=True)
class PerArray:
    """One scale for each array: of weights (outputs, inputs) per `tile_rows` neighbouring inputs, for all outputs.

    The arrays of partial sums (tiles, slices, outputs) lie on their first axis: that is PerChannel(0).
    """

    tile_rows: int

    def __post_init__(self) -> None:
        _check_positive("Row count of a tile", self.tile_rows)

    def block(self, shape: Shape) -> Shape:
        """`tile_rows` on the last axis, everything on the others."""
        return (*shape[:-1], self.tile_rows)


@dataclass(frozen=True)
class PerColumn:
    """One scale for each column of each array (ColumnQuant): per row tile and output channel.

    Of weights (outputs, inputs) `tile_rows` neighbouring inputs are the rows of one array. Of partial sums
    (tiles, slices, outputs), where every element is a column of its own, leave it at 1.
    """

    tile_rows: int = 1

    def __post_init__(self) -> None:
        _check_positive("Row count of a tile", self.tile_rows)

    def block(self, shape: Shape) -> Shape:
        """`tile_rows` on the last axis, one on the others."""
        return (*(1 for _ in shape[:-1]), self.tile_rows)


def scale_shape(granularity: Granularity, shape: Shape) -> Shape:
    """The shape of the scales of a tensor of `shape`: blocks per axis."""
    return tuple(-(-size // block) for size, block in zip(shape, granularity.block(shape), strict=True))


def _blocks(tensor: Tensor, granularity: Granularity) -> Tensor:
    """The tensor filled up with zeros and cut, each axis into two: blocks, and what lies in a block."""
    shape = tuple(tensor.shape)
    block = granularity.block(shape)
    padding = chain.from_iterable(
        (0, -size % step) for size, step in zip(reversed(shape), reversed(block), strict=True)
    )
    counts = scale_shape(granularity, shape)
    pairs = chain.from_iterable(zip(counts, block, strict=True))
    return F.pad(tensor, list(padding)).reshape(*pairs)


def group_sum(tensor: Tensor, granularity: Granularity) -> Tensor:
    """The sum of each block, of shape `scale_shape(granularity, tensor.shape)`."""
    return _blocks(tensor, granularity).sum(dim=tuple(range(1, 2 * tensor.ndim, 2)))


def group_max(magnitudes: Tensor, granularity: Granularity) -> Tensor:
    """The greatest of each block of numbers of which none is negative."""
    return _blocks(magnitudes, granularity).amax(dim=tuple(range(1, 2 * magnitudes.ndim, 2)))


@lru_cache(maxsize=256)
def group_sizes(granularity: Granularity, shape: Shape) -> Tensor:
    """How many elements each block has, of shape `scale_shape(granularity, shape)`; float64, to be read only."""
    return group_sum(torch.ones(shape, dtype=torch.float64), granularity)


def group_mean(tensor: Tensor, granularity: Granularity) -> Tensor:
    """The mean of each block, of shape `scale_shape(granularity, tensor.shape)`."""
    return group_sum(tensor, granularity) / group_sizes(granularity, tuple(tensor.shape)).to(tensor)


def expand(scales: Tensor, granularity: Granularity, shape: Shape) -> Tensor:
    """Each block's scale at every element of the block: of shape `shape`, the inverse cut of `group_sum`."""
    block = granularity.block(shape)
    counts = scale_shape(granularity, shape)
    split = scales.reshape(*chain.from_iterable((count, 1) for count in counts))
    full = split.expand(*chain.from_iterable(zip(counts, block, strict=True)))
    joined = full.reshape(*(count * step for count, step in zip(counts, block, strict=True)))
    return joined[tuple(slice(size) for size in shape)]


def _axis(axis: int, shape: Shape) -> int:
    if not -len(shape) <= axis < len(shape):
        raise InvalidInput(f"Granularity axis must be an axis of a tensor of shape {list(shape)}, not {axis}")
    return axis % len(shape)


def _check_positive(noun: str, value: int) -> None:
    if value < 1:
        raise InvalidInput(f"{noun} must be a positive integer, not {value}")
