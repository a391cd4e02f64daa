"""Data sets in files: small made-up ones, every way to be wrong, and the real ones where they are at hand."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from quadrille.algo.data import dataset, mnist
from quadrille.algo.data.cifar import BATCHES, TRAIN_BATCHES, cifar_batches, cifar_npz, read_batch
from quadrille.algo.data.idx import IdxPart, idx_dataset
from quadrille.algo.spec import IntFormat, InvalidInput

TRAIN, HELD_OUT = IdxPart("train", (1,) * 10), IdxPart("t10k", (0, 2, 1) + (0,) * 7)
BATCH = 4


def compressed(data: bytes) -> bytes:
    """Without the time, so that the same test has the same name in every process."""
    return gzip.compress(data, mtime=0)


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    header = bytes((0, 0, kind, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def labels_of(part: IdxPart) -> np.ndarray:
    return np.repeat(np.arange(10), part.class_counts)[::-1]


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for part in (TRAIN, HELD_OUT):
        images = draw.integers(0, 256, (part.count, 28, 28))
        (tmp_path / f"{part.prefix}-images-idx3-ubyte.gz").write_bytes(compressed(idx(images)))
        (tmp_path / f"{part.prefix}-labels-idx1-ubyte.gz").write_bytes(compressed(idx(labels_of(part))))
    return tmp_path


def test_idx_files_are_feature_maps(idx_folder: Path) -> None:
    data = idx_dataset("mnist", idx_folder, TRAIN, HELD_OUT)
    assert data.shape == (1, 28, 28) and data.format == IntFormat(8) and data.classes == 10
    assert data.train_labels.tolist() == list(range(9, -1, -1)) and data.held_out_labels.tolist() == [2, 1, 1]
    with gzip.open(idx_folder / "train-images-idx3-ubyte.gz") as file:
        assert data.train_images.tobytes() == file.read()[16:]
    assert data.train_images.dtype == np.uint8 and data.train_labels.dtype == np.int64
    assert not data.train_images.flags.writeable and not data.held_out_labels.flags.writeable


def squeezed(array: np.ndarray, kind: int = 8) -> bytes:
    return compressed(idx(array, kind))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-labels-idx1-ubyte.gz", None, r"^File .*train-labels-idx1-ubyte\.gz must be readable: No such file"),
        ("train-labels-idx1-ubyte.gz", b"plain", r"^File .* must be a whole gzip file, and is none or damaged$"),
        (
            "train-labels-idx1-ubyte.gz",
            squeezed(np.arange(10))[:-9],
            r"^File .*labels.* must be a whole gzip file, and is truncated or damaged$",
        ),
        (
            "train-images-idx3-ubyte.gz",
            squeezed(np.zeros((10, 28, 28)))[:-1],  # all the data, but not all of the checksum
            r"^File .*images.* must be a whole gzip file, and is truncated or damaged$",
        ),
        (
            "train-images-idx3-ubyte.gz",
            squeezed(np.zeros((10, 28, 28)))[:-5] + b"\1\0\0\0\0",
            r"^File .*images.* must be a whole gzip file, and is none or damaged$",
        ),
        ("train-labels-idx1-ubyte.gz", compressed(b""), r"^File .* must begin with .*, not with nothing$"),
        (
            "train-images-idx3-ubyte.gz",
            squeezed(np.arange(10)),
            r"^File .*images.* must begin with the idx magic 00000803 \(3 axes of bytes\), not with 00000801$",
        ),
        (
            "train-images-idx3-ubyte.gz",
            squeezed(np.zeros((10, 28, 28)), kind=13),
            r"^File .*images.* must begin with the idx magic 00000803 \(3 axes of bytes\), not with 00000d03$",
        ),
        (
            "train-images-idx3-ubyte.gz",
            compressed(bytes((0, 0, 8, 3, 0, 0))),
            r"^File .*images.* must have an idx header of 16 bytes, not 6$",
        ),
        (
            "train-images-idx3-ubyte.gz",
            squeezed(np.zeros((10, 14, 56))),
            r"^File .*images.* must hold an array of shape \[10, 28, 28\], not \[10, 14, 56\]$",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            squeezed(np.zeros((10, 28, 28))),
            r"^File .*t10k-images.* must hold an array of shape \[3, 28, 28\], not \[10, 28, 28\]$",
        ),
        (
            "train-images-idx3-ubyte.gz",
            compressed(idx(np.zeros((10, 28, 28)))[:-3]),
            r"^File .*images.* must hold 7840 elements after its header, not 7837$",
        ),
        (
            "train-images-idx3-ubyte.gz",
            compressed(idx(np.zeros((10, 28, 28))) + b"x"),
            r"^File .*images.* must hold 7840 elements after its header, not more$",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            squeezed(np.arange(1, 11)),
            r"^File .*labels.* must hold labels from 0 to 9, not from 1 to 10$",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            squeezed(np.array([0, 0, 2, 3, 4, 5, 6, 7, 8, 9])),
            r"^File .*labels.* must hold 1, 1, .* labels of the classes in order, not 2, 0, 1, .*: it is of another",
        ),
    ],
)
def test_wrong_idx_file_is_refused(idx_folder: Path, name: str, content: bytes | None, message: str) -> None:
    (idx_folder / name).unlink()
    if content is not None:
        (idx_folder / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        idx_dataset("mnist", idx_folder, TRAIN, HELD_OUT)


def test_folder_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("QUADRILLE_DATA", raising=False)
    with pytest.raises(
        InvalidInput, match=r"^Data set 'mnist' must be in a folder named by the environment variable QUADRILLE_DATA, w"
    ):
        mnist()
    monkeypatch.setenv("QUADRILLE_DATA", str(tmp_path / "none"))
    with pytest.raises(InvalidInput, match=r"^Environment variable QUADRILLE_DATA must name a folder, and .*none is n"):
        dataset("cifar10")
    monkeypatch.setenv("QUADRILLE_DATA", str(tmp_path))
    with pytest.raises(InvalidInput, match=r"^File .*fashion-mnist/train-labels-idx1-ubyte\.gz must be readable: No s"):
        dataset("fashion-mnist")
    with pytest.raises(InvalidInput, match=r"^File .*cifar10/cifar10_train_first25k\.npz must be readable: No such f"):
        dataset("cifar10")


def pictures(seed: int, count: int = BATCH) -> tuple[np.ndarray, list[int]]:
    draw = np.random.default_rng(seed)
    return draw.integers(0, 256, (count, 3072), np.uint8), draw.integers(0, 10, count).tolist()


def batch(data: object, labels: object, protocol: int = 3) -> bytes:
    return pickle.dumps({b"batch_label": b"x", b"data": data, b"labels": labels, b"filenames": [b"a"]}, protocol)


def original_batch(data: np.ndarray, labels: list[int]) -> bytes:
    """As Python 2 and numpy 1 wrote it: byte strings, and the module paths of that time."""
    rows, columns = data.shape
    shape = b"M" + struct.pack("<H", rows) + b"M" + struct.pack("<H", columns) + b"\x86"
    kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01" + shape + kind
    content = b"\x89T" + struct.pack("<I", data.size) + data.tobytes() + b"tb"
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(U\x04data" + array + content + b"U\x06labels" + listed + b"u."


@pytest.mark.parametrize("write", [original_batch, batch, lambda data, labels: batch(data, labels, 5)])
def test_batches_are_feature_maps(tmp_path: Path, write: Callable[[np.ndarray, list[int]], bytes]) -> None:
    made = [pictures(seed) for seed in range(6)]
    for name, (data, labels) in zip((*TRAIN_BATCHES, "test_batch"), made, strict=True):
        (tmp_path / name).write_bytes(write(data, labels))
    data = cifar_batches(tmp_path, BATCH)
    assert data.shape == (3, 32, 32) and data.format == IntFormat(8) and data.name == "cifar10"
    assert data.train_images.reshape(-1, 3072).tolist() == [row for image, _ in made[:5] for row in image.tolist()]
    assert data.train_labels.tolist() == [label for _, labels in made[:5] for label in labels]
    assert data.held_out_images.reshape(-1, 3072).tolist() == made[5][0].tolist()
    assert data.held_out_labels.tolist() == made[5][1]


class Command:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("echo opened >> opened",)


GOOD, LABELS = pictures(0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"^File .*data_batch_1 must be readable: No such file or directory$"),
        (
            pickle.dumps(Command()),
            r"^File .* must be a pickle of nothing but arrays and plain types, and is not: posix",
        ),
        (batch(GOOD, Command()), r"^File .* must be a pickle of nothing but arrays and plain types, and is not: p"),
        (batch(GOOD, LABELS)[:-60], r"^File .* must be a "),
        (b"", r"^File .* must be a whole pickle, and is truncated or damaged: EOFError$"),
        (b"hello", r"^File .* must be a "),
        (pickle.dumps([1]), r"^File .* must hold a CIFAR-10 batch, a dictionary with b'data' and b'labels'$"),
        (pickle.dumps({b"data": GOOD, b"fine_labels": []}), r"^File .* must hold a CIFAR-10 batch, a dictionary w"),
        (batch(GOOD[:3], LABELS), r"^File .* must hold b'data' as uint8 \[4, 3072\], not uint8 \[3, 3072\]$"),
        (
            batch(GOOD.astype(np.int16), LABELS),
            r"^File .* must hold b'data' as uint8 \[4, 3072\], not int16 \[",
        ),
        (batch([1, 2], LABELS), r"^File .* must hold b'data' as uint8 \[4, 3072\], not list$"),
        (batch(GOOD, LABELS[:3]), r"^File .* must hold a list of 4 integers as b'labels'$"),
        (batch(GOOD, [1, 2, 3, "4"]), r"^File .* must hold a list of 4 integers as b'labels'$"),
        (batch(GOOD, [1, 2, 3, 10]), r"^File .* must hold labels from 0 to 9, not from 1 to 10$"),
    ],
)
def test_wrong_batch_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "data_batch_1").write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        read_batch(tmp_path / "data_batch_1", BATCH)
    assert not (tmp_path / "opened").exists()


def write_npz(path: Path, seed: int, count: int = BATCH) -> tuple[np.ndarray, list[int]]:
    data, labels = pictures(seed, count)
    planes = data.reshape(-1, 3, 32, 32)
    np.savez(path, x=planes.transpose(0, 2, 3, 1), y=np.array(labels, np.uint8))
    return planes, labels


def test_npz_files_are_feature_maps(tmp_path: Path) -> None:
    train, train_labels = write_npz(tmp_path / "cifar10_train_first25k.npz", 1)
    test, test_labels = write_npz(tmp_path / "cifar10_test.npz", 2, 3)
    data = cifar_npz(tmp_path, BATCH, 3)
    assert np.array_equal(data.train_images, train) and data.train_labels.tolist() == train_labels
    assert np.array_equal(data.held_out_images, test) and data.held_out_labels.tolist() == test_labels
    assert data.train_images.flags.c_contiguous


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros(1)}, r"^File .*first25k\.npz must hold the arrays x and y, not x$"),
        (
            {"x": np.zeros((4, 3, 32, 32), np.uint8), "y": np.zeros(4, np.uint8)},
            r"^File .* must hold x as uint8 \[4, 32, 32, 3\], not uint8 \[4, 3, 32, 32\]$",
        ),
        (
            {"x": np.zeros((4, 32, 32, 3), np.uint8), "y": np.zeros(5, np.uint8)},
            r"^File .* must hold y as uint8 \[4\], not uint8 \[5\]$",
        ),
        (
            {"x": np.zeros((4, 32, 32, 3), np.uint8), "y": np.full(4, 12, np.uint8)},
            r"^File .* must hold labels from 0 to 9, not from 12 to 12$",
        ),
        ({"x": np.array([None]), "y": np.zeros(4)}, r"^File .* must be a whole npz file of plain arrays, and is not$"),
        (b"PK\3\4 not a zip file", r"^File .* must be a whole npz file of plain arrays, and is not$"),
        (b"", r"^File .* must be a whole npz file of plain arrays, and is not$"),
    ],
)
def test_wrong_npz_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray] | bytes, message: str) -> None:
    path = tmp_path / "cifar10_train_first25k.npz"
    if isinstance(arrays, bytes):
        path.write_bytes(arrays)
    else:
        np.savez(path, **arrays)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match=message):
        cifar_npz(tmp_path, BATCH, BATCH)


def test_truncated_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cifar10_train_first25k.npz"
    write_npz(path, 1)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InvalidInput, match=r"^File .* must be a whole npz file of plain arrays, and is not$"):
        cifar_npz(tmp_path, BATCH, BATCH)


def test_original_batches_go_before_npz(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cifar10" / BATCHES).mkdir(parents=True)
    monkeypatch.setenv("QUADRILLE_DATA", str(tmp_path))
    with pytest.raises(InvalidInput, match=rf"^File .*{BATCHES}/data_batch_1 must be readable"):
        dataset("cifar10")


@pytest.mark.parametrize(
    ("name", "shape", "count", "first"),
    [
        ("mnist", (1, 28, 28), 60_000, [5, 0, 4, 1]),
        ("fashion-mnist", (1, 28, 28), 60_000, [9, 0, 0, 3]),
        ("cifar10", (3, 32, 32), None, [6, 9, 9, 4]),
    ],
)
def test_real_data(name: str, shape: tuple[int, ...], count: int | None, first: list[int], data_set: Callable) -> None:
    data = data_set(name)
    assert data.shape == shape and data.train_labels[:4].tolist() == first
    assert len(data.train_images) in ([count] if count else [25_000, 50_000]) and len(data.held_out_images) == 10_000
    assert int(data.train_images.max()) == 255 and 70 < data.train_images.mean() < 125 or name == "mnist"
    assert dataset(name) is data
