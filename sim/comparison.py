"""One continuous simulation of a chunk of images, and every integer of it compared with the reference."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.integer.execution import Executor
from quadrille.algo.spec import Linear

from .accelerator import Accelerator
from .beats import END, Beats, row_sum_name
from .model import Model, Run, SimulationFault

__all__ = ["Chunk", "Mismatch", "Reference", "compare", "simulate"]


@dataclass(frozen=True)
class Mismatch:
    """An integer that is not what it must be.

    Attributes
    ----------
    node : whose tensor it belongs to
    place, axes : its index in that tensor, and what the indices are: tile, slice and output of a linear node, tile of
        row sums, output of others
    lane : of the beat that carried it
    image : index among all images verified
    cycle : in which the beat left, 0 being the first after reset of the run that `image` was in
    wave : the waveform of a run that shows it
    """

    node: str
    place: tuple[int, ...]
    axes: tuple[str, ...]
    lane: int
    image: int
    cycle: int
    expected: int
    got: int
    wave: Path | None = None

    def __str__(self) -> str:
        where = "".join(f", {axis} {index}" for axis, index in zip(self.axes, self.place, strict=False))
        return (
            f"node {self.node}{where}, image {self.image}, lane {self.lane}, cycle {self.cycle}: "
            f"expected {self.expected}, got {self.got}"
        )


@dataclass(frozen=True)
class Chunk:
    """What came of the images `start` to `start + images - 1`.

    `cycles` counts from the first data word of a batch to the last output word, both included. `values` are those of
    the network's result as they left the hardware, `reference` as they must be.
    """

    start: int
    images: int
    integers: int
    mismatches: int
    first: Mismatch | None
    cycles: int
    rtl_seconds: float
    reference_seconds: float
    values: NDArray[np.int64]
    reference: NDArray[np.int64]


class Reference:
    """The integer reference of an accelerator's network, with the row sums that the hardware shows besides."""

    def __init__(self, accelerator: Accelerator) -> None:
        self.network = accelerator.network
        self.executor = Executor(self.network)

    def tensors(self, images: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
        """Every tensor by node, (images, ...)."""
        tensors = self.executor.run(images)
        for node in self.network.of_kind(Linear):
            name = row_sum_name(node.name, self.network)
            if name not in tensors:
                vectors = tensors[node.inputs[0]].reshape(len(images), -1)
                starts = np.cumsum([0, *node.tile_rows[:-1]])
                tensors[name] = np.add.reduceat(vectors, starts, axis=1, dtype=np.int64)
        tensors[END] = np.tile(np.arange(2), (len(images), 1))
        return tensors


def simulate(accelerator: Accelerator, model: Model, images: NDArray[Any], *, wave: Path | None = None) -> Run:
    """Reset, load the program, and run `images` through in one go."""
    words = np.concatenate([accelerator.program, accelerator.input_words(images)])
    count = len(images)
    expected = {
        "o_codes": accelerator.codes.per_image * count,
        "o_results": accelerator.results.per_image * count,
        "o": accelerator.output.per_image * count,
    }
    # The waveform begins when the program is loaded, which takes a cycle or more for each word.
    run = model.run({"i": words[:, np.newaxis]}, expected, wave=wave, wave_from=len(accelerator.program))
    for name, capture in run.streams.items():
        if capture.surplus:
            raise SimulationFault(f"Stream {name} delivered {capture.surplus} beats more than the program says")
    return run


def compare(accelerator: Accelerator, model: Model, reference: Reference, start: int, images: NDArray[Any]) -> Chunk:
    """Simulate `images`, the first of which is number `start`, and compare every integer that leaves."""
    begin = time.perf_counter()
    tensors = reference.tensors(images)
    executed = time.perf_counter()
    run = simulate(accelerator, model, images)
    count, frames = len(images), accelerator.frames
    codes, results, output = (run.streams[name] for name in ("o_codes", "o_results", "o"))
    values = accelerator.output_values(output.fields["data"].view(np.uint64))
    result = np.zeros_like(tensors[accelerator.network.result.name])
    tally = _Tally()
    tally.take(accelerator.codes, codes.fields["codes"], codes.cycles, tensors, count, frames)
    tally.take(accelerator.references, codes.fields["reference"][:, np.newaxis], codes.cycles, tensors, count, frames)
    tally.take(accelerator.results, results.fields["values"], results.cycles, tensors, count, frames)
    tally.take(accelerator.output, values, output.cycles, tensors, count, frames)
    tally.take(accelerator.ends, output.fields["last"][:, np.newaxis], output.cycles, tensors, count, frames)
    for column, place in accelerator.output.places(count, frames):
        result.reshape(count, -1)[:, column.outputs] = values[place][:, column.lanes]
    first = tally.first and replace(tally.first, image=tally.first.image + start)
    accepted = run.input_cycles["i"][len(accelerator.program)]
    return Chunk(
        start=start,
        images=count,
        integers=tally.integers,
        mismatches=tally.mismatches,
        first=first,
        cycles=int(output.cycles[-1] - accepted) + 1,
        rtl_seconds=time.perf_counter() - executed,
        reference_seconds=executed - begin,
        values=result,
        reference=tensors[accelerator.network.result.name],
    )


class _Tally:
    """Integers compared and mismatches found so far; `first` is the one that left first."""

    def __init__(self) -> None:
        self.integers = self.mismatches = 0
        self.first: Mismatch | None = None

    def take(
        self,
        beats: Beats,
        got: NDArray[Any],
        cycles: NDArray[np.int64],
        tensors: dict[str, NDArray[np.int64]],
        images: int,
        frames: int,
    ) -> None:
        """Compare the lanes `got` (beats, lanes) of a stream with the tensors."""
        for column, position in beats.places(images, frames):
            expected = column.expected(tensors)
            found = got[position][:, column.lanes]
            self.integers += expected.size
            wrong = expected != found
            if not wrong.any():
                continue
            self.mismatches += int(np.count_nonzero(wrong))
            faulty = np.flatnonzero(wrong.any(axis=1))
            image = int(faulty[np.argmin(cycles[position[faulty]])])
            cycle = int(cycles[position[image]])
            if self.first is not None and self.first.cycle <= cycle:
                continue
            lane = int(np.flatnonzero(wrong[image])[0])
            place = column.place if column.spread else (*column.place, int(column.outputs[lane]))
            self.first = Mismatch(
                node=column.node,
                place=place[: len(column.axes)],
                axes=column.axes,
                lane=int(column.lanes[lane]),
                image=image,
                cycle=cycle,
                expected=int(expected[image, lane]),
                got=int(found[image, lane]),
            )
