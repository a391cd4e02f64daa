"""Training for devices that differ: cells are perturbed anew in every step, so that weights are found that bear it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from quadrille.algo.integer.variation import Variation
from quadrille.algo.spec import CellEncoding, InvalidInput

from .layer import CimLayer, Perturbation

__all__ = ["CellVariation", "vary_factors"]


@dataclass(frozen=True)
class CellVariation:
    """The perturbation of a training phase: `Phase(..., perturbation=CellVariation(Variation(log_normal=0.2)))`.

    In every step each layer with converters computes with other cells, drawn as `algo.integer.variation` has it but not
    rounded to fraction bits; backward the noise is not there (straight-through). Source: [INFERRED].

    Raises
    ------
    InvalidInput
        If the variation is of converters too: they learn steps of their own in training.
    """

    variation: Variation

    def __post_init__(self) -> None:
        if self.variation.offset or self.variation.gain:
            raise InvalidInput(f"Variation in training must be of cells alone, not {self.variation}")

    def __call__(self, layer: CimLayer, seed: int) -> Perturbation:
        """What perturbs the factors of `layer`, (slices, outputs, rows), the same whenever it is called."""

        def perturbation(factors: Tensor) -> Tensor:
            return vary_factors(factors, layer.encoding, self.variation, seed)

        return perturbation


def vary_factors(factors: Tensor, encoding: CellEncoding, variation: Variation, seed: int) -> Tensor:
    """`gain(s)*g - reference_weight(s)` with the conductance g of each cell instead of its digit; gradient 1.

    `factors` (slices, outputs, rows) are those of the digits. The noise depends on shape, variation and `seed` alone.
    """
    generator = torch.Generator(factors.device).manual_seed(seed)

    def drawn(draw: str) -> Tensor:
        like = torch.empty_like(factors, requires_grad=False)
        return like.normal_(generator=generator) if draw == "normal" else like.uniform_(generator=generator)

    def column(values: list[int]) -> Tensor:
        return torch.tensor(values, dtype=factors.dtype, device=factors.device).reshape(-1, 1, 1)

    gain = column([encoding.gain(index) for index in range(encoding.slices)])
    reference = column([encoding.reference_weight(index) for index in range(encoding.slices)])
    with torch.no_grad():
        level = (factors + reference) / gain
        if variation.log_normal:
            level = level * torch.exp(variation.log_normal * drawn("normal"))
        if variation.gaussian:
            level = (level + variation.gaussian * drawn("normal")).clamp_min(0)
        if variation.stuck_at_zero or variation.stuck_at_one:
            chance = drawn("uniform")
            level = torch.where(chance < variation.stuck_at_zero, 0.0, level)
            level = torch.where(chance >= 1 - variation.stuck_at_one, (1 << encoding.cell_bits) - 1.0, level)
        noise = gain * level - reference - factors
    return factors + noise
