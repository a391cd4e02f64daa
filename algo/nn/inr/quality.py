"""How near one picture is to another, beside the signal-to-noise ratio: structural similarity, error spectrum."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from quadrille.algo.data.fidelity import PEAK, Picture, paired
from quadrille.algo.spec import InvalidInput

__all__ = ["error_spectrum", "ssim"]

WINDOW, DEVIATION = 11, 1.5
K1, K2 = 0.01, 0.03


def ssim(picture: Picture, other: Picture) -> float:
    """Mean structural similarity: 11 x 11 Gaussian windows of deviation 1.5 that lie within the picture.

    K1 = 0.01, K2 = 0.03, L = 255; the mean over windows, channels and frames. Source: Wang et al., "Image quality
    assessment: from error visibility to structural similarity", 2004.

    Raises
    ------
    InvalidInput
        If the shapes differ, or a picture is smaller than a window.
    """
    first, second = paired(picture, other)
    if min(first.shape[-3:-1]) < WINDOW:
        raise InvalidInput(f"Pictures must have {WINDOW} x {WINDOW} pixels or more for SSIM, not {list(first.shape)}")
    planes = [torch.tensor(np.moveaxis(each, -1, 0).reshape(-1, 1, *each.shape[-3:-1])) for each in (first, second)]
    places = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    row = torch.exp(-(places**2) / (2 * DEVIATION**2))
    row = (row / row.sum()).reshape(1, 1, 1, -1)

    def mean(values: torch.Tensor) -> torch.Tensor:
        return F.conv2d(F.conv2d(values, row), row.transpose(2, 3))

    x, y = planes
    mean_x, mean_y = mean(x), mean(y)
    variance_x, variance_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    index = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    index = index / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))
    return float(index.mean())


def error_spectrum(picture: Picture, other: Picture) -> NDArray[np.float64]:
    """The power of `picture - other` by radial frequency, (n // 2 + 1,): ring f holds round(|k|) = f cycles a picture.

    In grey levels squared, mean over channels; all rings together, with the corners beyond, are the mean squared error.

    Raises
    ------
    InvalidInput
        If the pictures are not of one shape, or no squares.
    """
    first, second = paired(picture, other)
    size = first.shape[0]
    if first.ndim != 3 or first.shape[1] != size:
        raise InvalidInput(f"Spectrum must be of a square picture, not one of shape {list(first.shape)}")
    power = (np.abs(np.fft.fft2(first - second, axes=(0, 1))) ** 2).mean(axis=-1) / size**4
    down, across = np.meshgrid(*[np.fft.fftfreq(size, 1 / size)] * 2, indexing="ij")
    ring = np.floor(np.hypot(down, across) + 0.5).astype(np.int64)
    return np.bincount(ring.ravel(), power.ravel())[: size // 2 + 1].astype(np.float64)
