"""ResNet-20 for 32 x 32 images (He et al. 2016, section 4.2), on macros and in float.

The quantized form keeps a residual stream of 8 bits whose integers are 16 to one integer of the 4-bit activations that
layers read; both grids come from one learned step for each block [INFERRED].
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from quadrille.algo.quant import ResidualActivation
from quadrille.algo.spec import IntFormat, InvalidInput

from .architecture import CimStyle
from .blocks import AveragePool, CimBlock, Flatten, ResidualBlock, Subsample
from .classifier import CimClassifier
from .models import FloatClassifier

__all__ = ["float_resnet20", "resnet20"]

BLOCKS = 3  # of two layers, in each of the three stages


def _check(width: int, option: str) -> None:
    if width < 1:
        raise InvalidInput(f"Width of a residual network must be a positive integer, not {width}")
    if option not in ("A", "B"):
        raise InvalidInput(f"Shortcut option must be A or B, not {option!r}")


def resnet20(
    style: CimStyle, *, width: int = 16, option: str = "A", classes: int = 10, shape: tuple[int, int, int] = (3, 32, 32)
) -> CimClassifier:
    """ResNet-20 on arrays as `style` says: `width`, `2 * width` and `4 * width` channels in its three stages.

    Where a stage begins, the shortcut takes every second element and adds channels of zeros (option A), or is a 1 x 1
    convolution on arrays (option B). Images are 8-bit integers, 255 standing for 1.

    Raises
    ------
    InvalidInput
        If width or option is none, or a part refuses its parameters.
    """
    _check(width, option)

    def stream() -> ResidualActivation:
        return ResidualActivation(style.activation_bits, 8 - style.activation_bits)

    blocks: list[nn.Module] = [CimBlock("stem", style.first(shape[0], width), nn.BatchNorm2d(width), stream())]
    channels = width
    for stage in range(3):
        for index in range(BLOCKS):
            name, outputs = f"block{stage * BLOCKS + index + 1}", width << stage
            stride = 2 if stage and not index else 1
            first = style.block(f"{name}_first", style.convolution(channels, outputs, stride=stride))
            second = style.convolution(outputs, outputs)
            shortcut, norm = None, None
            if stride == 2 and option == "A":
                shortcut = Subsample(stride, outputs)
            elif stride == 2:
                shortcut, norm = style.convolution(channels, outputs, 1, stride=stride), nn.BatchNorm2d(outputs)
            blocks.append(ResidualBlock(name, first, second, nn.BatchNorm2d(outputs), shortcut, norm, stream()))
            channels = outputs
    blocks += [AveragePool("pool"), Flatten("flatten"), style.last("output", channels, classes)]
    return CimClassifier(shape, IntFormat(8), 1 / 255, blocks)


class _FloatBlock(nn.Module):
    def __init__(self, channels: int, outputs: int, stride: int, option: str) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module | None = None
        if stride == 2 and option == "A":
            self.shortcut = Subsample(stride, outputs)
        elif stride == 2:
            projection = nn.Conv2d(channels, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, maps: Tensor) -> Tensor:
        result = self.norm(self.second(F.relu(self.first_norm(self.first(maps)), inplace=True)))
        return F.relu(result + (maps if self.shortcut is None else self.shortcut(maps)), inplace=True)


def float_resnet20(
    *, width: int = 16, option: str = "A", classes: int = 10, shape: tuple[int, int, int] = (3, 32, 32)
) -> FloatClassifier:
    """ResNet-20 of the same shape with float weights and ReLU.

    Raises
    ------
    InvalidInput
        If width or option is none.
    """
    _check(width, option)
    layers: list[nn.Module] = [nn.Conv2d(shape[0], width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True)]
    channels = width
    for stage in range(3):
        for index in range(BLOCKS):
            layers.append(_FloatBlock(channels, width << stage, 2 if stage and not index else 1, option))
            channels = width << stage
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
    return FloatClassifier(1 / 255, nn.Sequential(*layers), flat=False)
