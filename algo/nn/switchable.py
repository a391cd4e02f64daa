"""One set of weights, several precisions: a classifier for each mode, which all read the same weights.

What depends on the precision is a mode's own, as in InstantNet's switchable batch norm (DAC 2021): quantizers, batch
norms, steps of activations. Each mode is an ordinary CimClassifier and converts to a Network as any other does.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from quadrille.algo.spec import InvalidInput

from .classifier import CimClassifier

__all__ = ["SwitchableClassifier", "cascade_loss"]


class SwitchableClassifier(nn.Module):
    """Classifiers by the name of their mode, the first the default, all with the float weights of the first.

    Raises
    ------
    InvalidInput
        If there is no mode, or the layers of two modes differ in shape.
    """

    def __init__(self, classifiers: Mapping[str, CimClassifier]) -> None:
        if not classifiers:
            raise InvalidInput("A switchable classifier must have at least one mode, not 0")
        super().__init__()
        self.modes = tuple(classifiers)
        self.classifiers = nn.ModuleList(classifiers.values())
        first, *others = classifiers.values()
        for mode, other in zip(self.modes[1:], others, strict=True):
            shapes = [[list(layer.weight.shape) for layer in each.layers] for each in (first, other)]
            if shapes[0] != shapes[1] or first.input_shape != other.input_shape:
                raise InvalidInput(
                    f"Mode {mode!r} must have the layers of mode {self.modes[0]!r}, {shapes[0]}, not {shapes[1]}"
                )
            for source, layer in zip(first.layers, other.layers, strict=True):
                layer.weight = source.weight
        self.mode = self.modes[0]

    def at(self, mode: str) -> CimClassifier:
        """The classifier of `mode`.

        Raises
        ------
        InvalidInput
            If there is none.
        """
        if mode not in self.modes:
            raise InvalidInput(f"Mode of a classifier must be one of {', '.join(self.modes)}, not {mode!r}")
        classifier = self.classifiers[self.modes.index(mode)]
        assert isinstance(classifier, CimClassifier)
        return classifier

    def switch(self, mode: str) -> None:
        """Compute in `mode` from now on."""
        self.at(mode)
        self.mode = mode

    def forward(self, images: Tensor) -> Tensor:
        """Logits (batch, classes) of integer images in the mode that was switched to."""
        return self.at(self.mode)(images)


def cascade_loss(
    model: SwitchableClassifier, images: Tensor, labels: Tensor, *, weight: float = 1.0, label_smoothing: float = 0.0
) -> Tensor:
    """Cascade distillation over all modes, from the first, the most precise, to the last: every one learns from those
    before it.

    `loss = sum_i CE(z_i, labels) + weight * sum_{j before i} MSE(z_i, z_j)`, z_j a constant to the gradient. Source:
    InstantNet (DAC 2021).
    """
    total: Tensor | None = None
    taught: list[Tensor] = []
    for mode in model.modes:
        logits = model.at(mode)(images)
        loss = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
        for other in taught:
            loss = loss + weight * F.mse_loss(logits, other)
        taught.append(logits.detach())
        total = loss if total is None else total + loss
    assert total is not None
    return total
