"""Random changes of training images."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["random_crop", "random_flip", "random_shift"]


def random_shift(images: Tensor, most: int, generator: torch.Generator, share: float = 1.0) -> Tensor:
    """Images (batch, ..., height, width), some moved by -most to most pixels on both axes, zeros moving in.

    Each image is moved with the probability `share`.
    """
    if most == 0 or share == 0:
        return images
    height, width = images.shape[-2:]
    padded = torch.nn.functional.pad(images, (most, most, most, most))
    count = len(images)
    offsets = torch.randint(0, 2 * most + 1, (2, count), generator=generator)
    chosen = torch.rand(count, generator=generator) < share
    offsets = torch.where(chosen, offsets, most).to(images.device)
    rows = offsets[0][:, None] + torch.arange(height, device=images.device)
    columns = offsets[1][:, None] + torch.arange(width, device=images.device)
    index = torch.arange(count, device=images.device)[:, None, None]
    moved = padded.movedim((-2, -1), (1, 2))[index, rows[:, :, None], columns[:, None, :]]
    return moved.movedim((1, 2), (-2, -1))


def random_crop(images: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """A square of `size` pixels at a random place of each image (batch, channels, height, width)."""
    height, width = images.shape[-2:]
    if size >= min(height, width):
        return images
    down = torch.randint(0, height - size + 1, (len(images),), generator=generator).tolist()
    across = torch.randint(0, width - size + 1, (len(images),), generator=generator).tolist()
    return torch.stack(
        [
            image[..., top : top + size, left : left + size]
            for image, top, left in zip(images, down, across, strict=True)
        ]
    )


def random_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images (batch, ..., height, width), half of them mirrored from left to right."""
    chosen = torch.rand(len(images), generator=generator) < 0.5
    chosen = chosen.to(images.device).reshape(-1, *(1 for _ in images.shape[1:]))
    return torch.where(chosen, images.flip(-1), images)
