"""The scenarios that every block has to pass, whatever it computes: flow, stalls, reluctant sinks, reset in flight."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, ClassVar

from .testbench import Testbench

__all__ = ["SCENARIOS", "TimingFault", "Traffic", "play"]


class TimingFault(AssertionError):
    """A block is slower or faster than its manifest says."""


class Traffic(ABC):
    """Stimulus of one block and what its reference makes of it; a subclass for each block.

    An operation is the least that makes the block deliver: one beat, or the bit planes of one vector.
    """

    #: Operations in one scenario.
    operations: ClassVar[int] = 100
    #: A reset comes within so many cycles of the first beat.
    span: ClassVar[int] = 300
    #: Streams between which latency and interval are measured; None where the manifest's figures mean something else.
    timing: ClassVar[tuple[str, str] | None] = ("i", "o")

    def __init__(self, bench: Testbench) -> None:
        self.bench = bench
        self.random: Random = bench.random

    async def load(self) -> None:  # noqa: B027 (most blocks have no state to load: an empty default is meant)
        """Write weights, tables or a program, as is needed once after each reset."""

    async def overlap(self) -> bool:
        """Queue new weights or tables to be written while operations are under way; whether the block allows it."""
        return False

    @abstractmethod
    def send(self) -> int:
        """Queue one operation at the sources and its results at the scoreboards; the cycles it takes unstalled."""


async def flow(bench: Testbench, traffic: Traffic) -> None:
    """Nothing stalls: results are right, and latency and interval are those of the manifest."""
    await bench.reset()
    await traffic.load()
    operations = _queue(bench, traffic)
    await bench.finish()
    if traffic.timing is not None:
        _check_timing(bench, traffic, operations)
    # Once more with other weights or tables: a fault may hide behind a cell that is 0.
    await traffic.load()
    _queue(bench, traffic)
    await bench.finish()


async def stalls(bench: Testbench, traffic: Traffic) -> None:
    """Every stream stalls at random, each in its own way."""
    bench.stall(randomly=True)
    await bench.reset()
    await traffic.load()
    _queue(bench, traffic)
    overlaps = await traffic.overlap()
    await bench.finish()
    if overlaps:
        _queue(bench, traffic)
        await bench.finish()


async def reluctance(bench: Testbench, traffic: Traffic) -> None:
    """Sinks are ready only once they have seen `valid`: a block whose `valid` waits for `ready` never ends."""
    bench.stall(randomly=True, reluctant=True)
    await bench.reset()
    await traffic.load()
    _queue(bench, traffic)
    await bench.finish()


async def reset(bench: Testbench, traffic: Traffic) -> None:
    """Reset in the middle of transfers, twice; what follows is as after the first reset."""
    bench.stall(randomly=True)
    await bench.reset()
    for _ in range(2):
        await traffic.load()
        _queue(bench, traffic)
        await bench.run(bench.random.randint(1, traffic.span))
        await bench.reset(cycles=bench.random.randint(1, 3))
    await traffic.load()
    _queue(bench, traffic)
    await bench.finish()


SCENARIOS: dict[str, Callable[[Testbench, Traffic], Awaitable[None]]] = {
    "flow": flow,
    "stalls": stalls,
    "reluctance": reluctance,
    "reset": reset,
}
"""By name, as they appear in the regression."""


async def play(design: Any, scenario: str, kind: type[Traffic]) -> None:
    """One scenario on the design, with traffic of the kind given."""
    bench = Testbench(design)
    await SCENARIOS[scenario](bench, kind(bench))


def _queue(bench: Testbench, traffic: Traffic) -> list[tuple[int, int]]:
    """Queue the scenario's operations; for each, its beats on the timed input stream and the cycles it takes."""
    source = None if traffic.timing is None else bench.sources[traffic.timing[0]]
    operations = []
    for _ in range(traffic.operations):
        before = source.pending if source else 0
        cycles = traffic.send()
        operations.append(((source.pending if source else 0) - before, cycles))
    return operations


def _check_timing(bench: Testbench, traffic: Traffic, operations: list[tuple[int, int]]) -> None:
    """Latency, from the last beat of the first operation to the first result; and from each operation to the next."""
    assert traffic.timing is not None
    name, result = traffic.timing
    beats = [count for count, _ in operations]
    inputs = bench.monitors[name].transfers[-sum(beats) :]
    outputs = bench.monitors[result].transfers
    manifest = bench.manifest
    measured = outputs[0].cycle - inputs[beats[0] - 1].cycle
    if manifest.latency is not None and measured != manifest.latency:
        raise TimingFault(f"{manifest.label}: latency must be {manifest.latency} cycles, not {measured}")
    expected = sum(cycles for _, cycles in operations[:-1])
    measured = inputs[-beats[-1]].cycle - inputs[0].cycle
    if measured != expected:
        raise TimingFault(
            f"{manifest.label}: {len(operations) - 1} operations must take {expected} cycles, not {measured}"
        )
