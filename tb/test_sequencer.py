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

    For each batch, for each instruction, for each image n of the batch:
    `job = {source, address, planes, negative, swap, tag: {steps, address, frame: n}}`; the address is the vector's
    within the memory that `source` names, with the image and, in the input memory, the half above it; `swap` is what
    the weights asked for, with the first job of an instruction.
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
        self.under_way: deque[int] = deque()
        self.outstanding, self.done = 0, False
        self.weights: tuple[int, int] = (0, 0)
        self.instruction = 0

    async def load(self) -> None:
        """A new random program, no batches."""
        self._restart()
        parameter, row = self.bench.parameter, self.ports["instruction"]
        length = self.random.randint(1, parameter("instructions"))
        limits = {
            "planes": parameter("activation_bits"),
            "steps": parameter("steps"),
            "vector": min(parameter("vectors"), parameter("input_vectors")) - 1,
        }
        self.program = []
        for number in range(length):
            fields = {
                field.name: self.random.randint(0, min(limits.get(field.name, 1 << 30), (1 << field.width) - 1))
                for field in row.fields
            }
            self.program.append(fields | {"last": int(number == length - 1)})
        self._set("length", length)
        self._set("filled", 0)
        for name in ("weights_ready", "weights_swap", "done"):
            self._set(name, 0)

    def send(self) -> int:
        """One batch of random size."""
        self.batches.append(self.random.randint(1, self.bench.parameter("frames")))
        self.bench.waiting = lambda: bool(self.batches) or self.filled != 0 or self.outstanding != 0
        return 0

    def play(self, cycle: int) -> None:
        """What the loader, the weights, the program memory and the dequantizer do at the end of `cycle`."""
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
        """Weights become ready at random; a claim takes them and starts an instruction, whose jobs are expected."""
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
        instruction = self.program[self.instruction]
        if instruction["barrier"] and self.outstanding:
            raise BarrierFault(f"Instruction {self.instruction} must wait at its barrier for {self.outstanding} jobs")
        half = self.plays & 1
        for frame in range(self.counts[half]):
            self.bench.expect("o", self._job(instruction, frame, half, swap and frame == 0))
        self.instruction += 1
        if instruction["last"]:
            self.instruction, self.plays = 0, self.plays + 1

    def _job(self, instruction: dict[str, int], frame: int, half: int, swap: int | bool) -> dict[str, int]:
        parameter = self.bench.parameter
        pitch = (parameter("vectors" if instruction["source"] else "input_vectors") - 1).bit_length()
        frame_bits = max(1, (parameter("frames") - 1).bit_length())
        address = instruction["vector"] | frame << pitch
        if not instruction["source"]:
            address |= half << (pitch + frame_bits)
        job = {
            "source": instruction["source"],
            "address": address,
            "planes": instruction["planes"],
            "negative": instruction["negative"],
            "swap": int(swap),
            "tag.steps": instruction["steps"],
            "tag.address": instruction.get("table", 0),
            "tag.frame": frame,
        }
        return {name: value for name, value in job.items() if name in self.bench.manifest.streams["o"].names}

    def _results(self) -> None:
        """Jobs are done some cycles after they were issued, in order, at most one in a cycle."""
        self.outstanding += self.bench.monitors["o"].moved - self.done
        if self.bench.monitors["o"].moved:
            self.under_way.append(self.random.randint(0, 8))
        self.done = bool(self.under_way) and self.under_way[0] == 0
        if self.done:
            self.under_way.popleft()
        elif self.under_way:
            self.under_way[0] -= 1
        self._set("done", int(self.done))

    def _loader(self) -> None:
        """The halves of the input memory are filled in turn, and given back by the sequencer."""
        self.filled &= ~self._get("release")
        half = self.fills & 1
        if self.batches and not self.filled >> half & 1 and self.random.random() < 0.3:
            self.counts[half] = self.batches.popleft()
            self._set(f"count__{half}", self.counts[half])
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
