"""Training one network for several precisions, and its conversion to the Networks of its modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from quadrille.algo.data import Dataset, dataset
from quadrille.algo.quant import MOST_STORED_BITS, DorefaWeights, TruncatedWeights, UnitWeights
from quadrille.algo.spec import InvalidInput, Modes

from .checkpoint import load_checkpoint, save_checkpoint
from .classifier import CimClassifier
from .conversion import convert
from .recipe import TrainingRecipe, recipes_of
from .report import ConversionReport
from .run import Epoch, Run, answers
from .scalable import Precision, switchable
from .switchable import SwitchableClassifier, cascade_loss
from .training import Progress, rescaled, threads

__all__ = [
    "RULES",
    "ModesConversion",
    "ModesRecipe",
    "TrainedModes",
    "convert_modes",
    "modes_recipes",
    "reading_stored_codes",
    "train_modes",
]

RULES: dict[str, type[UnitWeights]] = {each.rule: each for each in (TruncatedWeights, DorefaWeights)}
"""How float weights become codes, by name."""

ModesObjective = Callable[[SwitchableClassifier, Tensor, Tensor, torch.Generator], Tensor]
"""From a model, integer images, their labels and the epoch's generator to the loss of a batch."""

NETWORK = "network"
CALIBRATION = 1000  # training images that a precision which was not trained takes its statistics from


@dataclass(frozen=True, kw_only=True)
class ModesRecipe(TrainingRecipe):
    """A network of several precisions: `network` builds it at one, `bits` are those of its modes, the greatest first.

    All are trained together, each batch through every mode, by cascade distillation of weight `distillation`, unless
    another `objective` is given. `precision` holds what the modes have in common.

    Raises
    ------
    InvalidInput
        As TrainingRecipe.
    """

    network: Callable[[Precision], CimClassifier]
    bits: tuple[int, ...] = (8, 4, 2)
    precision: Precision = field(default_factory=Precision)
    distillation: float = 1.0
    objective: ModesObjective | None = None

    def model(self, bits: Sequence[int] | None = None, rule: str = TruncatedWeights.rule) -> SwitchableClassifier:
        """The untrained network of modes `bits`, its weights quantized by `rule`.

        Raises
        ------
        InvalidInput
            If the precisions do not descend, one is none, or there is no such rule.
        """
        bits = self.bits if bits is None else tuple(bits)
        if rule not in RULES:
            raise InvalidInput(f"Rule of weights must be one of {', '.join(RULES)}, not {rule!r}")
        if list(bits) != sorted(set(bits), reverse=True):
            raise InvalidInput(f"Precisions must be given from the greatest to the least, not {list(bits)}")
        return switchable(self.network, bits, replace(self.precision, rule=RULES[rule]))


def modes_recipes() -> dict[str, ModesRecipe]:
    """All recipes of networks of several modes by name."""
    return recipes_of(ModesRecipe)


@dataclass(frozen=True, eq=False)
class TrainedModes:
    """A network of several modes after training, on the CPU and in evaluation mode, and how it got there.

    `accuracies` are shares of 1 of the held-out images, by mode.
    """

    recipe: ModesRecipe
    rule: str
    seed: int
    data: Dataset
    network: SwitchableClassifier
    history: tuple[Epoch, ...]
    accuracies: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Plain data: recipe, rule, seed, accuracies and the history of each epoch."""
        return {
            "recipe": self.recipe.name,
            "rule": self.rule,
            "modes": list(self.network.modes),
            "seed": self.seed,
            "accuracies": dict(self.accuracies),
            "history": {NETWORK: [asdict(epoch) for epoch in self.history]},
        }


def train_modes(
    recipe: ModesRecipe,
    *,
    bits: Sequence[int] | None = None,
    rule: str = TruncatedWeights.rule,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    epochs: int | Sequence[int] | None = None,
    data: Dataset | None = None,
) -> TrainedModes:
    """Train the network of `recipe` in all modes together; with one precision in `bits`, for that one alone.

    The result depends on recipe, precisions, rule, seed and epochs alone: an interrupted run that is started again with
    the same `checkpoint`, which is written after every epoch, ends in the same numbers. `epochs` and `data` are as in
    `train`; one thread of the CPU computes.

    Raises
    ------
    InvalidInput
        If the seed has no 32 bits, precisions or epochs do not suit, or the checkpoint is of another run or cannot be
        written.
    """
    if not 0 <= seed < 1 << 32:
        raise InvalidInput(f"Seed must be from 0 to {(1 << 32) - 1}, not {seed}")
    phases = rescaled(recipe.phases, epochs)
    data = dataset(recipe.data) if data is None else data

    def objective(model: nn.Module, images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        assert isinstance(model, SwitchableClassifier)
        if recipe.objective is not None:
            return recipe.objective(model, images, labels, generator)
        return cascade_loss(model, images, labels, weight=recipe.distillation, label_smoothing=recipe.label_smoothing)

    with threads(1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = recipe.model(bits, rule)
        total = sum(phase.epochs for phase in phases)
        identity = {"recipe": recipe.name, "rule": rule, "modes": list(model.modes), "seed": seed, "epochs": total}
        run = Run(recipe, phases, data, model, seed, objective=objective)
        state = None if checkpoint is None else load_checkpoint(checkpoint, identity)
        if state is not None:
            run.load(state)
        while not run.done:
            latest = run.step()
            if checkpoint is not None:
                save_checkpoint(checkpoint, identity, run.state())
            if progress is not None:
                progress(Progress(NETWORK, latest, run.epoch, total))
        network = run.finished()
    assert isinstance(network, SwitchableClassifier)
    kind = torch.float64 if recipe.evaluation_images is None else torch.float32
    accuracies = {
        mode: float(np.mean(answers(network.at(mode), data.held_out_images, kind) == data.held_out_labels))
        for mode in network.modes
    }
    return TrainedModes(recipe, rule, seed, data, network, tuple(run.history), accuracies)


def reading_stored_codes(
    recipe: ModesRecipe, trained: TrainedModes, bits: Sequence[int] | None = None
) -> SwitchableClassifier:
    """`trained` with the leading bits of its 8-bit codes as weights, whatever codes it was trained with.

    A precision that it was not trained for has the batch norms of its first mode, their statistics and the steps of
    its activations taken anew from training images.
    """
    bits = [int(mode) for mode in trained.network.modes] if bits is None else list(bits)
    precision = replace(recipe.precision, rule=RULES[trained.rule], stored_bits=MOST_STORED_BITS)
    model = switchable(recipe.network, bits, precision).eval()
    for mode in model.modes:
        reader = model.at(mode)
        if mode in trained.network.modes:
            reader.load_state_dict(trained.network.at(mode).state_dict())
        else:
            reader.load_state_dict(trained.network.at(trained.network.modes[0]).state_dict())
            for module in reader.modules():
                if hasattr(module, "initialised"):
                    module.initialised.fill_(False)  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
            reader.calibrate(torch.tensor(trained.data.train_images[:CALIBRATION]), untrained=True)
    return model


@dataclass(frozen=True)
class ModesConversion:
    """The Networks of all modes, and the report of each one's making."""

    modes: Modes
    reports: dict[str, ConversionReport]

    def as_dict(self) -> dict[str, Any]:
        """The reports as plain data."""
        return {mode: report.as_dict() for mode, report in self.reports.items()}


def convert_modes(
    model: SwitchableClassifier,
    calibration_images: np.ndarray,
    *,
    images: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    name: str = "network",
    mantissa_bits: int = 16,
    notes: dict[str, str] | None = None,
) -> ModesConversion:
    """The Network of every mode of `model`, each as `convert` makes it.

    Raises
    ------
    InvalidInput
        As `convert`.
    """
    done = {
        mode: convert(
            model.at(mode),
            calibration_images,
            images=images,
            labels=labels,
            name=name,
            mantissa_bits=mantissa_bits,
            notes=notes,
        )
        for mode in model.modes
    }
    networks = {mode: each.network for mode, each in done.items()}
    return ModesConversion(Modes(name, networks), {mode: each.report for mode, each in done.items()})
