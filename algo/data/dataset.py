"""Data sets by name: integer images and labels, split once and for all into training and held-out parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quadrille.algo.spec import IntFormat, InvalidInput

__all__ = ["DATASETS", "Dataset", "dataset", "register"]

DATASETS: dict[str, Callable[[], Dataset]] = {}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images (count, *shape) as uint8 integers of `format`, labels (count,) as int64 from 0 to classes - 1.

    Raises
    ------
    InvalidInput
        If images and labels differ in number, an image value is no value of `format`, or a label is no class.
    """

    name: str
    format: IntFormat
    classes: int
    train_images: np.ndarray
    train_labels: np.ndarray
    held_out_images: np.ndarray
    held_out_labels: np.ndarray

    def __post_init__(self) -> None:
        for part, images, labels in (
            ("training", self.train_images, self.train_labels),
            ("held-out", self.held_out_images, self.held_out_labels),
        ):
            if len(images) != len(labels) or not len(images):
                raise InvalidInput(
                    f"Data set {self.name!r}: {part} images must be one or more and have a label each, "
                    f"not {len(images)} with {len(labels)}"
                )
            if int(images.max()) not in self.format.interval:
                raise InvalidInput(
                    f"Data set {self.name!r}: {part} images must lie in {self.format.interval}, "
                    f"not reach {images.max()}"
                )
            if labels.min() < 0 or labels.max() >= self.classes:
                raise InvalidInput(
                    f"Data set {self.name!r}: {part} labels must be from 0 to {self.classes - 1}, "
                    f"not from {labels.min()} to {labels.max()}"
                )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return self.train_images.shape[1:]


def register(name: str) -> Callable[[Callable[[], Dataset]], Callable[[], Dataset]]:
    """Enter the decorated loader under `name`."""

    def enter(loader: Callable[[], Dataset]) -> Callable[[], Dataset]:
        DATASETS[name] = loader
        return loader

    return enter


def dataset(name: str) -> Dataset:
    """The data set called `name`.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    if name not in DATASETS:
        raise InvalidInput(f"Data set must be one of {', '.join(sorted(DATASETS))}, not {name!r}")
    return DATASETS[name]()
