"""Attacks in integers, training at random precisions, and what answers to attacks are worth by what is known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from quadrille.algo.data import dataset
from quadrille.algo.integer import execute
from quadrille.algo.nn import ModesRecipe, SwitchableClassifier, convert_modes, modes_recipes, scalable_mlp, train_modes
from quadrille.algo.nn.attack import Attack, attacked, fgsm, pgd
from quadrille.algo.nn.random_precision import RandomPrecision
from quadrille.algo.nn.robustness import Answers, Knowledge, answers_to_attack
from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.random_mode import draws


def small(attack: Attack | None = None) -> ModesRecipe:
    return replace(
        modes_recipes()["random-precision-digits"],
        network=partial(scalable_mlp, shape=(8, 8), widths=(16, 10)),
        bits=(4, 2),
        objective=RandomPrecision(attack),
        batch=256,
    )


@pytest.fixture(scope="module")
def trained() -> SwitchableClassifier:
    return train_modes(small(), epochs=3).network


def batch(count: int = 90) -> tuple[torch.Tensor, torch.Tensor]:
    data = dataset("digits")
    return torch.tensor(data.held_out_images[:count]), torch.tensor(data.held_out_labels[:count])


@pytest.mark.parametrize("attack", [fgsm(2), pgd(3, 5), Attack(epsilon=1, step=2, steps=3, random_start=True)])
def test_attack_stays_near_and_in_the_format(trained: SwitchableClassifier, attack: Attack) -> None:
    images, labels = batch()
    models = [trained.at("4")]
    made = attacked(models, images, labels, attack, torch.Generator().manual_seed(1))
    assert made.dtype == images.dtype and made.shape == images.shape
    moved = (made.int() - images.int()).abs()
    assert 0 < int(moved.max()) <= attack.epsilon and int(made.max()) <= 15
    assert all(parameter.grad is None for parameter in trained.parameters())
    with torch.no_grad():
        before, after = (F.cross_entropy(models[0](each), labels) for each in (images, made))
    assert after > before + 0.02


def test_attack_climbs_the_gradient(trained: SwitchableClassifier) -> None:
    """One step is the sign of the gradient that autograd has; where it is 0 nothing moves."""
    images, labels = batch(7)
    model = trained.at("2")
    source = images.float().requires_grad_()
    F.cross_entropy(model(source), labels).backward()
    assert source.grad is not None
    expected = (images + 2 * source.grad.sign()).clamp(0, 15)
    assert torch.equal(attacked([model], images, labels, fgsm(2)).float(), expected)
    for parameter in trained.parameters():
        parameter.grad = None


def test_attack_on_the_models_of_each_step(trained: SwitchableClassifier) -> None:
    images, labels = batch(9)
    both = [trained.at("4"), trained.at("2")]
    seen: list[int] = []

    def choose(step: int) -> list[torch.nn.Module]:
        seen.append(step)
        return [both[step % 2]]

    attacked(choose, images, labels, pgd(2, 3))  # pyright: ignore[reportArgumentType]
    assert seen == [0, 1, 2]
    with pytest.raises(InvalidInput, match=r"^Attack must be on one or more classifiers, not 0$"):
        attacked([], images, labels, fgsm(1))


def test_random_precision_draws_every_mode() -> None:
    attack = Attack(epsilon=1, step=1)
    model = small().model()
    images, labels = batch(64)
    generator = torch.Generator().manual_seed(0)
    losses = {float(RandomPrecision()(model, images, labels, generator).detach()) for _ in range(8)}
    single = {float(F.cross_entropy(model.at(mode)(images), labels).detach()) for mode in model.modes}
    assert losses == single and len(single) == 2
    plain = RandomPrecision()(model, images, labels, torch.Generator().manual_seed(3))
    harder = RandomPrecision(attack)(model, images, labels, torch.Generator().manual_seed(3))
    assert float(harder.detach()) > float(plain.detach())


def test_adversarial_training_is_the_same_for_the_same_seed() -> None:
    recipe = small(Attack(epsilon=1, step=1, random_start=True))
    first, second = (train_modes(recipe, epochs=2, seed=4) for _ in range(2))
    assert first.accuracies == second.accuracies
    for ours, theirs in zip(first.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_answers_are_those_of_the_integers(trained: SwitchableClassifier) -> None:
    data = dataset("digits")
    images, labels = data.held_out_images[:80], data.held_out_labels[:80]
    modes = convert_modes(trained, data.train_images[:100]).modes
    attack = pgd(2, 3)
    answers = answers_to_attack(trained, modes, images, labels, attack, seed=5)
    assert answers.modes == ("4", "2") and answers.crafted.shape == (2, 2, 80)
    crafted = attacked(
        [trained.at("2")], torch.tensor(images), torch.tensor(labels), attack, torch.Generator().manual_seed(5)
    )
    for index, mode in enumerate(modes.names):
        network = modes.network(mode)
        assert np.array_equal(answers.clean[index], execute(network, images)["class"] == labels)
        assert np.array_equal(answers.crafted[1, index], execute(network, crafted.numpy())["class"] == labels)
    assert answers.transfer()[1][1] == pytest.approx(float(answers.crafted[1, 1].mean()))


def test_knowledge_chooses_in_the_table() -> None:
    generator = np.random.default_rng(0)
    clean, together = (generator.random((2, 50)) < 0.5 for _ in range(2))
    crafted = generator.random((2, 2, 50)) < 0.5
    answers = Answers(("4", "2"), clean, crafted, together)
    drawn, guessed = generator.integers(0, 2, 50), generator.integers(0, 2, 50)
    expected = {
        Knowledge.FIRST: [crafted[0, k, i] for i, k in enumerate(drawn)],
        Knowledge.GUESS: [crafted[guessed[i], k, i] for i, k in enumerate(drawn)],
        Knowledge.ALL: [together[k, i] for i, k in enumerate(drawn)],
        Knowledge.MODE: [crafted[k, k, i] for i, k in enumerate(drawn)],
    }
    for knowledge, right in expected.items():
        assert answers.under(knowledge, drawn, guessed) == pytest.approx(np.mean(right))
    rounds = answers.over_draws(3, first_seed=7)
    assert set(rounds) == {"clean", "first", "guess", "all", "mode"} and all(len(each) == 3 for each in rounds.values())
    registers = np.array(draws(8, 2, 50)[0])
    assert rounds["clean"][1] == pytest.approx(answers.read_in(registers))
    with pytest.raises(InvalidInput, match=r"^Rounds of random modes must be a positive integer, not 0$"):
        answers.over_draws(0)


def test_one_mode_leaves_nothing_to_know() -> None:
    generator = np.random.default_rng(1)
    model = train_modes(small(), bits=(4,), epochs=1).network
    data = dataset("digits")
    modes = convert_modes(model, data.train_images[:100]).modes
    answers = answers_to_attack(model, modes, data.held_out_images[:30], data.held_out_labels[:30], fgsm(2))
    drawn = generator.integers(0, 1, 30)
    assert len({answers.under(knowledge, drawn, drawn) for knowledge in Knowledge}) == 1


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"epsilon": 0, "step": 1}, r"^Greatest change of an attack must be a positive integer, not 0$"),
        ({"epsilon": 1, "step": 0}, r"^Step of an attack must be a positive integer, not 0$"),
        ({"epsilon": 1, "step": 1, "steps": 0}, r"^Steps of an attack must be a positive integer, not 0$"),
    ],
)
def test_bad_attacks_are_refused(numbers: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Attack(**numbers)  # pyright: ignore[reportArgumentType]
