"""The models of a study: functions of its options and of a grain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from quadrille.algo.data import Dataset
from quadrille.algo.spec import InvalidInput

from ..architecture import CimStyle
from ..blocks import Flatten, MaxPool
from ..classifier import CimClassifier
from ..models import FloatClassifier, cim_mlp, float_mlp
from ..resnet import float_resnet20, resnet20
from .grain import Grain, sum_granularity, weight_granularity
from .options import StudyOptions

__all__ = ["StudyModel", "find_model", "study_models"]

WIDTHS = (64, 64)  # of the perceptron's hidden layers
CHANNELS, HIDDEN = (8, 16, 32), 64  # of the small convolutional network


@dataclass(frozen=True)
class StudyModel:
    """A model under a name: its usual data set, and what builds it and its float twin untrained."""

    name: str
    summary: str
    data: str
    network: Callable[[StudyOptions, Dataset, Grain], CimClassifier]
    twin: Callable[[Dataset], nn.Module]


def _mlp(options: StudyOptions, data: Dataset, grain: Grain) -> CimClassifier:
    return cim_mlp(
        data.shape,
        (*WIDTHS, data.classes),
        input_bits=data.format.bits,
        activation_bits=options.activation_bits,
        weight_bits=options.weight_bits,
        cell_bits=options.cell_bits,
        tile_rows=options.rows,
        adc_bits=options.adc_bits,
        weight_granularity=weight_granularity(grain.weights, options.rows),
        adc_granularity=sum_granularity(grain.sums),
    )


def _float_mlp(data: Dataset) -> nn.Module:
    return float_mlp(data.shape, (*WIDTHS, data.classes), input_bits=data.format.bits)


def _style(options: StudyOptions, grain: Grain) -> CimStyle:
    return CimStyle(
        array_rows=options.rows,
        weight_bits=options.weight_bits,
        cell_bits=options.cell_bits,
        activation_bits=options.activation_bits,
        adc_bits=options.adc_bits,
        weight_granularity=grain.weights,
        sum_granularity=grain.sums,
    )


def _cnn(options: StudyOptions, data: Dataset, grain: Grain) -> CimClassifier:
    style = _style(options, grain)
    channels, height, width = _maps(data)
    first, second, third = CHANNELS
    flat = third * (height // 8) * (width // 8)
    blocks = [
        style.block("conv1", style.first(channels, first)),
        MaxPool("pool1", 2),
        style.block("conv2", style.convolution(first, second)),
        MaxPool("pool2", 2),
        style.block("conv3", style.convolution(second, third)),
        MaxPool("pool3", 2),
        Flatten("flatten"),
        style.block("hidden", style.linear(flat, HIDDEN)),
        style.last("output", HIDDEN, data.classes),
    ]
    return CimClassifier((channels, height, width), data.format, 2.0**-data.format.bits, blocks)


def _float_cnn(data: Dataset) -> nn.Module:
    channels, height, width = _maps(data)
    layers: list[nn.Module] = []
    for outputs in CHANNELS:
        convolution = nn.Conv2d(channels, outputs, 3, 1, 1, bias=False)
        layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
        channels = outputs
    flat = channels * (height // 8) * (width // 8)
    layers += [nn.Flatten(), nn.Linear(flat, HIDDEN, bias=False), nn.BatchNorm1d(HIDDEN), nn.ReLU()]
    layers.append(nn.Linear(HIDDEN, data.classes))
    return FloatClassifier(2.0**-data.format.bits, nn.Sequential(*layers), flat=False)


def _resnet20(options: StudyOptions, data: Dataset, grain: Grain) -> CimClassifier:
    return resnet20(_style(options, grain), classes=data.classes, shape=_maps(data))


def _float_resnet20(data: Dataset) -> nn.Module:
    return float_resnet20(classes=data.classes, shape=_maps(data))


def _maps(data: Dataset) -> tuple[int, int, int]:
    if len(data.shape) != 3 or min(data.shape[1:]) < 8:
        raise InvalidInput(
            f"Data set of a convolutional model must have maps of 8 x 8 or more, not shape {list(data.shape)}"
        )
    channels, height, width = data.shape
    return channels, height, width


_MODELS = {
    model.name: model
    for model in (
        StudyModel("mlp", "a perceptron of two hidden layers of 64", "digits", _mlp, _float_mlp),
        StudyModel("cnn", "three small convolutions and a hidden layer", "fashion-mnist", _cnn, _float_cnn),
        StudyModel("resnet20", "ResNet-20", "cifar10", _resnet20, _float_resnet20),
    )
}


def study_models() -> dict[str, StudyModel]:
    """All models by name."""
    return dict(_MODELS)


def find_model(name: str) -> StudyModel:
    """The model called `name`.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    if name not in _MODELS:
        raise InvalidInput(f"Model of a study must be one of {', '.join(_MODELS)}, not {name!r}")
    return _MODELS[name]
