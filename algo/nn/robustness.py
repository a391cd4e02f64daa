"""How many adversarial images a network of several modes gets right, for what their maker knows of the mode.

The maker knows network and weights always. Of the mode in which an image will be read it knows, by `Knowledge`:
nothing but the set and the gradient of all together, nothing and guesses, nothing and takes the first, or the mode.
Every mode crafts its images once and every mode's integers answer to all of them: the table from which each kind of
knowledge, and any draws of modes, follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch

from quadrille.algo.integer import execute
from quadrille.algo.spec import InvalidInput, Modes
from quadrille.algo.spec.random_mode import draws

from .attack import Attack, attacked
from .switchable import SwitchableClassifier

__all__ = ["Answers", "Knowledge", "answers_to_attack"]

CHUNK = 500  # images that are crafted, or executed, at a time


class Knowledge(Enum):
    """What the maker of adversarial images knows of the mode that reads them."""

    FIRST = "first"  # nothing: crafts for the first mode
    GUESS = "guess"  # nothing: crafts each image for a mode drawn by itself, as the papers have it
    ALL = "all"  # nothing: climbs the mean loss of all modes, the strongest that needs no knowledge of the draw
    MODE = "mode"  # the mode of each image


@dataclass(frozen=True)
class Answers:
    """Which images are right: `crafted[a, k, i]` for image i crafted for mode a and read in mode k; `together[k, i]`
    crafted for all modes; `clean[k, i]` not changed at all. Modes by their number.
    """

    modes: tuple[str, ...]
    clean: np.ndarray
    crafted: np.ndarray
    together: np.ndarray

    def read_in(self, drawn: np.ndarray) -> float:
        """The share of clean images that are right, image i read in mode `drawn[i]`."""
        return float(self.clean[drawn, np.arange(len(drawn))].mean())

    def under(self, knowledge: Knowledge, drawn: np.ndarray, guessed: np.ndarray) -> float:
        """The share of attacked images that are right; `guessed[i]` is the mode that a guess crafts image i for."""
        image = np.arange(len(drawn))
        if knowledge is Knowledge.ALL:
            return float(self.together[drawn, image].mean())
        source = {Knowledge.FIRST: np.zeros_like(drawn), Knowledge.GUESS: guessed, Knowledge.MODE: drawn}[knowledge]
        return float(self.crafted[source, drawn, image].mean())

    def over_draws(self, rounds: int, first_seed: int = 1) -> dict[str, list[float]]:
        """Clean accuracy and that of every kind of knowledge in each of `rounds` rounds, by name.

        Round r reads image after image in the modes of the register that starts at `first_seed + r`; guesses are drawn
        from numpy's generator of that seed.

        Raises
        ------
        InvalidInput
            If there is no round.
        """
        if rounds < 1:
            raise InvalidInput(f"Rounds of random modes must be a positive integer, not {rounds}")
        count = self.clean.shape[1]
        found: dict[str, list[float]] = {name: [] for name in ("clean", *(each.value for each in Knowledge))}
        for seed in range(first_seed, first_seed + rounds):
            drawn = np.array(draws(seed, len(self.modes), count)[0])
            guessed = np.random.default_rng(seed).integers(0, len(self.modes), count)
            found["clean"].append(self.read_in(drawn))
            for knowledge in Knowledge:
                found[knowledge.value].append(self.under(knowledge, drawn, guessed))
        return found

    def transfer(self) -> list[list[float]]:
        """The share that is right of images crafted for mode a (row) and read in mode k (column)."""
        return self.crafted.mean(axis=2).tolist()


def answers_to_attack(
    model: SwitchableClassifier, modes: Modes, images: np.ndarray, labels: np.ndarray, attack: Attack, *, seed: int = 0
) -> Answers:
    """Craft `images` by the gradients of `model`, mode by mode and for all together, and execute `modes` on them.

    `modes` are the Networks of `model`. The random starts of all crafts are the same, from `seed`.
    """
    model.eval()
    right = {name: _right(modes, crafted, labels) for name, crafted in _crafted(model, images, labels, attack, seed)}
    return Answers(
        modes=modes.names,
        clean=_right(modes, images, labels),
        crafted=np.stack([right[mode] for mode in modes.names]),
        together=right[""],
    )


def _crafted(
    model: SwitchableClassifier, images: np.ndarray, labels: np.ndarray, attack: Attack, seed: int
) -> list[tuple[str, np.ndarray]]:
    """The images crafted for each mode by its name, and for all together under the empty name."""
    chosen = {mode: [model.at(mode)] for mode in model.modes} | {"": [model.at(mode) for mode in model.modes]}
    found: list[tuple[str, np.ndarray]] = []
    for name, classifiers in chosen.items():
        if name == "" and len(model.modes) == 1:
            found.append((name, found[0][1]))
            continue
        parts: list[np.ndarray] = []
        for at in range(0, len(images), CHUNK):
            generator = torch.Generator().manual_seed(seed + at)
            part = torch.tensor(images[at : at + CHUNK]), torch.tensor(labels[at : at + CHUNK])
            parts.append(attacked(classifiers, *part, attack, generator).numpy())
        found.append((name, np.concatenate(parts)))
    return found


def _right(modes: Modes, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether the integers of each mode put each image in its class, (modes, images)."""
    answers: Mapping[str, list[np.ndarray]] = {mode: [] for mode in modes.names}
    for mode, network in modes.networks.items():
        result = network.result.name
        for at in range(0, len(images), CHUNK):
            classes = execute(network, images[at : at + CHUNK], keep={result})[result]
            answers[mode].append(classes.reshape(-1) == labels[at : at + CHUNK])
    return np.stack([np.concatenate(each) for each in answers.values()])
