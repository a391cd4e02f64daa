"""Looking at the integers of a model while it computes: what conversion compares with the Network's."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from quadrille.algo.quant import Quantized, ResidualActivation, round_half_up

from .layer import CimLayer
from .linear import CimLinear

__all__ = ["IntegerTrace", "Trace"]


class Trace:
    """Sees every tensor of a forward pass by the name of its node, and may put another in its place; this one lets
    everything pass.
    """

    def layer(self, name: str, layer: CimLayer, code: Tensor) -> None:
        """What `layer` of the block `name` reads."""

    def passing(self, name: str, code: Tensor) -> None:
        """Codes that follow from others without rounding."""

    def codes(self, name: str, source: Quantized | None) -> Quantized:
        """Codes that leave a block."""
        assert source is not None
        return source

    def rounded(self, coarse: Quantized, fine: Quantized, activation: ResidualActivation) -> Quantized:
        """The coarse codes of the stream `fine`, of which `coarse` are those that were computed."""
        return coarse

    def position(self, name: str, position: Tensor) -> Tensor:
        """A branch of a residual block, whose integers are its floor."""
        return position

    def logits(self, name: str, logits: Tensor) -> None:
        """The result."""


class IntegerTrace(Trace):
    """Keeps all integers, int64; with `sources`, what blocks read is taken from there.

    Each block then answers for its own differences alone. Logits are counted in `logit_step`, from `low` to `high`.
    """

    def __init__(self, logit_step: float, low: int, high: int, sources: Mapping[str, Tensor] | None = None) -> None:
        self.seen: dict[str, Tensor] = {}
        self.sources = sources
        self.logit_step, self.low, self.high = logit_step, low, high

    def _kept(self, name: str, code: Tensor) -> Tensor:
        self.seen[name] = code.detach().to(torch.int64)
        if self.sources is None or name not in self.sources:
            return code
        return self.sources[name].to(code)

    def layer(self, name: str, layer: CimLayer, code: Tensor) -> None:
        """Codes and row sums of the layer's nodes."""
        if isinstance(layer, CimLinear):
            code = code.flatten(1)
        self.seen[f"{name}_codes"] = layer.to_int(code)
        self.seen[f"{name}_sums"] = layer.row_sums(code).to(torch.int64)

    def passing(self, name: str, code: Tensor) -> None:
        """Keep them."""
        self.seen[name] = code.detach().to(torch.int64)

    def codes(self, name: str, source: Quantized | None) -> Quantized:
        """Keep them, and go on with the sources'."""
        assert source is not None
        return source._replace(code=self._kept(name, source.code))

    def rounded(self, coarse: Quantized, fine: Quantized, activation: ResidualActivation) -> Quantized:
        """Round anew what the sources have for the stream."""
        code = round_half_up(fine.code / (1 << activation.fraction_bits)).clamp(0, activation.levels)
        return coarse._replace(code=code)

    def position(self, name: str, position: Tensor) -> Tensor:
        """Keep the floor, and go on with the sources'."""
        return self._kept(name, torch.floor(position))

    def logits(self, name: str, logits: Tensor) -> None:
        """Keep logits and class."""
        integers = round_half_up(logits / self.logit_step).clamp(self.low, self.high)
        self.seen["class"] = integers.argmax(dim=1)
        self.seen[name] = integers.to(torch.int64)
