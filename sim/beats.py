"""What the beats of an accelerator's streams and taps carry: which element of which tensor stands in which lane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import Network, RowSum

__all__ = [
    "END",
    "PADDING",
    "Beats",
    "Column",
    "code_columns",
    "ends",
    "output_beats",
    "reference_columns",
    "row_sum_name",
]

PADDING = -1
END = "end of image"
"""Where a node is named, the flag that marks the last output word of an image; its tensor is [0, 1] for each."""


@dataclass(frozen=True)
class Column:
    """One beat for each image: which elements of which tensor its lanes carry.

    Lane `lanes[k]` carries element `(*place, outputs[k])` of the tensor of `node`; with `spread`, all of them carry
    element `place`. `axes` names the indices for people.
    """

    node: str
    place: tuple[int, ...]
    lanes: NDArray[np.intp]
    outputs: NDArray[np.intp]
    spread: bool = False
    axes: tuple[str, ...] = ("output",)

    @classmethod
    def of(
        cls,
        node: str,
        place: tuple[int, ...],
        outputs: list[int],
        spread: bool = False,
        axes: tuple[str, ...] = ("output",),
    ) -> Column:
        """From the output in each lane, or PADDING."""
        array = np.asarray(outputs, np.intp)
        lanes = np.flatnonzero(array != PADDING)
        return cls(node, place, lanes, array[lanes], spread, axes)

    def expected(self, tensors: dict[str, NDArray[Any]]) -> NDArray[Any]:
        """What the lanes should carry, (images, lanes), from the tensors (images, ...) by node."""
        values = tensors[self.node][(slice(None), *self.place)]
        if self.spread:
            return np.broadcast_to(values[:, np.newaxis], (len(values), len(self.lanes)))
        return values.reshape(len(values), -1)[:, self.outputs]


@dataclass(frozen=True)
class Beats:
    """The beats of one stream or tap: for each step of the program its columns, in the order of a single image.

    They leave in the order batch, step, image of the batch, column.
    """

    steps: tuple[tuple[Column, ...], ...]

    @property
    def per_image(self) -> int:
        """Beats for one image."""
        return sum(map(len, self.steps))

    def places(self, images: int, frames: int) -> Iterator[tuple[Column, NDArray[np.intp]]]:
        """Each column with the position of its beat for each of `images` images, sent in batches of `frames`."""
        image = np.arange(images)
        batch, frame = np.divmod(image, frames)
        size = np.minimum(frames, images - batch * frames)
        start = batch * frames * self.per_image
        before = 0
        for columns in self.steps:
            for index, column in enumerate(columns):
                yield column, start + before * size + frame * len(columns) + index
            before += len(columns)


def code_columns(step: dict[str, Any], network: Network) -> Iterator[Column]:
    """A column of codes carries a slice of a row tile; that of the reference carries the row sum in all lanes."""
    for column in step["columns"]:
        if column["slice"] is None:
            yield Column.of(row_sum_name(step["node"], network), (step["tile"],), column["outputs"], True, ("tile",))
        else:
            place = (step["tile"], column["slice"])
            yield Column.of(step["node"], place, column["outputs"], False, ("tile", "slice", "output"))


def reference_columns(step: dict[str, Any], network: Network) -> Iterator[Column]:
    """Beside its codes, every beat carries the sum of the row tile's inputs."""
    for _ in step["columns"]:
        yield Column.of(row_sum_name(step["node"], network), (step["tile"],), [0], True, ("tile",))


def row_sum_name(linear: str, network: Network) -> str:
    """The tensor of the row sums of a linear node: a node of the network where it has one, else named after it."""
    node = network.node(linear)
    for other in network.of_kind(RowSum):
        if other.inputs == node.inputs and other.tile_rows == getattr(node, "tile_rows", None):
            return other.name
    return f"{linear} (row sums)"


def output_beats(results: list[Any], output: dict[str, Any]) -> Beats:
    """Values leave group by group, as many in a word as it holds; an index leaves once for each image, at its end."""
    node, per_word = output["node"], output["elements_per_word"]
    if output["kind"] == "index":
        last = max((index for index, groups in enumerate(results) if groups), default=0)
        return Beats(
            tuple((Column.of(node, (), [0], axes=()),) if index == last else () for index in range(len(results)))
        )
    steps: list[tuple[Column, ...]] = []
    for groups in results:
        words: list[Column] = []
        for group in groups:
            members = [index for index in group["outputs"] if index != PADDING] if group["node"] == node else []
            words += [Column.of(node, (), members[k : k + per_word]) for k in range(0, len(members), per_word)]
        steps.append(tuple(words))
    return Beats(tuple(steps))


def ends(output: Beats) -> Beats:
    """The flag of each output word, element 0 or 1 of END: set for the last word of an image."""
    final = max((index for index, words in enumerate(output.steps) if words), default=0)
    return Beats(
        tuple(
            tuple(
                Column.of(END, (int(index == final and word == len(words) - 1),), [0], True, ("flag",))
                for word in range(len(words))
            )
            for index, words in enumerate(output.steps)
        )
    )
