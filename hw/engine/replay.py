"""One run of the accelerator without its data: the times at which each of its parts is free again."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .timing import Stage, Timing

__all__ = ["Pipeline", "Replay", "Span"]


class Pipeline:
    """A fixed-latency pipeline that freezes as a whole while its output waits (`hw.base.Stalled`).

    It remembers the cycles in which it stood still; events must be asked about in their order.
    """

    def __init__(self, latency: int):
        self.latency = latency
        self.frozen: deque[tuple[int, int]] = deque(maxlen=64)  # [start, end) of the latest freezes, in order

    def enabled(self, cycle: int, count: int = 1) -> int:
        """The `count`-th cycle, from `cycle` on, in which the pipeline moves."""
        if not self.frozen or self.frozen[-1][1] <= cycle:
            return cycle + count - 1
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
class Span:
    """An instruction in time: its weights are loaded in cycles [load_start, load_end), it computes in [start, end)."""

    instruction: int
    layer: str
    load_start: int
    load_end: int
    start: int
    end: int


class Replay:
    """The accelerator from its reset on, batch after batch; `spans`, if given, is filled with what happens when."""

    def __init__(self, timing: Timing, spans: list[Span] | None = None):
        self.timing = timing
        self.spans = spans
        macro, converter, dequantizer, *units = (Pipeline(latency) for latency in timing.latencies)
        self.macro, self.converter, self.dequantizer, self.units = macro, converter, dequantizer, units
        self.end = Pipeline(timing.settling)  # what stands still while the last unit's output waits
        self.packing = any(stage.words for stages in timing.modes for stage in stages)
        self.half = 0
        self.header = 0
        self.words_free = [0, 0]  # the halves of the input memory can be written from these cycles on
        self.sequencer = 0  # it looks for a batch from this cycle on
        self.walker_free = 0  # a job can be accepted
        self.placed = -1  # the last word found its place in the patch
        self.handed = 0  # the last patch went to the player
        self.planes_end = 0  # the player can take a patch
        self.reader_free = 0  # the column reader can take sums
        self.packer_free = 0
        self.done = -1  # the last window's last step left the dequantizer
        self.stored = -1 - timing.settling  # the last slot of results left the dequantizer
        self.output = -1  # the last output word left
        self.tiles = 0  # tiles loaded, at most as many as there are planes
        self.loader_free = 1 if timing.switches else 0  # it can go on to another tile
        self.load_start = self.weights_ready = 0
        if not timing.switches:
            self.load(timing.modes[0][0])
        self.resident = False
        self.first = True  # window of a job
        self.swapped = 0

    CLOCKS = (
        "header",
        "sequencer",
        "walker_free",
        "placed",
        "handed",
        "planes_end",
        "reader_free",
        "packer_free",
        "done",
        "stored",
        "output",
        "weights_ready",
        "loader_free",
    )

    def state(self) -> tuple[object, ...]:
        """What the next batch depends on, counted from the last output."""
        base, free = self.output, self.words_free[self.half]
        clocks = {name: getattr(self, name) - base for name in self.CLOCKS}
        if not self.packing:
            clocks["packer_free"] = 0
        if not self.timing.switches:
            # How early the next images may come is of no matter if even then they wait for those before them.
            vacant = max(self.header + 1, free)
            early = (
                min(self.sequencer, self.words_free[1 - self.half] - 1) - self.timing.frames * self.timing.input_words
            )
            clocks["header"], free = max(vacant, early) - 1 - base, max(vacant, early)
        # What is long past has no effect any more.
        horizon = min(self.placed, self.done, self.planes_end) - base - 64
        pipelines = (self.macro, self.converter, self.dequantizer, self.end, *self.units)
        frozen = tuple(
            tuple((start - base, end - base) for start, end in pipeline.frozen if end - base > horizon)
            for pipeline in pipelines
        )
        halves = (free - base, self.words_free[1 - self.half] - base)
        return tuple(clocks.values()), frozen, halves, self.tiles, self.resident

    def advance(self, cycles: int) -> None:
        """Let `cycles` pass in which nothing changes but the time."""
        for name in self.CLOCKS:
            setattr(self, name, getattr(self, name) + cycles)
        self.words_free = [free + cycles for free in self.words_free]
        for pipeline in (self.macro, self.converter, self.dequantizer, self.end, *self.units):
            pipeline.frozen = deque(((a + cycles, b + cycles) for a, b in pipeline.frozen), maxlen=64)

    def later(self, cycles: int) -> Replay:
        """Another replay, `cycles` later in the same state."""
        other = copy(self)
        for name in ("macro", "converter", "dequantizer", "end"):
            setattr(other, name, copy(getattr(self, name)))
        other.units = [copy(unit) for unit in self.units]
        other.advance(cycles)
        return other

    def batch(self, count: int, mode: int = 0, packets: int = 0) -> None:
        """Replay a batch of `count` images in a mode, which comes behind `packets` packets of one word."""
        timing, half = self.timing, self.half
        stages = timing.modes[mode]
        self.header += packets
        vacant = max(self.header + 1, self.words_free[half])
        if timing.switches:
            # Two cycles after the header, or one after its half is free, the loader knows the first tile.
            self.loader_free = max(self.loader_free, vacant + 1)
            self.load(stages[0])
        last_word = vacant + count * timing.input_words - 1
        self.header = last_word + 1
        self.instructions(max(self.sequencer, last_word + 1) + 2, stages, count)
        self.words_free[half] = self.walker_free + 1
        self.half = 1 - half

    def instructions(self, at: int, stages: Sequence[Stage], count: int) -> None:
        """The instructions `stages` for `count` images; `at` is the first cycle in which the sequencer waits."""
        for number in range(len(stages)):
            at = self.instruction(at, stages, number, count)

    def instruction(self, at: int, stages: Sequence[Stage], number: int, count: int) -> int:
        """One of them, waited for from cycle `at` on; from which cycle on the next one is."""
        timing, stage = self.timing, stages[number]
        claimed = max(at, self.weights_ready)
        if stage.barrier:
            claimed = max(claimed, self.settled)
        accepted = max(claimed + 1, self.walker_free)
        loaded = (self.load_start, self.weights_ready)
        self.job(accepted, stage, count)
        if self.spans is not None:
            self.spans.append(Span(number, stage.layer, *loaded, accepted, self.done + 1))
        self.loader_free = claimed + 1 if timing.weight_planes == 1 else self.swapped
        if number + 1 < len(stages):
            self.load(stages[number + 1])
        elif not timing.switches:
            self.load(stages[0])
        self.sequencer = accepted + 1
        return accepted + 2

    @property
    def settled(self) -> int:
        """The first cycle in which every result so far is written."""
        return max(self.done + 1, self.end.enabled(self.stored + 1, self.timing.settling) + 1)

    def load(self, stage: Stage) -> None:
        """When the weights of the next instruction, `stage`, will be there."""
        timing = self.timing
        planes, stages = timing.weight_planes, timing.modes[0]
        if not timing.switches and len(stages) <= planes and self.tiles == len(stages):
            if not self.resident:
                self.resident = True
                self.weights_ready = self.loader_free + 1
            return
        self.load_start = self.loader_free + 3
        if planes == 1:
            self.load_start = max(self.load_start, self.settled + 1)
        self.weights_ready = self.load_start + stage.rows
        self.tiles = min(self.tiles + 1, planes)

    def job(self, accepted: int, stage: Stage, frames: int) -> None:
        """All windows of an instruction."""
        self.begin(accepted)
        for _ in range(frames):
            for y in range(stage.down):
                for x in range(stage.across):
                    self.patch(stage, y, x)

    def begin(self, accepted: int) -> None:
        """A job is accepted: its first word can be asked for."""
        self.placed = max(accepted + 1, self.placed)
        self.first = True

    def patch(self, stage: Stage, y: int, x: int) -> None:
        """A window is read, handed on, and goes its way."""
        reads = stage.next_reads if x else stage.first_reads
        begin = max(self.handed, self.placed + 1)
        end = begin + reads - 1
        # A word is asked for in the cycle in which the one before it finds its place.
        self.walker_free = end - 1 if reads > 1 else self.placed
        self.placed = end
        self.handed = max(end + 1, self.planes_end)
        if self.timing.whole:
            # No player stands between: the array itself must be moving.
            self.handed = self.macro.enabled(self.handed)
        self.window(stage, y, x)

    def window(self, stage: Stage, y: int, x: int) -> None:
        """One window through macro, column reader, converter and dequantizer."""
        macro = self.macro
        entered = self.play(stage.planes)
        sums = macro.emerge(entered)
        taken = max(sums, self.reader_free)
        macro.wait(sums, taken)
        if self.packing:
            self.steps(taken, stage, y, x)
            return
        self.reader_free = taken + len(stage.completes)
        self.leaves(stage)

    def play(self, planes: int) -> int:
        """Hand all planes of a window to the macro; when it takes the last."""
        if self.first:
            self.swapped = self.macro.enabled(self.handed + 1)
            self.first = False
        self.planes_end = self.macro.enabled(self.handed + 1, planes)
        return self.planes_end

    def leaves(self, stage: Stage) -> None:
        """When the steps of the window that left the column reader last leave what is behind it and never waits."""
        behind = self.converter.latency + self.dequantizer.latency
        self.done = self.reader_free + behind
        if stage.last_complete is not None:
            self.stored = self.done - len(stage.completes) + stage.last_complete + 1
            if stage.index:
                self.output = self.stored + sum(unit.latency for unit in self.units) + self.timing.argmax_latency

    def steps(self, taken: int, stage: Stage, y: int, x: int) -> None:
        """The column steps of a window, each with all that may hold it up."""
        at, slot = taken, 0
        for completes in stage.completes:
            at = self.converter.enabled(at + 1)
            code = self.converter.emerge(at)
            entered = self.dequantizer.enabled(code)
            self.converter.wait(code, entered)
            result = self.dequantizer.emerge(entered)
            if completes:
                words = stage.words[slot] if stage.words else 0
                self.stored = self.leave(result, stage, words, y, x)
                self.dequantizer.wait(result, self.stored)
                self.done = self.stored
                slot += 1
            else:
                self.done = result
        self.reader_free = at

    def leave(self, valid: int, stage: Stage, words: int, y: int, x: int) -> int:
        """A slot of results from cycle `valid` on: through the units, into the packer; when it left the dequantizer."""
        pipelines = self.units
        height, width = stage.pool
        rows, columns = stage.down // height * height, stage.across // width * width
        dropped = not (y < rows and x < columns and y % height == height - 1 and x % width == width - 1)
        left: int | None = None
        previous: Pipeline | None = None
        for number, unit in enumerate(pipelines):
            taken = unit.enabled(valid)
            if previous is not None:
                previous.wait(valid, taken)
            left = taken if left is None else left
            valid, previous = unit.emerge(taken), unit
            if number == self.timing.pooling and dropped:
                return left
        taken = max(valid, self.packer_free) if words else valid
        if previous is not None:
            previous.wait(valid, taken)
        self.end.wait(valid, taken)
        if words:
            self.packer_free = self.output = taken + words
        return taken if left is None else left
