"""Testbench of the requantizer: random scales and limits for each route against algo.integer."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.requantizer import requantizer

from .scenarios import SCENARIOS, play
from .value_traffic import Arrays, ValueTraffic

__all__ = ["RequantizerTraffic"]


class RequantizerTraffic(ValueTraffic):
    """Random rows, some of which pass values."""

    def row(self, number: int) -> dict[str, int]:
        """Any scale; row 0 is always enabled."""
        field = self.streams["i_table"].field
        row = {name: self.any(field(f"row.{name}")) for name in ("mantissa", "shift")}
        return {"enable": int(number == 0 or self.random.random() < 0.8), **row, **self.limits()}

    def beats(self, route: int) -> int:
        """Route 0 has one beat, the others any number."""
        return self.random.randint(1, 12) if route else 1

    def results(
        self, values: numpy.ndarray, route: numpy.ndarray, frame: numpy.ndarray, first: numpy.ndarray
    ) -> Arrays:
        """By the twin."""
        return requantizer(values, route, frame, first, self.table, **self.bench.manifest.parameters)


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_requantizer(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, RequantizerTraffic)
