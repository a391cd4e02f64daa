"""A convolution whose partial sums pass converters, with the gradients of LSQ, in few passes over large tensors.

For tile t, slice s and output o let u = P / Delta. Forward `z[o] = sum_{t,s} gain * Delta * (code + c)` with
`code = clamp(floor(u - c + 1/2), lo, hi)`. Backward the gradient passes to P where `lo < u - c < hi`; to Delta it is
`gain * (code + c - u)` there and `gain * (code + c)` elsewhere; to the gain `Delta * (code + c)`. Division by Delta,
-c and +1/2 are part of the convolution itself (scaled kernels and a bias), so what is written and read are `tiles *
slices` feature maps, once forward and a few times backward, and nothing else of their size is kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Converters", "Geometry", "convert_and_add"]


class Geometry(NamedTuple):
    """Where the tiles of a convolution lie: `spans[t]` are the first and last channel (exclusive) of tile t."""

    spans: tuple[tuple[int, int], ...]
    slices: int
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    groups: int

    def take(self, code: Tensor, tile: int) -> Tensor:
        """The channels under `tile`, of each group."""
        begin, end = self.spans[tile]
        if self.groups == 1:
            return code[:, begin:end]
        count, channels, height, width = code.shape
        parts = code.reshape(count, self.groups, channels // self.groups, height, width)
        return parts[:, :, begin:end].reshape(count, -1, height, width)

    def give(self, total: Tensor, part: Tensor, tile: int) -> None:
        """Add `part`, of the channels that `take` takes, to those channels of `total`."""
        begin, end = self.spans[tile]
        count, channels, height, width = total.shape
        if self.groups == 1:
            total[:, begin:end] += part
        else:
            parts = part.reshape(count, self.groups, end - begin, height, width)
            total.view(count, self.groups, channels // self.groups, height, width)[:, :, begin:end] += parts

    def spread(self, result: Tensor) -> Tensor:
        """Of each output (batch, outputs, ...) one for each slice, in the order of the columns of a tile."""
        if self.slices == 1:
            return result
        count, outputs, height, width = result.shape
        grouped = result.reshape(count, self.groups, 1, outputs // self.groups, height, width)
        return grouped.expand(-1, -1, self.slices, -1, -1, -1).reshape(count, -1, height, width)

    def gather(self, columns: Tensor) -> Tensor:
        """The sum over the slices: the transpose of `spread`."""
        if self.slices == 1:
            return columns
        count, total, height, width = columns.shape
        each = total // (self.groups * self.slices)
        grouped = columns.reshape(count, self.groups, self.slices, each, height, width)
        return grouped.sum(dim=2).reshape(count, -1, height, width)


class Converters(NamedTuple):
    """Tables (tiles, columns of a tile) of the converters; columns in the order group, slice, output of the group."""

    step: Tensor
    zero: Tensor
    gain: Tensor
    low: int
    high: int


def _wide(table: Tensor) -> Tensor:
    return table.reshape(1, -1, 1, 1)


class _ConvertAndAdd(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        code: Tensor,
        kernels: Tensor,
        step: Tensor,
        gain: Tensor,
        zero: Tensor,
        low: int,
        high: int,
        geometry: Geometry,
    ) -> Tensor:
        result, positions = None, []
        for tile, (begin, end) in enumerate(geometry.spans):
            kernel = kernels[tile, :, : end - begin] / step[tile].reshape(-1, 1, 1, 1)
            position = F.conv2d(
                geometry.take(code, tile),
                kernel,
                0.5 - zero[tile],
                geometry.stride,
                geometry.padding,
                1,
                geometry.groups,
            )
            if any(ctx.needs_input_grad):
                positions.append(position)
                codes = torch.floor(position)
            else:
                codes = position.floor_()
            codes.clamp_(low, high)
            factor = gain[tile] * step[tile]
            if geometry.slices == 1:
                if result is None:
                    constant = (gain * step * zero).sum(dim=0)
                    result = torch.addcmul(_wide(constant), codes, _wide(factor))
                else:
                    result.addcmul_(codes, _wide(factor))
            else:
                part = geometry.gather(codes.add_(_wide(zero[tile])).mul_(_wide(factor)))
                result = part if result is None else result.add_(part)
        ctx.save_for_backward(code, kernels, step, gain, zero, *positions)
        ctx.limits, ctx.geometry = (low, high), geometry
        assert result is not None
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        code, kernels, step, gain, zero, *positions = ctx.saved_tensors
        (low, high), geometry = ctx.limits, ctx.geometry
        to_code, _, _, to_gain = ctx.needs_input_grad[:4]
        code_gradient = torch.zeros_like(code) if to_code else None
        kernel_gradient, step_gradient = torch.zeros_like(kernels), torch.zeros_like(step)
        gain_gradient = torch.zeros_like(gain) if to_gain else None
        gradient = geometry.spread(gradients[0])
        total = gradient.sum(dim=(0, 2, 3))
        for tile, (begin, end) in enumerate(geometry.spans):
            position = positions[tile]
            inside = torch.ops.aten.hardtanh_backward(gradient, position, low + 0.5, high + 0.5)
            weighted = torch.floor(position).clamp_(low, high).mul_(gradient)
            if gain_gradient is not None:
                gain_gradient[tile] = step[tile] * (weighted.sum(dim=(0, 2, 3)) + zero[tile] * total)
            rest = weighted.addcmul_(inside, position, value=-1).sum(dim=(0, 2, 3))
            within = inside.sum(dim=(0, 2, 3))
            step_gradient[tile] = gain[tile] * (rest + zero[tile] * total + (0.5 - zero[tile]) * within)
            scaled = kernels[tile, :, : end - begin] * gain[tile].reshape(-1, 1, 1, 1)
            source_part, kernel_part, _ = torch.ops.aten.convolution_backward(
                inside,
                geometry.take(code, tile),
                scaled,
                None,
                list(geometry.stride),
                list(geometry.padding),
                [1, 1],
                False,
                [0, 0],
                geometry.groups,
                [to_code, True, False],
            )
            kernel_gradient[tile, :, : end - begin] = kernel_part * gain[tile].reshape(-1, 1, 1, 1)
            if code_gradient is not None:
                geometry.give(code_gradient, source_part, tile)
        return code_gradient, kernel_gradient, step_gradient, gain_gradient, None, None, None, None


def convert_and_add(code: Tensor, kernels: Tensor, converters: Converters, geometry: Geometry) -> Tensor:
    """The sum over tiles and slices of what the codes stand for, times their gain: (batch, outputs, *windows).

    `code` (batch, channels, height, width); `kernels` (tiles, columns of a tile, channels of a tile, kernel height,
    kernel width), zeros where a tile has fewer channels.
    """
    step, zero, gain, low, high = converters
    return _ConvertAndAdd.apply(code, kernels, step, gain, zero, low, high, geometry)  # pyright: ignore[reportReturnType]
