"""Testbench of the three converters: codes of random sums against algo.integer."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.cim import exact_converter, ladder_converter, multiply_shift_converter

from .fields import Field
from .scenarios import SCENARIOS, Traffic, play
from .testbench import Testbench

__all__ = ["ConverterTraffic"]

_TWINS = {
    "exact-converter": exact_converter,
    "ladder-converter": ladder_converter,
    "multiply-shift-converter": multiply_shift_converter,
}


class ConverterTraffic(Traffic):
    """Random tables, then random redundant sums at random addresses."""

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        self.twin = _TWINS[bench.manifest.block]
        self.lanes, self.rows = bench.parameter("lanes"), bench.parameter("table_rows")
        self.bits = bench.parameter("partial_bits")
        self.table: dict[str, numpy.ndarray] = {}

    async def load(self) -> None:
        """Write the table in random order and wait until it is in."""
        stream = self.bench.manifest.streams["i_table"]
        fields = {field.name.rpartition(".")[2]: field for field in stream.fields if field.name != "address"}
        rows = [{name: self._row_field(name, field) for name, field in fields.items()} for _ in range(self.rows)]
        self.table = {name: numpy.array([row[name] for row in rows]) for name in fields}
        if "lanes" in self.table:
            self.table["thresholds"] = self.table.pop("lanes").reshape(self.rows, self.lanes, -1)
        for address in self.random.sample(range(self.rows), self.rows):
            row = {field.name: rows[address][name] for name, field in fields.items()}
            self.bench.send("i_table", {"address": address, **row})
        await self.bench.drain("i_table")

    def send(self) -> int:
        """One column step, and its codes."""
        stream, modulus = self.bench.manifest.streams["i"], 1 << self.bits
        half = modulus >> 1 if self.bench.parameter("partial_signed") else 0
        sums = [self.random.randint(-half, modulus - half - 1) for _ in range(self.lanes)]
        carries = [self.random.randrange(modulus) for _ in range(self.lanes)]
        beat = {
            "sum": [(value - carry) % modulus for value, carry in zip(sums, carries, strict=True)],
            "carry": carries,
            "reference": self._any(stream.field("reference")),
            "address": self.random.randrange(self.rows),
            "frame": self._any(stream.field("frame")),
            "last": self.random.getrandbits(1),
        }
        self.bench.send("i", beat)
        reference, address = numpy.array([beat["reference"]]), numpy.array([beat["address"]])
        codes = self.twin(numpy.array([sums]), reference, address, self.table, **self.bench.manifest.parameters)
        passed = {name: beat[name] for name in ("reference", "address", "frame", "last")}
        self.bench.expect("o", {"codes": codes[0], **passed})
        return self.bench.manifest.interval or 1

    def _row_field(self, name: str, field: Field) -> int | list[int]:
        """A random value for a field of the table's row: within what the sums can be, as real tables are."""
        bits, adc_bits = self.bits, self.bench.manifest.parameters.get("adc_bits", 1)
        if name == "reference_weight":
            return self.random.randint(0, 1 << (self.bench.parameter("cell_bits") - 1))
        if name == "low":
            return self.random.choice([0, -1, -(1 << adc_bits >> 1)])
        if name == "lanes":
            levels = len(field.places) // self.lanes
            span = range(-(3 << bits), 3 << bits)
            return [t for _ in range(self.lanes) for t in sorted(self.random.choices(span, k=levels))]
        if field.dimensions:
            return [self._any(field) for _ in field.places]
        return self._any(field)

    def _any(self, field: Field) -> int:
        low = -(1 << (field.width - 1)) if field.signed else 0
        return self.random.randint(low, low + (1 << field.width) - 1)


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_converters(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, ConverterTraffic)
