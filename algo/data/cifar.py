"""CIFAR-10: colour images as feature maps (n, 3, 32, 32), from npz files or from the original Python batches.

A batch is a pickle of a dictionary: b"data", uint8 (10000, 3072), the planes red, green and blue one after another, and
b"labels", a list. A pickle can name any function of any module; the reader here knows only what makes arrays.
"""

from __future__ import annotations

import pickle
import zipfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from quadrille.algo.spec import IntFormat, InvalidInput

from .dataset import Dataset, register
from .folder import class_labels, data_folder, frozen

__all__ = ["cifar10", "cifar_batches", "cifar_npz", "read_batch", "read_npz"]

CLASSES = 10
SIDE, CHANNELS = 32, 3
BATCHES = "cifar-10-batches-py"
BATCH = 10_000
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
NPZ_TRAIN, NPZ_TRAIN_COUNT = "cifar10_train_first25k.npz", 25_000
NPZ_TEST, NPZ_TEST_COUNT = "cifar10_test.npz", 10_000


def _maker(protocol: int) -> Callable[..., Any]:
    """The function of numpy that a pickle of this protocol names to make an array; it is not public by name."""
    named: Any = np.zeros(1, np.uint8).__reduce_ex__(protocol)[0]
    return named


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    # By the module paths of numpy 1 and 2.
    ("numpy.core.multiarray", "_reconstruct"): _maker(2),
    ("numpy._core.multiarray", "_reconstruct"): _maker(2),
    ("numpy.core.numeric", "_frombuffer"): _maker(5),
    ("numpy._core.numeric", "_frombuffer"): _maker(5),
}


class _ArrayUnpickler(pickle.Unpickler):
    """Numbers, strings, containers and numpy arrays; nothing else is looked up, let alone called."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return _ALLOWED[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module_name}.{global_name}") from None


def read_batch(path: Path, count: int = BATCH) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 3, 32, 32) uint8 and labels (count,) int64 of an original batch.

    Raises
    ------
    InvalidInput
        If the file is missing, is no pickle of arrays and plain types, or holds anything but such a batch.
    """
    try:
        with path.open("rb") as file:
            content = _ArrayUnpickler(file, encoding="bytes").load()
    except OSError as error:
        raise InvalidInput(f"File {path} must be readable: {error.strerror or error}") from None
    except pickle.UnpicklingError as error:
        raise InvalidInput(
            f"File {path} must be a pickle of nothing but arrays and plain types, and is not: {error}"
        ) from None
    except Exception as error:  # a damaged pickle may fail in any operation
        raise InvalidInput(
            f"File {path} must be a whole pickle, and is truncated or damaged: {type(error).__name__}"
        ) from None
    if not isinstance(content, dict) or not {b"data", b"labels"} <= set(content):
        raise InvalidInput(f"File {path} must hold a CIFAR-10 batch, a dictionary with b'data' and b'labels'")
    images = _checked(path, content[b"data"], "b'data'", (count, CHANNELS * SIDE * SIDE))
    labels = content[b"labels"]
    if not isinstance(labels, list) or len(labels) != count or not all(type(label) is int for label in labels):
        raise InvalidInput(f"File {path} must hold a list of {count} integers as b'labels'")
    return images.reshape(count, CHANNELS, SIDE, SIDE), class_labels(path, labels, CLASSES)


def read_npz(path: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 3, 32, 32) uint8 and labels (count,) int64 of an npz file with x (count, 32, 32, 3) and y.

    Raises
    ------
    InvalidInput
        If the file is missing or damaged, or holds anything else.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            if not {"x", "y"} <= set(arrays.files):
                raise InvalidInput(f"File {path} must hold the arrays x and y, not {', '.join(sorted(arrays.files))}")
            images, labels = arrays["x"], arrays["y"]
    except InvalidInput:
        raise
    except (ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error):
        raise InvalidInput(f"File {path} must be a whole npz file of plain arrays, and is not") from None
    except OSError as error:
        raise InvalidInput(f"File {path} must be readable: {error.strerror or error}") from None
    images = _checked(path, images, "x", (count, SIDE, SIDE, CHANNELS))
    return images.transpose(0, 3, 1, 2), class_labels(path, _checked(path, labels, "y", (count,)), CLASSES)


def _checked(path: Path, array: object, name: str, shape: tuple[int, ...]) -> np.ndarray:
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.shape != shape:
        kind = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
        raise InvalidInput(f"File {path} must hold {name} as uint8 {list(shape)}, not {kind}")
    return array


def cifar_npz(folder: Path, train: int = NPZ_TRAIN_COUNT, held_out: int = NPZ_TEST_COUNT) -> Dataset:
    """CIFAR-10 from the two npz files in `folder`, the first half of the training images."""
    images, labels = read_npz(folder / NPZ_TRAIN, train)
    test_images, test_labels = read_npz(folder / NPZ_TEST, held_out)
    return Dataset("cifar10", IntFormat(8), CLASSES, frozen(images), labels, frozen(test_images), test_labels)


def cifar_batches(folder: Path, count: int = BATCH) -> Dataset:
    """CIFAR-10 from the five training batches and the test batch in `folder`, of `count` images each."""
    read = [read_batch(folder / name, count) for name in (*TRAIN_BATCHES, "test_batch")]
    images, labels = (frozen(np.concatenate([part[index] for part in read[:-1]])) for index in range(2))
    return Dataset("cifar10", IntFormat(8), CLASSES, images, labels, frozen(read[-1][0]), read[-1][1])


@register("cifar10")
def cifar10() -> Dataset:
    """CIFAR-10 from `cifar10/` or `cifar-10-batches-py/` in the folder of data sets; 10,000 images are held out.

    The original batches in `cifar10/cifar-10-batches-py/` or beside `cifar10/` have all 50,000 training images, and are
    taken where they are; the npz files in `cifar10/` have the first 25,000.
    """
    return _loaded(data_folder("cifar10"))


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> Dataset:
    for batches in (folder / "cifar10" / BATCHES, folder / BATCHES):
        if batches.is_dir():
            return cifar_batches(batches)
    return cifar_npz(folder / "cifar10")
