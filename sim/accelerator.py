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

from quadrille.algo.integer.network_file import read_modes
from quadrille.algo.spec import InvalidInput, Modes, Network

from .beats import PADDING, Beats
from .manifest import Manifest, read_manifest
from .schedule import Schedule
from .shown import Shown, shown_of

__all__ = ["Accelerator", "read_accelerator"]

SCHEMA = 3


@dataclass(frozen=True)
class Accelerator:
    """A generated accelerator with the network that it runs.

    Attributes
    ----------
    program : uint64 words that load and start it
    frames : most images of a batch
    switches : whether the hardware has several modes, and a packet chooses one
    shown : for each mode its network, and what it shows
    """

    folder: Path
    manifest: Manifest
    modes: Modes
    program: NDArray[np.uint64]
    description: dict[str, Any]
    frames: int
    switches: bool
    shown: tuple[Shown, ...]

    @property
    def network(self) -> Network:
        """That of the first mode; in others input and kind of result are the same."""
        return self.modes.default

    @property
    def delivered(self) -> dict[str, Beats]:
        """What leaves on each tap and stream in the first mode."""
        return self.shown[0].delivered

    @property
    def output(self) -> Beats:
        """What leaves on the stream `o` in the first mode."""
        return self.shown[0].output

    @property
    def result_shape(self) -> tuple[int, ...]:
        """Of an image's result."""
        return self.network.edges[self.network.result.name].shape

    @property
    def bytes_per_image(self) -> int:
        """Memory that an image takes while it is compared, in the mode that takes the most."""
        return max(shown.bytes_per_image(self.manifest) for shown in self.shown)

    def expected(self, schedule: Schedule) -> dict[str, int]:
        """The beats on each tap and stream for images in those modes."""
        counts = [schedule.modes.count(number) for number in range(len(self.shown))]
        return {
            name: sum(shown.delivered[name].per_image * count for shown, count in zip(self.shown, counts, strict=True))
            for name in self.delivered
        }

    def input_words(self, images: NDArray[Any], schedule: Schedule | None = None) -> NDArray[np.uint64]:
        """The data-port words of all batches of `images` (n, *shape): a header word and the images of each, and the
        packets of the schedule; by default all run in the first mode."""
        schedule = schedule or Schedule.constant(len(images), 0, self.frames, switches=self.switches)
        inputs = self.description["input"]
        bits, per_image = inputs["element_bits"], inputs["words_per_frame"]
        order = np.asarray(inputs["order"], np.intp)
        flat = images.reshape(len(images), prod(images.shape[1:]))
        padded = np.concatenate([flat, np.zeros((len(flat), 1), flat.dtype)], axis=1)  # PADDING reads the last
        elements = (padded[:, order].astype(np.int64) & ((1 << bits) - 1)).astype(np.uint64)
        elements = elements.reshape(len(images), per_image, inputs["elements_per_word"])
        shifts = np.arange(inputs["elements_per_word"], dtype=np.uint64) * np.uint64(bits)
        words = np.bitwise_or.reduce(elements << shifts, axis=2)
        pieces: list[NDArray[np.uint64]] = []
        for start in range(0, len(images), schedule.frames):
            batch = words[start : start + schedule.frames]
            packet = schedule.packets.get(start)
            headers = [] if packet is None else [self.header(packet.value, 1, packet.kind)]
            headers.append(self.header(per_image, len(batch)))
            pieces += [np.array(headers, np.uint64), batch.reshape(-1)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.uint64)

    def header(self, address: int, count: int, kind: str = "frames") -> int:
        """The header word of a packet, by default of one for the input memory."""
        fields, target = self.description["header"], self.description["packets"][kind]
        return target << fields["target"][0] | address << fields["address"][0] | count << fields["count"][0]

    def output_values(self, words: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The elements of output words, (words, elements per word); they stand alike in all modes."""
        output = self.shown[0].words
        bits = output["element_bits"]
        shifts = np.arange(output["elements_per_word"], dtype=np.uint64) * np.uint64(bits)
        spare = np.uint64(64 - bits)
        high = (words[:, np.newaxis] >> shifts) << spare
        return high.view(np.int64) >> np.int64(64 - bits) if output["signed"] else (high >> spare).view(np.int64)

    def results(self, words: NDArray[np.uint64], schedule: Schedule) -> NDArray[np.int64]:
        """The network's result for each image, from all words that leave for images in those modes."""
        modes, lanes = np.array(schedule.modes, np.intp), self.output_values(words)
        values = np.zeros((len(modes), *self.result_shape), np.int64)
        owners = np.repeat(modes, self.words_per_image(schedule))
        for number, shown in enumerate(self.shown):
            where = modes == number
            if where.any():
                shape = (int(where.sum()), *self.result_shape)
                values[where] = shown.output.gathered(lanes[owners == number], shape, schedule.frames)
        return values

    def words_per_image(self, schedule: Schedule) -> NDArray[np.intp]:
        """Words that leave for each image."""
        return np.array([self.shown[mode].output.per_image for mode in schedule.modes], np.intp)


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
    modes = read_modes(folder / "network.safetensors")
    try:
        return _accelerator(folder, manifest, modes, np.frombuffer(data, "<u8"), description)
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
    folder: Path, manifest: Manifest, modes: Modes, program: NDArray[np.uint64], description: dict[str, Any]
) -> Accelerator:
    names = tuple(entry["mode"] for entry in description["modes"])
    if names != modes.names:
        raise InvalidInput(
            f"Program of {folder} must have the modes of its network, {', '.join(modes.names)}, not {', '.join(names)}"
        )
    accelerator = Accelerator(
        folder=folder,
        manifest=manifest,
        modes=modes,
        program=program,
        description=description,
        frames=description["frames"],
        switches=description["switches"],
        shown=tuple(shown_of(folder, modes.networks[entry["mode"]], entry) for entry in description["modes"]),
    )
    inputs, size = description["input"], prod(modes.default.input.shape)
    order = inputs["order"]
    if len(order) != inputs["words_per_frame"] * inputs["elements_per_word"] or {*order} - {PADDING} != {*range(size)}:
        raise InvalidInput(f"Program of {folder} must take every element of an image of {size} elements")
    return accelerator
