"""The grid of a picture as integers: what a coordinate network reads, and what its Network's notes say of it.

Notes of a Network that represents a picture:

| note      | example         | meaning                                                        |
|-----------|-----------------|----------------------------------------------------------------|
| `picture` | `camera`        | name of the picture, for readers                               |
| `grid`    | `256x256`       | points along each axis: height x width, or frames x height x width |
| `strides` | `2,2`           | integer distance of neighbouring points along each axis        |
| `channels`| `1`             | results of each point: 1 grey, 3 colour                        |

Point i of n along an axis of stride s has the code `s*i - s*(n-1)/2`: whole and symmetric around 0, since s is even.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import Interval, IntFormat, InvalidInput, Network

__all__ = ["CoordinateGrid", "coordinates_of", "grid_of", "picture_shape"]


@dataclass(frozen=True)
class CoordinateGrid:
    """Points in `sizes` along the axes (height, width) or (frames, height, width), each of `channels` results.

    Raises
    ------
    InvalidInput
        If there are not two or three axes, a size is not positive, or a stride is odd.
    """

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    channels: int

    def __post_init__(self) -> None:
        if len(self.sizes) not in (2, 3) or min(self.sizes) < 1 or self.channels < 1:
            raise InvalidInput(
                f"Grid of a picture must have two or three positive sizes, not {'x'.join(map(str, self.sizes))}"
            )
        if len(self.strides) != len(self.sizes) or any(stride < 2 or stride % 2 for stride in self.strides):
            raise InvalidInput(
                f"Strides of a grid must be even and one for each axis, not {', '.join(map(str, self.strides))}"
            )

    @classmethod
    def covering(cls, shape: tuple[int, ...]) -> CoordinateGrid:
        """The grid of a picture (height, width, channels) or clip (frames, height, width, channels).

        Pixels are 2 apart; frames as far apart as makes the clip about as long as its picture is wide.
        """
        *sizes, channels = shape
        longest = max(sizes[-2:])
        strides = [2] * len(sizes)
        if len(sizes) == 3 and sizes[0] > 1:
            strides[0] = max(2, 2 * ((longest - 1) // (sizes[0] - 1)))
        return cls(tuple(sizes), tuple(strides), channels)

    @property
    def points(self) -> int:
        """Points of the grid."""
        return int(np.prod(self.sizes))

    @property
    def interval(self) -> Interval:
        """All codes."""
        high = max(stride * (size - 1) // 2 for size, stride in zip(self.sizes, self.strides, strict=True))
        return Interval(-high, high)

    @property
    def format(self) -> IntFormat:
        """The narrowest signed format of a code."""
        return Interval.hull(self.interval, Interval(-1, 0)).format

    def codes(self) -> NDArray[np.int64]:
        """The codes of every point, (points, axes), in row-major order of the axes."""
        axes = [
            stride * np.arange(size, dtype=np.int64) - stride * (size - 1) // 2
            for size, stride in zip(self.sizes, self.strides, strict=True)
        ]
        return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)

    def notes(self) -> dict[str, str]:
        """What a Network's notes say of this grid."""
        return {
            "grid": "x".join(map(str, self.sizes)),
            "strides": ",".join(map(str, self.strides)),
            "channels": str(self.channels),
        }


def grid_of(network: Network) -> CoordinateGrid:
    """The grid that the notes of `network` describe.

    Raises
    ------
    InvalidInput
        If they describe none, or one that the network does not fit.
    """
    notes = network.notes
    if not {"grid", "strides", "channels"} <= set(notes):
        raise InvalidInput(f"Network {network.name!r} must have notes of a picture's grid, and has none")
    try:
        sizes = tuple(int(size) for size in notes["grid"].split("x"))
        strides = tuple(int(stride) for stride in notes["strides"].split(","))
        channels = int(notes["channels"])
    except ValueError:
        raise InvalidInput(f"Notes of network {network.name!r} must hold a picture's grid in integers") from None
    grid = CoordinateGrid(sizes, strides, channels)
    results = network.edges[network.result.name].shape
    if network.input.shape != (len(grid.sizes),) or results != (grid.channels,):
        raise InvalidInput(
            f"Network {network.name!r} must read {len(grid.sizes)} coordinates and give {grid.channels} channels, "
            f"not read {list(network.input.shape)} and give {list(results)}"
        )
    if grid.interval not in network.input.format.interval:
        raise InvalidInput(f"Coordinates of network {network.name!r} must be of its input's format, and are wider")
    return grid


def coordinates_of(network: Network) -> NDArray[np.int64]:
    """The codes of every pixel of the picture that `network` represents, (pixels, inputs), row by row.

    Raises
    ------
    InvalidInput
        If its notes describe no picture, or one that the network does not fit.
    """
    return grid_of(network).codes()


def picture_shape(network: Network) -> tuple[int, int, int]:
    """(height, width, channels) of what `network` renders; the frames of a clip stand one under another.

    The results for `coordinates_of` in their order, reshaped to this, are the picture.

    Raises
    ------
    InvalidInput
        As `coordinates_of`.
    """
    grid = grid_of(network)
    *frames, height, width = grid.sizes
    return (int(np.prod(frames, dtype=np.int64)) * height, width, grid.channels)
