"""Training: the network of a recipe and its float twin, resumable, the same for the same seed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from quadrille.algo.data import Dataset, dataset
from quadrille.algo.quant import PartialSumQuantizer, sharpness_at
from quadrille.algo.spec import InvalidInput

from .augmentation import random_shift
from .checkpoint import load_checkpoint, save_checkpoint
from .classifier import CimClassifier
from .recipe import Phase, Recipe

__all__ = ["Epoch", "Progress", "Trained", "accuracy", "train"]

CHECKPOINT_EVERY = 5  # epochs


@dataclass(frozen=True)
class Epoch:
    """What an epoch of one model came to; accuracies are shares of 1, of images that are not shifted."""

    epoch: int
    phase: int
    converters: bool
    learning_rate: float
    loss: float
    train_accuracy: float
    held_out_accuracy: float


@dataclass(frozen=True)
class Progress:
    """How far a run is: `model` is "network" or "float twin", `done` of `total` epochs of all its models together."""

    model: str
    latest: Epoch
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class Trained:
    """The models of a recipe after training, on the CPU and in evaluation mode, and how they got there."""

    recipe: Recipe
    seed: int
    data: Dataset
    network: CimClassifier
    twin: nn.Module | None
    history: dict[str, tuple[Epoch, ...]]  # by model: "network", "float twin"
    accuracies: dict[str, float]  # by model, on the held-out images

    def as_dict(self) -> dict[str, Any]:
        """Plain data: recipe, seed, accuracies and the history of each epoch."""
        return {
            "recipe": self.recipe.name,
            "seed": self.seed,
            "accuracies": dict(self.accuracies),
            "history": {model: [asdict(epoch) for epoch in epochs] for model, epochs in self.history.items()},
        }


def accuracy(model: nn.Module, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of `images` whose greatest logit is their label, in float64 and evaluation mode."""
    return float(np.mean(_answers(model, images) == labels))


@torch.no_grad()
def _answers(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """The class that `model` gives each of `images`."""
    exact = copy.deepcopy(model).cpu().double().eval()
    return exact(torch.tensor(images)).argmax(dim=1).numpy()


def train(
    recipe: Recipe,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    epochs: int | None = None,
    device: str | None = None,
    data: Dataset | None = None,
    twin: bool = True,
) -> Trained:
    """Train the network of `recipe` and, unless `twin` is False, its float twin.

    The result depends on recipe, seed, epochs and device alone: an interrupted run that is started again with the same
    `checkpoint` ends in the same numbers. `epochs` stretches or shrinks the phases to another total. `device` is CUDA
    where there is one, else the CPU. `data` takes the place of the recipe's data set: a part of it, for instance.

    Raises
    ------
    InvalidInput
        If the seed has no 32 bits, there are fewer epochs than phases, or the checkpoint is not of this run or cannot
        be written.
    """
    if not 0 <= seed < 1 << 32:
        raise InvalidInput(f"Seed must be from 0 to {(1 << 32) - 1}, not {seed}")
    phases = _rescaled(recipe.phases, epochs)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    data = dataset(recipe.data) if data is None else data
    builders = {"network": recipe.network, **({"float twin": recipe.twin} if twin else {})}
    identity = {"recipe": recipe.name, "seed": seed, "epochs": sum(p.epochs for p in phases), "device": place.type}
    state = {} if checkpoint is None else load_checkpoint(checkpoint, identity) or {}
    total = len(builders) * identity["epochs"]
    runs: dict[str, _Run] = {}
    with _threads(1):
        for offset, (model, build) in enumerate(builders.items()):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                run = _Run(recipe, phases, data, build().to(place), seed)
            runs[model] = run
            if model in state:
                run.load(state[model])
            while run.epoch < identity["epochs"]:
                latest = run.step()
                if checkpoint is not None and (run.epoch % CHECKPOINT_EVERY == 0 or run.epoch == identity["epochs"]):
                    save_checkpoint(checkpoint, identity, {name: each.state() for name, each in runs.items()})
                if progress is not None:
                    progress(Progress(model, latest, run.epoch + offset * identity["epochs"], total))
        networks = {name: run.finished() for name, run in runs.items()}
    network = networks["network"]
    assert isinstance(network, CimClassifier)
    accuracies = {name: accuracy(m, data.held_out_images, data.held_out_labels) for name, m in networks.items()}
    history = {name: tuple(run.history) for name, run in runs.items()}
    return Trained(recipe, seed, data, network, networks.get("float twin"), history, accuracies)


class _Run:
    """One model in training."""

    def __init__(self, recipe: Recipe, phases: tuple[Phase, ...], data: Dataset, model: nn.Module, seed: int) -> None:
        self.recipe, self.phases, self.data, self.model, self.seed = recipe, phases, data, model, seed
        self.device = next(model.parameters()).device
        self.images = torch.tensor(data.train_images, device=self.device)
        self.labels = torch.tensor(data.train_labels, device=self.device)
        adcs = [module for module in model.modules() if isinstance(module, PartialSumQuantizer)]
        steps = {id(adc.step) for adc in adcs}
        groups = [
            {"params": [p for p in model.parameters() if id(p) not in steps], "rate": 1.0},
            {"params": [adc.step for adc in adcs], "rate": recipe.step_rate},
        ]
        self.optimizer = torch.optim.Adam([group for group in groups if group["params"]])
        self.epoch = 0
        self.history: list[Epoch] = []

    def state(self) -> dict[str, Any]:
        """All that `load` needs."""
        return {
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.epoch = state["epoch"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]

    def step(self) -> Epoch:
        """Train for one epoch."""
        index, inside = 0, self.epoch
        while inside >= self.phases[index].epochs:
            inside -= self.phases[index].epochs
            index += 1
        phase, model = self.phases[index], self.model
        total = sum(each.epochs for each in self.phases)
        if isinstance(model, CimClassifier):
            model.set_sharpness(sharpness_at(self.epoch / max(1, total - 1)))
            first = index == 0 or not self.phases[index - 1].converters
            if phase.converters and first and inside == 0:
                self._prepare(model)
        # The epoch's own generator: what is drawn depends on seed and epoch alone, so nothing of it must be kept.
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.images), generator=generator).to(self.device)
        batches = list(order.split(self.recipe.batch))
        if len(batches) > 1 and len(batches[-1]) < 2:
            batches.pop()  # batch norm cannot take one image
        model.train()
        loss_sum = torch.zeros((), device=self.device)
        rate = phase.learning_rate
        for number, batch in enumerate(batches):
            share = (inside + number / len(batches)) / phase.epochs
            rate = phase.learning_rate * 0.5 * (1 + cos(pi * share))
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group["rate"]
            images = random_shift(self.images[batch], self.recipe.most_shift, generator, self.recipe.shift_share)
            loss = F.cross_entropy(model(images), self.labels[batch], label_smoothing=self.recipe.label_smoothing)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            loss_sum += loss.detach()
        self.epoch += 1
        data = self.data
        # One pass for both parts: the threshold tables are made once.
        answers = _answers(model, np.concatenate([data.train_images, data.held_out_images]))
        train_answers, held_out_answers = np.split(answers, [len(data.train_images)])
        latest = Epoch(
            epoch=self.epoch,
            phase=index,
            converters=phase.converters,
            learning_rate=rate,
            loss=float(loss_sum) / len(batches),
            train_accuracy=float(np.mean(train_answers == data.train_labels)),
            held_out_accuracy=float(np.mean(held_out_answers == data.held_out_labels)),
        )
        self.history.append(latest)
        return latest

    def _prepare(self, model: CimClassifier) -> None:
        """Switch the converters on; an untrained network first sees the images once, to find its activation steps."""
        with torch.no_grad():
            if self.epoch == 0:
                model.train()
                model(self.images)
            model.calibrate(self.images)

    def finished(self) -> nn.Module:
        """The model as it is used: on the CPU, in evaluation mode, zero points frozen."""
        model = copy.deepcopy(self.model).cpu().eval()
        if isinstance(model, CimClassifier):
            model.freeze(self.images.cpu())
        return model


def _rescaled(phases: tuple[Phase, ...], epochs: int | None) -> tuple[Phase, ...]:
    """The phases with `epochs` in total, each at least one."""
    if epochs is None:
        return phases
    if epochs < len(phases):
        raise InvalidInput(f"Epochs must be at least {len(phases)}, one for each phase, not {epochs}")
    total = sum(phase.epochs for phase in phases)
    counts = [max(1, phase.epochs * epochs // total) for phase in phases]
    counts[-1] += epochs - sum(counts)
    while counts[-1] < 1:
        counts[counts.index(max(counts))] -= 1
        counts[-1] += 1
    return tuple(replace(phase, epochs=count) for phase, count in zip(phases, counts, strict=True))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """As many threads for torch: sums are split among them, so their number is part of the result.

    One is faster than two for the small layers here, and several times so where other programs want the cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
