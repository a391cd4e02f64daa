"""Data sets: the digits, their split, and what a data set refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from quadrille.algo.data import DATASETS, Dataset, dataset, digits, four_bits, register
from quadrille.algo.spec import IntFormat, InvalidInput


def test_four_bits_rounds_half_up() -> None:
    pixels = np.arange(17)
    assert four_bits(pixels).tolist() == [int(np.floor(v * 15 / 16 + 0.5)) for v in range(17)]
    assert four_bits(pixels).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11, 12, 13, 14, 15]
    assert four_bits(pixels).dtype == np.uint8


def test_digits_are_split_by_class_and_for_good() -> None:
    data = digits()
    assert data.shape == (8, 8) and data.format == IntFormat(4) and data.classes == 10
    assert len(data.train_images) == 1347 and len(data.held_out_images) == 450
    assert data.train_images.dtype == data.held_out_images.dtype == np.uint8
    assert data.train_images.max() == 15
    shares = [np.bincount(labels) / len(labels) for labels in (data.train_labels, data.held_out_labels)]
    assert np.abs(shares[0] - shares[1]).max() < 0.003
    images, _ = load_digits(return_X_y=True)
    everything = np.concatenate([data.train_images, data.held_out_images]).reshape(-1, 64)
    assert sorted(map(bytes, everything)) == sorted(map(bytes, four_bits(images)))
    assert data.held_out_labels[:12].tolist() == [3, 8, 7, 6, 8, 6, 8, 5, 9, 7, 0, 1]
    assert dataset("digits") is digits()
    assert not data.train_images.flags.writeable


def test_register(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "mine", digits)
    loader = register("mine")(lambda: replace(digits(), name="mine"))
    assert dataset("mine").name == "mine" and DATASETS["mine"] is loader


def test_unknown_name_is_refused() -> None:
    with pytest.raises(
        InvalidInput, match=r"^Data set must be one of cifar10, digits, fashion-mnist, mnist, not 'letters'$"
    ):
        dataset("letters")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"train_labels": np.zeros(3, np.int64)},
            r"^Data set 'digits': training images must be one or more and have a label each, not 1347 with 3$",
        ),
        (
            {"held_out_images": np.full((450, 8, 8), 16, np.uint8)},
            r"^Data set 'digits': held-out images must lie in \[0, 15\], not reach 16$",
        ),
        (
            {"held_out_labels": np.full(450, 10)},
            r"^Data set 'digits': held-out labels must be from 0 to 9, not from 10 to 10$",
        ),
    ],
)
def test_impossible_data_are_refused(change: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        replace(digits(), **change)
    assert isinstance(digits(), Dataset)
