"""An accelerator's folder, as a simulation runs it: images to data words, taps back to the network's tensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.integer.network_file import read_network
from quadrille.algo.spec import InvalidInput, Network, RowSum

from .manifest import Manifest, read_manifest

__all__ = ["END", "Accelerator", "Beats", "Column", "read_accelerator"]

SCHEMA = 1
PADDING = -1
END = "end of image"
"""Where a node is named, the flag that marks the last output word of an image; its tensor is [0, 1] for each."""


@dataclass(frozen=True)
class Column:
    """One beat for each image: which elements of which tensor its lanes carry.

    Lane `lanes[k]` carries element `(*place, outputs[k])` of the tensor of `node`; with `spread`, all of them carry
    element `place`.
    """

    node: str
    place: tuple[int, ...]
    lanes: NDArray[np.intp]
    outputs: NDArray[np.intp]
    spread: bool = False

    @classmethod
    def of(cls, node: str, place: tuple[int, ...], outputs: list[int], spread: bool = False) -> Column:
        """From the output in each lane, or PADDING."""
        array = np.asarray(outputs, np.intp)
        lanes = np.flatnonzero(array != PADDING)
        return cls(node, place, lanes, array[lanes], spread)

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


@dataclass(frozen=True)
class Accelerator:
    """A generated accelerator with the network that it runs.

    Attributes
    ----------
    program : uint64 words that load and start it
    frames : most images of a batch
    codes, references, results, output : what leaves on the taps `o_codes` (codes, and the sum of a row tile's inputs),
        `o_results`, and on the stream `o`; `ends` is the flag beside each word of `o`
    """

    folder: Path
    manifest: Manifest
    network: Network
    program: NDArray[np.uint64]
    description: dict[str, Any]
    frames: int
    codes: Beats
    references: Beats
    results: Beats
    output: Beats
    ends: Beats

    def input_words(self, images: NDArray[Any]) -> NDArray[np.uint64]:
        """The data-port words of all batches of `images` (n, *shape): a header word and the images of each."""
        inputs = self.description["input"]
        bits, per_image = inputs["element_bits"], inputs["words_per_frame"]
        order = np.asarray(inputs["order"], np.intp)
        flat = images.reshape(len(images), -1)
        padded = np.concatenate([flat, np.zeros((len(flat), 1), flat.dtype)], axis=1)  # PADDING reads the last
        elements = (padded[:, order].astype(np.int64) & ((1 << bits) - 1)).astype(np.uint64)
        elements = elements.reshape(len(images), per_image, inputs["elements_per_word"])
        shifts = np.arange(inputs["elements_per_word"], dtype=np.uint64) * np.uint64(bits)
        words = np.bitwise_or.reduce(elements << shifts, axis=2)
        pieces: list[NDArray[np.uint64]] = []
        for start in range(0, len(images), self.frames):
            batch = words[start : start + self.frames]
            pieces += [np.array([self.header(per_image, len(batch))], np.uint64), batch.reshape(-1)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.uint64)

    def header(self, address: int, count: int) -> int:
        """The header word of a packet for the input memory, target 0."""
        fields = self.description["header"]
        return address << fields["address"][0] | count << fields["count"][0]

    def output_values(self, words: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The elements of output words, (words, elements per word)."""
        output = self.description["output"]
        bits = output["element_bits"]
        shifts = np.arange(output["elements_per_word"], dtype=np.uint64) * np.uint64(bits)
        spare = np.uint64(64 - bits)
        high = (words[:, np.newaxis] >> shifts) << spare
        return high.view(np.int64) >> np.int64(64 - bits) if output["signed"] else (high >> spare).view(np.int64)


def read_accelerator(folder: Path | str) -> Accelerator:
    """The accelerator in `folder`, its files checked against one another.

    Raises
    ------
    InvalidInput
        If a file is missing, truncated, edited or does not belong to the others.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    description = _read_description(folder / "program.json")
    try:
        data = (folder / "program.bin").read_bytes()
    except OSError as error:
        raise InvalidInput(f"Program {folder / 'program.bin'} must be readable, and is not: {error.strerror}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != description.get("content_hash"):
        wanted = str(description.get("content_hash"))[:12]
        raise InvalidInput(f"Program {folder / 'program.bin'} must have the content hash {wanted}, not {found[:12]}")
    network = read_network(folder / "network.safetensors")
    try:
        return _accelerator(folder, manifest, network, np.frombuffer(data, "<u8"), description)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        if isinstance(error, InvalidInput):
            raise
        reason = f"key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise InvalidInput(
            f"Program {folder / 'program.json'} must be the one that was generated, and is not: {reason}"
        ) from None


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"Program {path} must be readable, and is not: {error.strerror}") from None
    except ValueError as error:
        raise InvalidInput(f"Program {path} must be the one that was generated, and is not: {error}") from None
    if not isinstance(description, dict) or description.get("schema") != SCHEMA:
        schema = description.get("schema") if isinstance(description, dict) else None
        raise InvalidInput(f"Program {path} must have schema {SCHEMA}, not {schema!r}")
    return description


def _accelerator(
    folder: Path, manifest: Manifest, network: Network, program: NDArray[np.uint64], description: dict[str, Any]
) -> Accelerator:
    steps, results, output = description["steps"], description["results"], description["output"]
    leaving = _output_beats(results, output)
    accelerator = Accelerator(
        folder=folder,
        manifest=manifest,
        network=network,
        program=program,
        description=description,
        frames=description["frames"],
        codes=Beats(tuple(tuple(_code_columns(step, network)) for step in steps)),
        references=Beats(tuple(tuple(_reference_columns(step, network)) for step in steps)),
        results=Beats(tuple(tuple(Column.of(g["node"], (), g["outputs"]) for g in groups) for groups in results)),
        output=leaving,
        ends=_ends(leaving),
    )
    _check(accelerator)
    return accelerator


def _code_columns(step: dict[str, Any], network: Network) -> Iterator[Column]:
    """A column of codes carries a slice of a row tile; that of the reference carries the row sum in all lanes."""
    for column in step["columns"]:
        if column["slice"] is None:
            yield Column.of(row_sum_name(step["node"], network), (step["tile"],), column["outputs"], spread=True)
        else:
            yield Column.of(step["node"], (step["tile"], column["slice"]), column["outputs"])


def _reference_columns(step: dict[str, Any], network: Network) -> Iterator[Column]:
    """Beside its codes, every beat carries the sum of the row tile's inputs."""
    for _ in step["columns"]:
        yield Column.of(row_sum_name(step["node"], network), (step["tile"],), [0], spread=True)


def row_sum_name(linear: str, network: Network) -> str:
    """The tensor of the row sums of a linear node: a node of the network where it has one, else named after it."""
    node = network.node(linear)
    for other in network.of_kind(RowSum):
        if other.inputs == node.inputs and other.tile_rows == getattr(node, "tile_rows", None):
            return other.name
    return f"{linear} (row sums)"


def _output_beats(results: list[Any], output: dict[str, Any]) -> Beats:
    """Values leave group by group, as many in a word as it holds; an index leaves once for each image, at its end."""
    node, per_word = output["node"], output["elements_per_word"]
    if output["kind"] == "index":
        last = max((index for index, groups in enumerate(results) if groups), default=0)
        return Beats(tuple((Column.of(node, (), [0]),) if index == last else () for index in range(len(results))))
    steps: list[tuple[Column, ...]] = []
    for groups in results:
        words: list[Column] = []
        for group in groups:
            members = [index for index in group["outputs"] if index != PADDING] if group["node"] == node else []
            words += [Column.of(node, (), members[k : k + per_word]) for k in range(0, len(members), per_word)]
        steps.append(tuple(words))
    return Beats(tuple(steps))


def _ends(output: Beats) -> Beats:
    """The flag of each output word, element 0 or 1 of END: set for the last word of an image."""
    final = max((index for index, words in enumerate(output.steps) if words), default=0)
    return Beats(
        tuple(
            tuple(
                Column.of(END, (int(index == final and word == len(words) - 1),), [0], spread=True)
                for word in range(len(words))
            )
            for index, words in enumerate(output.steps)
        )
    )


def _check(accelerator: Accelerator) -> None:
    """The program must be one for this network, and show every node's tensor whole."""
    network, inputs = accelerator.network, accelerator.description["input"]
    size = prod(network.input.shape)
    order = inputs["order"]
    if len(order) != inputs["words_per_frame"] * inputs["elements_per_word"] or {*order} - {PADDING} != {*range(size)}:
        raise InvalidInput(f"Program of {accelerator.folder} must take every element of an image of {size} elements")
    seen: dict[str, set[tuple[int, ...]]] = {}
    for beats in (accelerator.codes, accelerator.results, accelerator.output):
        for columns in beats.steps:
            for column in columns:
                cells = [column.place] if column.spread else [(*column.place, int(o)) for o in column.outputs]
                seen.setdefault(column.node, set()).update(cells)
    for node in network.nodes[1:]:
        want = prod(network.edges[node.name].shape)
        have = len(seen.get(node.name, ()))
        if have != want and not isinstance(node, RowSum):
            raise InvalidInput(
                f"Program of {accelerator.folder} must show {want} integers of node {node.name!r}, not {have}"
            )
