"""Random precision switch: a network trained and used at precisions drawn at random, against adversarial images.

In training every batch draws one mode of the network, is attacked at it, and moves the weights that all modes share and
the mode's own batch norms. In use every image draws its mode from a shift register (`algo.spec.random_mode`), so that
whoever crafts an image does not know at which precision it will be read.

Source: Double-Win Quant (ICML 2021) and the 2-in-1 Accelerator (arXiv 2109.05223); their min/max quantizers are
replaced by those of the network, so that its weights are stored once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .attack import Attack, attacked
from .switchable import SwitchableClassifier

__all__ = ["RandomPrecision"]


@dataclass(frozen=True)
class RandomPrecision:
    """A loss for networks of several modes: cross-entropy of a batch in a mode drawn for it.

    With an `attack` the batch is attacked first, in that mode; the loss is then that of the attacked images alone.
    """

    attack: Attack | None = None

    def __call__(
        self, model: SwitchableClassifier, images: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        """The loss of integer `images` and their labels."""
        mode = model.modes[int(torch.randint(len(model.modes), (), generator=generator))]
        classifier = model.at(mode)
        if self.attack is not None:
            images = attacked([classifier], images, labels, self.attack, generator)
        return F.cross_entropy(classifier(images), labels)
