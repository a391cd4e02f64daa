"""What training takes: parameters that are trained, and the bytes of all tensors that live at once."""

from __future__ import annotations

import copy
import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from quadrille.algo.data import Dataset

from .pruning_run import PruningRun
from .recipe import Recipe
from .run import Run

__all__ = ["Footprint", "peak_bytes", "training_footprint"]


@dataclass(frozen=True)
class Footprint:
    """`parameters` are numbers that an optimizer moves; `step_bytes` the most that tensors hold at once in a step.

    A step is forward, backward and the optimizer's, its state there already; images and the allocator's own store are
    left out. `pruning_bytes` is the same for a pruning of bits with its Hessian, 0 without.
    """

    parameters: int
    step_bytes: int
    pruning_bytes: int


class _Alive(TorchDispatchMode):
    """Counts the bytes of the storages that operations make, until each is freed."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[int, int] = {}
        self.now = self.peak = 0

    def add(self, tensor: Tensor) -> None:
        """Count the storage of `tensor`, once."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self.sizes:
            return
        self.sizes[key] = storage.nbytes()
        self.now += self.sizes[key]
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._freed, key)

    def _freed(self, key: int) -> None:
        self.now -= self.sizes.pop(key)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.add(leaf)
        return result


def _tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Tensor]:
    state = [value for each in optimizer.state.values() for value in each.values() if isinstance(value, Tensor)]
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    return [*model.parameters(), *model.buffers(), *gradients, *state]


def peak_bytes(work: Any, *there: Tensor) -> int:
    """The most that the tensors `there` and those that `work()` makes hold at once."""
    alive = _Alive()
    for tensor in there:
        alive.add(tensor)
    with alive:
        work()
    return alive.peak


def training_footprint(recipe: Recipe, data: Dataset, *, seed: int = 0) -> Footprint:
    """The footprint of the first phase of `recipe`, measured on two steps, and on a pruning after them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = recipe.network()
    parameters = sum(each.numel() for each in model.parameters() if each.requires_grad)
    run = Run(recipe, recipe.phases, data, model, seed)
    if recipe.pruning is not None:
        run = PruningRun(recipe, recipe.pruning, recipe.phases, data, model, seed)
    images, labels = run.images[: recipe.batch], run.labels[: recipe.batch]
    model.train()

    def step() -> None:
        loss = run.objective(model, images, labels, torch.Generator().manual_seed(seed))
        run.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        run.optimizer.step()

    step()
    step_bytes = peak_bytes(step, *_tensors(model, run.optimizer))
    pruning_bytes = 0
    if isinstance(run, PruningRun) and run.pruner.options.probes:
        pruner = copy.deepcopy(run.pruner)
        there = _tensors(pruner.model, run.optimizer)
        pruning_bytes = peak_bytes(lambda: pruner.prune(run.images, run.labels, epoch=0), *there)
    return Footprint(parameters, step_bytes, pruning_bytes)
