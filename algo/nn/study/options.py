"""What a granularity study is made of, checked before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from quadrille.algo.spec import InvalidInput

from .grain import LEVELS, Grain, check_level

__all__ = ["SIGMAS", "StudyOptions"]

SIGMAS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
LEAST_DRAWS = 10


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """Everything that decides the results of a study.

    Each of `seeds` seeds (0, 1, ...) trains the model with every grain of `weights` x `sums`, on the first `images`
    training images, for `epochs` epochs of one phase with the converters on, after `warm_up` epochs with exact sums.
    ADC steps and weight steps learn at `step_rate` and `weight_step_rate` times the learning rate: the step of a single
    column meets noisier gradients than that of a whole layer. Accuracies are those of the integer network on the first
    `held_out` held-out images. The networks of the first `swept_seeds` seeds (None: of all) are then perturbed by
    log-normal cells of deviation `sigmas`, `draws` times each, and executed on the first `variation_images` held-out
    images.

    Raises
    ------
    InvalidInput
        If a number is impossible or a level unknown.
    """

    model: str
    data: str
    images: int
    held_out: int
    weight_bits: int = 3
    cell_bits: int = 1
    activation_bits: int = 4
    adc_bits: int = 3
    rows: int = 128
    epochs: int = 10
    warm_up: int = 0
    batch: int = 64
    learning_rate: float = 3e-3
    step_rate: float = 10.0
    weight_step_rate: float = 0.01
    seeds: int = 3
    weights: tuple[str, ...] = LEVELS
    sums: tuple[str, ...] = LEVELS
    sigmas: tuple[float, ...] = SIGMAS
    draws: int = LEAST_DRAWS
    swept_seeds: int | None = None
    variation_images: int = 500
    fraction_bits: int = 3

    def __post_init__(self) -> None:
        for noun, value, least, most in (
            ("Training images", self.images, 2, None),
            ("Held-out images", self.held_out, 1, None),
            ("Weight bits", self.weight_bits, 1, 8),
            ("Cell bits", self.cell_bits, 1, 4),
            ("Activation bits", self.activation_bits, 1, 8),
            ("ADC bits", self.adc_bits, 1, 8),
            ("Array rows", self.rows, 1, 4096),
            ("Epochs", self.epochs, 1, None),
            ("Epochs of warm-up", self.warm_up, 0, None),
            ("Batch", self.batch, 2, None),
            ("Seeds", self.seeds, 1, None),
            ("Draws of devices", self.draws, LEAST_DRAWS, None),
            ("Images of the variation sweep", self.variation_images, 1, self.held_out),
            ("Fraction bits", self.fraction_bits, 0, 7),
        ):
            if value < least or (most is not None and value > most):
                bounds = f"{least} or more" if most is None else f"from {least} to {most}"
                raise InvalidInput(f"{noun} of a study must be {bounds}, not {value}")
        for noun, rate in (
            ("Learning rate", self.learning_rate),
            ("Rate of ADC steps", self.step_rate),
            ("Rate of weight steps", self.weight_step_rate),
        ):
            if not (isfinite(rate) and rate > 0):
                raise InvalidInput(f"{noun} of a study must be positive, not {rate}")
        for noun, levels in (("weight scales", self.weights), ("partial-sum scales", self.sums)):
            for level in levels:
                check_level(noun, level)
            if not levels or len(set(levels)) < len(levels):
                raise InvalidInput(f"Granularities of {noun} must be one or more, each once, not {list(levels)}")
        for sigma in self.sigmas:
            if not (isfinite(sigma) and 0 <= sigma <= 1):
                raise InvalidInput(f"Deviation of a variation sweep must be from 0 to 1, not {sigma}")
        if self.swept_seeds is not None and not 1 <= self.swept_seeds <= self.seeds:
            raise InvalidInput(f"Swept seeds of a study must be from 1 to {self.seeds}, not {self.swept_seeds}")
        if list(self.sigmas) != sorted(set(self.sigmas)):
            raise InvalidInput(f"Deviations of a variation sweep must rise, and {list(self.sigmas)} do not")

    @property
    def grains(self) -> list[Grain]:
        """The grid."""
        return [Grain(weights, sums) for weights in self.weights for sums in self.sums]

    @property
    def runs(self) -> Iterator[tuple[int, Grain]]:
        """Seed and grain of every training, seed by seed, so that half a study compares all grains."""
        return ((seed, grain) for seed in range(self.seeds) for grain in self.grains)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as JSON gives it back."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
