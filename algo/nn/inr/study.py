"""The study of coordinate networks: methods at equal size, steps and bits, each at its best frequency and rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from quadrille.algo.data import CoordinateGrid, clip_of, photograph
from quadrille.algo.spec import InvalidInput

from .kernel import tangent_kernel_eigenvalues
from .model import CoordinateNetwork, CoordinateSizes, Precision
from .quality import error_spectrum
from .representation import FLOAT, PictureOptions, PictureProgress, Represented, represent
from .waves import WAVES, find_wave

__all__ = ["Case", "PictureStudyOptions", "kernel_eigenvalues", "search_psnr", "study_case", "study_picture"]

CLIP = "clip:"


@dataclass(frozen=True, kw_only=True)
class PictureStudyOptions:
    """Everything that decides the results of a study.

    Pictures are grey squares of `crop` pixels; one called `clip:NAME` is a clip of `frames` frames, squares of
    `clip_size` pixels that move across the photograph NAME. Every method has hidden layers of the same sizes, and the
    same steps, points of a step, seed and bits. Its frequency and learning rate are the pair of `frequencies` x `rates`
    with the greatest PSNR after `search_steps` steps on the first picture, for clips on the first clip: the same grid
    and budget for each.

    Raises
    ------
    InvalidInput
        If a number is impossible, or a method unknown.
    """

    pictures: tuple[str, ...]
    methods: tuple[str, ...] = tuple(WAVES)
    bits: tuple[int, ...] = (8, 12)
    crop: int = 256
    clip_size: int = 64
    frames: int = 16
    hidden: int = 64
    layers: int = 3
    steps: int = 600
    tuning_steps: int = 100
    batch: int = 1024
    frequencies: tuple[float, ...] = (7.5, 15.0, 30.0, 60.0, 120.0)
    rates: tuple[float, ...] = (7e-4, 2e-3, 4e-3, 1e-2)
    search_steps: int = 150
    kernel_size: int = 24
    seed: int = 0

    def __post_init__(self) -> None:
        for noun, values in (
            ("Pictures", self.pictures),
            ("Methods", self.methods),
            ("Frequencies", self.frequencies),
            ("Learning rates", self.rates),
        ):
            if not values or len(set(values)) < len(values):
                raise InvalidInput(f"{noun} of a study must be one or more, each once, not {list(values)}")
        for method in self.methods:
            find_wave(method)
        for bits in self.bits:
            Precision.of(bits)
        if self.search_steps < 1:
            raise InvalidInput(f"Steps of a search must be a positive integer, not {self.search_steps}")
        if not 2 <= self.kernel_size <= 64:
            raise InvalidInput(f"Grid of a tangent kernel must have from 2 to 64 points a side, not {self.kernel_size}")
        self.training(self.methods[0], self.frequencies[0], self.rates[0])

    def training(self, method: str, frequency: float, rate: float, steps: int | None = None) -> PictureOptions:
        """How `method` is trained."""
        return PictureOptions(
            wave=method,
            frequency=frequency,
            hidden=self.hidden,
            layers=self.layers,
            steps=self.steps if steps is None else steps,
            tuning_steps=self.tuning_steps,
            batch=self.batch,
            learning_rate=rate,
            seed=self.seed,
        )

    def searched(self, picture: str) -> str:
        """The picture on which frequency and rate for `picture` are found: the first of its kind."""
        return next(name for name in self.pictures if name.startswith(CLIP) == picture.startswith(CLIP))

    @property
    def searches(self) -> Iterator[tuple[str, str, float, float]]:
        """Picture, method, frequency and rate of every trial of the search."""
        searched = dict.fromkeys(self.searched(picture) for picture in self.pictures)
        return product(searched, self.methods, self.frequencies, self.rates)

    @property
    def runs(self) -> Iterator[tuple[str, str]]:
        """Picture and method of every run, picture by picture, so that half a study compares all methods."""
        return product(self.pictures, self.methods)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as JSON gives it back."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class Case:
    """A run's numbers as plain data, and its pictures: "float" and each number of bits."""

    record: dict[str, Any]
    pictures: dict[str, NDArray[np.float64]]


def study_picture(options: PictureStudyOptions, name: str) -> NDArray[np.uint8]:
    """The picture or clip called `name`.

    Raises
    ------
    InvalidInput
        If it is missing or too small.
    """
    if not name.startswith(CLIP):
        return photograph(name, crop=options.crop)
    source = name.removeprefix(CLIP)
    whole = photograph(source, crop=2 * options.clip_size if source == "drawn" else None)
    return clip_of(whole, options.clip_size, options.frames, source)


def search_psnr(options: PictureStudyOptions, name: str, method: str, frequency: float, rate: float) -> float:
    """PSNR in floating point on the picture `name` after the steps of the search."""
    picture = study_picture(options, name)
    training = options.training(method, frequency, rate, options.search_steps)
    return represent(picture, training, bits=(), looked=False).stages[FLOAT].psnr


def study_case(
    options: PictureStudyOptions,
    name: str,
    method: str,
    frequency: float,
    rate: float,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[PictureProgress], None] | None = None,
) -> Case:
    """Train `method` on the picture `name` in floating point, and from there with each number of bits."""
    picture = study_picture(options, name)
    done = represent(
        picture,
        options.training(method, frequency, rate),
        bits=options.bits,
        identity={"picture": name, "crop": options.crop},
        checkpoint=checkpoint,
        progress=progress,
    )
    record = {
        "parameters": done.stages[FLOAT].model.parameters_count,
        **{name: _numbers(done, name) for name in done.stages},
    }
    return Case(record, {name: stage.pixels for name, stage in done.stages.items()})


def _numbers(done: Represented, name: str) -> dict[str, Any]:
    stage = done.stages[name]
    numbers: dict[str, Any] = {"psnr": round(stage.psnr, 4), "ssim": None}
    if stage.ssim is not None:
        numbers["ssim"] = round(stage.ssim, 5)
    if name == FLOAT:
        numbers["history"] = [[look["step"], round(look["psnr"], 3)] for look in stage.history]
    if done.picture.ndim == 3:
        numbers["spectrum"] = [float(f"{power:.4g}") for power in error_spectrum(stage.pixels, done.picture)]
    return numbers


def kernel_eigenvalues(options: PictureStudyOptions, method: str, frequency: float) -> Sequence[float]:
    """Eigenvalues of the tangent kernel of the untrained network on a grid of `kernel_size` points a side."""
    grid = CoordinateGrid.covering((options.kernel_size, options.kernel_size, 1))
    sizes = CoordinateSizes(2, 1, options.hidden, options.layers, grid.interval.hi)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        model = CoordinateNetwork(sizes, method, frequency)
    return [float(f"{value:.4g}") for value in tangent_kernel_eigenvalues(model, grid)]
