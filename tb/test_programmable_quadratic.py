"""Testbench of the programmable quadratic: random tables, rewritten while beats are on their way."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.activation import programmable_quadratic

from .fields import Field
from .scenarios import SCENARIOS, Traffic, play
from .testbench import Testbench

__all__ = ["ProgrammableTraffic"]


class ProgrammableTraffic(Traffic):
    """Random beats, and now and then another table; an operation is one beat.

    What a beat must become is known when it is taken: the table that was committed in an earlier cycle decides.
    """

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        self.streams = bench.manifest.streams
        self.segments = bench.parameter("segments")
        self.written: dict[int, dict[str, Any]] = {}
        self.table: dict[str, numpy.ndarray] = {}
        bench.neighbours.append(self.watch)

    async def load(self) -> None:
        """Write a table and wait until it is in."""
        self.rewrite()
        await self.bench.drain("i_table")

    async def overlap(self) -> bool:
        """Tables that are rewritten one after the other."""
        for _ in range(3):
            self.rewrite()
        return True

    def send(self) -> int:
        """One beat, and sometimes a table."""
        if self.random.random() < 0.03:
            self.rewrite()
        field = self.streams["i"].field("values")
        self.bench.send("i", {"values": [self.any(field) for _ in range(self.bench.parameter("lanes"))]})
        return self.bench.manifest.interval or 1

    def rewrite(self) -> None:
        """Queue the writes of a table, in random order; the last commits it."""
        field = self.streams["i_table"].field
        names = [name for name in self.streams["i_table"].names if name.startswith("row.")]
        rows = [{name: self.any(field(name)) for name in names} for _ in range(self.segments + 1)]
        for name in {"inner_shift", "shift"} & {name.removeprefix("row.") for name in names}:
            rows[-1][f"row.{name}"] = self.random.randint(0, self.bench.parameter(name))
        reflect = rows[-1].get("row.reflect", 0)
        codes = self.streams["i"].field("values")
        period = 0
        if "row.period" in names:
            period = rows[-1]["row.period"] = self.random.randint(0, codes.width)
        half = 1 << ((period or codes.width) - 1)
        low, high = (0, half) if reflect else (-half, half - 1) if codes.signed else (0, 2 * half - 1)
        starts = [low, *sorted(self.random.randint(low, high + 2) for _ in range(self.segments - 1))]
        for row, start in zip(rows, starts, strict=False):
            row["row.start"] = start
        order = self.random.sample(range(self.segments + 1), self.segments + 1)
        for address in order:
            self.bench.send("i_table", {"address": address, **rows[address], "commit": int(address == order[-1])})

    def watch(self, cycle: int) -> None:
        """Expect the result of a beat that is taken; then follow the table."""
        beats, writes = self.bench.monitors["i"], self.bench.monitors["i_table"]
        if cycle == 0:
            self.written = {}
        if beats.moved:
            values = numpy.array([self.streams["i"].unpack(beats.transfers[-1].payload)["values"]])
            values = values.reshape(1, -1)
            results = programmable_quadratic(values, self.table, **self.bench.manifest.parameters)
            self.bench.expect("o", {"values": results[0]})
        if writes.moved:
            write = self.streams["i_table"].unpack(writes.transfers[-1].payload)
            address, commit = write.pop("address"), write.pop("commit")
            assert isinstance(address, int)
            self.written[address] = write
            if commit:
                rows = [self.written[n] for n in range(self.segments + 1)]
                self.table = {name.removeprefix("row."): numpy.array([row[name] for row in rows]) for name in rows[0]}

    def any(self, field: Field) -> int:
        """A random value of the field; its ends more often than chance would have them."""
        low = -(1 << (field.width - 1)) if field.signed else 0
        high = low + (1 << field.width) - 1
        return self.random.choice([low, high]) if self.random.random() < 0.1 else self.random.randint(low, high)


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_programmable_quadratic(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, ProgrammableTraffic)
