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
from quadrille.algo.spec import InvalidInput, Network, RowSum

from .beats import PADDING, Beats, Column, code_columns, ends, output_beats, reference_columns
from .manifest import Manifest, read_manifest

__all__ = ["Accelerator", "read_accelerator"]

SCHEMA = 1


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
    leaving = output_beats(results, output)
    accelerator = Accelerator(
        folder=folder,
        manifest=manifest,
        network=network,
        program=program,
        description=description,
        frames=description["frames"],
        codes=Beats(tuple(tuple(code_columns(step, network)) for step in steps)),
        references=Beats(tuple(tuple(reference_columns(step, network)) for step in steps)),
        results=Beats(tuple(tuple(Column.of(g["node"], (), g["outputs"]) for g in groups) for groups in results)),
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
