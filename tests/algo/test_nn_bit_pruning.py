"""Pruning of bits: what is dropped when, that an interrupted training goes on, and the Network that comes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from quadrille.algo.data import Dataset, dataset
from quadrille.algo.integer import execute
from quadrille.algo.nn import (
    CimClassifier,
    Phase,
    Precision,
    Progress,
    Recipe,
    convert,
    find_recipe,
    scalable_mlp,
    train,
)
from quadrille.algo.nn import bit_pruning as module
from quadrille.algo.nn.bit_pruning import BitPruner, BitPruning, compression, layer_bits, mean_bits, with_bit_planes
from quadrille.algo.nn.hessian import weight_traces
from quadrille.algo.quant import BitPlaneWeights, RoundClampWeights
from quadrille.algo.spec import InvalidInput, Linear

PRECISION = Precision(bits=6, activation_bits=4, rule=RoundClampWeights)


def classifier() -> CimClassifier:
    return scalable_mlp(PRECISION, (8, 8), (12, 16, 10))


def some(count: int = 200) -> Dataset:
    data = dataset("digits")
    return replace(data, train_images=data.train_images[:count], train_labels=data.train_labels[:count])


def recipe(**settings: float) -> Recipe:
    options = {"strength": 1e-3, "period": 1, "compression": 8.0, "probes": 2, "images": 50, **settings}
    return replace(
        find_recipe("msq-digits"),
        name="small",
        batch=16,
        network=classifier,
        phases=(
            Phase(epochs=5, learning_rate=5e-3, last_rate=5e-3, converters=False, prunes=True),
            Phase(epochs=1, learning_rate=1e-3, converters=False),
        ),
        pruning=BitPruning(**options),  # pyright: ignore[reportArgumentType]
    )


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    data = some(60)
    return torch.tensor(data.train_images), torch.tensor(data.train_labels)


def test_trace_is_that_of_the_whole_hessian() -> None:
    """A linear classifier's Hessian is known: compare with autograd's, every entry of it."""
    model = scalable_mlp(PRECISION, (8, 8), (4,)).double()
    images, labels = batch()
    images, labels = images[:20], labels[:20] % 4
    (estimate,) = weight_traces(model, images, labels, probes=400)
    block = next(model.blocks)
    quantized = block.layer.weights(block.layer.matrix)
    assert quantized.offset is not None
    offset, code = quantized.offset.detach(), images.flatten(1).double()
    model.eval()

    def loss(weight: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(block.norm(code @ weight.T * model.input_step), labels)

    weight = (quantized.integer * quantized.scale + offset).detach()
    hessian = torch.autograd.functional.hessian(loss, weight)
    assert isinstance(hessian, torch.Tensor)
    exact = float(hessian.reshape(weight.numel(), -1).diagonal().sum())
    assert estimate == pytest.approx(exact, rel=0.1)
    assert model.training is False
    with pytest.raises(InvalidInput, match=r"^Probes of a Hessian must be a positive integer, not 0$"):
        weight_traces(model, images, labels, probes=0)


def test_bits_go_where_few_weights_use_them() -> None:
    model = classifier()
    images, labels = batch()
    model(images)
    model.calibrate(images, untrained=True)
    first = next(model.layers)
    with torch.no_grad():
        # On the grid of 4 bits every even code of 5 and every fourth of 6 is exact: nothing is lost.
        codes = torch.randint(1, 15, first.weight.shape)
        codes[0, 0] = 0
        first.weight.copy_(torch.atanh((codes / 16 - 0.5) * 1.8))
    pruner = BitPruner(model, BitPruning(probes=4, images=60, compression=32))
    before = model(images)
    assert pruner.steps == {"hidden1": 1, "hidden2": 1, "output": 1}
    pruner.prune(images, labels, epoch=1)
    assert layer_bits(model) == {"hidden1": 5, "hidden2": 6, "output": 6}
    event = next(event for event in pruner.events if event["layer"] == "hidden1")
    assert event["active"] == 0 and event["dropped"] == 1 and event["bits"] == 5 and event["omega"] > 0
    assert sorted(pruner.steps.values()) == [1, 1, 2]
    assert not torch.equal(model(images), before)
    sizes = {"hidden1": 64 * 12, "hidden2": 12 * 16, "output": 160}
    expected = sum(sizes[name] * bits for name, bits in layer_bits(model).items()) / sum(sizes.values())
    assert mean_bits(model) == pytest.approx(expected) and compression(model) == pytest.approx(32 / expected)


def test_two_bits_go_where_the_loss_bends_least(monkeypatch: pytest.MonkeyPatch) -> None:
    model = classifier()
    pruner = BitPruner(model, BitPruning(most_active=1e-9))
    images, labels = batch()
    for traces, steps in (([1e3, 1.0, 1e6], (1, 2, 1)), ([1e-3, 1.0, 1e6], (2, 1, 1))):

        def given(*arguments: object, **named: object) -> list[float]:
            return traces  # noqa: B023

        monkeypatch.setattr(module, "weight_traces", given)
        pruner.prune(images, labels, epoch=1)
        assert tuple(pruner.steps.values()) == steps
    assert not any(event["dropped"] for event in pruner.events)


def test_pruning_ends_at_the_target() -> None:
    model = classifier()
    pruner = BitPruner(model, BitPruning(compression=32 / 6))
    assert pruner.done and pruner.penalty() is None
    images, labels = batch()
    pruner.prune(images, labels, epoch=1)
    assert not pruner.events and set(layer_bits(model).values()) == {6}
    pruner = BitPruner(model, BitPruning(least_bits=6, compression=32))
    assert pruner.done and not any(pruner.steps.values())


@pytest.mark.parametrize("planes", [False, True])
def test_training_prunes_and_converts(planes: bool, tmp_path: Path) -> None:
    chosen = recipe(strength=3e-3, probes=0, most_active=0.6)
    if planes:
        chosen = replace(chosen, network=lambda: with_bit_planes(classifier(), 6))
    data = some()
    trained = train(chosen, twin=False, data=data)
    bits = layer_bits(trained.network)
    assert min(bits.values()) < 6 and compression(trained.network) > 32 / 6
    # Over all held-out images: a logit near the middle between two values may round the other way, one in thousands.
    conversion = convert(trained.network, data.held_out_images, images=data.held_out_images, mantissa_bits=24)
    layers = {node.name: node for node in conversion.network.of_kind(Linear)}
    assert {name.removesuffix("_codes"): node.weight_bits for name, node in layers.items()} == bits
    assert all(node.cell_bits == node.weight_bits and node.adc is None for node in layers.values())
    assert all(layer.unequal_alone < 1e-3 for layer in conversion.report.layers)
    codes = [layer for layer in conversion.report.layers if layer.kind in ("linear", "row-sum")]
    assert all(layer.unequal_alone == 0 for layer in codes)
    result = execute(conversion.network, data.held_out_images[:50])["class"]
    assert np.mean(result == data.held_out_labels[:50]) > 0.4


def test_an_interrupted_pruning_ends_in_the_same_bits(tmp_path: Path) -> None:
    chosen, data = recipe(strength=3e-3, most_active=0.5), some()
    whole = train(chosen, twin=False, data=data)

    class Interrupted(Exception):
        pass

    def stop(at: Progress) -> None:
        if at.done == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(chosen, twin=False, data=data, checkpoint=tmp_path / "c.pt", progress=stop)
    again = train(chosen, twin=False, data=data, checkpoint=tmp_path / "c.pt")
    assert layer_bits(again.network) == layer_bits(whole.network) != {"hidden1": 6, "hidden2": 6, "output": 6}
    assert again.pruning == whole.pruning and again.as_dict()["pruning"] == list(whole.pruning)
    for ours, theirs in zip(whole.network.layers, again.network.layers, strict=True):
        assert torch.equal(ours.integers(), theirs.integers())


def test_bit_planes_replace_the_weights() -> None:
    model = classifier()
    before = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    weights = sum(layer.weight.numel() for layer in model.layers)
    shapes = [tuple(layer.weight.shape) for layer in model.layers]
    split = with_bit_planes(model, 6)
    after = sum(parameter.numel() for parameter in split.parameters() if parameter.requires_grad)
    assert after - before == 4 * weights
    assert [tuple(layer.weight.shape) for layer in split.layers] == shapes
    assert all(isinstance(layer.weights, BitPlaneWeights) for layer in split.layers)
    pruner = BitPruner(split, BitPruning(probes=0))
    assert pruner.penalty() is not None and pruner.steps == {"hidden1": 1, "hidden2": 1, "output": 1}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strength": -1.0}, r"^Strength of a penalty on bits must be 0 or more, not -1.0$"),
        ({"period": 0}, r"^Epochs between prunings of bits must be 1 or more, not 0$"),
        ({"least_bits": 0}, r"^Least bits of a pruned weight must be 1 or more, not 0$"),
        ({"most_active": 0.0}, r"^Share of active bits must be over 0 and at most 1, not 0.0$"),
        ({"compression": 33.0}, r"^Compression must be from 1 to 32, not 33.0$"),
    ],
)
def test_bad_options_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        BitPruning(**settings)  # pyright: ignore[reportArgumentType]


def test_what_cannot_be_pruned_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^Bits are pruned of round-clamp weights or bit planes, and the"):
        BitPruner(scalable_mlp(Precision(), (8, 8), (4,)), BitPruning())
    with pytest.raises(InvalidInput, match=r"^Recipe 'x' must say how its phases prune bits, and has no pruning$"):
        replace(recipe(), name="x", pruning=None)
