"""Partial sums through the converter of their column.

With the step Delta (in units of the integer sum P), the zero point c and the codes lo..hi of a `bits`-bit converter,
`code = clamp(round(P / Delta) - c, lo, hi)` and `P_hat = Delta * (code + c)`. Hardware compares instead:
`code = lo + #{ j : P >= T[j] }`, `T[j] = ceil((c + lo + j - 1/2) * Delta)` for j = 1 .. 2**bits - 1, which is the same
for every integer P because rounding is half up. The thresholds come from exact arithmetic on the value of Delta, and
the forward pass at evaluation uses them too. Source: ColumnQuant (arXiv 2502.07842); the thresholds and
the frozen c are [INFERRED].
"""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor, nn

from quadrille.algo.spec import InvalidInput

from .granularity import Granularity, PerColumn, expand, group_mean, group_sizes, group_sum, scale_shape
from .lsq import gradient_scale, lsq_code, positive
from .straight_through import round_half_up, scale_gradient

__all__ = ["PartialSumQuantizer", "thresholds"]

CANDIDATES = 48  # steps tried by calibration, between an eighth of the range of a column's sums and all of it
SEARCHED = (
    4096  # sums of each column that calibration tries them on: more change the best step by less than a candidate
)
MOMENTUM = 0.05  # of the running mean that the zero point follows in training


def thresholds(step: float | Fraction, zero_point: int, bits: int, low: int) -> list[int]:
    """`ceil((zero_point + low + j - 1/2) * step)` for j = 1 .. 2**bits - 1, in exact arithmetic."""
    numerator, denominator = Fraction(step).as_integer_ratio()
    first = 2 * (zero_point + low) + 1
    return [-((-(first + 2 * j) * numerator) // (2 * denominator)) for j in range((1 << bits) - 1)]


class PartialSumQuantizer(nn.Module):
    """The converters of all columns of a layer: sums (batch, tiles, slices, outputs) to what their codes stand for.

    One step and one zero point for each block of `granularity` in `columns` = (tiles, slices, outputs): PerTensor() is
    one per layer, PerChannel(0) one per array, PerColumn() one per column. Until `calibrate` has been called the sums
    pass as they are. The zero point follows the running mean of the sums in training until `freeze`.

    Raises
    ------
    InvalidInput
        If `bits` is not from 1 to 8.
    """

    step: nn.Parameter
    center: Tensor
    active: Tensor
    frozen: Tensor

    def __init__(self, bits: int, columns: tuple[int, int, int], granularity: Granularity | None = None) -> None:
        if not 1 <= bits <= 8:
            raise InvalidInput(f"ADC width must be from 1 to 8 bits, not {bits}")
        super().__init__()
        self.bits = bits
        self.columns = columns
        self.granularity: Granularity = PerColumn() if granularity is None else granularity
        shape = scale_shape(self.granularity, columns)
        self.step = nn.Parameter(torch.ones(shape))
        self.register_buffer("center", torch.zeros(shape))
        self.register_buffer("active", torch.tensor(False))
        self.register_buffer("frozen", torch.tensor(False))

    @property
    def low(self) -> int:
        """The least code: -2**(bits - 1), or 0 for one bit."""
        return 0 if self.bits == 1 else -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        """The greatest code."""
        return self.low + (1 << self.bits) - 1

    def column_steps(self) -> Tensor:
        """Delta of each column, of shape (tiles, slices, outputs)."""
        return expand(positive(self.step.detach()), self.granularity, self.columns)

    def learned_step(self, samples: float) -> Tensor:
        """Delta of each block with LSQ's factor on its gradient, for `samples` sums of each column."""
        elements = samples * float(group_sizes(self.granularity, self.columns).max())
        return scale_gradient(positive(self.step), gradient_scale(elements, max(1, self.high)))

    @torch.no_grad()
    def zero_points(self) -> Tensor:
        """c of each column, of shape (tiles, slices, outputs): the mean sum in steps, rounded."""
        return expand(round_half_up(self.center / positive(self.step)), self.granularity, self.columns)

    def threshold_table(self) -> Tensor:
        """T of each column, of shape (tiles, slices, outputs, 2**bits - 1), int64."""
        steps, centers = self.column_steps().flatten().tolist(), self.zero_points().flatten().tolist()
        known: dict[tuple[float, int], list[int]] = {}
        rows: list[list[int]] = []
        for step, center in zip(steps, centers, strict=True):
            key = (step, int(center))
            if key not in known:
                known[key] = thresholds(step, key[1], self.bits, self.low)
            rows.append(known[key])
        return torch.tensor(rows, dtype=torch.int64).reshape(*self.columns, -1)

    def forward(self, sums: Tensor) -> Tensor:
        """What the codes of `sums` stand for, in units of the sums; the sums themselves while not active."""
        if not self.active:
            return sums
        if not self.training:
            code = self.to_int(sums).to(sums)
            return (code + self.zero_points()) * self.column_steps()
        if not self.frozen:
            self.follow(sums)
        step = self.learned_step(float(sums.shape[0]))
        full, zero = expand(step, self.granularity, self.columns), self.zero_points()
        return lsq_code(sums, full, zero + self.low, zero + self.high) * full

    @torch.no_grad()
    def to_int(self, sums: Tensor) -> Tensor:
        """The codes of integer `sums` by comparison with the thresholds, int64: what the hardware computes."""
        table = self.threshold_table().to(sums.device)
        integers = sums.to(torch.int64).movedim(0, -1).contiguous()
        return torch.searchsorted(table, integers, right=True).movedim(-1, 0) + self.low

    @torch.no_grad()
    def clipped(self, sums: Tensor) -> float:
        """The share of `sums` (batch, tiles, slices, outputs) that lie beyond the first or the last code."""
        code = round_half_up(sums / self.column_steps()) - self.zero_points()
        return float(((code < self.low) | (code > self.high)).double().mean())

    @torch.no_grad()
    def calibrate(self, sums: Tensor) -> None:
        """Set step and zero point from `sums` so that the mean squared error of each block is least; then convert.

        The zero point is of all sums, the step of at most 4,096 of each column, evenly spread.
        """
        center = group_mean(sums.detach().mean(dim=0), self.granularity)
        mean = expand(center, self.granularity, self.columns)
        count = len(sums)
        places = torch.linspace(0, count - 1, min(count, SEARCHED), dtype=torch.float64).round().long()
        samples = sums.detach()[places.to(sums.device)]
        deviation = (samples - mean).abs().amax(dim=0)
        reach = _group_max(deviation, self.granularity).clamp_min(0.5)
        full = 2 * reach / ((1 << self.bits) - 1)
        best_error, best = torch.full_like(full, float("inf")), full.clone()
        for candidate in torch.linspace(0.125, 1.0, CANDIDATES).tolist():
            step = full * candidate
            wide = expand(step, self.granularity, self.columns)
            zero = round_half_up(mean / wide)
            code = (round_half_up(samples / wide) - zero).clamp(self.low, self.high)
            error = group_sum((((code + zero) * wide - samples) ** 2).mean(dim=0), self.granularity)
            better = error < best_error
            best_error, best = torch.where(better, error, best_error), torch.where(better, step, best)
        self.step.copy_(best)
        self.center.copy_(center)
        self.active.fill_(True)

    @torch.no_grad()
    def freeze(self, sums: Tensor | None = None) -> None:
        """Fix the zero points, at the mean of `sums` or where they are: training no longer moves them."""
        if sums is not None:
            self.center.copy_(group_mean(sums.detach().mean(dim=0), self.granularity))
        self.frozen.fill_(True)

    @torch.no_grad()
    def follow(self, sums: Tensor) -> None:
        """Let the running mean, of which the zero points are made, go a little towards that of `sums`."""
        self.center.lerp_(group_mean(sums.detach().mean(dim=0), self.granularity), MOMENTUM)


def _group_max(tensor: Tensor, granularity: Granularity) -> Tensor:
    """The greatest element of each block of a tensor."""
    block = granularity.block(tuple(tensor.shape))
    result = tensor
    for axis, size in enumerate(block):
        result = torch.stack([part.amax(dim=axis) for part in result.split(size, dim=axis)], dim=axis)
    return result
