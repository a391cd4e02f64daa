"""A training recipe: everything that decides a trained network, but for the seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

from torch import nn

from quadrille.algo.spec import InvalidInput

from .classifier import CimClassifier

__all__ = ["Phase", "Recipe", "find_recipe", "recipes"]


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of training: the learning rate falls from `learning_rate` to 0 by half a cosine.

    `converters` says whether partial sums pass the ADC; the first such phase calibrates it on the training images. A
    recipe with one phase is one-stage training, one that starts without converters is two-phase.

    Raises
    ------
    InvalidInput
        If there is no epoch or the rate is not positive.
    """

    epochs: int
    learning_rate: float
    converters: bool

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise InvalidInput(f"Epochs of a phase must be a positive integer, not {self.epochs}")
        if not self.learning_rate > 0:
            raise InvalidInput(f"Learning rate of a phase must be positive, not {self.learning_rate}")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Data, network, float twin and schedule under a name.

    `network` and `twin` build untrained models; the twin has the same shape with float weights and is trained with the
    same phases. A `shift_share` of the training images is moved at random, by at most `most_shift` pixels in either
    direction. `step_rate` is the learning rate of ADC steps relative to that of the weights.

    Raises
    ------
    InvalidInput
        If there is no phase, a phase without converters follows one with, or a number is out of its range.
    """

    name: str
    summary: str
    data: str
    network: Callable[[], CimClassifier]
    twin: Callable[[], nn.Module]
    phases: tuple[Phase, ...]
    batch: int = 64
    most_shift: int = 0
    shift_share: float = 1.0
    label_smoothing: float = 0.0
    step_rate: float = 10.0
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

    @property
    def epochs(self) -> int:
        """Epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)


def recipes() -> dict[str, Recipe]:
    """All recipes by name: the `RECIPE` of every module in the package `recipes`, sorted by name."""
    package = import_module(".recipes", __package__)
    found = [import_module(f".{module.name}", package.__name__).RECIPE for module in iter_modules(package.__path__)]
    return {recipe.name: recipe for recipe in sorted(found, key=lambda recipe: recipe.name)}


def find_recipe(name: str) -> Recipe:
    """The recipe called `name`.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    known = recipes()
    if name not in known:
        raise InvalidInput(f"Recipe must be one of {', '.join(known)}, not {name!r}")
    return known[name]
