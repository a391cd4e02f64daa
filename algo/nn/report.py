"""What a conversion to integers changed, layer by layer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from quadrille.algo.spec import Network, Node

__all__ = ["Conversion", "ConversionReport", "LayerDifference"]


@dataclass(frozen=True)
class LayerDifference:
    """Integers of a node against those of the fake-quantized model, in units of the last place.

    `largest`, `mean` and `unequal` (a share of 1) compare the two networks, each fed by its own earlier layers;
    `unequal_alone` is the share where both are fed with the integers, so that the layer answers for itself.
    """

    node: str
    kind: str
    elements: int
    largest: int
    mean: float
    unequal: float
    unequal_alone: float

    @classmethod
    def between(cls, node: Node, integers: np.ndarray, chained: np.ndarray, alone: np.ndarray) -> LayerDifference:
        """The difference of `integers` from what the model has in a chain and fed with the integers."""
        distance = np.abs(integers.astype(np.int64) - chained)
        return cls(
            node=node.name,
            kind=node.kind,
            elements=int(distance.size),
            largest=int(distance.max()),
            mean=float(distance.mean()),
            unequal=float((distance > 0).mean()),
            unequal_alone=float((integers != alone).mean()),
        )


@dataclass(frozen=True)
class ConversionReport:
    """The differences of all layers, and the accuracies where labels were given.

    Accuracies are those of `images` images, differences those of the first `compared` of them. `clipped` is the share
    of the partial sums of the calibration images that the converters of each layer clip.
    """

    images: int
    compared: int
    mantissa_bits: int
    logit_step: float
    layers: tuple[LayerDifference, ...]
    clipped: dict[str, float]
    model_accuracy: float | None
    integer_accuracy: float | None

    @property
    def exact(self) -> bool:
        """Whether every element of every layer is equal."""
        return all(layer.largest == 0 for layer in self.layers)

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "layers": [asdict(layer) for layer in self.layers], "exact": self.exact}

    def __str__(self) -> str:
        lines = [f"{'node':<16}{'elements':>10}{'largest':>9}{'mean':>10}{'unequal':>10}{'alone':>10}"]
        lines += [
            f"{layer.node:<16}{layer.elements:>10}{layer.largest:>9}{layer.mean:>10.5f}{layer.unequal:>10.4%}"
            f"{layer.unequal_alone:>10.4%}"
            for layer in self.layers
        ]
        if self.model_accuracy is not None and self.integer_accuracy is not None:
            lines.append(f"accuracy: model {self.model_accuracy:.2%}, integers {self.integer_accuracy:.2%}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Conversion:
    """A Network and the report of its making."""

    network: Network
    report: ConversionReport

    def __str__(self) -> str:
        return str(self.report)
