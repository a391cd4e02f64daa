"""Testbench of the column-wise dequantizer: accumulation over interleaved groups and frames against algo.integer."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.dequant import column_dequantizer

from .fields import Field
from .scenarios import SCENARIOS, Traffic, play
from .testbench import Testbench

__all__ = ["DequantizerTraffic"]

_CONTROL = ("first", "last", "group", "bias", "shift", "low", "high", "destination")


class DequantizerTraffic(Traffic):
    """Random tables whose rows are cut into runs, each one group of sums from its bias to its result.

    An operation is one run for one frame, or two runs of different sums interleaved.
    """

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        self.streams = bench.manifest.streams
        self.lanes = bench.parameter("lanes")
        self.table: dict[str, numpy.ndarray] = {}
        self.biases = numpy.zeros((0, 0), dtype=numpy.int64)
        self.runs: list[range] = []
        self.alone = True

    async def load(self) -> None:
        """Write both tables in random order and wait until they are in."""
        rows, bias_rows = self.bench.parameter("table_rows"), self.bench.parameter("bias_rows")
        bias = self.streams["i_biases"].field("row")
        self.biases = numpy.array([[self._any(bias) for _ in range(self.lanes)] for _ in range(bias_rows)])
        mantissa = self.streams["i_mantissas"].field("row.mantissas")
        self.table = {name: numpy.zeros(rows, dtype=numpy.int64) for name in _CONTROL}
        self.table["mantissas"] = numpy.array([[self._any(mantissa) for _ in range(self.lanes)] for _ in range(rows)])
        self.runs = []
        while (begin := self.runs[-1].stop if self.runs else 0) < rows:
            self.runs.append(range(begin, min(begin + self.random.randint(1, 4), rows)))
        for run in self.runs:
            self._fill(run)
        for address in self.random.sample(range(rows), rows):
            beat = {f"row.{name}": values[address] for name, values in self.table.items()}
            self.bench.send("i_mantissas", {"address": address, **beat})
        for address in self.random.sample(range(bias_rows), bias_rows):
            self.bench.send("i_biases", {"address": address, "row": self.biases[address]})
        await self.bench.drain("i_mantissas", "i_biases")
        self.alone = True

    def send(self) -> int:
        """One run for a random frame, or two interleaved, and their results."""
        frames = self.bench.parameter("frames")
        tasks = [(self.random.choice(self.runs), self.random.randrange(frames))]
        if not self.alone and self.random.random() < 0.5:
            run, frame = self.random.choice(self.runs), self.random.randrange(frames)
            group = self.table["group"]
            if (frame, group[run.start]) != (tasks[0][1], group[tasks[0][0].start]):
                tasks.append((run, frame))
        # The first operation is a single run: latency is counted from its last step.
        self.alone = False
        queues = [[(address, frame) for address in run] for run, frame in tasks]
        steps: list[tuple[int, int]] = []
        while any(queues):
            steps.append(self.random.choice([queue for queue in queues if queue]).pop(0))
        code = self.streams["i"].field("codes")
        codes = numpy.array([[self._any(code) for _ in range(self.lanes)] for _ in steps])
        address, frame = numpy.array(steps).T
        reference = self.streams["i"].field("reference")
        for index in range(len(steps)):
            beat = {"codes": codes[index], "address": address[index], "frame": frame[index]}
            beat |= {"reference": self._any(reference), "last": self.random.getrandbits(1)}
            self.bench.send("i", beat)
        results = column_dequantizer(codes, address, frame, self.table, self.biases, **self.bench.manifest.parameters)
        for index in range(len(results["frame"])):
            self.bench.expect("o", {name: values[index] for name, values in results.items()})
        return len(steps) * (self.bench.manifest.interval or 1)

    def _fill(self, run: range) -> None:
        """Random control fields of one run of rows."""
        table, fields = self.table, self.streams["i_mantissas"]
        result = fields.field("row.low")
        group = self.random.randrange(self.bench.parameter("groups"))
        bias = self.random.randrange(self.bench.parameter("bias_rows"))
        for address in run:
            table["first"][address], table["last"][address] = address == run.start, address == run[-1]
            table["group"][address] = group
            table["bias"][address] = bias
            table["shift"][address] = self._any(fields.field("row.shift")) if self.random.random() < 0.5 else 4
            table["low"][address], table["high"][address] = sorted([self._any(result), self._any(result)])
            table["destination"][address] = self._any(fields.field("row.destination"))

    def _any(self, field: Field) -> int:
        """A random value of the field; its ends more often than chance would have them."""
        low = -(1 << (field.width - 1)) if field.signed else 0
        high = low + (1 << field.width) - 1
        return self.random.choice([low, high]) if self.random.random() < 0.1 else self.random.randint(low, high)


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_column_dequantizer(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, DequantizerTraffic)
