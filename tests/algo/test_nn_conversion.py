"""Conversion: exact where the numbers allow it, within a unit of the last place elsewhere."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from quadrille.algo.integer import execute
from quadrille.algo.nn import CimClassifier, cim_mlp, convert
from quadrille.algo.nn.folding import Affine, round_to_integers
from quadrille.algo.quant import BinaryWeights, ColumnWeights, Lsq, PerChannel, PerColumn, PerTensor
from quadrille.algo.spec import Dequantize, IntFormat, InvalidInput, Linear, RowSum


def images_of(count: int, shape: tuple[int, ...] = (4, 5), seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 16, (count, *shape)).astype(np.uint8)


def set_binary(weight: torch.Tensor, generator: torch.Generator, affine: bool) -> None:
    """Half above, half below in every run of 4 inputs: mean and mean distance are powers of two."""
    outputs, inputs = weight.shape
    sign = torch.tensor([1.0, 1, -1, -1]).repeat(outputs, inputs // 4)
    order = torch.stack(
        [
            torch.cat([4 * b + torch.randperm(4, generator=generator) for b in range(inputs // 4)])
            for _ in range(outputs)
        ]
    )
    weight.copy_(sign.gather(1, order) * 0.25 + (0.0625 if affine else 0.0))


@torch.no_grad()
def powers_of_two(model: CimClassifier, images: np.ndarray, *, affine: bool = True) -> CimClassifier:
    """`model` with every scale a power of two, and batch norm's numbers short binary fractions."""
    generator = torch.Generator().manual_seed(0)
    for block in model.blocks:
        linear, norm = block.layer, block.norm
        if isinstance(linear.weights, BinaryWeights):
            set_binary(linear.weight, generator, affine)
        else:
            assert isinstance(linear.weights, ColumnWeights)
            quantizer = linear.weights.quantizer
            quantizer.initialise(linear.weight)
            quantizer.step.copy_(2.0 ** torch.randint(-6, -3, quantizer.step.shape, generator=generator))
        assert isinstance(norm, nn.BatchNorm1d)
        assert norm.running_var is not None and norm.running_mean is not None
        norm.eps = 0.0
        norm.running_var.copy_(4.0 ** torch.randint(-1, 2, norm.running_var.shape, generator=generator))
        norm.running_mean.copy_(torch.randint(-8, 9, norm.running_mean.shape, generator=generator) / 4)
        sign = 2.0 * torch.randint(0, 2, norm.weight.shape, generator=generator) - 1
        norm.weight.copy_(sign * 2.0 ** torch.randint(-1, 2, norm.weight.shape, generator=generator))
        norm.bias.copy_(torch.randint(-8, 9, norm.bias.shape, generator=generator) / 4)
        if block.activation is not None:
            block.activation.initialised.fill_(True)
            block.activation.step.fill_(0.5)
    model.eval()
    model.calibrate(torch.tensor(images))
    for block in model.blocks:
        if block.layer.adc is not None:
            step = block.layer.adc.step
            step.copy_(2.0 ** torch.round(torch.log2(step)))
    model.freeze(torch.tensor(images))
    return model


@pytest.mark.parametrize(
    "options",
    [
        {"adc_bits": 5},
        {"adc_bits": 5, "affine": False},
        {"adc_bits": 1},
        {"adc_bits": 8, "tile_rows": 8},
        {"tile_rows": 8},
        {"adc_bits": 4, "adc_granularity": PerTensor(), "tile_rows": 8},
        {"adc_bits": 6, "adc_granularity": PerChannel(0), "tile_rows": 8, "activation_bits": 8},
        {"adc_bits": 5, "weight_granularity": PerColumn(8), "tile_rows": 8, "activation_bits": 2},
        {"adc_bits": 5, "weight_bits": 4, "cell_bits": 2, "tile_rows": 8},
        {"adc_bits": 3, "weight_bits": 3, "cell_bits": 1, "tile_rows": 6},
        {"weight_bits": 8, "cell_bits": 3, "tile_rows": 20},
    ],
    ids=str,
)
def test_with_powers_of_two_every_element_is_equal(options: dict[str, Any]) -> None:
    images = images_of(200)
    affine = options.get("affine", True)
    model = powers_of_two(cim_mlp((4, 5), (12, 8, 4), **options), images, affine=affine)
    labels = np.arange(200) % 4
    done = convert(model, images[:50], images=images, labels=labels)
    assert done.report.exact
    assert [layer.largest for layer in done.report.layers] == [0] * len(done.report.layers)
    assert all(layer.unequal == layer.unequal_alone == 0 for layer in done.report.layers)
    assert done.report.model_accuracy == done.report.integer_accuracy
    # The logits of the model in plain forward are the integers times their step, and the answers follow.
    logits = model.double()(torch.tensor(images)).detach().numpy()
    result = execute(done.network, images)
    if done.report.logit_step <= 2**-8:
        assert np.abs(result["output"] * done.report.logit_step - logits).max() <= done.report.logit_step / 2
    # The test would pass on constants too.
    assert all(len(np.unique(result[layer.node])) > 1 for layer in done.report.layers if layer.node != "class")
    assert (len(list(done.network.of_kind(RowSum))) > 0) == (affine and options.get("weight_bits", 1) == 1)


@pytest.mark.parametrize("mantissa_bits", range(8, 17))
def test_shift_uses_the_mantissa(mantissa_bits: int) -> None:
    torch.manual_seed(3)
    model = cim_mlp((4, 5), (12, 8, 4), adc_bits=5, tile_rows=8)
    model(torch.tensor(images_of(64)))
    model.calibrate(torch.tensor(images_of(64)))
    network = convert(model, images_of(64), mantissa_bits=mantissa_bits).network
    for node in network.of_kind(Dequantize):
        largest = max(map(abs, node.mantissa.flat))
        if node.sum_mantissa is not None:
            largest = max(largest, *map(abs, node.sum_mantissa.flat))
        assert 1 << (mantissa_bits - 2) <= largest + 1 and largest < 1 << (mantissa_bits - 1)


@pytest.mark.parametrize("options", [{"adc_bits": 5}, {"weight_bits": 3, "adc_bits": 6}, {}], ids=str)
def test_a_layer_alone_differs_by_one_at_most(options: dict[str, Any]) -> None:
    torch.manual_seed(5)
    images = images_of(300)
    model = cim_mlp((4, 5), (12, 8, 4), tile_rows=8, **options)
    model(torch.tensor(images))
    if options.get("adc_bits"):
        model.calibrate(torch.tensor(images))
    report = convert(model, images, labels=np.zeros(300, np.int64)).report
    alone = {layer.node: layer.unequal_alone for layer in report.layers}
    assert alone["hidden1_codes"] == alone["hidden2_codes"] == 0
    assert alone["hidden1"] < 0.01 and alone["hidden2"] < 0.01
    assert next(layer for layer in report.layers if layer.node == "hidden1").largest <= 1
    text = str(report)
    assert text.startswith("node ") and "accuracy: model " in text
    assert report.as_dict()["layers"][0]["node"] == "hidden1_codes" and report.as_dict()["exact"] is report.exact


def test_the_network_says_what_the_model_is() -> None:
    model = powers_of_two(cim_mlp((4, 5), (12, 4), adc_bits=5, tile_rows=8), images_of(50))
    network = convert(model, images_of(50), name="small", notes={"recipe": "none"}).network
    assert network.name == "small" and network.notes == {"recipe": "none"}
    assert [node.name for node in network.nodes] == [
        "image", "hidden1_codes", "hidden1_sums", "hidden1", "output_codes", "output_sums", "output", "class",
    ]  # fmt: skip
    first = next(network.of_kind(Linear))
    assert first.tile_rows == (8, 8, 4) and first.adc is not None and first.adc.bits == 5 and first.adc.low == -16
    assert network.edges["hidden1"].format == IntFormat(4)
    assert network.edges["output"].format == IntFormat(16, signed=True)
    assert str(convert(model, images_of(50))).startswith("node ")


def test_logits_never_saturate() -> None:
    torch.manual_seed(1)
    images = images_of(40)
    model = cim_mlp((4, 5), (6, 4))
    model(torch.tensor(images))
    network = convert(model, images).network
    node = network.node("output")
    assert isinstance(node, Dequantize)
    for interval in node.accumulator_intervals(network.input_edges(node)):
        assert interval.round_shift(node.shift) in node.format.interval


def test_zero_points_are_frozen_by_the_calibration_images() -> None:
    torch.manual_seed(2)
    model = cim_mlp((4, 5), (4,), adc_bits=4)
    model(torch.tensor(images_of(50)))
    model.calibrate(torch.tensor(images_of(50)))
    first = convert(model, images_of(50)).network
    other = convert(model, 15 - images_of(50) // 4).network
    assert next(first.of_kind(Linear)).adc != next(other.of_kind(Linear)).adc
    model.freeze(torch.tensor(images_of(50)))
    fixed = [convert(model, some).network for some in (images_of(50), 15 - images_of(50) // 4)]
    assert fixed[0] == fixed[1]


def test_shift_of_a_layer_without_weights() -> None:
    zero = Affine((Fraction(0),), None, (Fraction(5, 2),))
    folded = round_to_integers(zero, 16, "none")
    assert folded.mantissa == [0] and folded.bias == [5 << (folded.shift - 1)]


def model_with_steps() -> CimClassifier:
    model = cim_mlp((4, 5), (4, 3))
    first = next(model.blocks)
    first.activation = Lsq(IntFormat(4), (4,), PerChannel(0), batched=True)  # pyright: ignore[reportAttributeAccessIssue]
    return model


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: convert(cim_mlp((4, 5), (3,)), images_of(3, (5, 4))),
            r"^Calibration images must be one or more of shape \[4, 5\], not an array of shape \[3, 5, 4\]$",
        ),
        (
            lambda: convert(cim_mlp((4, 5), (3,)), images_of(3), images=np.full((2, 4, 5), 16)),
            r"^Images must lie in \[0, 15\], not in \[16, 16\]$",
        ),
        (
            lambda: convert(cim_mlp((4, 5), (3,)), images_of(3), labels=np.zeros(2)),
            r"^Labels must be one for each of 3 images, not 2$",
        ),
        (
            lambda: convert(cim_mlp((4, 5), (3,)), images_of(3), mantissa_bits=25),
            r"^Mantissa width must be from 8 to 24 bits, not 25$",
        ),
        (
            lambda: round_to_integers(Affine((Fraction(40000),), None, (Fraction(0),)), 16, "hidden1"),
            r"^Block 'hidden1': column factors must be at most 32767 to fit a mantissa of 16 bits, not 40000$",
        ),
        (
            lambda: convert(model_with_steps(), images_of(3)),
            r"^Block 'hidden1': activations must have one step, not 4$",
        ),
    ],
)
def test_refused(call: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


def test_both_weight_quantizers_convert() -> None:
    kinds = [type(next(cim_mlp((4,), (3,), weight_bits=bits).blocks).layer.weights) for bits in (1, 2)]
    assert kinds == [BinaryWeights, ColumnWeights]
