"""What the beats of an accelerator's streams and taps carry: which element of which tensor stands in which lane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PADDING", "Beats", "Block", "Elements", "Index", "Step", "Tensor"]

PADDING = -1

Index = slice | NDArray[np.intp]


@dataclass(frozen=True)
class Tensor:
    """A tensor as beats carry it: an element has a place among `shape`, and a window among `windows` of a map.

    `axes` names the indices of both for people.
    """

    node: str
    shape: tuple[int, ...]
    windows: tuple[int, ...]
    axes: tuple[str, ...]

    @property
    def places(self) -> int:
        """Elements at one window."""
        return prod(self.shape)

    def index(self, place: int, window: int) -> tuple[int, ...]:
        """The index of an element, one integer for each of `axes`."""
        at = (*np.unravel_index(place, self.shape), *np.unravel_index(window, self.windows))
        return tuple(map(int, at))[: len(self.axes)]


@dataclass(frozen=True)
class Elements:
    """Elements of one tensor in the beats of a step, the same at every window.

    Place `places[k]` is carried by lane `lanes[k]` of the `columns[k]`-th beat of a window.
    """

    tensor: Tensor
    places: NDArray[np.intp]
    columns: NDArray[np.intp]
    lanes: NDArray[np.intp]

    @classmethod
    def of(cls, tensor: Tensor, columns: Sequence[tuple[int, Sequence[int]]]) -> Elements:
        """From pairs: the beat's number within a window, and the place in each of its lanes, or PADDING."""
        found = [np.asarray(places, np.intp) for _, places in columns]
        lanes = [np.flatnonzero(places != PADDING) for places in found]
        return cls(
            tensor,
            np.concatenate([places[used] for places, used in zip(found, lanes, strict=True)]),
            np.concatenate([np.full(len(used), c) for (c, _), used in zip(columns, lanes, strict=True)]),
            np.concatenate(lanes),
        )

    @cached_property
    def source(self) -> Index:
        """`places` to index the tensor with: a slice where it can be one, of a single place if all are the same."""
        if len(self.places) and (self.places == self.places[0]).all():
            return slice(int(self.places[0]), int(self.places[0]) + 1)
        return _compact(self.places)

    def target(self, lanes: int) -> Index:
        """Where they stand in the beats of one window, laid end to end with `lanes` lanes each."""
        return _compact(self.columns * lanes + self.lanes)


@dataclass(frozen=True)
class Step:
    """The beats of one instruction of the program: `columns` for each window of each image."""

    windows: int
    columns: int
    elements: tuple[Elements, ...]


@dataclass(frozen=True)
class Block:
    """Beats of one step in `batches` batches of `frames` images each, the first of which is number `image`."""

    step: Step
    image: int
    batches: int
    frames: int
    first: int  # beat of the stream with which the first of the batches begins
    per_batch: int
    before: int  # beats of a batch before those of the step

    def beats(self, array: NDArray[Any]) -> NDArray[Any]:
        """From an array of all beats, (beats, ...), those here: a view (batches, frames, windows, columns, ...)."""
        rest, step = array.shape[1:], self.step
        batches = array[self.first : self.first + self.batches * self.per_batch]
        batches = batches.reshape(self.batches, self.per_batch, *rest)
        count = self.frames * step.windows * step.columns
        here = batches[:, self.before : self.before + count]
        return here.reshape(self.batches, self.frames, step.windows, step.columns, *rest)

    def carried(self, array: NDArray[Any], elements: Elements) -> NDArray[Any]:
        """What the lanes `array` (beats, lanes) carry of `elements`: (batches, frames, windows, elements)."""
        here = self.beats(array)
        lanes = here.shape[-1]
        return here.reshape(*here.shape[:3], -1)[..., elements.target(lanes)]

    def shaped(self, tensor: NDArray[Any], elements: Elements) -> NDArray[Any]:
        """The images here of a tensor (images, ...): a view (batches, frames, places, windows)."""
        images = tensor[self.image : self.image + self.batches * self.frames]
        return images.reshape(self.batches, self.frames, elements.tensor.places, self.step.windows)

    def expected(self, tensor: NDArray[Any], elements: Elements) -> NDArray[Any]:
        """What they should carry, from a tensor (images, ...); the last axis may be 1 for all elements."""
        return self.shaped(tensor, elements)[:, :, elements.source].swapaxes(2, 3)


@dataclass(frozen=True)
class Beats:
    """The beats of one stream or tap, by step of the program.

    They leave in the order batch, step, image of the batch, window, column.
    """

    steps: tuple[Step, ...]

    @cached_property
    def per_image(self) -> int:
        """Beats for one image."""
        return sum(step.windows * step.columns for step in self.steps)

    def blocks(self, images: int, frames: int) -> Iterator[Block]:
        """All beats of `images` images, sent in batches of `frames`: whole batches step by step, then the rest."""
        whole, rest = divmod(images, frames)
        for image, batches, count in ((0, whole, frames), (whole * frames, 1, rest)):
            if batches * count == 0:
                continue
            before = 0
            for step in self.steps:
                if step.elements:
                    yield Block(
                        step, image, batches, count, image * self.per_image, count * self.per_image, before * count
                    )
                before += step.windows * step.columns

    def gathered(self, lanes: NDArray[Any], shape: tuple[int, ...], frames: int) -> NDArray[np.int64]:
        """The tensor of that shape, images first, which the `lanes` (beats, lanes) carry for batches of `frames`."""
        tensor = np.zeros(shape, np.int64)
        for block in self.blocks(len(tensor), frames):
            for elements in block.step.elements:
                block.shaped(tensor, elements)[:, :, elements.source] = block.carried(lanes, elements).swapaxes(2, 3)
        return tensor


def _compact(index: NDArray[np.intp]) -> Index:
    """A slice where `index` counts up by one, as slices need no copies."""
    if len(index) and (np.diff(index) == 1).all():
        return slice(int(index[0]), int(index[-1]) + 1)
    return index
