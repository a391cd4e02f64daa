"""Training: the registry of recipes, resuming to the same numbers, phases, and a short run of the real recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from quadrille.algo.data import DATASETS, Dataset
from quadrille.algo.nn import (
    CimStyle,
    Phase,
    Progress,
    Recipe,
    Trained,
    cim_mlp,
    find_recipe,
    float_lenet,
    float_mlp,
    lenet,
    recipes,
    train,
)
from quadrille.algo.nn.layer import CimLayer, Perturbation
from quadrille.algo.nn.recipe import Optimizer, Schedule
from quadrille.algo.nn.training import rescaled
from quadrille.algo.spec import IntFormat, InvalidInput

pytestmark = pytest.mark.usefixtures("named_bars")

TINY = Recipe(
    name="tiny",
    summary="for tests",
    data="bars",
    network=lambda: cim_mlp((4, 4), (12, 4), adc_bits=5, tile_rows=8),
    twin=lambda: float_mlp((4, 4), (12, 4)),
    phases=(
        Phase(epochs=4, learning_rate=3e-2, converters=False),
        Phase(epochs=8, learning_rate=2e-2, converters=True),
    ),
    batch=9,  # 80 = 8 * 9 + 8
)


def same(first: Trained, second: Trained) -> bool:
    states = []
    for trained in (first, second):
        assert trained.twin is not None
        states.append((trained.network.state_dict(), trained.twin.state_dict()))
    equal = all(torch.equal(a[key], b[key]) for a, b in zip(*states, strict=True) for key in a)
    return equal and first.history == second.history and first.accuracies == second.accuracies


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("after", [1, 6, 13, 24])
def test_an_interrupted_run_ends_in_the_same_numbers(tmp_path: Path, after: int) -> None:
    recipe = replace(TINY, most_shift=1, shift_share=0.5)
    straight = train(recipe, seed=3)
    path = tmp_path / "run" / "checkpoint.pt"

    def stop(progress: Progress) -> None:
        if progress.done == after:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(recipe, seed=3, checkpoint=path, progress=stop)
    seen: list[int] = []
    resumed = train(recipe, seed=3, checkpoint=path, progress=lambda progress: seen.append(progress.done))
    assert same(straight, resumed)
    # What had been saved is not done again: every epoch is.
    assert seen[:1] == {1: [2], 6: [7], 13: [14], 24: []}[after]
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]


def test_progress_and_history() -> None:
    seen: list[Progress] = []
    state = torch.random.get_rng_state()
    trained = train(TINY, seed=1, progress=seen.append)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [progress.done for progress in seen] == list(range(1, 25)) and seen[0].total == 24
    assert [progress.model for progress in seen] == ["network"] * 12 + ["float twin"] * 12
    history = trained.history["network"]
    assert [epoch.converters for epoch in history] == [False] * 4 + [True] * 8
    assert history[-1].loss < history[0].loss
    assert trained.accuracies["network"] > 0.9 and trained.accuracies["float twin"] > 0.9
    assert all(block.layer.adc is not None and block.layer.adc.frozen for block in trained.network.blocks)
    plain = trained.as_dict()
    assert plain["recipe"] == "tiny" and len(plain["history"]["float twin"]) == 12
    assert not same(trained, train(TINY, seed=2))


def test_one_stage() -> None:
    recipe = replace(TINY, phases=(Phase(epochs=12, learning_rate=3e-2, converters=True),))
    trained = train(recipe)
    assert all(epoch.converters for epoch in trained.history["network"])
    assert trained.accuracies["network"] > 0.8


def blobs() -> Dataset:
    """A bright square in one of four corners of 8 x 8 pixels."""
    generator = np.random.default_rng(0)
    labels = np.arange(96) % 4
    images = generator.integers(0, 60, (96, 1, 8, 8))
    for image, label in zip(images, labels, strict=True):
        down, across = 4 * (label // 2), 4 * (label % 2)
        image[0, down : down + 4, across : across + 4] += 150
    images = images.astype(np.uint8)
    return Dataset("blobs", IntFormat(8), 4, images[:64], labels[:64], images[64:], labels[64:])


def disturbed(layer: CimLayer, seed: int) -> Perturbation:
    """Every cell a few percent off."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.exp(0.05 * torch.randn(layer.encoding.slices, layer.outputs, layer.rows, generator=generator))
    return lambda factors: factors * noise


SMALL = Recipe(
    name="small",
    summary="for tests",
    data="blobs",
    network=lambda: lenet(CimStyle(array_rows=16, fill_rows=True), stages=((4,), (6,)), classes=4, shape=(1, 8, 8)),
    twin=lambda: float_lenet(stages=((4,), (6,)), classes=4, shape=(1, 8, 8)),
    phases=(
        Phase(epochs=2, learning_rate=2e-2, last_rate=1e-2, converters=False, schedule=Schedule.ONE_CYCLE),
        Phase(epochs=2, learning_rate=1e-2, converters=True, perturbation=disturbed),
    ),
    batch=16,
    most_shift=1,
    optimizer=Optimizer.ADAMW,
    weight_decay=1e-4,
    warm_start=True,
    calibration_images=16,
    evaluation_images=20,
)


def test_a_convolutional_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "blobs", blobs)
    straight = train(SMALL, seed=1)
    # The twin comes first: the network starts from its weights.
    path = tmp_path / "checkpoint.pt"

    def stop(progress: Progress) -> None:
        assert progress.total == 8
        if progress.done == 7:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(SMALL, seed=1, checkpoint=path, progress=stop)
    seen: list[tuple[str, int]] = []
    resumed = train(SMALL, seed=1, checkpoint=path, progress=lambda at: seen.append((at.model, at.done)))
    assert same(straight, resumed) and seen == [("network", 8)]
    assert straight.accuracies["network"] > 0.5 and straight.accuracies["float twin"] > 0.8
    assert all(layer.perturbation is None for layer in straight.network.layers)
    calm = replace(SMALL, phases=(SMALL.phases[0], replace(SMALL.phases[1], perturbation=None)))
    assert not same(straight, train(calm, seed=1))


def test_epochs_of_each_phase_and_the_twin_of_a_later_call(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    counted = [2, 3]

    def stop(progress: Progress) -> None:
        if progress.done == 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(TINY, epochs=(4, 3), checkpoint=path, progress=stop, twin=False)
    short = train(TINY, epochs=counted, checkpoint=path, twin=False)
    assert short.twin is None and set(short.accuracies) == set(short.history) == {"network"}
    assert [epoch.phase for epoch in short.history["network"]] == [0, 0, 1, 1, 1]
    # A phase that has had its epochs is over.
    whole = train(TINY, epochs=(1, 3), checkpoint=path)
    assert whole.twin is not None and whole.history["network"] == short.history["network"]
    assert [epoch.phase for epoch in whole.history["float twin"]] == [0, 1, 1, 1]


@pytest.mark.parametrize("optimizer", list(Optimizer))
def test_every_optimizer_learns(optimizer: Optimizer) -> None:
    rate = 3e-2
    phases = tuple(replace(phase, epochs=4, learning_rate=rate) for phase in TINY.phases)
    trained = train(replace(TINY, optimizer=optimizer, phases=phases, weight_decay=1e-4), twin=False)
    assert trained.history["network"][-1].loss < trained.history["network"][0].loss


def test_schedules() -> None:
    cosine = replace(PHASE, learning_rate=2.0, last_rate=1.0)
    assert [cosine.rate(share) for share in (0, 0.5, 1)] == pytest.approx([2, 1.5, 1])
    cycle = replace(cosine, schedule=Schedule.ONE_CYCLE)
    assert [cycle.rate(share) for share in (0, 0.05, 0.1, 0.55, 1)] == pytest.approx([0, 1, 2, 1.5, 1])


def test_digits_in_two_epochs() -> None:
    trained = train(find_recipe("digits-mlp"), epochs=2)
    assert trained.accuracies["network"] > 0.85 and trained.accuracies["float twin"] > 0.85
    assert next(trained.network.blocks).layer.adc is not None


def test_recipes_are_found_by_their_files() -> None:
    recipe = recipes()["digits-mlp"]
    assert recipe.data == "digits" and recipe.epochs == sum(phase.epochs for phase in recipe.phases)
    blocks = list(recipe.network().blocks)
    assert [(block.layer.rows, block.layer.outputs) for block in blocks] == [(64, 128), (128, 128), (128, 10)]
    for block in blocks:
        assert block.layer.adc is not None and block.layer.adc.bits == 5 and block.layer.encoding.binary
    assert find_recipe("digits-mlp").name == "digits-mlp"


@pytest.mark.parametrize(
    ("epochs", "counts"),
    [(None, [4, 8]), (2, [1, 1]), (3, [1, 2]), (24, [8, 16]), (7, [2, 5]), ((1, 9), [1, 9])],
)
def test_phases_are_stretched(epochs: int | tuple[int, ...] | None, counts: list[int]) -> None:
    assert [phase.epochs for phase in rescaled(TINY.phases, epochs)] == counts


PHASE = TINY.phases[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: find_recipe("mnist"), r"^Recipe must be one of digits-mlp, digits-small, .*, not 'mnist'$"),
        (lambda: replace(PHASE, epochs=0), r"^Epochs of a phase must be a positive integer, not 0$"),
        (lambda: replace(PHASE, learning_rate=0.0), r"^Learning rate of a phase must be positive, not 0\.0$"),
        (lambda: replace(TINY, phases=()), r"^Recipe 'tiny' must have at least one phase, not 0$"),
        (
            lambda: replace(TINY, phases=TINY.phases[::-1]),
            r"^Recipe 'tiny' must keep converters on once a phase has switched them on$",
        ),
        (lambda: replace(TINY, batch=1), r"^Recipe 'tiny' must have batches of 2 or more images, not 1$"),
        (lambda: replace(TINY, most_shift=-1), r"^Recipe 'tiny' must shift images by 0 or more pixels, not -1$"),
        (lambda: replace(TINY, shift_share=1.5), r"^Recipe 'tiny' must shift a share from 0 to 1, not 1\.5$"),
        (lambda: replace(PHASE, size=0), r"^Image size of a phase must be a positive integer, not 0$"),
        (lambda: replace(PHASE, last_rate=1.0), r"^Last learning rate of a phase must be from 0 to 0\.03, not 1\.0$"),
        (
            lambda: replace(TINY, weight_decay=-1.0),
            r"^Recipe 'tiny' must have a weight decay of 0 or more, not -1\.0$",
        ),
        (lambda: train(TINY, epochs=(1,)), r"^Epochs must be 2 numbers, one for each phase, not 1$"),
        (lambda: train(TINY, epochs=(1, 0)), r"^Epochs of a phase must be a positive integer, not 0$"),
        (lambda: train(TINY, seed=-1), r"^Seed must be from 0 to 4294967295, not -1$"),
        (lambda: train(TINY, epochs=1), r"^Epochs must be at least 2, one for each phase, not 1$"),
    ],
)
def test_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()


def test_data_and_twin_are_a_choice(bars: Dataset) -> None:
    part = replace(bars, train_images=bars.train_images[:40], train_labels=bars.train_labels[:40])
    told: list[Progress] = []
    trained = train(TINY, seed=3, data=part, twin=False, progress=told.append)
    assert trained.twin is None and trained.data is part and list(trained.accuracies) == ["network"]
    assert [each.done for each in told] == list(range(1, 13)) and told[0].total == 12
    whole = train(TINY, seed=3)
    assert trained.accuracies["network"] != whole.accuracies["network"] or trained.history != whole.history
