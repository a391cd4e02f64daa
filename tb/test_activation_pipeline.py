"""Testbench of activation pipelines: random codes against algo.integer."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.activation import activation_pipeline

from .scenarios import SCENARIOS, Traffic, play
from .testbench import Testbench

__all__ = ["PipelineTraffic"]


class PipelineTraffic(Traffic):
    """Random codes; an operation is one beat."""

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        self.field = bench.manifest.streams["i"].field("values")

    def send(self) -> int:
        """One beat and its result."""
        low = -(1 << (self.field.width - 1)) if self.field.signed else 0
        high = low + (1 << self.field.width) - 1
        ends = (low, low + 1, -1, 0, 1, high) if self.field.signed else (0, 1, high)
        often = self.random.random() < 0.3
        lanes = range(self.bench.parameter("lanes"))
        values = [self.random.choice(ends) if often else self.random.randint(low, high) for _ in lanes]
        self.bench.send("i", {"values": values})
        results = activation_pipeline(numpy.array([values]), **self.bench.manifest.parameters)
        self.bench.expect("o", {"values": results[0]})
        return self.bench.manifest.interval or 1


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_activation_pipeline(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, PipelineTraffic)
