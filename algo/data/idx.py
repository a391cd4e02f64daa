"""Files in the idx format, gzip-compressed: MNIST and Fashion-MNIST as their makers publish them.

An idx file is big-endian: two zero bytes, a byte for the type of its elements (8 is uint8), one for the number of axes,
the size of each axis in 32 bits, then the elements, the last axis fastest. Source: LeCun, Cortes, Burges, "The MNIST
database of handwritten digits".
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path

import numpy as np

from quadrille.algo.spec import IntFormat, InvalidInput

from .dataset import Dataset, register
from .folder import class_labels, data_folder, frozen

__all__ = ["IdxPart", "fashion_mnist", "idx_dataset", "mnist", "read_idx"]

UINT8 = 8
CLASSES = 10
SIDE = 28


@dataclass(frozen=True)
class IdxPart:
    """The two files of a part: `prefix` in their names, and how many images each class has, which is as published."""

    prefix: str
    class_counts: tuple[int, ...]

    @property
    def count(self) -> int:
        """Images."""
        return sum(self.class_counts)


MNIST = (
    IdxPart("train", (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)),
    IdxPart("t10k", (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)),
)
FASHION_MNIST = (IdxPart("train", (6000,) * CLASSES), IdxPart("t10k", (1000,) * CLASSES))


def read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The uint8 elements of the gzip-compressed idx file `path`, which must be of `shape`.

    Raises
    ------
    InvalidInput
        If the file is missing, damaged or truncated, or holds anything else.
    """
    header = 4 + 4 * len(shape)
    try:
        with gzip.open(path) as file:
            data = file.read(header + prod(shape) + 1)  # one byte more than there should be, never all of a huge file
            if len(data) == header + prod(shape):
                file.read(1)  # at the end gzip compares its checksum
    except (EOFError, zlib.error):
        raise InvalidInput(f"File {path} must be a whole gzip file, and is truncated or damaged") from None
    except gzip.BadGzipFile:
        raise InvalidInput(f"File {path} must be a whole gzip file, and is none or damaged") from None
    except OSError as error:
        raise InvalidInput(f"File {path} must be readable: {error.strerror or error}") from None
    magic = bytes((0, 0, UINT8, len(shape)))
    if data[:4] != magic:
        raise InvalidInput(
            f"File {path} must begin with the idx magic {magic.hex()} ({len(shape)} axes of bytes), "
            f"not with {data[:4].hex() or 'nothing'}"
        )
    if len(data) < header:
        raise InvalidInput(f"File {path} must have an idx header of {header} bytes, not {len(data)}")
    found = struct.unpack(f">{len(shape)}I", data[4:header])
    if found != shape:
        raise InvalidInput(f"File {path} must hold an array of shape {list(shape)}, not {list(found)}")
    if len(data) != header + prod(shape):
        relation = "more" if len(data) > header + prod(shape) else str(len(data) - header)
        raise InvalidInput(f"File {path} must hold {prod(shape)} elements after its header, not {relation}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def idx_dataset(name: str, folder: Path, train: IdxPart, held_out: IdxPart) -> Dataset:
    """The data set `name` from the four files in `folder`: feature maps (n, 1, 28, 28) of 8 bits.

    Raises
    ------
    InvalidInput
        If a file is not what it must be.
    """
    parts: list[np.ndarray] = []
    for part in (train, held_out):
        # The labels first: of two sets of files that are equal in form they tell which this is.
        path = folder / f"{part.prefix}-labels-idx1-ubyte.gz"
        labels = class_labels(path, read_idx(path, (part.count,)), CLASSES, part.class_counts)
        images = read_idx(folder / f"{part.prefix}-images-idx3-ubyte.gz", (part.count, SIDE, SIDE))
        parts += [frozen(images[:, np.newaxis]), labels]
    return Dataset(name, IntFormat(8), CLASSES, *parts)


@register("mnist")
def mnist() -> Dataset:
    """The handwritten digits of MNIST, 60,000 and 10,000 held out, from `mnist/` in the folder of data sets."""
    return _loaded("mnist", data_folder("mnist"), *MNIST)


@register("fashion-mnist")
def fashion_mnist() -> Dataset:
    """Zalando's pictures of clothing, 60,000 and 10,000 held out, from `fashion-mnist/` in the folder of data sets."""
    return _loaded("fashion-mnist", data_folder("fashion-mnist"), *FASHION_MNIST)


@lru_cache(maxsize=2)
def _loaded(name: str, folder: Path, train: IdxPart, held_out: IdxPart) -> Dataset:
    return idx_dataset(name, folder / name, train, held_out)
