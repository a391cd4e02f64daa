"""cocotb testbench of the hand-written block in conftest.py: imported by the simulator, never by pytest."""

from __future__ import annotations

import os
from typing import Any

import cocotb

from quadrille.tb.scenarios import SCENARIOS, Traffic, play


class DoublerTraffic(Traffic):
    operations = 100

    def send(self) -> int:
        beat = {"value": [self.random.randint(-32, 31) for _ in range(3)], "tag": self.random.randrange(4)}
        self.bench.send("i", beat)
        self.bench.expect("o", beat | {"value": [2 * value for value in beat["value"]]})
        return 1


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def doubler(dut: Any, scenario: str) -> None:
    dut.fault.value = int(os.environ.get("DOUBLER_FAULT", "0"))
    await play(dut, scenario, DoublerTraffic)
