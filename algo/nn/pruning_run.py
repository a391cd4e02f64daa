"""A model in training whose weights lose bits on the way."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from quadrille.algo.data import Dataset

from .bit_pruning import BitPruner, BitPruning
from .classifier import CimClassifier
from .recipe import Phase, TrainingRecipe
from .run import SEED_STRIDE, Epoch, Run

__all__ = ["PruningRun"]


class PruningRun(Run):
    """A Run whose loss has the penalty of `pruning`, and whose phases that prune drop bits after every period.

    The accuracies of an epoch are those before its pruning.
    """

    def __init__(
        self,
        recipe: TrainingRecipe,
        pruning: BitPruning,
        phases: tuple[Phase, ...],
        data: Dataset,
        model: CimClassifier,
        seed: int,
    ) -> None:
        super().__init__(recipe, phases, data, model, seed, objective=self._penalised)
        self.pruner = BitPruner(model, pruning)

    def _penalised(self, model: nn.Module, images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        loss = self._cross_entropy(model, images, labels, generator)
        penalty = self.pruner.penalty() if self.phases[self.phase].prunes else None
        return loss if penalty is None else loss + penalty

    def step(self) -> Epoch:
        """Train for one epoch, then prune if it is time."""
        phase, inside = self.phases[self.phase], self.inside + 1
        latest = super().step()
        if phase.prunes and inside % self.pruner.options.period == 0:
            seed = self.seed * SEED_STRIDE + self.epoch
            self.pruner.prune(self.images, self.labels, epoch=self.epoch, seed=seed)
        return latest

    def state(self) -> dict[str, Any]:
        """All that `load` needs."""
        return {**super().state(), "pruning": self.pruner.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        super().load(state)
        self.pruner.load(state["pruning"])
