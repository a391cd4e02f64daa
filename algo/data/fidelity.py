"""How near a picture comes to another."""

from __future__ import annotations

from math import inf, log10

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import InvalidInput

__all__ = ["PEAK", "Picture", "paired", "psnr"]

PEAK = 255.0

Picture = NDArray[np.generic]


def paired(picture: Picture, other: Picture) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both pictures, or clips, as float64.

    Raises
    ------
    InvalidInput
        If they are not of one shape (height, width, channels) or (frames, height, width, channels).
    """
    if picture.shape != other.shape or picture.ndim not in (3, 4):
        raise InvalidInput(
            f"Pictures to compare must have one shape (height, width, channels) or (frames, height, width, channels), "
            f"not {list(picture.shape)} and {list(other.shape)}"
        )
    return picture.astype(np.float64), other.astype(np.float64)


def psnr(picture: Picture, other: Picture) -> float:
    """`10 log10(255**2 / mean squared error)` in decibels, over all channels; infinite for equal pictures.

    Raises
    ------
    InvalidInput
        If they are not of one shape (height, width, channels) or (frames, height, width, channels).
    """
    first, second = paired(picture, other)
    error = float(np.mean((first - second) ** 2))
    return 10 * log10(PEAK**2 / error) if error else inf
