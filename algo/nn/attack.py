"""Adversarial images: integer images changed by little, so that a classifier errs.

An attack moves every pixel by at most `epsilon` steps of the input's integers, and stays within its format: what it
makes can be fed to the integer Network and to the hardware as any image can. The gradient is that of the fake-quantized
model, quantizers passing it straight through: it does not see their steps, and no attack here is proof of robustness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from quadrille.algo.spec import Interval, InvalidInput

from .classifier import CimClassifier

__all__ = ["Attack", "attacked", "fgsm", "pgd"]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """`steps` steps of `step` up the sign of the loss's gradient, never more than `epsilon` from the image.

    From a random place within `epsilon` if `random_start`. All in integers of the input.

    Raises
    ------
    InvalidInput
        If a number is not positive.
    """

    epsilon: int
    step: int
    steps: int = 1
    random_start: bool = False

    def __post_init__(self) -> None:
        for noun, value in (("Greatest change", self.epsilon), ("Step", self.step), ("Steps", self.steps)):
            if value < 1:
                raise InvalidInput(f"{noun} of an attack must be a positive integer, not {value}")


def fgsm(epsilon: int) -> Attack:
    """The fast gradient sign method: one step of `epsilon`. Source: Goodfellow et al. 2015."""
    return Attack(epsilon=epsilon, step=epsilon)


def pgd(epsilon: int, steps: int = 20) -> Attack:
    """Projected gradient descent from a random start, steps of a quarter of `epsilon`. Source: Madry et al. 2018."""
    return Attack(epsilon=epsilon, step=max(1, epsilon // 4), steps=steps, random_start=True)


def attacked(
    models: Sequence[CimClassifier] | Callable[[int], Sequence[CimClassifier]],
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    generator: torch.Generator | None = None,
) -> Tensor:
    """`images` as `attack` makes them against `models`, in their type: the mean loss of all of them rises.

    `models` may be a function that gives those of each step, counted from 0. Parameters get no gradients.

    Raises
    ------
    InvalidInput
        If there is no model.
    """
    choose = models if callable(models) else lambda step: models
    low, high, changed = None, None, images.to(torch.float32)
    for step in range(attack.steps):
        chosen = choose(step)
        if not chosen:
            raise InvalidInput("Attack must be on one or more classifiers, not 0")
        if low is None or high is None:
            interval: Interval = chosen[0].input_format.interval
            low = (changed - attack.epsilon).clamp_min(interval.lo)
            high = (changed + attack.epsilon).clamp_max(interval.hi)
            if attack.random_start:
                moves = torch.randint(-attack.epsilon, attack.epsilon + 1, images.shape, generator=generator)
                changed = torch.minimum(torch.maximum(changed + moves, low), high)
        source = changed.to(next(chosen[0].parameters())).requires_grad_()
        loss = torch.stack([F.cross_entropy(model(source), labels) for model in chosen]).sum()
        (gradient,) = torch.autograd.grad(loss, source)
        changed = changed + attack.step * gradient.sign().to(changed)
        changed = torch.minimum(torch.maximum(changed, low), high)
    return changed.to(images.dtype)
