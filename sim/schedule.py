"""In which mode each image runs, and the packets that tell the accelerator so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.random_mode import draws

if TYPE_CHECKING:
    from .accelerator import Accelerator

__all__ = ["Packet", "Schedule", "Schedules"]

RESET_SEED = 1
"""The register that draws modes, after reset."""


@dataclass(frozen=True)
class Packet:
    """A packet without data words: `kind` is "mode", with the mode's number, or "seed"."""

    kind: str
    value: int


@dataclass(frozen=True)
class Schedule:
    """The modes of images that are sent one behind the other after a reset.

    Attributes
    ----------
    modes : of each image, its number
    frames : images of a batch, which are of one mode
    packets : by the image that they stand before
    seed : what the register that draws modes must be in the end
    """

    modes: tuple[int, ...]
    frames: int
    packets: dict[int, Packet]
    seed: int = RESET_SEED

    @classmethod
    def constant(cls, images: int, mode: int, frames: int, *, switches: bool) -> Schedule:
        """All in one mode, which hardware of several is told."""
        return cls((mode,) * images, frames, {0: Packet("mode", mode)} if switches and images else {})

    @classmethod
    def drawn(cls, images: int, seed: int, modes: int) -> Schedule:
        """Each image in a batch of its own, in the mode that is drawn for it from a register that starts at `seed`."""
        drawn, state = draws(seed, modes, images)
        return cls(drawn, 1, {0: Packet("seed", seed)}, state)

    @classmethod
    def sequence(cls, modes: Sequence[int]) -> Schedule:
        """Each image in a batch of its own, with a packet wherever the mode changes."""
        changes = [n for n, mode in enumerate(modes) if n == 0 or mode != modes[n - 1]]
        return cls(tuple(modes), 1, {n: Packet("mode", modes[n]) for n in changes})

    def constant_mode(self, frames: int) -> int | None:
        """The mode, if all images have the same and come in batches of `frames`; None otherwise."""
        return self.modes[0] if self.frames == frames and len({*self.modes}) == 1 else None

    def batches(self) -> list[tuple[int, int, int]]:
        """Images, mode and packets before it of each batch."""
        images = len(self.modes)
        return [
            (min(self.frames, images - start), self.modes[start], int(start in self.packets))
            for start in range(0, images, self.frames)
        ]


class Schedules:
    """The schedules of the parts in which `images` images are simulated.

    Raises
    ------
    InvalidInput
        If there is no such mode, the modes are not as many as the images, or there is both a mode and a seed.
    """

    def __init__(
        self, accelerator: Accelerator, images: int, mode: str | Sequence[str] | None = None, seed: int | None = None
    ) -> None:
        modes = accelerator.modes
        self.accelerator, self.seed = accelerator, seed
        self.numbers: tuple[int, ...] | None = None
        if seed is not None:
            if mode is not None:
                raise InvalidInput(f"Mode must be left out where it is drawn from a seed, and is {mode!r}")
            draws(seed, len(modes.names), 0)
            self._check_switches()
        elif mode is not None and not isinstance(mode, str):
            if len(mode) != images:
                raise InvalidInput(f"Modes of {images} images must be as many, not {len(mode)}")
            self.numbers = tuple(modes.index(name) for name in mode)
            self._check_switches()
        self.mode = modes.index(mode) if isinstance(mode, str) else 0

    def _check_switches(self) -> None:
        if not self.accelerator.switches:
            raise InvalidInput(
                f"Accelerator in {self.accelerator.folder} must have several modes to change between, "
                f"and has {self.accelerator.modes.names[0]} alone"
            )

    def of(self, images: range) -> Schedule:
        """That of some of the images, after a reset."""
        accelerator = self.accelerator
        if self.seed is not None:
            modes = len(accelerator.modes.names)
            _, state = draws(self.seed, modes, images.start)
            return Schedule.drawn(len(images), state, modes)
        if self.numbers is not None:
            return Schedule.sequence(self.numbers[images.start : images.stop])
        return Schedule.constant(len(images), self.mode, accelerator.frames, switches=accelerator.switches)
