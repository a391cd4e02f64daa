"""One continuous simulation of a chunk of images, and every integer of it compared with the reference."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.integer.cim import row_sums
from quadrille.algo.integer.convolution import WindowSums
from quadrille.algo.integer.execution import Executor
from quadrille.algo.spec import Conv2d, Linear, Network, RowSum

from .accelerator import Accelerator
from .beats import Beats, Block, Elements
from .description import END, row_sum_of
from .model import Capture, Model, Run, SimulationFault
from .schedule import Schedule
from .shown import Shown

__all__ = ["Agreement", "Chunk", "Mismatch", "Reference", "Tally", "compare", "simulate"]

REGISTER = "mode register"
"""Where a node is named, the mode of the last batch and the register that modes are drawn from, after all batches."""


@dataclass(frozen=True)
class Mismatch:
    """An integer that is not what it must be.

    Attributes
    ----------
    node : whose tensor it belongs to
    place, axes : its index in that tensor, and what the indices are: tile, slice and output of a linear node, tile of
        row sums, output of others; on maps y and x as well
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
class Agreement:
    """How many integers of a node's tensor were compared, and how many were wrong."""

    integers: int = 0
    mismatches: int = 0

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(self.integers + other.integers, self.mismatches + other.mismatches)


@dataclass(frozen=True)
class Chunk:
    """What came of the images `start` to `start + images - 1`, in the modes of `schedule`.

    `cycles` counts from the first data word of a batch to the last output word, both included. `values` are those of
    the network's result as they left the hardware, `reference` as they must be.
    """

    start: int
    images: int
    schedule: Schedule
    nodes: dict[str, Agreement]
    first: Mismatch | None
    cycles: int
    rtl_seconds: float
    simulation_seconds: float
    reference_seconds: float
    values: NDArray[np.int64]
    reference: NDArray[np.int64]


class Reference:
    """The integer reference of a mode's network, with the row sums that the hardware shows besides."""

    def __init__(self, shown: Shown) -> None:
        self.network = shown.network
        self.executor = Executor(self.network)
        present = {node.name for node in self.network.nodes}
        sums = [
            row_sum_of(self.network, node.name) for node in self.network.nodes if isinstance(node, (Linear, Conv2d))
        ]
        self.row_sums = [(node, _summing(self.network, node)) for node in sums if node.name not in present]
        self.windows = max(step.windows for step in shown.output.steps if step.columns)

    def tensors(self, images: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
        """Every tensor by node, (images, ...)."""
        tensors = self.executor.run(images)
        for node, summed in self.row_sums:
            tensors[node.name] = summed(tensors[node.inputs[0]])
        tensors[END] = np.zeros((len(images), 2, self.windows), np.int64)
        tensors[END][:, 1, -1] = 1
        return tensors


def _summing(network: Network, node: RowSum) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """What makes the row sums `node` of the tensor that it reads."""
    if node.window is None:
        return partial(row_sums, node)
    return WindowSums(node, network.edges[node.inputs[0]].interval).sums


def simulate(
    accelerator: Accelerator,
    model: Model,
    images: NDArray[Any],
    schedule: Schedule,
    *,
    wave: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> Run:
    """Reset, load the program, and run `images` through in one go, in the modes of `schedule`; `progress` is told the
    share that is done."""
    words = np.concatenate([accelerator.program, accelerator.input_words(images, schedule)])
    # The waveform begins when the program is loaded, which takes a cycle or more for each word.
    run = model.run(
        {"i": words[:, np.newaxis]},
        accelerator.expected(schedule),
        wave=wave,
        wave_from=len(accelerator.program),
        progress=progress,
    )
    for name, capture in run.streams.items():
        if capture.surplus:
            raise SimulationFault(f"Stream {name} delivered {capture.surplus} beats more than the program says")
    return run


def compare(
    accelerator: Accelerator,
    model: Model,
    references: Sequence[Reference],
    start: int,
    images: NDArray[Any],
    schedule: Schedule | None = None,
    progress: Callable[[float], None] | None = None,
) -> Chunk:
    """Simulate `images`, the first of which is number `start`, and compare every integer that leaves.

    `references` are those of the modes; by default all images run in the first.
    """
    schedule = schedule or Schedule.constant(len(images), 0, accelerator.frames, switches=accelerator.switches)
    begin = time.perf_counter()
    modes = np.array(schedule.modes)
    members = {number: np.flatnonzero(modes == number) for number in sorted({*schedule.modes})}
    tensors = {number: references[number].tensors(images[where]) for number, where in members.items()}
    executed = time.perf_counter()
    run = simulate(accelerator, model, images, schedule, progress=progress)
    simulated = time.perf_counter()
    output = run.streams["o"]
    agreements: dict[str, Agreement] = {}
    mismatches: list[Mismatch] = []
    values, reference = (np.zeros((len(images), *accelerator.result_shape), np.int64) for _ in range(2))
    for number, where in members.items():
        shown, net = accelerator.shown[number], references[number].network
        tally = Tally(tensors[number], len(where), schedule.frames)
        streams = {name: _of_mode(accelerator, run, name, modes, number) for name in shown.delivered}
        codes, words = streams["o_codes"], streams["o"]
        lanes = accelerator.output_values(words.fields["data"].view(np.uint64))
        tally.take(shown.codes, codes.fields["codes"], codes.cycles)
        tally.take(shown.references, codes.fields["reference"][:, np.newaxis], codes.cycles)
        for name, beats in shown.taps.items():
            tally.take(beats, streams[name].fields["values"], streams[name].cycles)
        tally.take(shown.output, lanes, words.cycles)
        tally.take(shown.ends, words.fields["last"][:, np.newaxis], words.cycles)
        reference[where] = tensors[number][net.result.name]
        values[where] = shown.output.gathered(lanes, reference[where].shape, schedule.frames)
        for name, agreement in tally.nodes.items():
            agreements[name] = agreements.get(name, Agreement()) + agreement
        if tally.first is not None:
            mismatches.append(replace(tally.first, image=start + int(where[tally.first.image])))
    if accelerator.switches:
        register = _register(schedule, run, start)
        agreements[REGISTER] = Agreement(len(register), sum(found.expected != found.got for found in register))
        mismatches += [found for found in register if found.expected != found.got]
    accepted = run.input_cycles["i"][len(accelerator.program)]
    return Chunk(
        start=start,
        images=len(images),
        schedule=schedule,
        nodes=agreements,
        first=min(mismatches, key=lambda found: found.cycle, default=None),
        cycles=int(output.cycles[-1] - accepted) + 1,
        rtl_seconds=time.perf_counter() - executed,
        simulation_seconds=simulated - executed,
        reference_seconds=executed - begin,
        values=values,
        reference=reference,
    )


def _of_mode(accelerator: Accelerator, run: Run, name: str, modes: NDArray[Any], number: int) -> Capture:
    """The beats of a stream that belong to the images of one mode."""
    capture = run.streams[name]
    if (modes == number).all():
        return capture
    per_image = np.array([shown.delivered[name].per_image for shown in accelerator.shown])
    chosen = np.repeat(modes == number, per_image[modes])
    fields = {field: values[chosen] for field, values in capture.fields.items()}
    return replace(capture, fields=fields, cycles=capture.cycles[chosen])


def _register(schedule: Schedule, run: Run, start: int) -> list[Mismatch]:
    """What the registers of the modes should be in the end, and what they are."""
    pairs = (("mode", schedule.modes[-1]), ("seed", schedule.seed))
    image, cycle = start + len(schedule.modes) - 1, run.total_cycles
    return [
        Mismatch(REGISTER, (n,), (name,), 0, image, cycle, want, run.pins[name]) for n, (name, want) in enumerate(pairs)
    ]


class Tally:
    """Compares streams with `tensors` by node, of `images` images that were sent in batches of `frames`.

    Attributes
    ----------
    nodes : integers compared and found wrong so far
    first : the mismatch that left first
    """

    def __init__(self, tensors: dict[str, NDArray[np.int64]], images: int, frames: int) -> None:
        self.tensors, self.images, self.frames = tensors, images, frames
        self.nodes: dict[str, Agreement] = {}
        self.first: Mismatch | None = None

    def take(self, beats: Beats, got: NDArray[Any], cycles: NDArray[np.int64]) -> None:
        """Compare the lanes `got` (beats, lanes) of a stream; `cycles` says when its beats left."""
        for block in beats.blocks(self.images, self.frames):
            for elements in block.step.elements:
                found = block.carried(got, elements)
                name = elements.tensor.node
                expected = block.expected(self.tensors[name], elements)
                wrong = expected != found
                mismatches = int(np.count_nonzero(wrong))
                self.nodes[name] = self.nodes.get(name, Agreement()) + Agreement(wrong.size, mismatches)
                if mismatches:
                    self.locate(block, elements, wrong, expected, found, block.beats(cycles))

    def locate(
        self,
        block: Block,
        elements: Elements,
        wrong: NDArray[np.bool_],
        expected: NDArray[np.int64],
        found: NDArray[Any],
        cycles: NDArray[np.int64],
    ) -> None:
        """Note the first of the elements that are `wrong`, unless one left before; cycles are by column of a window."""
        batch, frame, window = (
            int(n) for n in np.unravel_index(int(np.argmax(wrong.any(axis=3))), wrong.shape[:3])
        )  # in a step, beats leave in just this order
        candidates = np.flatnonzero(wrong[batch, frame, window])
        column, lane = elements.columns[candidates], elements.lanes[candidates]
        element = int(candidates[np.lexsort((lane, column))[0]])
        at = (batch, frame, window)
        cycle = int(cycles[(*at, int(elements.columns[element]))])
        if self.first is not None and self.first.cycle <= cycle:
            return
        tensor = elements.tensor
        self.first = Mismatch(
            node=tensor.node,
            place=tensor.index(int(elements.places[element]), window),
            axes=tensor.axes,
            lane=int(elements.lanes[element]),
            image=block.image + batch * block.frames + frame,
            cycle=cycle,
            expected=int(np.broadcast_to(expected, wrong.shape)[(*at, element)]),
            got=int(found[(*at, element)]),
        )
