"""Bits of weights pruned layer by layer while a network trains: MSQ's schedule, and that of its baseline.

`loss = cross-entropy + strength * sum over layers and weights of |c_k|`. After every `period` epochs a layer whose
share of weights with active k least significant bits is under `most_active` loses these k bits. k is 1, or 2 where the
layer is insensitive: `Omega = trace(H) / weights * ||Q_n(W) - Q_(n-1)(W)||**2` under the median of all layers. Pruning
and penalty end at the target compression, 32 bits over the mean bits of a weight.

Source: MSQ (arXiv 2507.22349) in the reading of `algo.quant.round_clamp`; which layer goes first where the target is
near (the least Omega), and k = 1 before the first Hessian, are [INFERRED].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from quadrille.algo.quant import BitPlaneWeights, RoundClampWeights
from quadrille.algo.spec import InvalidInput

from .classifier import CimClassifier
from .hessian import weight_traces
from .layer import CimLayer

__all__ = ["BitPruner", "BitPruning", "compression", "layer_bits", "mean_bits", "with_bit_planes"]

PrunedWeights = RoundClampWeights | BitPlaneWeights
FULL_BITS = 32


@dataclass(frozen=True, kw_only=True)
class BitPruning:
    """When bits are dropped: see the module.

    `probes` are the draws of the Hessian's trace on `images` training images; without probes every layer loses one bit
    at a time. No layer has less than `least_bits`.

    Raises
    ------
    InvalidInput
        If a number is out of its range.
    """

    strength: float = 5e-5
    period: int = 20
    most_active: float = 0.3
    compression: float = 10.0
    probes: int = 50
    images: int = 256
    least_bits: int = 1

    def __post_init__(self) -> None:
        if not (isfinite(self.strength) and self.strength >= 0):
            raise InvalidInput(f"Strength of a penalty on bits must be 0 or more, not {self.strength}")
        for noun, value, least in (
            ("Epochs between prunings of bits", self.period, 1),
            ("Probes of a pruning of bits", self.probes, 0),
            ("Images of a pruning of bits", self.images, 1),
            ("Least bits of a pruned weight", self.least_bits, 1),
        ):
            if value < least:
                raise InvalidInput(f"{noun} must be {least} or more, not {value}")
        if not 0 < self.most_active <= 1:
            raise InvalidInput(f"Share of active bits must be over 0 and at most 1, not {self.most_active}")
        if not 1 <= self.compression <= FULL_BITS:
            raise InvalidInput(f"Compression must be from 1 to {FULL_BITS}, not {self.compression}")


def layer_bits(model: CimClassifier) -> dict[str, int]:
    """The bits of the weights of each layer, by the name of its block."""
    return {block.name: block.layer.encoding.weight_bits for block in model.blocks}


def mean_bits(model: CimClassifier) -> float:
    """The bits of a weight, averaged over all weights."""
    sizes = [(layer.outputs * layer.rows, layer.encoding.weight_bits) for layer in model.layers]
    return sum(size * bits for size, bits in sizes) / sum(size for size, _ in sizes)


def compression(model: CimClassifier) -> float:
    """How often the weights of `model` fit the memory of 32-bit ones."""
    return FULL_BITS / mean_bits(model)


def pruned_layers(model: CimClassifier) -> Iterator[tuple[str, CimLayer, PrunedWeights]]:
    """Name, layer and quantizer of every layer whose bits can be dropped."""
    for block in model.blocks:
        if isinstance(block.layer.weights, RoundClampWeights | BitPlaneWeights):
            yield block.name, block.layer, block.layer.weights


@dataclass
class BitPruner:
    """A model whose bits are pruned as `options` say, and how far that is.

    `steps` are the bits that each layer loses the next time, `events` what has happened, as plain data.

    Raises
    ------
    InvalidInput
        If no layer of the model can lose bits.
    """

    model: CimClassifier
    options: BitPruning
    steps: dict[str, int] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not list(pruned_layers(self.model)):
            raise InvalidInput("Bits are pruned of round-clamp weights or bit planes, and the network has neither")
        self.steps = self.steps or {name: self._step(weights, 1) for name, _, weights in pruned_layers(self.model)}

    def _step(self, weights: PrunedWeights, wanted: int) -> int:
        """At most as many bits as the layer can spare."""
        least = max(self.options.least_bits, 2) if isinstance(weights, BitPlaneWeights) else self.options.least_bits
        return max(0, min(wanted, weights.bits - least))

    @property
    def done(self) -> bool:
        """Whether the target is reached, or no bit is left to prune."""
        return compression(self.model) >= self.options.compression or not any(self.steps.values())

    def state(self) -> dict[str, Any]:
        """All that `load` needs."""
        return {"steps": dict(self.steps), "events": list(self.events)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self.steps, self.events = dict(state["steps"]), list(state["events"])

    def penalty(self) -> Tensor | None:
        """What is added to the loss; None once pruning is done."""
        if self.done or not self.options.strength:
            return None
        parts = [
            weights.penalty(layer.matrix, self.steps[name])
            for name, layer, weights in pruned_layers(self.model)
            if self.steps[name]
        ]
        return self.options.strength * torch.stack(parts).sum()

    def prune(self, images: Tensor, labels: Tensor, *, epoch: int, seed: int = 0) -> None:
        """Drop the bits that hardly any weight uses, and say how many go the next time."""
        if self.done:
            return
        omegas = self._omegas(images, labels, seed)
        order = sorted(pruned_layers(self.model), key=lambda each: omegas.get(each[0], inf))
        for name, layer, weights in order:
            step, dropped = self.steps[name], 0
            active = weights.active(layer.matrix, step) if step else None
            if not self.done and active is not None and active < self.options.most_active:
                weights.drop(layer.matrix, step)
                dropped = step
            if isinstance(weights, BitPlaneWeights):
                dropped += weights.trim(layer.matrix)
            omega = omegas.get(name)
            self.events.append(
                {
                    "epoch": epoch,
                    "layer": name,
                    "active": active,
                    "omega": omega,
                    "dropped": dropped,
                    "bits": weights.bits,
                }
            )
        if any(event["dropped"] for event in self.events[-len(order) :]):
            omegas = self._omegas(images, labels, seed)
        self._plan(omegas)

    def _omegas(self, images: Tensor, labels: Tensor, seed: int) -> dict[str, float]:
        """The sensitivity of each layer that has bits to spare; nothing without probes."""
        options = self.options
        if not options.probes:
            return {}
        count = options.images
        traces = weight_traces(self.model, images[:count], labels[:count], probes=options.probes, seed=seed)
        by_layer = dict(zip(self.model.layers, traces, strict=True))
        found: dict[str, float] = {}
        for name, layer, weights in pruned_layers(self.model):
            if isinstance(weights, RoundClampWeights) and weights.bits > 1:
                size = layer.outputs * layer.rows
                found[name] = by_layer[layer] / size * weights.distance(layer.matrix)
        return found

    def _plan(self, omegas: Mapping[str, float]) -> None:
        middle = median(omegas.values()) if omegas else -inf
        for name, _, weights in pruned_layers(self.model):
            self.steps[name] = self._step(weights, 2 if omegas.get(name, inf) < middle else 1)


def with_bit_planes(model: CimClassifier, bits: int) -> CimClassifier:
    """`model` with every bit of its weights a parameter of its own, in the place of the float weights.

    Raises
    ------
    InvalidInput
        If `bits` is not from 2 to 16.
    """
    for layer in model.layers:
        layer.weights = BitPlaneWeights(layer.matrix, bits)
        # The layer's shape stays; its numbers are the planes'.
        layer.weight = nn.Parameter(torch.zeros(()).expand(layer.weight.shape), requires_grad=False)
    return model
