"""Testbench of the column reader: column sums of a macro result, `lanes` at a time, against algo.integer."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.cim import column_reader

from .scenarios import SCENARIOS, Traffic, play
from .scoreboard import Beat
from .testbench import Testbench

__all__ = ["ReaderTraffic"]


class ReaderTraffic(Traffic):
    """Random column sums, split at random into the redundant pair that the macro gives."""

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        self.columns = bench.parameter("columns")
        self.stream = bench.manifest.streams["i"]
        self.bits = self.stream.field("sum").width // self.columns
        bench.observe("o", self.resolve)

    def resolve(self, beat: Any) -> Beat:
        """The beat with the sums that its pair stands for, `(sum + carry) mod 2**bits` of each lane."""
        modulus = 1 << self.bits
        pair = zip(_lanes(beat["sum"]), _lanes(beat["carry"]), strict=True)
        return {**beat, "sum": [(first + second) % modulus for first, second in pair], "carry": 0}

    def send(self) -> int:
        """One macro result with a random number of steps."""
        modulus = 1 << self.bits
        sums = [self.random.randrange(modulus) for _ in range(self.columns)]
        carries = [self.random.randrange(modulus) for _ in range(self.columns)]
        steps = self.random.randint(1, self.bench.parameter("steps"))
        beat: dict[str, Any] = {
            "sum": self.slices([(value - carry) % modulus for value, carry in zip(sums, carries, strict=True)]),
            "carry": self.slices(carries),
            "steps": steps,
        }
        for name in ("reference", "address", "frame"):
            if name in self.stream.names:
                field = self.stream.field(name)
                low = -(1 << (field.width - 1)) if field.signed else 0
                values = [self.random.randint(low, low + (1 << field.width) - 1) for _ in field.places]
                beat[name] = values if field.dimensions else values[0]
        self.bench.send("i", beat)
        tags = [numpy.array([beat.get(name, 0)]) for name in ("reference", "address", "frame")]
        results = column_reader(
            numpy.array([sums]), tags[0], numpy.array([steps]), tags[1], tags[2], **self.bench.manifest.parameters
        )
        fields = self.bench.manifest.streams["o"].names
        for step in range(steps):
            self.bench.expect("o", {name: values[step] for name, values in results.items() if name in fields})
        return steps * (self.bench.manifest.interval or 1)

    def slices(self, values: list[int]) -> int:
        """Bit-sliced: bit k of column c at `k * columns + c`."""
        matrix = (numpy.array(values)[None, :] >> numpy.arange(self.bits)[:, None]) & 1
        return int.from_bytes(
            numpy.packbits(matrix.astype(numpy.uint8), axis=None, bitorder="little").tobytes(), "little"
        )


def _lanes(value: int | list[int]) -> list[int]:
    return value if isinstance(value, list) else [value]


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_column_reader(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, ReaderTraffic)
