"""Truncated weights in networks, and the conversion of every mode to integers that are the model's."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from quadrille.algo.integer import execute
from quadrille.algo.nn import (
    CimClassifier,
    ModesRecipe,
    Precision,
    SwitchableClassifier,
    TrainedModes,
    accuracy,
    convert_modes,
    reading_stored_codes,
    scalable_lenet,
    train_modes,
)
from quadrille.algo.quant import LsqActivation, QuantizedWeight, TruncatedWeights
from quadrille.algo.spec import Conv2d, Dequantize, IntFormat, Linear

pytestmark = pytest.mark.usefixtures("named_bars")

small_lenet = partial(scalable_lenet, channels=(3, 4), kernel=3, classes=4, shape=(1, 14, 14))


def integers_of(model: CimClassifier) -> list[torch.Tensor]:
    return [layer.integers() for layer in model.layers]


# Truncation ----------------------------------------------------------------------------------------------------------


def test_truncated_training_is_what_is_read(trained_modes: TrainedModes, tiny_modes: ModesRecipe) -> None:
    first = integers_of(trained_modes.network.at("8"))
    for bits in (4, 2, 1):
        upper = [each >> (8 - bits) for each in first]
        wanted = [2 * each + 1 for each in upper] if bits == 1 else upper
        assert all(map(torch.equal, integers_of(trained_modes.network.at(str(bits))), wanted))
    read = reading_stored_codes(tiny_modes, trained_modes)
    images = torch.tensor(trained_modes.data.held_out_images)
    for mode in read.modes:
        assert torch.equal(read.at(mode)(images), trained_modes.network.at(mode)(images))


def test_rounded_training_is_not_what_is_read(tiny_modes: ModesRecipe) -> None:
    together = train_modes(tiny_modes, rule="rounded", seed=1, epochs=3)
    read = reading_stored_codes(tiny_modes, together)
    first = integers_of(together.network.at("8"))
    for bits in (4, 2):
        cut = [each >> (8 - bits) for each in first]
        assert all(map(torch.equal, integers_of(read.at(str(bits))), cut))
        assert not all(map(torch.equal, integers_of(together.network.at(str(bits))), cut))
    assert all(map(torch.equal, integers_of(read.at("8")), first))


def test_precisions_that_were_not_trained_measure_their_own_statistics(tiny_modes: ModesRecipe) -> None:
    alone = train_modes(tiny_modes, bits=(8,), rule="rounded", seed=1)
    read = reading_stored_codes(tiny_modes, alone, (8, 4))
    data = alone.data
    assert accuracy(read.at("8"), data.held_out_images, data.held_out_labels) == alone.accuracies["8"]
    assert accuracy(read.at("4"), data.held_out_images, data.held_out_labels) >= 0.9
    first = [next(read.at(mode).blocks).activation for mode in ("8", "4")]
    steps = [float(each.step.detach()) for each in first if isinstance(each, LsqActivation)]
    assert steps[1] > 3 * steps[0]  # fewer codes over about the same range


# Conversion ----------------------------------------------------------------------------------------------------------


def test_integers_are_the_model_s_in_every_mode(trained_modes: TrainedModes) -> None:
    data = trained_modes.data
    done = convert_modes(
        trained_modes.network, data.train_images, images=data.held_out_images, labels=data.held_out_labels, name="bars"
    )
    assert done.modes.names == ("8", "4", "2", "1") and list(done.as_dict()) == list(done.modes.names)
    for mode, report in done.reports.items():
        network = done.modes.network(mode)
        assert report.integer_accuracy == report.model_accuracy == trained_modes.accuracies[mode]
        for layer in report.layers:
            if layer.kind in ("linear", "row-sum"):
                assert layer.unequal_alone == 0  # sums are exact
        for node in network.nodes:
            if isinstance(node, Linear):
                assert (node.weight_bits, node.cell_bits, node.adc) == (int(mode), int(mode), None)
                assert (f"{node.name.removesuffix('_codes')}_sums" in network.edges) == (mode != "1")
            if isinstance(node, Dequantize) and node is not network.nodes[-2]:
                assert node.format == IntFormat(int(mode))
        assert network.input == done.modes.default.input


@pytest.mark.parametrize("bits", [8, 4, 2, 1])
def test_conversion_is_exact_where_factors_are_powers_of_two(bits: int) -> None:
    torch.manual_seed(bits)
    model = small_lenet(Precision(bits=bits, rule=Dyadic))
    for block in model.blocks:
        norm = block.norm
        assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) and norm.running_mean is not None
        norm.eps = 0.0
        sizes = (norm.num_features,)
        with torch.no_grad():
            norm.weight.copy_(2.0 ** torch.randint(-2, 2, sizes))
            norm.bias.copy_(torch.randint(-64, 64, sizes) / 64)
            norm.running_mean.copy_(torch.randint(-64, 64, sizes) / 64)
            if isinstance(block.activation, LsqActivation):
                block.activation.step.fill_(2.0**-bits)
                block.activation.initialised.fill_(True)
    images = np.random.default_rng(bits).integers(0, 256, (40, 1, 14, 14)).astype(np.uint8)
    model.input_step = 2.0**-8
    done = convert_modes(SwitchableClassifier({"only": model.eval()}), images, name="dyadic")
    report = done.reports["only"]
    assert report.exact, str(report)
    codes = execute(done.modes.default, images)
    assert len(np.unique(codes["conv2"])) > 1
    assert [node.encoding.slices for node in done.modes.default.of_kind(Conv2d)] == [1, 1]


class Dyadic(TruncatedWeights):
    """TruncQuant with scales that are powers of two, whatever the weights are worth: no rounding anywhere."""

    def forward(self, weight: torch.Tensor) -> QuantizedWeight:
        integer, scale, offset = super().forward(weight)
        half = torch.full_like(scale, 2.0**-self.bits)
        return QuantizedWeight(integer, 2 * half, None if offset is None else half)
