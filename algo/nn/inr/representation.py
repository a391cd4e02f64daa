"""Training a coordinate network on one picture: in floating point, then in fixed point from there; resumable."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from quadrille.algo.data import CoordinateGrid, psnr
from quadrille.algo.spec import InvalidInput

from ..checkpoint import load_checkpoint, save_checkpoint
from .conversion import rendered
from .model import CoordinateNetwork, CoordinateSizes, Precision, targets_of
from .quality import ssim

__all__ = ["FLOAT", "PictureOptions", "PictureProgress", "Represented", "Stage", "represent"]

FLOAT = "float"
SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)  # of the steps, after which the picture is looked at
SEED_STRIDE = 1_000_003
BETAS = (0.9, 0.99)  # Adam's: fast means suit a few thousand steps
CHECKPOINTS = 20  # in each stage


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """Everything that decides a representation but the picture.

    `steps` of Adam on `batch` points each, drawn without replacement until all have been seen, at rates that fall from
    `learning_rate` to 0 by half a cosine; then `tuning_steps` in fixed point, from `tuning_rate` times that.

    Raises
    ------
    InvalidInput
        If a number is impossible.
    """

    wave: str = "quad"
    frequency: float = 60.0
    hidden: int = 64
    layers: int = 3
    steps: int = 6000
    tuning_steps: int = 1200
    batch: int = 2048
    learning_rate: float = 7e-4
    tuning_rate: float = 0.01  # a tenth lost half a decibel in 8 bits: more than fixed point itself
    seed: int = 0

    def __post_init__(self) -> None:
        for noun, value, least in (
            ("Steps", self.steps, 1),
            ("Tuning steps", self.tuning_steps, 0),
            ("Points of a step", self.batch, 1),
        ):
            if value < least:
                raise InvalidInput(f"{noun} of a representation must be {least} or more, not {value}")
        for noun, rate in (("Learning rate", self.learning_rate), ("Tuning rate", self.tuning_rate)):
            if not rate > 0:
                raise InvalidInput(f"{noun} of a representation must be positive, not {rate}")
        if not 0 <= self.seed < 1 << 32:
            raise InvalidInput(f"Seed must be from 0 to {(1 << 32) - 1}, not {self.seed}")


@dataclass(frozen=True)
class PictureProgress:
    """How far a representation is: `stage` is "float" or the bits, `done` of `total` steps of all stages."""

    stage: str
    psnr: float
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class Stage:
    """What one stage of training came to.

    `pixels` are what the model gives, within 0 and 255, not rounded, of the picture's shape; `history` has step, loss
    and PSNR after the SHARES of its steps (in fixed point at its end), `snapshots` the pictures then.
    """

    name: str
    model: CoordinateNetwork
    pixels: NDArray[np.float64]
    psnr: float
    ssim: float | None
    history: tuple[dict[str, float], ...]
    snapshots: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Represented:
    """A picture, its grid, and the stages of training: "float", then each number of bits."""

    picture: NDArray[np.uint8]
    grid: CoordinateGrid
    options: PictureOptions
    stages: dict[str, Stage]

    def as_dict(self) -> dict[str, Any]:
        """Options, PSNR, SSIM and history of every stage as plain data."""
        return {
            "options": asdict(self.options),
            "stages": {
                name: {"psnr": stage.psnr, "ssim": stage.ssim, "history": list(stage.history)}
                for name, stage in self.stages.items()
            },
        }


def represent(
    picture: NDArray[np.uint8],
    options: PictureOptions,
    *,
    bits: Sequence[int] = (12,),
    fitted: bool = False,
    looked: bool = True,
    identity: dict[str, Any] | None = None,
    checkpoint: Path | None = None,
    progress: Callable[[PictureProgress], None] | None = None,
) -> Represented:
    """Train a network on `picture` (height, width, channels) or a clip (frames, height, width, channels).

    It is trained in floating point, and from there once for each of `bits` with weights and activations of so many
    bits; if `fitted`, a sine is then quadratic pieces, as in a Network. Unless `looked`, pictures are rendered at the
    end alone, and there is no history. An interrupted run that is started again with the same `checkpoint` ends in the
    same numbers; `identity` names the run in it.

    Raises
    ------
    InvalidInput
        If bits or options are impossible, or the checkpoint is of another run or cannot be written.
    """
    names = [FLOAT, *map(str, bits)]
    precisions = [None, *map(Precision.of, bits)]
    grid = CoordinateGrid.covering(picture.shape)
    identity = {**asdict(options), "bits": ",".join(names[1:]), **(identity or {})}
    state = {} if checkpoint is None else load_checkpoint(checkpoint, identity) or {}
    counts = [options.steps, *[options.tuning_steps] * len(bits)]
    stages: dict[str, Stage] = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums are split among threads: their number would be part of the result
    try:
        for place, (name, precision) in enumerate(zip(names, precisions, strict=True)):
            start = stages[FLOAT].model if place else None
            run = _Run(picture, grid, options, precision, start, counts[place], fitted, looked)
            if name in state:
                run.load(state[name])
            while not run.done:
                run.advance()
                state[name] = run.state()
                if checkpoint is not None:
                    save_checkpoint(checkpoint, identity, state)
                if progress is not None:
                    progress(PictureProgress(name, run.latest, sum(counts[:place]) + run.step, sum(counts)))
            stages[name] = run.stage(name)
    finally:
        torch.set_num_threads(threads)
    return Represented(picture, grid, options, stages)


class _Run:
    """One stage: a model, its optimizer, the step it is at."""

    def __init__(
        self,
        picture: NDArray[np.uint8],
        grid: CoordinateGrid,
        options: PictureOptions,
        precision: Precision | None,
        start: CoordinateNetwork | None,
        steps: int,
        fitted: bool,
        looked: bool,
    ) -> None:
        self.picture, self.options, self.steps = picture, options, steps
        self.points = grid.codes()
        self.codes = torch.tensor(self.points, dtype=torch.float32)
        self.targets = targets_of(torch.tensor(picture.reshape(len(self.codes), -1), dtype=torch.float32))
        if start is None:
            sizes = CoordinateSizes(
                len(grid.sizes), grid.channels, options.hidden, options.layers, max(1, grid.interval.hi)
            )
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(options.seed)
                self.model = CoordinateNetwork(sizes, options.wave, options.frequency)
        else:
            self.model = copy.deepcopy(start)
        self.rate = options.learning_rate
        if precision is not None:
            self.model.quantize(precision, self.codes, fitted=fitted)
            self.rate *= options.tuning_rate
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=self.rate, betas=BETAS, fused=True)
        self.batch = min(options.batch, len(self.codes))
        self.step, self.order, self.epoch = 0, torch.zeros(0, dtype=torch.int64), -1
        self.history: list[dict[str, float]] = []
        self.snapshots: list[torch.Tensor] = []
        # In fixed point the picture hardly changes to the eye: its end is enough.
        shares = () if not looked else SHARES if precision is None else (1.0,)
        self.looks = sorted({max(1, round(steps * share)) for share in shares}) if steps else []

    @property
    def done(self) -> bool:
        return self.step >= self.steps

    @property
    def latest(self) -> float:
        return self.history[-1]["psnr"] if self.history else 0.0

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": list(self.history),
            "snapshots": list(self.snapshots),
        }

    def load(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history, self.snapshots = state["history"], state["snapshots"]

    def _points_of_step(self) -> torch.Tensor:
        """What step and seed alone decide: nothing of it must be kept for a run to go on."""
        each = len(self.codes) // self.batch
        epoch, place = divmod(self.step, each)
        if epoch != self.epoch:
            generator = torch.Generator().manual_seed(self.options.seed * SEED_STRIDE + epoch)
            self.order, self.epoch = torch.randperm(len(self.codes), generator=generator), epoch
        return self.order[place * self.batch : (place + 1) * self.batch]

    def advance(self) -> None:
        """Train to the next look at the picture, or the next checkpoint."""
        stride = max(1, self.steps // CHECKPOINTS)
        goal = min([look for look in self.looks if look > self.step], default=self.steps)
        goal = min(goal, (self.step // stride + 1) * stride)
        loss = torch.zeros(())
        while self.step < goal:
            rate = self.rate * 0.5 * (1 + cos(pi * self.step / self.steps))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            points = self._points_of_step()
            loss = torch.mean((self.model(self.codes[points]) - self.targets[points]) ** 2)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            self.step += 1
        if self.step in self.looks:
            pixels = rendered(self.model, self.points).reshape(self.picture.shape)
            self.history.append({"step": self.step, "loss": float(loss.detach()), "psnr": psnr(self.picture, pixels)})
            self.snapshots.append(torch.tensor(np.floor(pixels + 0.5).astype(np.uint8)))

    def stage(self, name: str) -> Stage:
        """The outcome; in fixed point the pixels are those of float64, which are the integers' before rounding."""
        model = copy.deepcopy(self.model).double() if self.model.precision else self.model
        pixels = rendered(model, self.points).reshape(self.picture.shape)
        if self.model.precision:
            pixels = np.floor(pixels + 0.5)
        large = min(self.picture.shape[-3:-1]) >= 11
        return Stage(
            name=name,
            model=self.model,
            pixels=pixels,
            psnr=psnr(self.picture, pixels),
            ssim=ssim(self.picture, pixels) if large else None,
            history=tuple(self.history),
            snapshots=np.stack([each.numpy() for each in self.snapshots])
            if self.snapshots
            else np.zeros((0, *self.picture.shape), np.uint8),
        )
