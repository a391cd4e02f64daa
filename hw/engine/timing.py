"""The exact cycle count of a Program: the accelerator's handshakes replayed event by event, not cycle by cycle.

Nothing waits outside the accelerator: a data word is always offered, an output word always taken. Cycle 0 is that in
which the first batch's header word is accepted, straight after the word that starts the program.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .configuration import Configuration, Destination
from .mapping import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Timing"]

ARGMAX_LATENCY = 2
"""Of hw.engine.results.ArgmaxUnit."""


class Pipeline:
    """A fixed-latency pipeline that freezes as a whole while its output waits (`hw.base.Stalled`).

    It remembers the cycles in which it stood still; events must be asked about in their order.
    """

    def __init__(self, latency: int):
        self.latency = latency
        self.frozen: deque[tuple[int, int]] = deque(maxlen=64)  # [start, end) of the latest freezes, in order

    def enabled(self, cycle: int, count: int = 1) -> int:
        """The `count`-th cycle, from `cycle` on, in which the pipeline moves."""
        left = count - 1
        for start, end in self.frozen:
            if end <= cycle:
                continue
            if start > cycle + left:
                break
            left -= max(0, start - cycle)
            cycle = end
        return cycle + left

    def emerge(self, entered: int) -> int:
        """The cycle in which what entered in cycle `entered` stands at the output."""
        return self.enabled(entered, self.latency) + 1

    def wait(self, valid: int, taken: int) -> None:
        """What stood at the output in cycle `valid` left in cycle `taken`."""
        if taken > valid:
            self.frozen.append((valid, taken))


@dataclass(frozen=True)
class Step:
    """A column step: whether it completes a group of results, and how many data words those become."""

    complete: bool
    kind: int
    words: int


@dataclass(frozen=True)
class Stage:
    """An instruction: planes and column steps of each of its jobs."""

    planes: int
    barrier: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Timing:
    """Cycle counts for batches of images.

    Attributes
    ----------
    stages : the instructions
    frames : most images of a batch
    input_words : data words of an image
    rows : row words of a tile
    weight_planes : 1 or 2
    latencies : of macro, converter and dequantizer
    """

    stages: tuple[Stage, ...]
    frames: int
    input_words: int
    rows: int
    weight_planes: int
    latencies: tuple[int, int, int]

    @classmethod
    def of(cls, plan: Plan, configuration: Configuration, input_words: int, latencies: Sequence[int]) -> Timing:
        """The timing of `plan` on an accelerator whose macro, converter and dequantizer have these latencies."""
        stages: list[Stage] = []
        for tile in plan.tiles:
            layer = plan.layers[tile.layer]
            steps = []
            for step in tile.steps:
                group = layer.groups[step.group]
                members = sum(output >= 0 for output in group.outputs)
                words = -(-members // configuration.results_per_word)
                if group.kind == Destination.ARGMAX:
                    words = int(group.last)
                steps.append(Step(step.last, group.kind, words))
            stages.append(Stage(layer.source.format.bits, tile.barrier, tuple(steps)))
        macro, converter, dequantizer = latencies
        return cls(
            tuple(stages),
            configuration.frames,
            input_words,
            configuration.rows,
            configuration.weight_planes,
            (macro, converter, dequantizer),
        )

    def batches(self, images: int) -> list[int]:
        """The sizes of the batches that `images` images are sent in."""
        full, rest = divmod(images, self.frames)
        return [self.frames] * full + [rest] * (rest > 0)

    def cycles(self, images: int) -> int:
        """Cycles from the first header word to the last output word, both included, for `images` images."""
        return _Replay(self).run(self.batches(images))

    def batch_cycles(self, images: int) -> int:
        """Cycles that one batch of `images` images takes alone."""
        return _Replay(self).run([images])


class _Replay:
    """One run of the accelerator: the time at which each of its parts is free again."""

    def __init__(self, timing: Timing):
        self.timing = timing
        self.macro, self.converter, self.dequantizer = (Pipeline(latency) for latency in timing.latencies)
        self.reader_free = 0  # the column reader can take sums from this cycle on
        self.planes_end = -1  # the vector reader can take a job from this cycle on
        self.packer_free = 0
        self.done = -1  # the last job's last step left the dequantizer
        self.output = -1  # the last output word left
        self.tiles = 0  # tiles loaded, at most as many as there are planes
        self.weights_ready = 3 + timing.rows
        self.resident = False

    def run(self, batches: list[int]) -> int:
        """Replay `batches`; returns the number of cycles."""
        timing = self.timing
        words_free = [0, 0]  # the halves of the input memory
        header, sequencer = 0, 0
        self.tiles = 1
        for number, count in enumerate(batches):
            half = number % 2
            last_word = max(header + 1, words_free[half]) + count * timing.input_words - 1
            header = last_word + 1
            at = max(sequencer, last_word + 1) + 2  # the first cycle in state "wait"
            for stage in timing.stages:
                issue = self.claim(at, stage) + 1
                for frame in range(count):
                    accepted = max(issue, self.planes_end)
                    self.job(accepted, stage, first=frame == 0)
                    issue = accepted + 1
                at = issue + 1
                sequencer = words_free[half] = issue
                self.prefetch()
        return self.output + 1

    def claim(self, at: int, stage: Stage) -> int:
        """The cycle in which an instruction that waits from cycle `at` on starts."""
        start = max(at, self.weights_ready)
        if stage.barrier:
            start = max(start, self.done + 1)
        self.claimed = start
        return start

    def prefetch(self) -> None:
        """When the weights of the next instruction will be there."""
        timing = self.timing
        if self.resident:
            return
        single = timing.weight_planes == 1
        after = self.claimed + 1 if single else self.swapped
        if len(timing.stages) <= timing.weight_planes and self.tiles == len(timing.stages):
            self.resident = True
            self.weights_ready = after + 1
            return
        load = max(after + 2, self.done + 1) + 1 if single else after + 3
        self.weights_ready = load + timing.rows
        self.tiles = min(self.tiles + 1, timing.weight_planes)

    def job(self, accepted: int, stage: Stage, *, first: bool) -> None:
        """One vector through macro, reader, converter, dequantizer."""
        macro = self.macro
        if first:
            self.swapped = macro.enabled(accepted + 1)
        entered = macro.enabled(accepted + 1, stage.planes)
        self.planes_end = entered
        sums = macro.emerge(entered)
        taken = max(sums, self.reader_free)
        macro.wait(sums, taken)
        at = taken
        for step in stage.steps:
            at = self.converter.enabled(at + 1)
            self.step(at, step)
        self.reader_free = at

    def step(self, entered: int, step: Step) -> None:
        """One column step from the converter on."""
        code = self.converter.emerge(entered)
        taken = self.dequantizer.enabled(code)
        self.converter.wait(code, taken)
        result = self.dequantizer.emerge(taken)
        left = result
        if step.complete and step.kind == Destination.OUTPUT:
            left = max(result, self.packer_free)
            self.packer_free = left + step.words
            self.output = left + step.words
        elif step.complete and step.kind == Destination.ARGMAX and step.words:
            self.output = left + ARGMAX_LATENCY
        self.dequantizer.wait(result, left)
        self.done = left
