"""Where data sets that are not shipped with a package lie: the folder that QUADRILLE_DATA names."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from quadrille.algo.spec import InvalidInput

__all__ = ["DATA_VARIABLE", "class_labels", "data_folder", "frozen"]

DATA_VARIABLE = "QUADRILLE_DATA"


def data_folder(name: str) -> Path:
    """The folder that holds the folder of each data set, for data set `name`.

    Raises
    ------
    InvalidInput
        If the environment variable is not set, or names no folder.
    """
    value = os.environ.get(DATA_VARIABLE, "")
    if not value:
        raise InvalidInput(
            f"Data set {name!r} must be in a folder named by the environment variable {DATA_VARIABLE}, which is not set"
        )
    folder = Path(value)
    if not folder.is_dir():
        raise InvalidInput(f"Environment variable {DATA_VARIABLE} must name a folder, and {value} is none")
    return folder


def class_labels(path: Path, labels: object, classes: int, expected: tuple[int, ...] | None = None) -> np.ndarray:
    """`labels` as int64 (n,), if each is a class and the classes are as frequent as `expected`.

    The frequencies tell files of equal form apart: those of MNIST and of Fashion-MNIST differ in nothing else.

    Raises
    ------
    InvalidInput
        If they are not; `path` is the file that they come from.
    """
    array = np.asarray(labels)
    if array.size and not (int(array.min()) >= 0 and int(array.max()) < classes):
        raise InvalidInput(
            f"File {path} must hold labels from 0 to {classes - 1}, not from {array.min()} to {array.max()}"
        )
    counts = tuple(np.bincount(array, minlength=classes).tolist())
    if expected is not None and counts != expected:
        raise InvalidInput(
            f"File {path} must hold {_listed(expected)} labels of the classes in order, not {_listed(counts)}: "
            f"it is of another data set"
        )
    return frozen(array.astype(np.int64))


def frozen(array: np.ndarray) -> np.ndarray:
    """`array`, contiguous and no longer to be written: loaders return the same one to everybody."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array


def _listed(counts: tuple[int, ...]) -> str:
    return ", ".join(map(str, counts))
