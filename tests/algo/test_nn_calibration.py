"""Converters that suit what training shows them: calibration of untrained networks, zero points that follow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from quadrille.algo.data import Dataset
from quadrille.algo.nn import CimClassifier, CimStyle, Phase, Recipe, accuracy, lenet
from quadrille.algo.nn.layer import CimLayer
from quadrille.algo.nn.run import Run
from quadrille.algo.quant import Quantized
from quadrille.algo.quant.partial_sum import MOMENTUM
from quadrille.algo.spec import IntFormat

STYLE = {"array_rows": 18, "weight_bits": 3, "activation_bits": 4, "adc_bits": 3}


def images(count: int = 48, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 256, (count, 1, 4, 4), generator=generator)
    return coarse.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)


def network(sums: str) -> CimClassifier:
    torch.manual_seed(1)
    style = CimStyle(**STYLE, sum_granularity=sums)  # pyright: ignore[reportArgumentType]
    return lenet(style, stages=((8,), (8,), (8,)), classes=4, shape=(1, 16, 16))


def clipped_in_training(model: CimClassifier, seen: torch.Tensor) -> list[float]:
    """The share of sums that each layer's converters clip while the network computes as it does in training."""
    shares: list[float] = []

    def measure(layer: torch.nn.Module, arguments: tuple[Quantized]) -> None:
        assert isinstance(layer, CimLayer)
        if layer.adc is not None:
            shares.append(layer.adc.clipped(layer.sampled_sums(arguments[0].code)))

    hooks = [layer.register_forward_pre_hook(measure) for layer in model.layers]
    model.train()
    with torch.no_grad():
        model(seen)
    for hook in hooks:
        hook.remove()
    return shares


@pytest.mark.parametrize("sums", ["layer", "array", "column"])
def test_converters_of_an_untrained_network_suit_its_first_batch(sums: str) -> None:
    model = network(sums)
    model.calibrate(images(), untrained=True)
    for seen in (images(), images(seed=1)):
        shares = clipped_in_training(model, seen)
        assert len(shares) == 2 and max(shares) < 0.1


def test_statistics_of_an_untrained_network_are_those_of_the_images() -> None:
    model = network("column")
    model.eval()
    model.calibrate(images(), untrained=True)
    assert not model.training and all(bool(adc.active) for adc in model.converters)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert [norm.momentum for norm in norms] == [0.1, 0.1, 0.1]
    seen: list[torch.Tensor] = []

    def keep(layer: torch.nn.Module, arguments: tuple[Quantized], result: torch.Tensor) -> None:
        seen.append(result)

    next(model.layers).register_forward_hook(keep)
    with torch.no_grad():
        model(images())
    assert norms[0].running_mean is not None and norms[0].running_var is not None
    assert torch.allclose(norms[0].running_mean, seen[0].mean(dim=(0, 2, 3)), atol=1e-5)
    assert torch.allclose(norms[0].running_var, seen[0].var(dim=(0, 2, 3)), rtol=1e-3)


def test_a_trained_network_keeps_its_statistics() -> None:
    model = network("column")
    model.train()
    with torch.no_grad():
        model(images())
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    before = [norm.state_dict()["running_var"].clone() for norm in norms]
    model.calibrate(images())
    assert model.training and all(bool(adc.active) for adc in model.converters)
    for norm, kept in zip(norms, before, strict=True):
        assert torch.equal(norm.state_dict()["running_var"], kept)


def test_zero_points_follow_the_mean_of_the_whole_batch() -> None:
    model = network("column").double()
    model.calibrate(images(), untrained=True)
    layer = [layer for layer in model.layers if layer.adc is not None][0]
    adc = layer.adc
    assert adc is not None
    code = torch.randint(0, 16, (6, 8, 8, 8), generator=torch.Generator().manual_seed(2)).double()
    code[1:] *= 0.0  # only the first image has anything, so that one image's mean is six times the batch's
    before, mean = adc.center.clone(), layer.sampled_sums(code).mean(dim=0)
    layer.train()
    layer(Quantized(code, torch.tensor(0.25, dtype=torch.float64)))
    assert torch.allclose(adc.center, before + MOMENTUM * (mean - before), atol=1e-9)


def test_a_finished_network_has_the_zero_points_that_it_was_trained_with() -> None:
    seen, labels = images(96).numpy().astype(np.uint8), np.arange(96) % 4
    data = Dataset("squares", IntFormat(8), 4, seen[:64], labels[:64], seen[64:], labels[64:])
    recipe = Recipe(
        name="squares",
        summary="for tests",
        data="squares",
        network=lambda: network("array"),
        twin=lambda: network("array"),
        phases=(Phase(epochs=3, learning_rate=2e-2, converters=True),),
        batch=16,
        calibration_images=8,
    )
    run = Run(recipe, recipe.phases, data, network("array"), seed=0)
    while not run.done:
        run.step()
    finished = run.finished()
    assert isinstance(run.model, CimClassifier) and isinstance(finished, CimClassifier)
    for adc, trained in zip(finished.converters, run.model.converters, strict=True):
        assert bool(adc.frozen) and not bool(trained.frozen) and torch.equal(adc.center, trained.center)
    assert accuracy(finished, data.held_out_images, data.held_out_labels) == run.history[-1].held_out_accuracy


def test_converters_that_are_off_are_not_frozen() -> None:
    model = network("column")
    model.freeze()
    assert not any(bool(adc.frozen) for adc in model.converters)
    model.calibrate(images(), untrained=True)
    model.freeze()
    assert all(bool(adc.frozen) for adc in model.converters)
