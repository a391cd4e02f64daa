"""Testbench of the residual unit: random walks through a random memory against algo.integer."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.residual import residual_unit

from .scenarios import SCENARIOS, play
from .testbench import Testbench
from .value_traffic import Arrays, ValueTraffic

__all__ = ["ResidualTraffic"]


class ResidualTraffic(ValueTraffic):
    """Random scales and walks, any step: every address of a memory whose depth is a power of 2 exists."""

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        self.words = numpy.zeros((0, 0), dtype=numpy.int64)

    async def load(self) -> None:
        """Write the memory and the table."""
        depth, lanes = self.bench.parameter("depth"), self.bench.parameter("lanes")
        field = self.streams["i_words"].field("values")
        self.words = numpy.array([[self.any(field) for _ in range(lanes)] for _ in range(depth)])
        for address in self.random.sample(range(depth), depth):
            self.bench.send("i_words", {"address": address, "values": self.words[address]})
        await super().load()
        await self.bench.drain("i_words")

    def row(self, number: int) -> dict[str, int]:
        """Any walk; that of row 0 is one beat long."""
        geometry = self.geometry(opening=number == 0)
        names = ("mantissa_value", "mantissa_residual", "shift", "base", "step_window", "step_row", "step_frame")
        row = {name: self.any(self.streams["i_table"].field(f"row.{name}")) for name in names}
        row |= {"enable": int(self.random.random() < 0.8), "present": self.random.randint(0, geometry["groups"])}
        return row | geometry | self.limits()

    def beats(self, route: int) -> int:
        """All groups of all windows."""
        return int(self.table["groups"][route] * self.table["width"][route] * self.table["height"][route])

    def results(
        self, values: numpy.ndarray, route: numpy.ndarray, frame: numpy.ndarray, first: numpy.ndarray
    ) -> Arrays:
        """By the twin."""
        return residual_unit(values, route, frame, first, self.table, self.words, **self.bench.manifest.parameters)


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_residual_unit(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, ResidualTraffic)
