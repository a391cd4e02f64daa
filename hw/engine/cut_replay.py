"""One run of an accelerator whose patch reader is cut, or whose streams are buffered: replayed without its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .replay import Pipeline, Replay, Span

if TYPE_CHECKING:
    from .timing import Stage, Timing

__all__ = ["CutReplay"]

LONG_AGO = -(1 << 62)


class Buffer:
    """A `hw.base.StreamBuffer`: what it holds is offered a cycle after it was taken, and it holds two."""

    def __init__(self) -> None:
        self.left = (LONG_AGO, LONG_AGO)  # when the last but one and the last of what it held left it

    def take(self, cycle: int) -> int:
        """The first cycle from `cycle` on in which it takes another."""
        return max(cycle, self.left[0] + 1)

    def offer(self, taken: int) -> int:
        """The first cycle in which what was `taken` stands at its output."""
        return max(taken, self.left[1]) + 1

    def leave(self, cycle: int) -> None:
        """What stood at its output left in `cycle`."""
        self.left = (self.left[1], cycle)

    def later(self, cycles: int) -> Buffer:
        """Another one, `cycles` later in the same state."""
        other = Buffer()
        other.left = (self.left[0] + cycles, self.left[1] + cycles)
        return other


class CutReplay(Replay):
    """A Replay with the registers of `walk_cuts` and `patch_cuts`, and with the buffers if there are any."""

    BUFFERS = ("planes", "step", "code", "slot")

    def __init__(self, timing: Timing, spans: list[Span] | None = None):
        self.place = Pipeline(1 + timing.patch_cuts)  # from a word's address to its place
        self.asked = -1  # the last word was asked for
        self.planes, self.step, self.code, self.slot = Buffer(), Buffer(), Buffer(), Buffer()
        super().__init__(timing, spans)
        if timing.buffers > 1:
            # Every word comes a cycle later to where it is looked at.
            self.advance(1)
            self.load_start += 1

    def state(self) -> tuple[object, ...]:
        """What the next batch depends on, counted from the last output."""
        base = self.output
        left = tuple(tuple(cycle - base for cycle in getattr(self, name).left) for name in self.BUFFERS)
        frozen = tuple((start - base, end - base) for start, end in self.place.frozen if end > self.asked - 64)
        return super().state(), self.asked - base, frozen, left

    def advance(self, cycles: int) -> None:
        """Let `cycles` pass in which nothing changes but the time."""
        super().advance(cycles)
        self.asked += cycles
        place = Pipeline(self.place.latency)
        place.frozen.extend((start + cycles, end + cycles) for start, end in self.place.frozen)
        self.place = place
        for name in self.BUFFERS:
            setattr(self, name, getattr(self, name).later(cycles))

    def begin(self, accepted: int) -> None:
        """A job is accepted: its first word can be asked for when the walker knows where it is."""
        self.asked = max(accepted + self.timing.walk_cuts, self.asked)
        self.first = True

    def patch(self, stage: Stage, y: int, x: int) -> None:
        """A window is read, handed on, and goes its way."""
        reads = stage.next_reads if x else stage.first_reads
        asked = self.place.enabled(self.asked + 1)
        there = self.place.emerge(asked)
        begin = max(there, self.handed)
        self.place.wait(there, begin)
        self.asked = self.place.enabled(asked, reads)
        self.walker_free = self.asked + (self.timing.walk_cuts > 0)
        self.placed = begin + reads - 1
        self.handed = max(self.placed + 1, self.planes_end)
        if self.timing.whole:
            self.handed = self.macro.enabled(self.handed)
        self.window(stage, y, x)

    def play(self, planes: int) -> int:
        """Hand all planes of a window to the macro; when it takes the last."""
        macro, buffer = self.macro, self.planes
        if self.timing.whole or not self.timing.buffers:
            return super().play(planes)
        taken, entered = self.handed, 0
        for _ in range(planes):
            taken = buffer.take(taken + 1)
            entered = macro.enabled(buffer.offer(taken))
            buffer.leave(entered)
            if self.first:
                self.swapped = entered
                self.first = False
        self.planes_end = taken
        return entered

    def leaves(self, stage: Stage) -> None:
        """When the steps of a window leave what is behind the column reader and never waits."""
        super().leaves(stage)
        if self.timing.buffers:
            # A cycle before the converter, one before the dequantizer, and another behind it.
            self.done += 2
            if stage.last_complete is not None:
                self.stored += 3
                self.output += 3 * stage.index

    def steps(self, taken: int, stage: Stage, y: int, x: int) -> None:
        """The column steps of a window, each with all that may hold it up."""
        if not self.timing.buffers:
            super().steps(taken, stage, y, x)
            return
        at, number = taken, 0
        for completes in stage.completes:
            at = self.step.take(at + 1)
            entered = self.converter.enabled(self.step.offer(at))
            self.step.leave(entered)
            code = self.converter.emerge(entered)
            taken = self.code.take(code)
            self.converter.wait(code, taken)
            entered = self.dequantizer.enabled(self.code.offer(taken))
            self.code.leave(entered)
            result = self.dequantizer.emerge(entered)
            self.done = result
            if completes:
                words = stage.words[number] if stage.words else 0
                self.done = self.slot.take(result)
                self.dequantizer.wait(result, self.done)
                self.stored = self.leave(self.slot.offer(self.done), stage, words, y, x)
                self.slot.leave(self.stored)
                number += 1
        self.reader_free = at
