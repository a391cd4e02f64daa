"""A testbench assembled from the manifest: clock, reset, and at each stream a source or sink and a monitor."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from cocotb.clock import Clock

from quadrille.algo.spec import InvalidInput

from .fields import FieldValue
from .manifest import Manifest
from .scoreboard import Beat, Scoreboard
from .stalls import mixed, never
from .streams import StreamMonitor, StreamSink, StreamSource

__all__ = ["Stuck", "Testbench"]

_PERIOD = 2
#: Cycles in which no stream moves before the design counts as stuck; the longest random stall is 12.
_PATIENCE = 2000
#: Cycles watched after the last expected beat, in which no further one may come.
_AFTERWARDS = 12


class Stuck(AssertionError):
    """No stream moves, and beats are missing."""


class Testbench:
    """Clock, reset, sources, sinks, monitors and scoreboards of one exported block.

    Everything runs in the test's own coroutine, by `run` and `finish`: at each rising edge the monitors sample, then
    the sources and sinks decide on the next cycle.

    Attributes
    ----------
    sources, sinks, monitors, scoreboards : by stream name; taps have a monitor and no sink
    neighbours : called with the cycle's number at each rising edge, to play what stands at the pins of the block
    waiting : whether neighbours have more to do before the test can finish
    cycle : cycles since the last reset; 0 is the first after it
    random : the test's random numbers, a function of the regression's seed and the test's name alone
    """

    __test__ = False  # no test class, whatever its name looks like to pytest

    def __init__(self, design: Any, manifest: Manifest | None = None) -> None:
        self.design = design
        self.manifest = manifest or Manifest.read(os.environ["QUADRILLE_MANIFEST"])
        if self.manifest.clock is None:
            raise InvalidInput(f"Block {self.manifest.block} must have a clock to be tested by streams")
        # cocotb seeds the global generator for each test, from the seed of the run and the test's name.
        self.random = Random(random.getrandbits(64))
        self.cycle = 0
        self.neighbours: list[Callable[[int], None]] = []
        self.waiting: Callable[[], bool] = lambda: False
        self._clock = getattr(design, self.manifest.clock)
        self._reset = None if self.manifest.reset is None else getattr(design, self.manifest.reset)
        self.monitors: dict[str, StreamMonitor] = {}
        self.sources: dict[str, StreamSource] = {}
        self.sinks: dict[str, StreamSink] = {}
        self.scoreboards: dict[str, Scoreboard] = {}
        for name, stream in self.manifest.streams.items():
            monitor = self.monitors[name] = StreamMonitor(design, stream)
            if stream.direction == "in":
                self.sources[name] = StreamSource(design, monitor, self.random)
            else:
                self.scoreboards[name] = Scoreboard(stream, self.manifest.label)
                monitor.listeners.append(self.scoreboards[name].check)
                if stream.ready is not None:
                    self.sinks[name] = StreamSink(design, monitor)
        # The writes of one cycle all land at its rising edge; the clock is driven in C++, not by a coroutine.
        self._clocking = Clock(self._clock, _PERIOD, unit="ns", impl="gpi")
        self._clocking.start(start_high=False)

    def parameter(self, name: str) -> Any:
        """The value of a parameter of the block, from the manifest."""
        return self.manifest.parameters[name]

    def observe(self, stream: str, view: Callable[[Beat], Beat]) -> None:
        """Let the scoreboard of `stream` compare `view(fields)` and not the fields."""
        self.scoreboards[stream].observe = view

    def send(self, stream: str, beat: Mapping[str, FieldValue] | int) -> None:
        """Queue a beat at the source of `stream`."""
        self.sources[stream].send(beat)

    def expect(self, stream: str, beat: Beat) -> None:
        """Append an expected beat of `stream`."""
        self.scoreboards[stream].expect(beat)

    def ignore(self, stream: str) -> None:
        """Do not compare `stream`; its rules are watched all the same."""
        self.monitors[stream].listeners.clear()

    def stall(self, *, randomly: bool, reluctant: bool = False) -> None:
        """Give each stream a stall generator of its own, or none; `reluctant` sinks wait for `valid`."""
        for source in self.sources.values():
            source.stalls = mixed(self.random) if randomly else never()
        for sink in self.sinks.values():
            sink.stalls = mixed(self.random) if randomly else never()
            sink.reluctant = reluctant

    async def reset(self, cycles: int = 2) -> None:
        """Hold the reset for `cycles`; whatever was queued, offered or expected is forgotten."""
        ends = [*self.monitors.values(), *self.sources.values(), *self.sinks.values(), *self.scoreboards.values()]
        for end in ends:
            end.reset()
        if self._reset is not None:
            self._reset.value = 1
        for _ in range(cycles):
            await self._clock.rising_edge
        if self._reset is not None:
            self._reset.value = 0
        for sink in self.sinks.values():
            sink.drive()
        self.cycle = 0

    async def step(self) -> bool:
        """One clock cycle; whether any stream moved in it."""
        await self._clock.rising_edge
        cycle = self.cycle
        moved = False
        for monitor in self.monitors.values():
            monitor.sample(cycle)
            moved |= monitor.moved
        for neighbour in self.neighbours:
            neighbour(cycle)
        for source in self.sources.values():
            source.drive()
        for sink in self.sinks.values():
            sink.drive()
        self.cycle = cycle + 1
        return moved

    async def run(self, cycles: int) -> None:
        """So many clock cycles."""
        for _ in range(cycles):
            await self.step()

    async def drain(self, *streams: str) -> None:
        """Run until the sources of `streams` (all, if none is named) have nothing left to offer.

        Raises
        ------
        Stuck
            If no stream moves for a long time before that.
        """
        sources = [self.sources[name] for name in streams] or list(self.sources.values())
        await self._until(lambda: not any(source.queue for source in sources))

    async def finish(self) -> None:
        """Run until every source is drained and every expected beat has come, then watch that no other follows.

        Raises
        ------
        Stuck
            If no stream moves for a long time before that; the message says what is missing.
        """
        sources, scoreboards = self.sources.values(), self.scoreboards.values()
        await self._until(
            lambda: not any(s.queue for s in sources) and not any(s.missing for s in scoreboards) and not self.waiting()
        )
        await self.run(_AFTERWARDS)
        for scoreboard in scoreboards:
            scoreboard.finish()

    async def _until(self, done: Callable[[], bool]) -> None:
        still = 0
        while not done():
            still = 0 if await self.step() else still + 1
            if still == _PATIENCE:
                raise Stuck(self._missing())

    def _missing(self) -> str:
        waits = [f"{s.pending} beats wait at {name}" for name, s in self.sources.items() if s.pending]
        waits += [f"{s.missing} beats are missing at {name}" for name, s in self.scoreboards.items() if s.missing]
        return f"{self.manifest.label}: no stream moved from cycle {self.cycle - _PATIENCE} on; {', '.join(waits)}"
