"""Convolutional networks without shortcuts: VGG-small for 32 x 32 images and a LeNet-size one for 28 x 28."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import nn

from quadrille.algo.spec import IntFormat, InvalidInput

from .architecture import CimStyle
from .blocks import Flatten, MaxPool
from .classifier import CimClassifier
from .models import FloatClassifier

__all__ = ["float_lenet", "float_vgg_small", "lenet", "vgg_small"]

Stages = Sequence[Sequence[int]]
"""Outputs of the 3 x 3 convolutions of each stage; a max pool of 2 x 2 ends it."""

VGG_SMALL = ((128, 128), (256, 256), (512, 512))
LENET = ((16,), (32,), (64,))


def _check(stages: Stages, shape: tuple[int, int, int]) -> tuple[int, int]:
    """Height and width after all stages."""
    if not stages or any(not stage or min(stage) < 1 for stage in stages):
        raise InvalidInput(f"Stages must be one or more, each of positive widths, not {[list(s) for s in stages]}")
    height, width = shape[1] >> len(stages), shape[2] >> len(stages)
    if not height or not width:
        raise InvalidInput(f"Images must be at least {1 << len(stages)} pixels wide and high, not {list(shape[1:])}")
    return height, width


def _chain(style: CimStyle, stages: Stages, classes: int, shape: tuple[int, int, int]) -> CimClassifier:
    size = _check(stages, shape)
    blocks: list[nn.Module] = []
    channels = shape[0]
    for index, stage in enumerate(stages):
        for place, outputs in enumerate(stage):
            make = style.convolution if blocks else style.first
            name = f"conv{index + 1}" if len(stage) == 1 else f"conv{index + 1}_{place + 1}"
            blocks.append(style.block(name, make(channels, outputs)))
            channels = outputs
        blocks.append(MaxPool(f"pool{index + 1}", 2))
    blocks += [Flatten("flatten"), style.last("output", channels * prod(size), classes)]
    return CimClassifier(shape, IntFormat(8), 1 / 255, blocks)


def _float_chain(stages: Stages, classes: int, shape: tuple[int, int, int]) -> FloatClassifier:
    size = _check(stages, shape)
    layers: list[nn.Module] = []
    channels = shape[0]
    for stage in stages:
        for outputs in stage:
            layers += [nn.Conv2d(channels, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)]
            channels = outputs
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(channels * prod(size), classes)]
    return FloatClassifier(1 / 255, nn.Sequential(*layers), flat=False)


def _scaled(width: int) -> Stages:
    if width < 1:
        raise InvalidInput(f"Width of VGG-small must be a positive integer, not {width}")
    return [[outputs * width // VGG_SMALL[0][0] or 1 for outputs in stage] for stage in VGG_SMALL]


def vgg_small(
    style: CimStyle, *, width: int = 128, classes: int = 10, shape: tuple[int, int, int] = (3, 32, 32)
) -> CimClassifier:
    """VGG-small on arrays as `style` says: 128-128, 256-256, 512-512 channels of 3 x 3 for a `width` of 128.

    Source: the network that binary-weight papers train on CIFAR-10; one linear layer ends it.

    Raises
    ------
    InvalidInput
        If the width is none, the images are too small, or a part refuses its parameters.
    """
    return _chain(style, _scaled(width), classes, shape)


def float_vgg_small(
    *, width: int = 128, classes: int = 10, shape: tuple[int, int, int] = (3, 32, 32)
) -> FloatClassifier:
    """VGG-small of the same shape with float weights, batch norm and ReLU.

    Raises
    ------
    InvalidInput
        If the width is none or the images are too small.
    """
    return _float_chain(_scaled(width), classes, shape)


def lenet(
    style: CimStyle, *, stages: Stages = LENET, classes: int = 10, shape: tuple[int, int, int] = (1, 28, 28)
) -> CimClassifier:
    """A network of LeNet's size on arrays as `style` says: 16, 32 and 64 channels of 3 x 3, a max pool after each.

    Raises
    ------
    InvalidInput
        If a stage has no width, the images are too small, or a part refuses its parameters.
    """
    return _chain(style, stages, classes, shape)


def float_lenet(
    *, stages: Stages = LENET, classes: int = 10, shape: tuple[int, int, int] = (1, 28, 28)
) -> FloatClassifier:
    """The network of the same shape with float weights, batch norm and ReLU.

    Raises
    ------
    InvalidInput
        If a stage has no width or the images are too small.
    """
    return _float_chain(stages, classes, shape)
