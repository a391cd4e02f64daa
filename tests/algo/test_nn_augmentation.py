"""Random changes of images."""

from __future__ import annotations

import pytest
import torch

from quadrille.algo.nn.augmentation import random_crop, random_flip, random_shift


def test_shift_moves_zeros_in() -> None:
    image = torch.arange(1, 10).reshape(1, 3, 3)
    found = {
        tuple(random_shift(image, 1, torch.Generator().manual_seed(seed)).flatten().tolist()) for seed in range(200)
    }
    expected = set()
    padded = torch.nn.functional.pad(image[0], (1, 1, 1, 1))
    for row in range(3):
        for column in range(3):
            expected.add(tuple(padded[row : row + 3, column : column + 3].flatten().tolist()))
    assert found == expected
    many = random_shift(torch.ones(50, 2, 4, 5), 2, torch.Generator().manual_seed(0))
    assert many.shape == (50, 2, 4, 5) and torch.equal(many[:, 0], many[:, 1])
    assert random_shift(image, 0, torch.Generator()) is image
    some = random_shift(torch.ones(4000, 3, 3), 1, torch.Generator().manual_seed(0), share=0.25)
    # Eight of nine moves change an image of ones.
    assert float((some.sum(dim=(1, 2)) < 9).float().mean()) == pytest.approx(0.25 * 8 / 9, abs=0.03)


def test_crop_and_flip() -> None:
    images = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    assert random_crop(images, 4, torch.Generator()) is images
    seen = set()
    for seed in range(60):
        cut = random_crop(images, 3, torch.Generator().manual_seed(seed))
        assert cut.shape == (2, 3, 3, 3)
        first = int(cut[0, 0, 0, 0])
        seen.add(first)
        assert torch.equal(cut[0], images[0, :, first // 5 : first // 5 + 3, first % 5 : first % 5 + 3])
    assert seen == {0, 1, 2, 5, 6, 7}
    many = torch.arange(3).repeat(1000, 2, 1)
    flipped = random_flip(many, torch.Generator().manual_seed(0))
    mirrored = (flipped[:, 0, 0] == 2).float()
    assert float(mirrored.mean()) == pytest.approx(0.5, abs=0.05)
    assert torch.equal(torch.where(mirrored.bool()[:, None, None], flipped.flip(-1), flipped), many)
