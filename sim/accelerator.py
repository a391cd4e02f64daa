"""An accelerator's folder, as a simulation runs it: images to data words, taps back to the network's tensors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.integer.network_file import read_network
from quadrille.algo.spec import Flatten, InvalidInput, Network, Subsample

from .beats import PADDING, Beats
from .description import code_beats, ends, output_beats, reference_beats, result_beats
from .manifest import Manifest, read_manifest
from .payload import empty_field

__all__ = ["Accelerator", "read_accelerator"]

SCHEMA = 2

CYCLE_BYTES = 8
TENSOR_BYTES = 9
"""Of each element: an int64, and whether it is wrong."""

EXEMPT = (Subsample, Flatten)
"""Nodes that only address what other nodes made, which is shown."""


@dataclass(frozen=True)
class Accelerator:
    """A generated accelerator with the network that it runs.

    Attributes
    ----------
    program : uint64 words that load and start it
    frames : most images of a batch
    codes, references : what leaves on the tap `o_codes`: codes, and the sum of a row tile's inputs
    taps : what leaves on the other taps by name: `o_results`, and those of the units that the hardware has
    output, ends : what leaves on the stream `o`: words, and the flag beside each
    """

    folder: Path
    manifest: Manifest
    network: Network
    program: NDArray[np.uint64]
    description: dict[str, Any]
    frames: int
    codes: Beats
    references: Beats
    taps: dict[str, Beats]
    output: Beats
    ends: Beats

    @property
    def delivered(self) -> dict[str, Beats]:
        """What leaves on each tap and stream."""
        return {"o_codes": self.codes, **self.taps, "o": self.output}

    @property
    def bytes_per_image(self) -> int:
        """Memory that an image takes while it is compared: what was captured, and the reference's tensors."""
        captured = 0
        for name, beats in self.delivered.items():
            fields = self.manifest.output(name).fields
            row = sum(empty_field(field, 1).nbytes for field in fields)
            captured += beats.per_image * (row + CYCLE_BYTES)
        tensors = sum(prod(edge.shape) for edge in self.network.edges.values())
        return captured + TENSOR_BYTES * tensors

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
    steps, results, taps = description["steps"], description["results"], description.get("taps", {})
    leaving = output_beats(results, list(taps.values()), description["output"], network)
    accelerator = Accelerator(
        folder=folder,
        manifest=manifest,
        network=network,
        program=program,
        description=description,
        frames=description["frames"],
        codes=code_beats(steps, network),
        references=reference_beats(steps, network),
        taps={name: result_beats(shown, network) for name, shown in {"o_results": results, **taps}.items()},
        output=leaving,
        ends=ends(leaving),
    )
    _check(accelerator)
    return accelerator


def _check(accelerator: Accelerator) -> None:
    """The program must be one for this network, and show every node's tensor whole."""
    network, inputs = accelerator.network, accelerator.description["input"]
    size = prod(network.input.shape)
    order = inputs["order"]
    if len(order) != inputs["words_per_frame"] * inputs["elements_per_word"] or {*order} - {PADDING} != {*range(size)}:
        raise InvalidInput(f"Program of {accelerator.folder} must take every element of an image of {size} elements")
    seen: dict[str, NDArray[np.bool_]] = {}
    for beats in (*accelerator.delivered.values(), accelerator.references):
        for elements, windows in ((part, step.windows) for step in beats.steps for part in step.elements):
            tensor = elements.tensor
            if windows != prod(tensor.windows):
                raise InvalidInput(
                    f"Program of {accelerator.folder} must show {prod(tensor.windows)} windows of node "
                    f"{tensor.node!r}, not {windows}"
                )
            seen.setdefault(tensor.node, np.zeros(tensor.places * windows, bool)).reshape(-1, windows)[
                elements.places
            ] = True
    for node in network.nodes[1:]:
        want = prod(network.edges[node.name].shape)
        have = int(np.count_nonzero(seen.get(node.name, ())))
        if have != want and not isinstance(node, EXEMPT):
            raise InvalidInput(
                f"Program of {accelerator.folder} must show {want} integers of node {node.name!r}, not {have}"
            )
