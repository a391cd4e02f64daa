"""Training: the network of a recipe and its float twin, resumable, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from quadrille.algo.data import Dataset, dataset
from quadrille.algo.quant import ColumnWeights
from quadrille.algo.spec import InvalidInput

from .checkpoint import load_checkpoint, save_checkpoint
from .classifier import CimClassifier
from .pruning_run import PruningRun
from .recipe import Phase, Recipe
from .run import Epoch, Run, accuracy, answers

__all__ = ["Epoch", "Progress", "Trained", "accuracy", "rescaled", "threads", "train"]

NETWORK, TWIN = "network", "float twin"


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
    pruning: tuple[dict[str, Any], ...] = ()  # what was dropped of the bits of weights, and when

    def as_dict(self) -> dict[str, Any]:
        """Plain data: recipe, seed, accuracies, the history of each epoch and what was pruned, where anything was."""
        return {
            "recipe": self.recipe.name,
            "seed": self.seed,
            "accuracies": dict(self.accuracies),
            "history": {model: [asdict(epoch) for epoch in epochs] for model, epochs in self.history.items()},
            **({"pruning": list(self.pruning)} if self.pruning else {}),
        }


def train(
    recipe: Recipe,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    epochs: int | Sequence[int] | None = None,
    twin: bool = True,
    device: str | None = None,
    data: Dataset | None = None,
) -> Trained:
    """Train the network of `recipe` and its float twin.

    The result depends on recipe, seed, epochs and device alone: an interrupted run that is started again with the same
    `checkpoint`, which is written after every epoch, ends in the same numbers. `epochs` stretches or shrinks the phases
    to another total; given as one number for each phase, it is what they have, and may differ from what the checkpoint
    was started with: a phase that has had so many epochs is over. Without `twin` the float twin is left untrained, for
    another call with the same checkpoint. `device` is CUDA where there is one, else the CPU. `data` takes the place of
    the recipe's data set: a part of it, for instance.

    Raises
    ------
    InvalidInput
        If the seed has no 32 bits, the epochs do not suit the phases, or the checkpoint is not of this run or cannot
        be written.
    """
    if not 0 <= seed < 1 << 32:
        raise InvalidInput(f"Seed must be from 0 to {(1 << 32) - 1}, not {seed}")
    phases = rescaled(recipe.phases, epochs)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    data = dataset(recipe.data) if data is None else data
    total = sum(p.epochs for p in phases)
    identity = {"recipe": recipe.name, "seed": seed, "epochs": total, "device": place.type}
    if isinstance(epochs, Sequence):
        identity["epochs"] = "by phase"
    state = {} if checkpoint is None else load_checkpoint(checkpoint, identity) or {}
    builders = {NETWORK: recipe.network, TWIN: recipe.twin}
    order = [TWIN, NETWORK] if recipe.warm_start else [NETWORK, TWIN]
    if not twin and not recipe.warm_start:
        order.remove(TWIN)
    runs: dict[str, Run] = {}
    with threads(1):
        for offset, model in enumerate(order):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                built = builders[model]().to(place)
            if model == NETWORK and recipe.warm_start and isinstance(built, CimClassifier):
                copy_weights(runs[TWIN].model, built)
            if model == NETWORK and recipe.pruning is not None and isinstance(built, CimClassifier):
                run = PruningRun(recipe, recipe.pruning, phases, data, built, seed)
            else:
                run = Run(recipe, phases, data, built, seed, recipe.twin_rate if model == TWIN else 1.0)
            runs[model] = run
            if model in state:
                run.load(state[model])
            while not run.done:
                latest = run.step()
                if checkpoint is not None:
                    kept = {**state, **{name: each.state() for name, each in runs.items()}}
                    save_checkpoint(checkpoint, identity, kept)
                if progress is not None:
                    progress(Progress(model, latest, run.epoch + offset * total, len(order) * total))
        networks = {name: run.finished() for name, run in runs.items()}
    network = networks[NETWORK]
    assert isinstance(network, CimClassifier)
    kind = torch.float64 if recipe.evaluation_images is None else torch.float32
    accuracies = {
        name: float(np.mean(answers(networks[name], data.held_out_images, kind) == data.held_out_labels))
        for name in (NETWORK, TWIN)
        if name in networks
    }
    history = {name: tuple(runs[name].history) for name in (NETWORK, TWIN) if name in runs}
    trained = runs[NETWORK]
    pruning = tuple(trained.pruner.events) if isinstance(trained, PruningRun) else ()
    return Trained(recipe, seed, data, network, networks.get(TWIN), history, accuracies, pruning)


def copy_weights(twin: nn.Module, network: CimClassifier) -> None:
    """Give `network` the weights and batch norms of its float twin, layer by layer in their order.

    Raises
    ------
    InvalidInput
        If the two have not the same layers.
    """
    sources = [module for module in twin.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    layers = list(network.layers)
    shapes = [[tuple(each.weight.shape) for each in part] for part in (sources, layers)]
    if shapes[0] != shapes[1]:
        raise InvalidInput("A network must have the layers of its float twin to start from its weights, and has others")
    norms = [[m for m in each.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)] for each in (twin, network)]
    with torch.no_grad():
        for source, layer in zip(sources, layers, strict=True):
            layer.weight.copy_(source.weight)
            if isinstance(layer.weights, ColumnWeights):
                layer.weights.quantizer.initialise(layer.matrix)
        for source, norm in zip(*norms, strict=False):
            if source.num_features == norm.num_features:
                norm.load_state_dict(source.state_dict())


def rescaled(phases: tuple[Phase, ...], epochs: int | Sequence[int] | None) -> tuple[Phase, ...]:
    """The phases with `epochs` in total, each at least one."""
    if epochs is None:
        return phases
    if isinstance(epochs, Sequence):
        if len(epochs) != len(phases):
            raise InvalidInput(f"Epochs must be {len(phases)} numbers, one for each phase, not {len(epochs)}")
        return tuple(replace(phase, epochs=count) for phase, count in zip(phases, epochs, strict=True))
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
def threads(count: int) -> Iterator[None]:
    """As many threads for torch: sums are split among them, so their number is part of the result.

    One is faster than two for the small layers here, and several times so where other programs want the cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
