"""Testbench of every multiply-accumulate unit: dot products of every precision in any order, against algo.integer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.mac import DotProducts, dot_product, dot_products, pack
from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.mac_schemes import (
    ActivationSerial,
    BitFusion,
    Packed,
    Plain,
    SerialSerial,
    SubWord,
    WeightSerial,
)
from quadrille.algo.spec.precision import GREATEST_PRECISION, MacMode, Operand, Scheme
from quadrille.algo.spec.spatio_temporal import SpatioTemporal

from .scenarios import SCENARIOS, Traffic, play

__all__ = ["MacTraffic"]

SCHEMES: Mapping[str, Callable[[Mapping[str, Any]], Scheme]] = {
    "activation-serial-mac": lambda parameters: ActivationSerial(),
    "fusion-mac": lambda parameters: BitFusion(),
    "packed-mac": lambda parameters: Packed(),
    "plain-mac": lambda parameters: Plain(parameters["width"]),
    "serial-serial-mac": lambda parameters: SerialSerial(),
    "spatio-temporal-mac": lambda parameters: SpatioTemporal(),
    "sub-word-mac": lambda parameters: SubWord(parameters["apart"]),
    "weight-serial-mac": lambda parameters: WeightSerial(),
}
"""How each block takes operands in, by its parameters."""


class MacTraffic(Traffic):
    """An operation is a dot product of a random precision; the first is of one beat, from which latency is counted."""

    def __init__(self, bench: Any) -> None:
        super().__init__(bench)
        self.opening = True
        self.scheme = SCHEMES[bench.manifest.block](bench.manifest.parameters)

    async def load(self) -> None:
        """There is no table; the next dot product is the first."""
        self.opening = True

    def mode(self) -> MacMode:
        """Any pair of precisions that the unit has, for latency one bit each."""
        while True:
            bits = [1 if self.opening else self.random.randint(1, GREATEST_PRECISION) for _ in range(2)]
            mode = MacMode(*(Operand(number, self.random.random() < 0.5) for number in bits))
            try:
                self.scheme.check(mode)
            except InvalidInput:
                continue
            return mode

    def values(self, operand: Operand, length: int) -> numpy.ndarray:
        """Random values; the ends more often than chance would have them."""
        low, high = operand.interval.lo, operand.interval.hi
        if operand.binary:
            return numpy.array([self.random.choice([low, high]) for _ in range(length)])
        drawn = [self.random.randint(low, high) for _ in range(length)]
        return numpy.array([self.random.choice([low, high]) if self.random.random() < 0.2 else x for x in drawn])

    def send(self) -> int:
        """One dot product, or as many as the unit makes at a time, and the sums; the cycles of the mode."""
        mode, units = self.mode(), self.bench.parameter("units")
        vectors = self.scheme.vectors(mode)
        size = units * self.scheme.elements(mode) // vectors
        groups = 1 if self.opening else self.random.randint(1, 5)
        length = size * groups
        if not (mode.a.binary and mode.b.binary):
            length -= self.random.randint(0, size - 1)
        self.opening = False
        a, b = (numpy.array([self.values(operand, length) for _ in range(vectors)]) for operand in (mode.a, mode.b))
        keywords = {"mode": mode, "units": units, "accumulator_bits": self.bench.parameter("accumulator_bits")}
        if self.scheme.sums == 1:
            result = dot_product(a[0], b[0], scheme=self.scheme, **keywords)
        else:
            result = dot_products(a, b, scheme=self.scheme, **keywords)
        words = pack(a, b, scheme=self.scheme, mode=mode, units=units)
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
        if isinstance(result, DotProducts):
            self.bench.expect("o", {"sums": list(result.totals)})
        else:
            self.bench.expect("o", {"sum": result.total})
        return result.cycles


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_mac(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, MacTraffic)
