"""A Replay that leaves out what repeats: the same times, in as many steps as it takes to become steady."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from .cut_replay import CutReplay
from .replay import Pipeline, Replay
from .timing import Stage, Windows

__all__ = ["SteadyCutReplay", "SteadyReplay"]

MOVED = ("placed", "walker_free", "handed", "planes_end", "reader_free", "packer_free", "done", "stored", "output")
"""The clocks that windows set."""


MARKS = 4
"""Instructions of a batch at which it is compared with the one before."""


class Steady(Replay):
    """The times of a Replay, exactly, without going through windows that can only do what those before them did.

    The windows of a row differ from the first alone, rows and frames do not differ at all, and what a window does
    depends on few clocks, counted from one another, and on when pipelines last stood still. Where these are after a
    window (row, frame) as they were after the one before, the next does the same as many cycles later, and so do all
    that are left: their cycles are added. Pooled windows are compared a pool at a time.
    """

    MOVED: tuple[str, ...] = MOVED

    def job(self, accepted: int, stage: Stage, frames: int) -> None:
        """All windows of an instruction."""
        self.begin(accepted)
        # Nothing behind the macro waits for anything where nothing is packed: then pools change nothing.
        height, width = stage.pool if self.packing else (1, 1)
        pooled, left = divmod(stage.down, height)
        if not left:
            self.repeat(frames * pooled * height, height, stage, lambda y: self.row(stage, y % stage.down, width))
            return

        def frame(_: int) -> None:
            self.repeat(pooled * height, height, stage, lambda y: self.row(stage, y, width))
            self.repeat(left, 1, stage, lambda y: self.row(stage, pooled * height + y, width))

        self.repeat(frames, 1, stage, frame)

    def row(self, stage: Stage, y: int, width: int) -> None:
        """A row of windows, of which the pool takes `width` at a time; what is left over it drops."""
        pooled = stage.across // width * width
        self.repeat(pooled, width, stage, lambda x: self.patch(stage, y, x))
        self.repeat(stage.across - pooled, 1, stage, lambda x: self.patch(stage, y, pooled + x))

    def repeat(self, count: int, period: int, stage: Stage, step: Callable[[int], None]) -> None:
        """`step(0)` to `step(count - 1)`, which repeat after `period`, but for the first of them."""
        before: tuple[object, ...] | None = None
        done = 0
        while done < count:
            clocks = [getattr(self, name) for name in self.MOVED]
            for number in range(done, done + period):
                step(number)
            done += period
            if done == count:
                return
            now = self.steady_state(stage)
            if now == before:
                self.skip((count - done) // period, clocks)
                return
            before = now

    def steady_state(self, stage: Stage) -> tuple[object, ...]:
        """What the next window depends on, counted from the end of the last one's planes."""
        base, free = self.planes_end, self.reader_free
        clocks = (self.placed - base, self.handed - base, free - base, later(self.macro, base, base))
        if not self.packing:
            return clocks
        # The packer is waited for by slots that come after the reader is free, later than any that it has handed out.
        packer = max(self.packer_free, free) - base if any(stage.words) else None
        behind = (self.converter, self.dequantizer, self.end, *self.units)
        return *clocks, packer, *(later(pipeline, free, base) for pipeline in behind)

    def skip(self, times: int, before: list[int]) -> int:
        """As many times more what has happened since the clocks were `before`; the cycles that it takes."""
        since = [getattr(self, name) - then for name, then in zip(self.MOVED, before, strict=True)]
        cycles = times * since[self.MOVED.index("planes_end")]
        for name, moved in zip(self.MOVED, since, strict=True):
            # What no window has set now, none will set.
            if moved:
                setattr(self, name, getattr(self, name) + cycles)
        pipelines = [self.macro, self.converter]
        if since[self.MOVED.index("stored")]:
            pipelines += [self.dequantizer, self.end, *self.units]
        for pipeline in pipelines:
            pipeline.frozen = deque(((start + cycles, end + cycles) for start, end in pipeline.frozen), maxlen=64)
        return cycles


class Past(NamedTuple):
    """A batch of so many `images`: by the number of an instruction in which cycle it was waited for, and what was found
    then; and what the batch left, its clocks, when its macro stood still, and which tiles were there."""

    stages: Sequence[Stage]
    images: int
    marks: dict[int, tuple[int, tuple[object, ...]]]
    clocks: tuple[int, ...]
    frozen: tuple[tuple[int, int], ...]
    tiles: int
    resident: bool


class SteadyReplay(Steady):
    """`Replay` without what repeats, and without jobs and ends of batches that have been played before."""

    ENDS = (
        *(name for name in MOVED if name != "packer_free"),
        "weights_ready",
        "loader_free",
        "load_start",
        "swapped",
        "sequencer",
    )
    """The clocks that instructions set where nothing is packed."""

    past: Past | None = None
    """The batch before."""

    def instructions(self, at: int, stages: Sequence[Stage], count: int) -> None:
        """All instructions of a batch, up to one that finds everything as the batch before found it."""
        if self.packing or self.spans is not None:
            super().instructions(at, stages, count)
            return
        past = self.past if self.past and self.past.stages is stages and self.past.images == count else None
        marks: dict[int, tuple[int, tuple[object, ...]]] = {}
        for number, stage in enumerate(stages):
            # Where a layer begins what was on its way has arrived: there batches are alike, if anywhere.
            if stage.barrier and len(marks) < MARKS:
                marks[number] = at, self.found(at)
                if past and number in past.marks and past.marks[number][1] == marks[number][1]:
                    self.go_on(past, at - past.marks[number][0])
                    return
            at = self.instruction(at, stages, number, count)
        clocks = tuple(getattr(self, name) for name in self.ENDS)
        self.past = Past(stages, count, marks, clocks, tuple(self.macro.frozen), self.tiles, self.resident)

    def found(self, at: int) -> tuple[object, ...]:
        """What an instruction that is waited for from cycle `at` on depends on; what is past has no effect any more."""
        clocks = (self.weights_ready, self.walker_free, self.placed, self.handed, self.planes_end, self.reader_free)
        frozen = later(self.macro, at, at)
        return *(max(clock - at, 0) for clock in clocks), self.settled - at, frozen, self.tiles, self.resident

    def go_on(self, past: Past, cycles: int) -> None:
        """What is left of a batch: as in that which is past, so many cycles later."""
        for name, clock in zip(self.ENDS, past.clocks, strict=True):
            # Of tiles that are resident none is loaded any more.
            if not (past.resident and name in ("weights_ready", "load_start")):
                setattr(self, name, clock + cycles)
        self.macro.frozen = deque([(start + cycles, end + cycles) for start, end in past.frozen], maxlen=64)
        self.tiles = past.tiles

    def job(self, accepted: int, stage: Stage, frames: int) -> None:
        """All windows of an instruction."""
        if self.packing:
            super().job(accepted, stage, frames)
            return
        self.begin(accepted)
        at, macro = self.placed, self.macro
        # What lies before the first word is asked for no longer matters; two cycles later its patch is handed on.
        times = played(
            stage.windows,
            frames,
            macro.latency,
            self.timing.whole,
            max(self.handed - at, 1),
            max(self.planes_end - at, 0),
            max(self.reader_free - at, 0),
            later(macro, at, at) if macro.frozen else (),
        )
        self.placed, self.walker_free = at + times.placed, at + times.walker_free
        self.handed, self.planes_end = at + times.handed, at + times.planes_end
        self.reader_free, self.swapped = at + times.reader_free, at + times.swapped
        macro.frozen = deque([(at + start, at + end) for start, end in times.frozen], maxlen=64)
        self.first = False
        self.leaves(stage)


class SteadyCutReplay(Steady, CutReplay):
    """`CutReplay` without what repeats."""

    MOVED = (*MOVED, "asked")

    def steady_state(self, stage: Stage) -> tuple[object, ...]:
        """What the next window depends on: words on their way, and what left the buffers, as well."""
        base, free = self.planes_end, self.reader_free
        # What left before the next can come is long past.
        left = [(buffer.left, since) for buffer, since in ((self.planes, base), (self.step, free), (self.slot, free))]
        buffers = tuple(max(cycle, since) - base for cycles, since in left for cycle in cycles)
        return *super().steady_state(stage), self.asked - base, later(self.place, self.asked, base), buffers

    def skip(self, times: int, before: list[int]) -> int:
        """As many times more what has happened since the clocks were `before`; the cycles that it takes."""
        cycles = super().skip(times, before)
        self.place.frozen = deque(((start + cycles, end + cycles) for start, end in self.place.frozen), maxlen=64)
        stored = self.stored - cycles != before[self.MOVED.index("stored")]
        for name in self.BUFFERS if stored else self.BUFFERS[:2]:
            setattr(self, name, getattr(self, name).later(cycles))
        return cycles


def later(pipeline: Pipeline, cycle: int, base: int) -> tuple[tuple[int, int], ...]:
    """The times at which it stood still beyond `cycle`, counted from `base`."""
    return tuple([(start - base, end - base) for start, end in pipeline.frozen if end > cycle])


class Times(NamedTuple):
    """The clocks of `Replay` that windows depend on, and when its macro stood still."""

    placed: int
    walker_free: int
    handed: int
    planes_end: int
    reader_free: int
    swapped: int
    frozen: tuple[tuple[int, int], ...]

    def since(self) -> tuple[object, ...]:
        """What the next window depends on, counted from the end of the last one's planes."""
        base = self.planes_end
        frozen = tuple((start - base, end - base) for start, end in self.frozen)
        return self.placed - base, self.handed - base, self.reader_free - base, frozen

    def moved(self, cycles: int) -> Times:
        """The same later; the planes were exchanged when they were."""
        return Times(
            self.placed + cycles,
            self.walker_free + cycles,
            self.handed + cycles,
            self.planes_end + cycles,
            self.reader_free + cycles,
            self.swapped,
            tuple((start + cycles, end + cycles) for start, end in self.frozen),
        )


@lru_cache(maxsize=1 << 16)
def played(
    windows: Windows,
    frames: int,
    latency: int,
    whole: bool,
    handed: int,
    planes_end: int,
    reader_free: int,
    frozen: tuple[tuple[int, int], ...],
) -> Times:
    """The clocks after all `windows` of `frames` images, from those given on, where nothing behind the macro waits;
    `latency` is the macro's, `whole` as of `Timing`.

    Jobs of a batch, batches, and accelerators that differ in something else ask for the same again and again.
    """
    macro = Pipeline(latency)
    macro.frozen.extend(frozen)

    def window(times: Times, first: bool, begins: bool) -> Times:
        reads = windows.first_reads if first else windows.next_reads
        end = max(times.handed, times.placed + 1) + reads - 1
        handed = max(end + 1, times.planes_end)
        if whole:
            handed = macro.enabled(handed)
        swapped = macro.enabled(handed + 1) if begins else times.swapped
        entered = macro.enabled(handed + 1, windows.planes)
        sums = macro.emerge(entered)
        taken = max(sums, times.reader_free)
        macro.wait(sums, taken)
        walker_free = end - 1 if reads > 1 else times.placed
        return Times(end, walker_free, handed, entered, taken + windows.steps, swapped, later(macro, entered, 0))

    def repeated(times: Times, count: int, step: Callable[[Times, int], Times]) -> Times:
        before = None
        for done in range(count):
            start, times = times.planes_end, step(times, done)
            now = times.since()
            if now == before:
                times = times.moved((count - 1 - done) * (times.planes_end - start))
                macro.frozen = deque(times.frozen, maxlen=64)
                break
            before = now
        return times

    def row(times: Times, y: int) -> Times:
        return repeated(times, windows.across, lambda times, x: window(times, x == 0, x == y == 0))

    return repeated(Times(0, 0, handed, planes_end, reader_free, 0, frozen), frames * windows.down, row)
