"""What happens to feature maps between the layers: added, rescaled, pooled, thinned out, flattened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from .dequantize import ACCUMULATOR_INTERVAL, MAXIMUM_SHIFT
from .errors import InvalidInput
from .formats import Interval, IntFormat
from .node import Edge, Node
from .window import Window, check_map

__all__ = ["Add", "Flatten", "MaxPool", "Requantize", "Subsample", "SumPool"]

MANTISSA_INTERVAL = IntFormat(16, signed=True).interval


def _check_scale(mantissas: Sequence[int], shift: int) -> None:
    if any(mantissa not in MANTISSA_INTERVAL for mantissa in mantissas):
        raise InvalidInput(f"mantissas must lie in {MANTISSA_INTERVAL}, not {list(mantissas)}")
    if not 0 <= shift <= MAXIMUM_SHIFT:
        raise InvalidInput(f"shift must be from 0 to {MAXIMUM_SHIFT}, not {shift}")


def _scaled_sum(sources: Sequence[Edge], mantissas: Sequence[int]) -> Interval:
    """The interval of `sum mantissa*x`, refused unless every sum and every term on the way fits 63 bits."""
    total = Interval(0, 0)
    for source, mantissa in zip(sources, mantissas, strict=True):
        term = source.interval * Interval(mantissa, mantissa)
        total = total + term
        if Interval.hull(total, term) not in ACCUMULATOR_INTERVAL:
            raise InvalidInput(f"scaled values must fit 63 bits, not {Interval.hull(total, term)}")
    return total


@dataclass(frozen=True, kw_only=True)
class Add(Node):
    """The residual: two tensors of one shape, brought to a common scale and added.

    `y = saturate(round_shift(mantissas[0]*a + mantissas[1]*b, shift), format)`, element by element, with
    `round_shift(v, n) = (v + (1 << (n-1))) >> n`. The shape is that of the inputs.
    """

    kind: ClassVar[str] = "add"
    arity: ClassVar[tuple[int, int]] = (2, 2)

    mantissas: tuple[int, ...]
    shift: int
    format: IntFormat

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """The sum, in `format`."""
        a, b = inputs
        if a.shape != b.shape:
            raise InvalidInput(f"both inputs must have one shape, not {list(a.shape)} and {list(b.shape)}")
        if len(self.mantissas) != 2:
            raise InvalidInput(f"mantissas must be two, not {len(self.mantissas)}")
        _check_scale(self.mantissas, self.shift)
        total = _scaled_sum(inputs, self.mantissas)
        return Edge(a.shape, self.format, total.round_shift(self.shift).clamp(self.format.interval))


@dataclass(frozen=True, kw_only=True)
class Requantize(Node):
    """Another scale and format: `y = saturate(round_shift(mantissa*x, shift), format)`, element by element."""

    kind: ClassVar[str] = "requantize"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    mantissa: int
    shift: int
    format: IntFormat

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """The same shape, in `format`."""
        _check_scale((self.mantissa,), self.shift)
        scaled = _scaled_sum(inputs, (self.mantissa,))
        return Edge(inputs[0].shape, self.format, scaled.round_shift(self.shift).clamp(self.format.interval))


class _Pool:
    """Windows without padding on every channel by itself."""

    window: Window

    def size(self, source: Edge) -> tuple[int, int, int]:
        """Channels, and windows down and across."""
        channels, height, width = check_map("a pool", source.shape)
        down, across = self.window.output_size(height, width)
        if any(self.window.padding) or self.window.groups != 1:
            raise InvalidInput("a pool must have a window without padding and groups")
        return channels, down, across


@dataclass(frozen=True, kw_only=True)
class MaxPool(_Pool, Node):
    """The greatest element of each window: `y[c,i,j] = max over the window (i, j) of x[c]`."""

    kind: ClassVar[str] = "max-pool"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    window: Window

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """Shape (channels, windows down, windows across), the input's format."""
        return Edge(self.size(inputs[0]), inputs[0].format, inputs[0].interval)


@dataclass(frozen=True, kw_only=True)
class SumPool(_Pool, Node):
    """The sum of each window: `y[c,i,j] = sum over the window (i, j) of x[c]`. With a Requantize, an average."""

    kind: ClassVar[str] = "sum-pool"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    window: Window

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """Shape (channels, windows down, windows across), the narrowest format that holds every sum."""
        total = inputs[0].interval.sum_of(self.window.taps)
        return Edge(self.size(inputs[0]), total.format, total)


@dataclass(frozen=True, kw_only=True)
class Subsample(Node):
    """The parameter-free shortcut: every `stride`-th element, and channels of zeros added after the last.

    `y[c,i,j] = x[c, i*stride, j*stride]` for the channels of the input, 0 for the others up to `channels`. Source: the
    shortcut of option A of He et al. 2016; that the zeros come last is [INFERRED].
    """

    kind: ClassVar[str] = "subsample"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    stride: int
    channels: int

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """Shape (channels, ceil(height / stride), ceil(width / stride)), the input's format."""
        channels, height, width = check_map("subsample", inputs[0].shape)
        if self.stride < 1:
            raise InvalidInput(f"stride must be a positive integer, not {self.stride}")
        if self.channels < channels:
            raise InvalidInput(f"channels must be at least the {channels} of the input, not {self.channels}")
        interval = inputs[0].interval
        if self.channels > channels:
            interval = Interval.hull(interval, Interval(0, 0))
        return Edge((self.channels, -(-height // self.stride), -(-width // self.stride)), inputs[0].format, interval)


@dataclass(frozen=True, kw_only=True)
class Flatten(Node):
    """All elements in row-major order: shape (elements,)."""

    kind: ClassVar[str] = "flatten"
    arity: ClassVar[tuple[int, int]] = (1, 1)

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """The same elements on one axis."""
        return Edge((prod(inputs[0].shape),), inputs[0].format, inputs[0].interval)
