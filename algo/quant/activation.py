"""Activation quantizers of feature maps: LSQ without a sign, and the two grids of a residual stream.

Both take positions: a value in steps, plus one half, so that a code is `floor(position)` and batch norm can count in
steps by itself, without a pass of its own over the map.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from quadrille.algo.spec import IntFormat, InvalidInput

from .granularity import PerTensor
from .lsq import Quantized, gradient_scale, initial_step, positive
from .straight_through import round_half_up, scale_gradient

__all__ = ["LsqActivation", "ResidualActivation", "Signal", "StepActivation", "floor_code"]


class Signal(NamedTuple):
    """What travels between the blocks of a model: integers that layers read and, in a residual network, finer ones.

    `fine` is what shortcuts and average pools read; None where there is no residual stream.
    """

    coarse: Quantized
    fine: Quantized | None = None


class _FloorCode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, position: Tensor, levels: int) -> Tensor:
        ctx.save_for_backward(position)
        ctx.levels = levels
        return torch.floor(position).clamp_(0, levels)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (position,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradients[0], position, 0.5, ctx.levels + 0.5), None


def floor_code(position: Tensor, levels: int) -> Tensor:
    """`clamp(floor(position), 0, levels)`; the gradient is 1 where `0 < position - 1/2 < levels`, else 0."""
    return _FloorCode.apply(position, levels)  # pyright: ignore[reportReturnType]


class StepActivation(nn.Module):
    """An unsigned activation quantizer of `bits` bits with one learned step, which starts from the first values.

    Raises
    ------
    InvalidInput
        If `bits` is not from 1 to 8.
    """

    step: nn.Parameter
    initialised: Tensor

    def __init__(self, bits: int = 4) -> None:
        if not 1 <= bits <= 8:
            raise InvalidInput(f"Activation width must be from 1 to 8 bits, not {bits}")
        super().__init__()
        self.format = IntFormat(bits, signed=False)
        self.step = nn.Parameter(torch.ones(()))
        self.register_buffer("initialised", torch.tensor(False))

    @property
    def levels(self) -> int:
        """The greatest code."""
        return self.format.interval.hi

    @torch.no_grad()
    def initialise(self, values: Tensor) -> None:
        """Set the step from `values` by LSQ's rule, over what is positive in them."""
        self.step.copy_(initial_step(values.clamp_min(0), PerTensor(), self.levels).reshape(()))
        self.initialised.fill_(True)

    def learned_step(self, elements: float) -> Tensor:
        """The step, never 0, with LSQ's factor on its gradient for `elements` values that share it."""
        return scale_gradient(positive(self.step), gradient_scale(elements, self.levels))

    @torch.no_grad()
    def to_int(self, values: Tensor) -> Tensor:
        """The integers of `values`, int64: what the hardware holds."""
        return round_half_up(values / positive(self.step)).clamp(0, self.levels).to(torch.int64)

    def codes(self, position: Tensor) -> Tensor:
        """The codes at `position`, which is a value in steps plus one half."""
        return floor_code(position, self.levels)


class LsqActivation(StepActivation):
    """LSQ for activations: `code = clamp(floor(x / step + 1/2), 0, 2**bits - 1)`, straight-through inside the range."""

    def forward(self, values: Tensor) -> Quantized:
        """Codes and step of `values`, with gradients to both."""
        if not self.initialised:
            self.initialise(values)
        step = self.learned_step(values.numel() / len(values))
        return Quantized(self.codes(values / step + 0.5), step)


class _Residual(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, position: Tensor, shortcut: Tensor | None, levels: int, fraction_bits: int
    ) -> tuple[Tensor, Tensor]:
        total = torch.floor(position)
        if shortcut is not None:
            total += torch.floor(shortcut)
        ctx.save_for_backward(total)
        ctx.set_materialize_grads(False)  # a last block has no reader of the coarse codes
        ctx.levels, ctx.fraction_bits = levels, fraction_bits
        fine = total.clamp(0, ((levels + 1) << fraction_bits) - 1)
        coarse = torch.add(torch.tensor(0.5).to(fine), fine, alpha=1 / (1 << fraction_bits))
        return fine, coarse.floor_().clamp_(0, levels)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        (total,) = ctx.saved_tensors
        to_fine, to_coarse = gradients
        unit = 1 << ctx.fraction_bits
        passed = None
        if to_coarse is not None:
            passed = torch.ops.aten.hardtanh_backward(to_coarse, total, 0.0, float(ctx.levels * unit)).mul_(1 / unit)
        if to_fine is not None:
            part = torch.ops.aten.hardtanh_backward(to_fine, total, 0.0, float((ctx.levels + 1) * unit - 1))
            passed = part if passed is None else passed.add_(part)
        return passed, passed if ctx.needs_input_grad[1] else None, None, None


class ResidualActivation(StepActivation):
    """The end of a residual block, on two grids of one learned step s: the stream in units of `s / 2**fraction_bits`.

    `r = clamp(floor(position) + floor(shortcut), 0, 2**(bits + fraction_bits) - 1)` is the stream, what shortcuts read;
    `a = clamp((r + 2**(fraction_bits - 1)) >> fraction_bits, 0, 2**bits - 1)` is what layers read. Straight-through
    inside both ranges. These are the nodes Add and Requantize of a Network [INFERRED].

    Raises
    ------
    InvalidInput
        If the stream's format has more than 8 bits.
    """

    def __init__(self, bits: int = 4, fraction_bits: int = 4) -> None:
        if fraction_bits < 1 or bits + fraction_bits > 8:
            raise InvalidInput(
                f"Fraction of a residual stream must be of 1 to {8 - bits} bits beside {bits}, not {fraction_bits}"
            )
        super().__init__(bits)
        self.fraction_bits = fraction_bits
        self.fine_format = IntFormat(bits + fraction_bits, signed=False)

    @property
    def unit(self) -> Tensor:
        """The step of the stream."""
        return positive(self.step) / (1 << self.fraction_bits)

    def forward(self, position: Tensor, shortcut: Tensor | None, step: Tensor) -> Signal:
        """Both grids of the sum of two positions, which count in units of the stream; `step` as `learned_step` is."""
        fine, coarse = _Residual.apply(position, shortcut, self.levels, self.fraction_bits)  # pyright: ignore[reportGeneralTypeIssues]
        return Signal(Quantized(coarse, step), Quantized(fine, step / (1 << self.fraction_bits)))
