"""Testbench of the pooling unit: maps of random shapes pooled by random windows against algo.integer."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.pooling import MAX, NONE, SUM, pooling_unit

from .scenarios import SCENARIOS, play
from .value_traffic import Arrays, ValueTraffic

__all__ = ["PoolingTraffic"]


class PoolingTraffic(ValueTraffic):
    """Random maps and windows; the windows across times the groups fit the memory of partial results."""

    def row(self, number: int) -> dict[str, int]:
        """Any map; that of row 0 is one window."""
        geometry = self.geometry(opening=False)
        if number == 0:
            return {"kind": SUM, "window_width": geometry["width"], "window_height": geometry["height"]} | (
                geometry | {"groups": 1}
            )
        windows = self.bench.parameter("depth") // geometry["groups"]
        width = geometry["width"]
        across = self.random.choice([n for n in range(1, width + 1) if width // n <= windows])
        down = self.random.randint(1, geometry["height"])
        kind = self.random.choice([NONE, MAX, SUM])
        return {"kind": kind, "window_width": across, "window_height": down} | geometry

    def beats(self, route: int) -> int:
        """All groups of all elements."""
        return int(self.table["groups"][route] * self.table["width"][route] * self.table["height"][route])

    def results(
        self, values: numpy.ndarray, route: numpy.ndarray, frame: numpy.ndarray, first: numpy.ndarray
    ) -> Arrays:
        """By the twin."""
        return pooling_unit(values, route, frame, first, self.table, **self.bench.manifest.parameters)


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_pooling_unit(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, PoolingTraffic)
