"""How near a picture comes to another."""

from __future__ import annotations

from math import log10

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import InvalidInput

__all__ = ["signal_to_noise"]


def signal_to_noise(picture: NDArray[np.integer], other: NDArray[np.integer]) -> float | None:
    """The peak signal-to-noise ratio of two 8-bit pictures of one shape, `10 log10(255^2 / mean((a - b)^2))` in dB.

    None if they are equal: there is no noise.

    Raises
    ------
    InvalidInput
        If their shapes differ.
    """
    if picture.shape != other.shape:
        raise InvalidInput(f"Pictures compared must have one shape, not {list(picture.shape)} and {list(other.shape)}")
    error = float(np.mean((picture.astype(np.int64) - other.astype(np.int64)) ** 2))
    return None if error == 0 else 10 * log10(255**2 / error)
