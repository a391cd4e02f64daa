"""A Replay that leaves out what repeats: the same times, in as many steps as it takes to become steady."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .replay import Pipeline, Replay
from .timing import Stage

__all__ = ["SteadyReplay"]

MOVED = ("placed", "walker_free", "handed", "planes_end", "reader_free", "packer_free", "done", "stored", "output")
"""The clocks that windows set."""


class SteadyReplay(Replay):
    """The times of `Replay`, exactly, without going through windows that can only do what those before them did.

    The windows of a row differ from the first alone, rows and frames do not differ at all, and what a window does
    depends on few clocks, counted from one another, and on when pipelines last stood still. Where these are after a
    window (row, frame) as they were after the one before, the next does the same as many cycles later, and so do all
    that are left: their cycles are added. Pooled windows are compared a pool at a time.
    """

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
            clocks = [getattr(self, name) for name in MOVED]
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
        clocks = (self.placed - base, self.handed - base, free - base)
        if not self.packing:
            return clocks, later(self.macro, base, base)
        # The packer is waited for by slots that come after the reader is free, later than any that it has handed out.
        packer = max(self.packer_free, free) - base if any(stage.words) else None
        behind = (self.converter, self.dequantizer, self.end, *self.units)
        return clocks, packer, later(self.macro, base, base), *(later(pipeline, free, base) for pipeline in behind)

    def skip(self, times: int, before: list[int]) -> None:
        """As many times more what has happened since the clocks were `before`."""
        since = [getattr(self, name) - then for name, then in zip(MOVED, before, strict=True)]
        cycles = times * since[MOVED.index("planes_end")]
        for name, moved in zip(MOVED, since, strict=True):
            # What no window has set now, none will set.
            if moved:
                setattr(self, name, getattr(self, name) + cycles)
        pipelines = [self.macro, self.converter]
        if since[MOVED.index("stored")]:
            pipelines += [self.dequantizer, self.end, *self.units]
        for pipeline in pipelines:
            pipeline.frozen = deque(((start + cycles, end + cycles) for start, end in pipeline.frozen), maxlen=64)


def later(pipeline: Pipeline, cycle: int, base: int) -> tuple[tuple[int, int], ...]:
    """The times at which it stood still beyond `cycle`, counted from `base`."""
    return tuple((start - base, end - base) for start, end in pipeline.frozen if end > cycle)
