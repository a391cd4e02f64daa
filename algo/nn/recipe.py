"""A training recipe: everything that decides a trained network, but for the seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from math import cos, pi
from pkgutil import iter_modules
from typing import Any, TypeVar

from torch import nn

from quadrille.algo.spec import InvalidInput

from .bit_pruning import BitPruning
from .classifier import CimClassifier
from .layer import CimLayer, Perturbation

__all__ = [
    "LayerPerturbation",
    "Optimizer",
    "Phase",
    "Recipe",
    "Schedule",
    "TrainingRecipe",
    "find_recipe",
    "recipes",
    "recipes_of",
]

RecipeT = TypeVar("RecipeT")

WARM_UP = 0.1  # share of a one-cycle phase in which the rate rises


LayerPerturbation = Callable[[CimLayer, int], Perturbation]
"""From a layer and a seed to what perturbs its cells in one step of training."""


class Optimizer(Enum):
    """What moves the parameters."""

    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"  # with Nesterov's momentum 0.9


class Schedule(Enum):
    """How the learning rate goes over a phase, from `learning_rate` to `last_rate`."""

    COSINE = "cosine"  # half a cosine
    ONE_CYCLE = "one-cycle"  # a straight rise over the first tenth of the phase, then half a cosine


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of training with a schedule of its own.

    `converters` says whether partial sums pass the ADC; the first such phase calibrates it on training images. A recipe
    with one phase is one-stage training, one that starts without converters is two-phase. `size` cuts training images
    to squares of so many pixels: smaller ones are cheaper, for the first phases. A `perturbation` is put on every layer
    with converters, anew for each batch: variation-aware training. `prunes` says whether bits of weights are
    penalised and dropped, as the recipe's pruning has it.

    Raises
    ------
    InvalidInput
        If there is no epoch, the rate is not positive or the size is none.
    """

    epochs: int
    learning_rate: float
    converters: bool
    schedule: Schedule = Schedule.COSINE
    size: int | None = None
    last_rate: float = 0.0
    perturbation: LayerPerturbation | None = None
    prunes: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise InvalidInput(f"Epochs of a phase must be a positive integer, not {self.epochs}")
        if not self.learning_rate > 0:
            raise InvalidInput(f"Learning rate of a phase must be positive, not {self.learning_rate}")
        if not 0 <= self.last_rate <= self.learning_rate:
            raise InvalidInput(
                f"Last learning rate of a phase must be from 0 to {self.learning_rate}, not {self.last_rate}"
            )
        if self.size is not None and self.size < 1:
            raise InvalidInput(f"Image size of a phase must be a positive integer, not {self.size}")

    def rate(self, share: float) -> float:
        """The learning rate after a share of the phase, from 0 to 1."""
        if self.schedule is Schedule.ONE_CYCLE:
            if share < WARM_UP:
                return self.learning_rate * share / WARM_UP
            share = (share - WARM_UP) / (1 - WARM_UP)
        return self.last_rate + (self.learning_rate - self.last_rate) * 0.5 * (1 + cos(pi * share))


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """Data and schedule under a name: what every training of a classifier has.

    A `shift_share` of the training images is moved at random, by at most `most_shift` pixels in either direction, and
    half of them are mirrored if `flip`. `step_rate` is the learning rate of ADC steps relative to that of the weights,
    `weight_step_rate` that of the steps of weights. Networks have mantissas of `mantissa_bits` bits.

    `calibration_images` and `evaluation_images` limit the training images that calibrate converters, and the images of
    each part whose accuracy is told after each epoch; None is all of them.

    Raises
    ------
    InvalidInput
        If there is no phase, a phase without converters follows one with, or a number is out of its range.
    """

    name: str
    summary: str
    data: str
    phases: tuple[Phase, ...]
    batch: int = 64
    most_shift: int = 0
    shift_share: float = 1.0
    flip: bool = False
    label_smoothing: float = 0.0
    optimizer: Optimizer = Optimizer.ADAM
    weight_decay: float = 0.0
    step_rate: float = 10.0
    weight_step_rate: float = 0.1
    calibration_images: int | None = None
    evaluation_images: int | None = None
    mantissa_bits: int = 16

    def __post_init__(self) -> None:
        if not self.phases:
            raise InvalidInput(f"Recipe {self.name!r} must have at least one phase, not 0")
        order = [phase.converters for phase in self.phases]
        if order != sorted(order):
            raise InvalidInput(f"Recipe {self.name!r} must keep converters on once a phase has switched them on")
        if self.batch < 2:
            raise InvalidInput(f"Recipe {self.name!r} must have batches of 2 or more images, not {self.batch}")
        if self.most_shift < 0:
            raise InvalidInput(f"Recipe {self.name!r} must shift images by 0 or more pixels, not {self.most_shift}")
        if not 0 <= self.shift_share <= 1:
            raise InvalidInput(f"Recipe {self.name!r} must shift a share from 0 to 1, not {self.shift_share}")
        if self.weight_decay < 0:
            raise InvalidInput(f"Recipe {self.name!r} must have a weight decay of 0 or more, not {self.weight_decay}")

    @property
    def epochs(self) -> int:
        """Epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)


@dataclass(frozen=True, kw_only=True)
class Recipe(TrainingRecipe):
    """A classifier and its float twin.

    `network` and `twin` build untrained models; the twin has the same shape with float weights and is trained with the
    same phases, at `twin_rate` times their rates. With `warm_start` the twin is trained first and the network begins
    with its weights. A network whose converters clip more than the share `most_clipped` of the sums is not converted.
    `pruning` says how bits of weights are dropped in the phases that prune.

    Raises
    ------
    InvalidInput
        As TrainingRecipe, or if a phase prunes and nothing says how.
    """

    network: Callable[[], CimClassifier]
    twin: Callable[[], nn.Module]
    twin_rate: float = 1.0
    warm_start: bool = False
    most_clipped: float = 1.0
    pruning: BitPruning | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pruning is None and any(phase.prunes for phase in self.phases):
            raise InvalidInput(f"Recipe {self.name!r} must say how its phases prune bits, and has no pruning")


def recipes_of(kind: type[RecipeT]) -> dict[str, RecipeT]:
    """The recipes of class `kind` by name: `RECIPE` of the modules in the package `recipes`, sorted by name."""
    package = import_module(".recipes", __package__)
    found: list[Any] = [
        import_module(f".{module.name}", package.__name__).RECIPE for module in iter_modules(package.__path__)
    ]
    return {each.name: each for each in sorted(found, key=lambda each: each.name) if issubclass(type(each), kind)}


def recipes() -> dict[str, Recipe]:
    """All recipes of classifiers by name."""
    return recipes_of(Recipe)


def find_recipe(name: str) -> Recipe:
    """The recipe of a classifier called `name`.

    Raises
    ------
    InvalidInput
        If there is none, or it trains something else than a classifier.
    """
    known = recipes_of(object)
    if name not in known:
        raise InvalidInput(f"Recipe must be one of {', '.join(known)}, not {name!r}")
    found = known[name]
    if not isinstance(found, Recipe):
        raise InvalidInput(f"Recipe {name!r} must train a classifier here, and trains another kind of network")
    return found
