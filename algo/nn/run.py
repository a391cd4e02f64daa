"""One model in training: epochs, phases, schedule, and all that a checkpoint must hold."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quadrille.algo.data import Dataset
from quadrille.algo.quant import ColumnWeights, PartialSumQuantizer, sharpness_at

from .augmentation import random_crop, random_flip, random_shift
from .classifier import CimClassifier
from .recipe import Optimizer, Phase, TrainingRecipe
from .switchable import SwitchableClassifier

__all__ = ["Epoch", "Objective", "Run", "accuracy", "answers"]

SLICE = 500  # images that are evaluated at a time
SEED_STRIDE = 1_000_003

Objective = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]
"""From a model, integer images, their labels and the epoch's generator to the loss of a batch."""


@dataclass(frozen=True)
class Epoch:
    """What an epoch of one model came to; accuracies are shares of 1, of images that are not shifted.

    Those of a model of several modes are its first mode's; `modes` are all held-out ones.
    """

    epoch: int
    phase: int
    converters: bool
    learning_rate: float
    loss: float
    train_accuracy: float
    held_out_accuracy: float
    modes: dict[str, float] = field(default_factory=dict)


def accuracy(model: nn.Module, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of `images` whose greatest logit is their label, in float64 and evaluation mode."""
    return float(np.mean(answers(model, images) == labels))


@torch.no_grad()
def answers(model: nn.Module, images: np.ndarray, kind: torch.dtype = torch.float64) -> np.ndarray:
    """The class that `model` gives each of `images`, computed in numbers of `kind`."""
    exact = copy.deepcopy(model).cpu().to(kind).eval()
    # Small images in one piece: the threshold tables are made once.
    step = len(images) if images[0].size <= 256 else SLICE
    pieces = [exact(torch.tensor(images[at : at + step])).argmax(dim=1) for at in range(0, len(images), step)]
    return torch.cat(pieces).numpy()


class Run:
    """A model, its optimizer and how far it is: `phase`, and epochs `inside` it.

    The `objective` is cross-entropy unless another is given.
    """

    def __init__(
        self,
        recipe: TrainingRecipe,
        phases: tuple[Phase, ...],
        data: Dataset,
        model: nn.Module,
        seed: int,
        rate: float = 1.0,
        objective: Objective | None = None,
    ) -> None:
        self.recipe, self.phases, self.data, self.seed = recipe, phases, data, seed
        self.rate = rate
        self.objective = objective or self._cross_entropy
        self.device = next(model.parameters()).device
        self.images = torch.tensor(data.train_images, device=self.device)
        self.labels = torch.tensor(data.train_labels, device=self.device)
        maps = data.train_images.ndim == 4
        # The stubs of torch know no memory format here.
        self.model = model.to(memory_format=torch.channels_last) if maps else model  # pyright: ignore[reportCallIssue]
        self.optimizer = self._optimizer()
        self.phase, self.inside, self.epoch = 0, 0, 0
        self.history: list[Epoch] = []

    def _optimizer(self) -> torch.optim.Optimizer:
        recipe, model = self.recipe, self.model
        rates: dict[int, float] = {}
        for module in model.modules():
            if isinstance(module, PartialSumQuantizer):
                rates[id(module.step)] = recipe.step_rate
            elif isinstance(module, ColumnWeights):
                rates[id(module.quantizer.step)] = recipe.weight_step_rate
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for parameter in model.parameters():
            # Steps, batch norm and biases are left alone by the decay: only matrices and kernels shrink.
            decay = recipe.weight_decay if parameter.ndim > 1 and id(parameter) not in rates else 0.0
            groups.setdefault((rates.get(id(parameter), 1.0), decay), []).append(parameter)
        described = [
            {"params": parameters, "rate": rate, "weight_decay": decay} for (rate, decay), parameters in groups.items()
        ]
        match recipe.optimizer:
            case Optimizer.ADAM:
                return torch.optim.Adam(described)
            case Optimizer.ADAMW:
                return torch.optim.AdamW(described)
            case Optimizer.SGD:
                return torch.optim.SGD(described, lr=0.1, momentum=0.9, nesterov=True)

    @property
    def done(self) -> bool:
        """Whether all phases are over."""
        return self.phase >= len(self.phases)

    def state(self) -> dict[str, Any]:
        """All that `load` needs."""
        return {
            "epoch": self.epoch,
            "phase": self.phase,
            "inside": self.inside,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state`; a phase that is now shorter than it was trained for is over."""
        self.epoch, self.phase, self.inside = state["epoch"], state["phase"], state["inside"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self._settle()

    def _settle(self) -> None:
        while not self.done and self.inside >= self.phases[self.phase].epochs:
            self.phase, self.inside = self.phase + 1, 0

    def step(self) -> Epoch:
        """Train for one epoch."""
        index, inside = self.phase, self.inside
        phase, model = self.phases[index], self.model
        total = sum(each.epochs for each in self.phases)
        if isinstance(model, CimClassifier):
            model.set_sharpness(sharpness_at(self.epoch / max(1, total - 1)))
            first = index == 0 or not self.phases[index - 1].converters
            if phase.converters and first and inside == 0:
                self._prepare(model)
        # The epoch's own generator: what is drawn depends on seed and epoch alone, so nothing of it must be kept.
        generator = torch.Generator().manual_seed(self.seed * SEED_STRIDE + self.epoch)
        order = torch.randperm(len(self.images), generator=generator).to(self.device)
        batches = list(order.split(self.recipe.batch))
        if len(batches) > 1 and len(batches[-1]) < 2:
            batches.pop()  # batch norm cannot take one image
        model.train()
        loss_sum = torch.zeros((), device=self.device)
        rate = phase.learning_rate
        for number, batch in enumerate(batches):
            rate = self.rate * phase.rate((inside + number / len(batches)) / phase.epochs)
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group["rate"]
            self._perturb(phase, generator)
            images = self._augmented(self.images[batch], phase, generator)
            loss = self.objective(model, images, self.labels[batch], generator)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            loss_sum += loss.detach()
        self._perturb(None, generator)
        self.epoch, self.inside = self.epoch + 1, inside + 1
        self._settle()
        shares = self._accuracies()
        latest = Epoch(
            epoch=self.epoch,
            phase=index,
            converters=phase.converters,
            learning_rate=rate,
            loss=float(loss_sum) / len(batches),
            train_accuracy=shares[0],
            held_out_accuracy=shares[1],
            modes=shares[2],
        )
        self.history.append(latest)
        return latest

    def _cross_entropy(self, model: nn.Module, images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        return F.cross_entropy(model(images), labels, label_smoothing=self.recipe.label_smoothing)

    def _augmented(self, images: Tensor, phase: Phase, generator: torch.Generator) -> Tensor:
        recipe = self.recipe
        images = random_shift(images, recipe.most_shift, generator, recipe.shift_share)
        if phase.size is not None:
            images = random_crop(images, phase.size, generator)
        return random_flip(images, generator) if recipe.flip else images

    def _perturb(self, phase: Phase | None, generator: torch.Generator) -> None:
        """Put the perturbation of `phase` on all layers with converters, or take it away."""
        if not isinstance(self.model, CimClassifier):
            return
        perturbation = None if phase is None else phase.perturbation
        for layer in self.model.layers:
            layer.perturbation = None
            if perturbation is not None and layer.converting:
                layer.perturbation = perturbation(layer, int(torch.randint(1 << 31, (), generator=generator)))

    def _accuracies(self) -> tuple[float, float, dict[str, float]]:
        model = self.model
        if not isinstance(model, SwitchableClassifier):
            return (*self._accuracies_of(model), {})
        by_mode = {mode: self._accuracies_of(model.at(mode)) for mode in model.modes}
        return (*by_mode[model.modes[0]], {mode: shares[1] for mode, shares in by_mode.items()})

    def _accuracies_of(self, model: nn.Module) -> tuple[float, float]:
        data, count = self.data, self.recipe.evaluation_images
        train, held_out = data.train_images[:count], data.held_out_images[:count]
        kind = torch.float64 if count is None else torch.float32
        # One pass for both parts: the threshold tables are made once.
        both = answers(model, np.concatenate([train, held_out]), kind)
        train_answers, held_out_answers = np.split(both, [len(train)])
        return (
            float(np.mean(train_answers == data.train_labels[:count])),
            float(np.mean(held_out_answers == data.held_out_labels[:count])),
        )

    def _prepare(self, model: CimClassifier) -> None:
        """Switch the converters on."""
        model.calibrate(self.images[: self.recipe.calibration_images], untrained=self.epoch == 0)

    def finished(self) -> nn.Module:
        """The model as it is used: on the CPU, in evaluation mode, zero points frozen where training left them."""
        model = copy.deepcopy(self.model).cpu().eval()
        if isinstance(model, CimClassifier):
            model.freeze()
        return model
