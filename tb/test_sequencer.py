"""Testbench of the sequencer: the jobs of random programs over random batches, among slow and fast neighbours."""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar

import cocotb

from .scenarios import SCENARIOS, Traffic, play
from .testbench import Testbench

__all__ = ["BarrierFault", "SequencerTraffic"]


class BarrierFault(AssertionError):
    """An instruction with a barrier started before the results of those before it were written."""


class SequencerTraffic(Traffic):
    """Plays the sequencer's neighbours, cycle by cycle, and expects its jobs.

    For each batch, for each instruction of its mode: `job = {instruction, count, half, swap}`; count and half are the
    batch's, swap is what the weights asked for.
    """

    # Even, so that a program that is loaded after the last batch starts with the first half of the memory again.
    operations: ClassVar[int] = 12
    timing = None

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        self.ports = {port.name: port for port in bench.manifest.ports}
        self.program: list[dict[str, int]] = []
        self.batches: deque[int] = deque()
        bench.neighbours.append(self.play)
        self._restart()

    def _restart(self) -> None:
        self.batches.clear()
        self.filled, self.counts, self.fills, self.plays = 0, [0, 0], 0, 0
        self.firsts = [0, 0]  # where the modes of the batches in the two halves begin
        self.under_way: deque[int] = deque()
        self.waiting: deque[int | None] = deque()  # of each job that is expected, the half that it releases
        self.released: deque[int | None] = deque()  # of each job under way
        self.settled = True
        self.weights: tuple[int, int] = (0, 0)
        self.instruction: int | None = None  # that of the batch being played

    async def load(self) -> None:
        """A new random program, no batches."""
        self._restart()
        row = self.ports["instruction"]
        length = self.random.randint(1, self.bench.parameter("weight_tiles"))
        modes = min(length, self.bench.parameter("modes"))
        self.starts = [0, *sorted(self.random.sample(range(1, length), modes - 1))]
        self.program = []
        for number in range(length):
            fields = {field.name: self.random.getrandbits(field.width) for field in row.fields}
            self.program.append(fields | {"last": int(number + 1 in {*self.starts, length})})
        self._set("length", length)
        self._set("filled", 0)
        self._set("settled", 1)
        for name in ("weights_ready", "weights_swap"):
            self._set(name, 0)

    def send(self) -> int:
        """One batch of random size."""
        self.batches.append(self.random.randint(1, self.bench.parameter("frames")))
        self.bench.waiting = lambda: bool(self.batches) or self.filled != 0 or not self.settled
        return 0

    def play(self, cycle: int) -> None:
        """What the loader, the weights, the program memory and the patch reader do at the end of `cycle`."""
        del cycle
        if not self.program:
            return
        self._program()
        self._weights()
        self._results()
        self._loader()

    def _program(self) -> None:
        """The row of the address that the sequencer shows, one cycle later."""
        address = self._get("pc")
        row = self.program[address] if address < len(self.program) else {}
        self._set("instruction", self.ports["instruction"].pack(row))

    def _weights(self) -> None:
        """Weights become ready at random; a claim takes them and starts an instruction, whose job is expected."""
        ready, swap = self.weights
        if self._get("claim"):
            assert ready, "the sequencer must claim only weights that are ready"
            self._expect(swap)
            ready = 0
        if not ready and self.random.random() < 0.4:
            ready, swap = 1, self.random.getrandbits(1)
        self.weights = (ready, swap)
        self._set("weights_ready", ready)
        self._set("weights_swap", swap)

    def _expect(self, swap: int) -> None:
        half = self.plays & 1
        if self.instruction is None:
            self.instruction = self.firsts[half]
        instruction = self.program[self.instruction]
        if instruction["barrier"] and not self.settled:
            raise BarrierFault(
                f"Instruction {self.instruction} must wait at its barrier for {len(self.under_way)} jobs"
            )
        job = {f"instruction.{name}": value for name, value in instruction.items()}
        job |= {"count": self.counts[half], "half": half, "swap": swap}
        names = self.bench.manifest.streams["o"].names
        self.bench.expect("o", {name: value for name, value in job.items() if name in names})
        self.waiting.append(half if instruction["last"] else None)
        self.instruction += 1
        if instruction["last"]:
            self.instruction, self.plays = None, self.plays + 1

    def _results(self) -> None:
        """Jobs are done some cycles after they were issued, in order; the last of a batch releases its half.

        A job is taken only when those before it have been read, if not done: the halves of their batches are released.
        """
        if self.under_way and self.under_way[0] == 0:
            self.under_way.popleft()
            self._release(self.released.popleft())
        elif self.under_way:
            self.under_way[0] -= 1
        if self.bench.monitors["o"].moved:
            for number, half in enumerate(self.released):
                self._release(half)
                self.released[number] = None
            self.under_way.append(self.random.randint(0, 8))
            self.released.append(self.waiting.popleft())
        self.settled = not self.under_way
        self._set("settled", int(self.settled))

    def _release(self, half: int | None) -> None:
        if half is not None:
            self.filled &= ~(1 << half)

    def _loader(self) -> None:
        """The halves of the input memory are filled in turn, and given back when their batch is read."""
        half = self.fills & 1
        if self.batches and not self.filled >> half & 1 and self.random.random() < 0.3:
            self.counts[half] = self.batches.popleft()
            self._set(f"count__{half}", self.counts[half])
            self.firsts[half] = self.random.choice(self.starts)
            if self.bench.parameter("modes") > 1:
                self._set(f"first__{half}", self.firsts[half])
            self.filled |= 1 << half
            self.fills += 1
        self._set("filled", self.filled)

    def _get(self, name: str) -> int:
        return int(getattr(self.bench.design, name).value)

    def _set(self, name: str, value: int) -> None:
        getattr(self.bench.design, name).value = value


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_sequencer(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, SequencerTraffic)
