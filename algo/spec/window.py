"""The windows of a convolution or a pool: where they stand on a feature map."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidInput
from .kinds import check_kinds

__all__ = ["Window", "check_map"]


def check_map(noun: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """`shape` as (channels, height, width), refused if it is no feature map."""
    if len(shape) != 3:
        raise InvalidInput(f"{noun} must read a feature map [channels, height, width], not shape {list(shape)}")
    channels, height, width = shape
    return channels, height, width


@dataclass(frozen=True)
class Window:
    """Kernels of `kernel` = (height, width) elements, `stride` apart, on a map with `padding` zeros on every side.

    The window of output (y, x) covers the elements (y*stride[0] - padding[0] + i, x*stride[1] - padding[1] + j). With
    `groups`, output channel o of O sees only the channels of its group, o // (O / groups).
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[int, ...] = (0, 0)
    groups: int = 1

    def __post_init__(self) -> None:
        check_kinds(self, "a window")

    def check(self) -> None:
        """Refuse sizes that make no window."""
        for noun, sizes, least in (
            ("kernel", self.kernel, 1),
            ("stride", self.stride, 1),
            ("padding", self.padding, 0),
        ):
            if len(sizes) != 2 or min(sizes) < least:
                raise InvalidInput(f"{noun} must be two sizes of at least {least}, not {list(sizes)}")
        if self.groups < 1:
            raise InvalidInput(f"groups must be a positive integer, not {self.groups}")

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Windows on a map of `height` x `width`, down and across.

        Raises
        ------
        InvalidInput
            If the sizes are impossible, or the padded map is smaller than the kernel.
        """
        self.check()
        down, across = (
            (size + 2 * pad - kernel) // stride + 1
            for size, kernel, stride, pad in zip((height, width), self.kernel, self.stride, self.padding, strict=True)
        )
        if down < 1 or across < 1:
            raise InvalidInput(f"kernel {list(self.kernel)} must fit on the padded map of {height} x {width}")
        return down, across

    @property
    def taps(self) -> int:
        """Elements of a kernel."""
        return self.kernel[0] * self.kernel[1]

    def rows(self, channels: int) -> int:
        """Rows of the matrix that one group's kernels make: channels of the group times taps.

        Raises
        ------
        InvalidInput
            If the groups do not divide the channels.
        """
        if channels % self.groups:
            raise InvalidInput(f"groups must divide the {channels} channels, not {self.groups}")
        return channels // self.groups * self.taps
