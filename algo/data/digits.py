"""The 1,797 handwritten digits, 8 x 8 pixels, that scikit-learn ships: no download."""

from __future__ import annotations

from functools import cache

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from quadrille.algo.spec import IntFormat

from .dataset import Dataset, register

__all__ = ["digits", "four_bits"]

HELD_OUT_SHARE = 0.25
SPLIT_SEED = 2026


def four_bits(pixels: np.ndarray) -> np.ndarray:
    """Pixel values 0 to 16 as integers 0 to 15, uint8: `q = (15 * v + 8) >> 4`, v * 15/16 rounded half up."""
    return ((15 * pixels.astype(np.int64) + 8) >> 4).astype(np.uint8)


@register("digits")
@cache
def digits() -> Dataset:
    """Training 75 %, held out 25 %, stratified by class; the same split always."""
    images, labels = load_digits(return_X_y=True)
    images = four_bits(images.reshape(-1, 8, 8))
    parts = train_test_split(
        images, labels.astype(np.int64), test_size=HELD_OUT_SHARE, stratify=labels, random_state=SPLIT_SEED
    )
    train_images, held_out_images, train_labels, held_out_labels = (np.asarray(part) for part in parts)
    for array in (train_images, train_labels, held_out_images, held_out_labels):
        array.flags.writeable = False
    return Dataset("digits", IntFormat(4), 10, train_images, train_labels, held_out_images, held_out_labels)
