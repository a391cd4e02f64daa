"""Networks of several precisions: shared weights, cascade distillation, training, truncation, conversion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from quadrille.algo.data import Dataset
from quadrille.algo.nn import (
    CimBlock,
    CimClassifier,
    ModesRecipe,
    Precision,
    Progress,
    SwitchableClassifier,
    TrainedModes,
    cascade_loss,
    modes_recipes,
    recipes,
    scalable_lenet,
    scalable_mlp,
    train_modes,
)
from quadrille.algo.nn.scalable import switchable
from quadrille.algo.quant import DorefaWeights
from quadrille.algo.spec import InvalidInput

pytestmark = pytest.mark.usefixtures("named_bars")

build = partial(scalable_mlp, shape=(4, 4), widths=(12, 4))
small_lenet = partial(scalable_lenet, channels=(3, 4), kernel=3, classes=4, shape=(1, 14, 14))


def model_of(bits: Sequence[int] = (8, 2), seed: int = 0) -> SwitchableClassifier:
    torch.manual_seed(seed)
    return switchable(build, bits)


def block_of(model: SwitchableClassifier, mode: str, place: int) -> CimBlock:
    block = model.at(mode).chain[place]
    assert isinstance(block, CimBlock)
    return block


def mean_of(block: CimBlock) -> torch.Tensor:
    assert isinstance(block.norm, nn.BatchNorm1d) and block.norm.running_mean is not None
    return block.norm.running_mean


def integers_of(model: CimClassifier) -> list[torch.Tensor]:
    return [layer.integers() for layer in model.layers]


# Shared weights ------------------------------------------------------------------------------------------------------


def test_modes_share_weights_and_nothing_else() -> None:
    model = model_of((8, 4, 2))
    names = {name for name, _ in model.named_parameters()}
    layers = [list(model.at(mode).layers) for mode in model.modes]
    assert all(layer.weight is first.weight for other in layers for layer, first in zip(other, layers[0], strict=True))
    # Two matrices; for each mode two batch norms of two parameters, and a step.
    assert len(names) == 2 + 3 * (4 + 1)
    images = torch.arange(32).reshape(2, 4, 4) % 16
    model.switch("2")
    assert torch.equal(model(images), model.at("2")(images))
    assert not torch.equal(mean_of(block_of(model, "2", 0)), mean_of(block_of(model, "8", 0)))


def test_a_state_is_restored_with_its_shared_weights() -> None:
    model, other = model_of(), model_of(seed=1)
    other.load_state_dict(model.state_dict())
    for mode in model.modes:
        assert all(map(torch.equal, integers_of(model.at(mode)), integers_of(other.at(mode))))
        assert next(other.at(mode).layers).weight is next(other.at("8").layers).weight


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SwitchableClassifier({}), r"^A switchable classifier must have at least one mode, not 0$"),
        (
            lambda: SwitchableClassifier(
                {"8": build(Precision()), "4": scalable_mlp(Precision(bits=4), (4, 4), (11, 4))}
            ),
            r"^Mode '4' must have the layers of mode '8', \[\[12, 16\], \[4, 12\]\], not \[\[11, 16\], \[4, 11\]\]$",
        ),
        (lambda: model_of().at("3"), r"^Mode of a classifier must be one of 8, 2, not '3'$"),
        (lambda: model_of().switch("3"), r"^Mode of a classifier must be one of 8, 2, not '3'$"),
        (lambda: scalable_mlp(Precision(), (4, 4), ()), r"^A scalable perceptron must have at least one layer, not 0$"),
        (
            lambda: scalable_lenet(Precision(), channels=()),
            r"^Channels must be one or more positive integers, not \[\]$",
        ),
        (
            lambda: scalable_lenet(Precision(), shape=(1, 10, 10)),
            r"^Images of 2 convolutions must be larger than \[10, 10\] pixels$",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(make, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()


def test_precisions_reach_their_layers() -> None:
    model = small_lenet(Precision(bits=2, edge_bits=8, rule=DorefaWeights, stored_bits=8))
    widths = [layer.encoding.weight_bits for layer in model.layers]
    assert widths == [8, 2, 8]
    assert {type(layer.weights) for layer in model.layers} == {DorefaWeights}
    assert [layer.weights.stored_bits for layer in small_lenet(Precision(bits=4)).layers] == [4, 4, 4]


# Cascade distillation ------------------------------------------------------------------------------------------------


def test_cascade_is_its_equation(bars: Dataset) -> None:
    model, data = model_of((8, 4, 2)), bars
    images, labels = torch.tensor(data.train_images[:9]), torch.tensor(data.train_labels[:9])
    loss = cascade_loss(model, images, labels, weight=0.5)
    logits = [model.at(mode)(images).detach() for mode in model.modes]
    wanted = sum(F.cross_entropy(each, labels) for each in logits)
    for i, j in ((1, 0), (2, 0), (2, 1)):
        wanted = wanted + 0.5 * ((logits[i] - logits[j]) ** 2).mean()
    assert torch.allclose(loss, torch.as_tensor(wanted))


def test_more_precise_modes_learn_nothing_from_less_precise_ones(bars: Dataset) -> None:
    model, data = model_of((8, 2)), bars
    images, labels = torch.tensor(data.train_images[:9]), torch.tensor(data.train_labels[:9])
    norms = [block_of(model, mode, 1).norm for mode in model.modes]
    gradients: list[list[torch.Tensor]] = []
    for weight in (0.0, 5.0):
        model.zero_grad()
        cascade_loss(model, images, labels, weight=weight).backward()
        found = [norm.weight.grad for norm in norms if isinstance(norm, nn.BatchNorm1d)]
        gradients.append([each.clone() for each in found if each is not None])
    assert torch.equal(gradients[0][0], gradients[1][0])
    assert not torch.equal(gradients[0][1], gradients[1][1])


# Training ------------------------------------------------------------------------------------------------------------


class Interrupted(Exception):
    pass


def test_every_mode_is_trained(trained_modes: TrainedModes) -> None:
    assert list(trained_modes.accuracies) == ["8", "4", "2", "1"]
    assert min(trained_modes.accuracies.values()) >= 0.9
    assert trained_modes.history[-1].modes == trained_modes.accuracies
    assert trained_modes.history[-1].held_out_accuracy == trained_modes.accuracies["8"]
    record = trained_modes.as_dict()
    assert (record["rule"], record["modes"], len(record["history"]["network"])) == (
        "truncated",
        ["8", "4", "2", "1"],
        10,
    )


def test_an_interrupted_run_ends_in_the_same_numbers(
    tmp_path: Path, trained_modes: TrainedModes, tiny_modes: ModesRecipe
) -> None:
    checkpoint = tmp_path / "checkpoint.pt"

    def interrupt(at: Progress) -> None:
        if at.done == 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        train_modes(tiny_modes, seed=1, checkpoint=checkpoint, progress=interrupt)
    for wrong in ({"seed": 2}, {"bits": (8, 4)}, {"rule": "rounded"}, {"epochs": 9}):
        with pytest.raises(InvalidInput, match=r"^Checkpoint .*must be of the same run"):
            train_modes(tiny_modes, **{"seed": 1, **wrong}, checkpoint=checkpoint)
    resumed = train_modes(tiny_modes, seed=1, checkpoint=checkpoint)
    assert resumed.history == trained_modes.history and resumed.accuracies == trained_modes.accuracies
    state, other = resumed.network.state_dict(), trained_modes.network.state_dict()
    assert all(torch.equal(state[key], other[key]) for key in state)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": -1}, r"^Seed must be from 0 to 4294967295, not -1$"),
        ({"rule": "floored"}, r"^Rule of weights must be one of truncated, rounded, not 'floored'$"),
        ({"bits": (2, 4)}, r"^Precisions must be given from the greatest to the least, not \[2, 4\]$"),
        ({"bits": (4, 4)}, r"^Precisions must be given from the greatest to the least, not \[4, 4\]$"),
        ({"bits": ()}, r"^A switchable classifier must have at least one mode, not 0$"),
        ({"bits": (9,)}, r"^Stored weight width must be from 1 to 8 bits, not 9$"),
        ({"epochs": 0}, r"^Epochs must be at least 1, one for each phase, not 0$"),
    ],
)
def test_impossible_trainings_are_refused(settings: dict, message: str, tiny_modes: ModesRecipe) -> None:
    with pytest.raises(InvalidInput, match=message):
        train_modes(tiny_modes, **settings)


def test_recipes_of_several_precisions_are_a_kind_of_their_own() -> None:
    assert {"truncquant-digits", "truncquant-fashion-mnist"} <= set(modes_recipes())
    assert not set(modes_recipes()) & set(recipes())
    model = modes_recipes()["truncquant-fashion-mnist"].model()
    assert model.modes == ("8", "4", "2")
    assert [layer.encoding.weight_bits for layer in model.at("2").layers] == [8, 2, 8]


def test_training_from_the_recipe_reaches_its_data(trained_modes: TrainedModes, tiny_modes: ModesRecipe) -> None:
    recipe = replace(modes_recipes()["truncquant-digits"], phases=tiny_modes.phases)
    short = train_modes(recipe, bits=(8, 2), epochs=3)
    assert min(short.accuracies.values()) > 0.8
    assert short.data.name == "digits"
