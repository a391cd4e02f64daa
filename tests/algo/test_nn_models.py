"""Models as graphs of blocks: shapes, float twins, conversion, and what conversion refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from quadrille.algo.integer import execute
from quadrille.algo.nn import (
    AveragePool,
    CimBlock,
    CimClassifier,
    CimStyle,
    Conversion,
    Flatten,
    MaxPool,
    ResidualBlock,
    cim_mlp,
    convert,
    float_lenet,
    float_mlp,
    float_resnet20,
    float_vgg_small,
    lenet,
    resnet20,
    vgg_small,
)
from quadrille.algo.nn.training import copy_weights
from quadrille.algo.quant import LsqActivation, ResidualActivation, StaircaseActivation
from quadrille.algo.spec import Add, Conv2d, IntFormat, InvalidInput, Network, Requantize, RowSum, Subsample, SumPool

STYLE = CimStyle(array_rows=32, adc_bits=5)


def images_of(shape: tuple[int, ...], count: int = 6) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(np.uint8)


def converted(model: CimClassifier, *, calibrated: bool = True) -> Conversion:
    """`model` after a look at a few images, and its conversion by the same."""
    images = images_of(model.input_shape)
    model(torch.tensor(images))
    if calibrated:
        model.calibrate(torch.tensor(images))
    return convert(model, images, labels=np.zeros(len(images), np.int64))


def check(conversion: Conversion, model: CimClassifier) -> Network:
    """Every layer for itself is the model's but for what its mantissas round."""
    alone = {layer.node: layer.unequal_alone for layer in conversion.report.layers}
    assert all(share == 0 for name, share in alone.items() if name.endswith(("_codes", "_sums")))
    assert max(alone.values()) < 0.02
    assert alone["class"] == 0
    assert max(conversion.report.clipped.values(), default=0.0) < 0.2
    images = images_of(model.input_shape)
    logits = model.double().eval()(torch.tensor(images)).detach().numpy()
    integers = execute(conversion.network, images)["output"] * conversion.report.logit_step
    assert np.abs(integers - logits).max() < 0.25 * max(1.0, np.abs(logits).max())
    return conversion.network


@pytest.mark.parametrize("option", ["A", "B"])
def test_resnet20_is_the_network_of_integers(option: str) -> None:
    torch.manual_seed(1)
    model = resnet20(STYLE, width=2, option=option, classes=3, shape=(3, 8, 8))
    network = check(converted(model), model)
    assert sum(isinstance(node, Conv2d) for node in network.nodes) == (19 if option == "A" else 21)
    assert len(list(network.of_kind(Add))) == 9
    assert len(list(network.of_kind(Subsample))) == (2 if option == "A" else 0)
    stem = network.node("stem_stream")
    assert network.edges[stem.name].format == IntFormat(8) and network.edges["stem"].format == IntFormat(4)
    assert network.node("stem") == Requantize(
        name="stem", inputs=("stem_stream",), mantissa=1, shift=4, format=IntFormat(4)
    )
    first = network.node("stem_codes")
    assert isinstance(first, Conv2d) and first.adc is None and first.weight_bits == 4 and first.cell_bits == 1
    inner = network.node("block5_second_codes")
    assert isinstance(inner, Conv2d) and inner.adc is not None and inner.adc.bits == 5 and inner.weight_bits == 1
    assert network.edges["block5_second"].format == IntFormat(12, signed=True)
    # Nothing reads the 4-bit integers of the last block: they are left out.
    assert "block9" not in network.edges and network.node("pool_sum").inputs == ("block9_stream",)
    pool, mean = network.node("pool_sum"), network.node("pool")
    assert isinstance(pool, SumPool) and pool.window.kernel == (2, 2)
    assert isinstance(mean, Requantize) and (mean.mantissa, mean.shift) == (1, 2) and mean.format == IntFormat(8)
    assert list(network.of_kind(RowSum))


def test_resnet20_has_the_sizes_of_its_paper() -> None:
    model, twin = resnet20(CimStyle()), float_resnet20()
    assert sum(layer.weight.numel() for layer in model.layers) == 268_336
    assert sum(parameter.numel() for parameter in twin.parameters() if parameter.ndim > 1) == 268_336
    layers = list(model.layers)
    assert len(layers) == 20
    assert [layer.tile_rows for layer in layers[:2]] == [(27,), (126, 18)]
    assert layers[-2].tile_rows == (126,) * 4 + (72,)
    assert sum(layer.adc is not None for layer in layers) == 18


@pytest.mark.parametrize(
    ("make", "twin"),
    [
        (lambda: resnet20(STYLE, width=2), lambda: float_resnet20(width=2)),
        (lambda: resnet20(STYLE, width=2, option="B"), lambda: float_resnet20(width=2, option="B")),
        (lambda: vgg_small(STYLE, width=4), lambda: float_vgg_small(width=4)),
        (lambda: lenet(STYLE, stages=((4,), (6,))), lambda: float_lenet(stages=((4,), (6,)))),
        (lambda: cim_mlp((6,), (4, 3)), lambda: float_mlp((6,), (4, 3))),
    ],
)  # fmt: skip
def test_a_network_takes_the_weights_of_its_twin(
    make: Callable[[], CimClassifier], twin: Callable[[], nn.Module]
) -> None:
    torch.manual_seed(2)
    source, network = twin(), make()
    for module in source.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight)
    copy_weights(source, network)
    sources = [module for module in source.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    for layer, module in zip(network.layers, sources, strict=True):
        assert torch.equal(layer.weight, module.weight)
    norms = [[m.weight for m in each.modules() if isinstance(m, nn.BatchNorm2d)] for each in (source, network)]
    assert all(torch.equal(a, b) for a, b in zip(*norms, strict=True))
    images = torch.tensor(images_of(network.input_shape, 3)) % 16
    assert source(images).shape == network(images).shape
    with pytest.raises(InvalidInput, match=r"^A network must have the layers of its float twin to start from its wei"):
        copy_weights(float_mlp((5,), (4, 3)), network)


@pytest.mark.parametrize(
    "style",
    [
        CimStyle(array_rows=32, adc_bits=5, staircase=True),
        CimStyle(
            array_rows=20, weight_bits=4, cell_bits=2, activation_bits=3, fill_rows=True, weight_granularity="array"
        ),
        CimStyle(array_rows=24, weight_bits=4, cell_bits=2, differential=True, adc_bits=4),
        CimStyle(array_rows=32, weight_bits=1, adc_bits=None, weight_granularity="channel", affine=False),
    ],
    ids=["staircase", "multi-bit", "differential", "exact"],
)  # fmt: skip
def test_chains_are_networks_of_integers(style: CimStyle) -> None:
    torch.manual_seed(3)
    model = lenet(style, stages=((3,), (4, 4)), classes=3, shape=(1, 12, 12))
    network = check(converted(model, calibrated=style.adc_bits is not None), model)
    assert [node.kind for node in network.nodes if "pool" in node.name] == ["max-pool"] * 2
    assert network.edges["pool2"].shape == (4, 3, 3)
    activations = [module for module in model.modules() if isinstance(module, LsqActivation | StaircaseActivation)]
    assert len(activations) == 3 and all(isinstance(a, StaircaseActivation) == style.staircase for a in activations)
    assert (len(list(network.of_kind(RowSum))) > 0) == (style.weight_bits == 1 and style.affine)


def test_vgg_small_has_its_widths() -> None:
    model = vgg_small(CimStyle(), width=8)
    assert [layer.outputs for layer in model.layers] == [8, 8, 16, 16, 32, 32, 10]
    assert model(torch.tensor(images_of((3, 32, 32), 2))).shape == (2, 10)


def test_average_pool_rounds_as_its_nodes_do() -> None:
    torch.manual_seed(4)
    stem = CimBlock("stem", STYLE.first(1, 4), nn.BatchNorm2d(4), ResidualActivation())
    rest = [AveragePool("pool"), Flatten("flat"), STYLE.last("output", 4, 3)]
    model = CimClassifier((1, 5, 7), IntFormat(8), 1 / 255, [stem, *rest])
    network = check(converted(model, calibrated=False), model)
    mean = network.node("pool")
    assert isinstance(mean, Requantize) and mean.mantissa == round(2**mean.shift / 35) and mean.shift > 14


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(1)  # with others, converters of so narrow a layer may saturate for all six images
    model = resnet20(STYLE, width=2, option="B", classes=3, shape=(3, 8, 8))
    images = torch.tensor(images_of((3, 8, 8)))
    for calibrated in (False, True):
        model.zero_grad()
        nn.functional.cross_entropy(model(images), torch.arange(6) % 3).backward()
        missing = {name for name, each in model.named_parameters() if each.grad is None or not bool(each.grad.any())}
        assert all(name.endswith("adc.step") for name in missing)
        assert bool(missing) != calibrated
        model.calibrate(images)


class Twice(nn.Module):
    def forward(self, signal: Any, trace: Any) -> Any:
        return signal


def small(block: nn.Module) -> CimClassifier:
    return CimClassifier((1, 6, 6), IntFormat(8), 1.0, [block, Flatten("flat"), STYLE.last("output", 36, 2)])


def with_nan() -> CimClassifier:
    model = lenet(STYLE, stages=((2,),), shape=(1, 4, 4))
    list(model.layers)[0].weight.data[0, 0, 1, 1] = float("nan")
    return model


def with_norm() -> CimClassifier:
    block = STYLE.block("conv1", STYLE.first(1, 4))
    block.norm = nn.GroupNorm(2, 4)  # pyright: ignore[reportAttributeAccessIssue]
    return CimClassifier((1, 3, 3), IntFormat(8), 1.0, [block, Flatten("flat"), STYLE.last("output", 36, 2)])


def clipping() -> Conversion:
    model = lenet(STYLE, stages=((2,), (3,)), shape=(1, 8, 8))
    images = images_of((1, 8, 8))
    model(torch.tensor(images))
    model.calibrate(torch.tensor(images))
    list(model.converters)[0].step.data *= 0.25
    return convert(model, images, most_clipped=0.05)


def unreachable() -> Conversion:
    model = resnet20(STYLE, width=2, shape=(3, 8, 8))
    model(torch.tensor(images_of((3, 8, 8))))
    block = model.chain[1]
    assert isinstance(block, ResidualBlock)
    block.activation.step.data *= 1e-6
    block.norm.weight.data.zero_()
    block.norm.bias.data.zero_()
    return convert(model, images_of((3, 8, 8)))


def headless(block: nn.Module) -> Conversion:
    model = resnet20(STYLE, width=2, shape=(3, 8, 8))
    model.chain[0] = block
    return convert(model, images_of((3, 8, 8)))


def misfit() -> tuple[int, ...]:
    block = resnet20(STYLE, width=2, shape=(3, 8, 8)).chain[4]
    assert isinstance(block, ResidualBlock) and isinstance(block.shortcut, nn.Module)
    block.shortcut.channels = 5  # pyright: ignore[reportAttributeAccessIssue]
    return block.result_shape((2, 8, 8))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: resnet20(STYLE, width=0), r"^Width of a residual network must be a positive integer, not 0$"),
        (lambda: float_resnet20(option="C"), r"^Shortcut option must be A or B, not 'C'$"),
        (lambda: vgg_small(STYLE, width=0), r"^Width of VGG-small must be a positive integer, not 0$"),
        (lambda: lenet(STYLE, stages=()), r"^Stages must be one or more, each of positive widths, not \[\]$"),
        (
            lambda: float_lenet(shape=(1, 7, 28)),
            r"^Images must be at least 8 pixels wide and high, not \[7, 28\]$",
        ),
        (
            lambda: ResidualActivation(6, 4),
            r"^Fraction of a residual stream must be of 1 to 2 bits beside 6, not 4$",
        ),
        (
            lambda: CimClassifier((2, 6, 6), IntFormat(8), 1.0, [STYLE.block("first", STYLE.first(1, 4))]),
            r"^Block 'first' must read maps of 1 channels, not shape \[2, 6, 6\]$",
        ),
        (lambda: small(MaxPool("pool", 7)), r"^Block 'pool' must read maps of at least 7 x 7, not shape \[1, 6, 6\]$"),
        (
            lambda: convert(small(Twice()), images_of((1, 6, 6))),
            r"^Block 1 of 3 must be CimBlock, ResidualBlock, MaxPool, AveragePool or Flatten, not Twice$",
        ),
        (
            lambda: convert(small(nn.ReLU()), images_of((1, 6, 6))),
            r"^Block 1 of 3 must be CimBlock, .*, not ReLU; what could replace it: LsqActivation$",
        ),
        (
            lambda: convert(with_norm(), images_of((1, 3, 3))),
            r"^Norm of block 'conv1' must be BatchNorm1d, .*, not GroupNorm; what could replace it: BatchNorm2d",
        ),
        (
            lambda: convert(with_nan(), images_of((1, 4, 4))),
            r"^Parameter 'chain\.0\.layer\.weight' must hold finite numbers, and 1 of its elements are none$",
        ),
        (
            clipping,
            r"^ADC of layer 'chain\.2\.layer' must clip at most 5\.00% of the sums of the calibration images, not ",
        ),
        (
            unreachable,
            r"^Block 'block1': step of the shortcut must be at most 32767 times that of the sum, not [0-9.e+]+ times$",
        ),
        (
            lambda: headless(STYLE.block("stem", STYLE.first(3, 2))),
            r"^Block 'block1' must follow a block with a residual stream, and does not$",
        ),
        (misfit, r"^Block 'block4' must have a shortcut of shape \[4, 4, 4\], not \[5, 4, 4\]$"),
    ],
)
def test_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        made = make()
        if isinstance(made, CimClassifier):
            raise AssertionError("nothing was refused")
