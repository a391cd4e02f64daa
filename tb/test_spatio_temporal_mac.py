"""Testbench of the spatio-temporal unit: dot products of every precision in any order, against algo.integer."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.mac import pack, spatio_temporal_mac
from quadrille.algo.spec.precision import GREATEST_PRECISION, MacMode, Operand
from quadrille.algo.spec.spatio_temporal import SpatioTemporal

from .scenarios import SCENARIOS, Traffic, play

__all__ = ["MacTraffic"]

SCHEME = SpatioTemporal()


class MacTraffic(Traffic):
    """An operation is a dot product of a random precision; the first is of one beat, from which latency is counted."""

    def __init__(self, bench: Any) -> None:
        super().__init__(bench)
        self.opening = True

    async def load(self) -> None:
        """There is no table; the next dot product is the first."""
        self.opening = True

    def operand(self) -> Operand:
        """Any precision, for latency one bit."""
        return Operand(1 if self.opening else self.random.randint(1, GREATEST_PRECISION), self.random.random() < 0.5)

    def values(self, operand: Operand, length: int) -> numpy.ndarray:
        """Random values; the ends more often than chance would have them."""
        low, high = operand.interval.lo, operand.interval.hi
        if operand.binary:
            return numpy.array([self.random.choice([low, high]) for _ in range(length)])
        drawn = [self.random.randint(low, high) for _ in range(length)]
        return numpy.array([self.random.choice([low, high]) if self.random.random() < 0.2 else x for x in drawn])

    def send(self) -> int:
        """One dot product and its sum; each beat takes the cycles of its mode."""
        mode, units = MacMode(self.operand(), self.operand()), self.bench.parameter("units")
        size = units * SCHEME.elements(mode)
        beats = 1 if self.opening else self.random.randint(1, 5)
        length = size * beats
        if not (mode.a.binary and mode.b.binary):
            length -= self.random.randint(0, size - 1)
        self.opening = False
        a, b = self.values(mode.a, length), self.values(mode.b, length)
        result = spatio_temporal_mac(
            a, b, mode=mode, units=units, accumulator_bits=self.bench.parameter("accumulator_bits")
        )
        words = pack(a, b, scheme=SCHEME, mode=mode, units=units)
        for index in range(result.beats):
            self.bench.send(
                "i",
                {
                    "a": words[0][index],
                    "b": words[1][index],
                    "a_bits": mode.a.bits - 1,
                    "b_bits": mode.b.bits - 1,
                    "a_signed": int(mode.a.signed),
                    "b_signed": int(mode.b.signed),
                    "first": int(index == 0),
                    "last": int(index == result.beats - 1),
                },
            )
        self.bench.expect("o", {"sum": result.total})
        return result.cycles


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_spatio_temporal_mac(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, MacTraffic)
