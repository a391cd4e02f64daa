"""Testbench of every multiply-accumulate unit: dot products of every precision in any order, against algo.integer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.mac import DotProduct, DotProducts, dot_product, dot_products, pack, sparse_digit_mac
from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.digits import SignedBytes, SparseDigits
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
    "carry-save-mac": lambda parameters: SignedBytes(),
    "fusion-mac": lambda parameters: BitFusion(),
    "packed-mac": lambda parameters: Packed(),
    "plain-mac": lambda parameters: Plain(parameters["width"]),
    "same-weight-mac": lambda parameters: SignedBytes(),
    "serial-serial-mac": lambda parameters: SerialSerial(),
    "sparse-digit-mac": lambda parameters: SparseDigits(parameters["columns"]),
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
            operands = [
                Operand(1) if self.opening else Operand(self.random.randint(1, GREATEST_PRECISION), bool(sign))
                for sign in (self.random.getrandbits(1), self.random.getrandbits(1))
            ]
            mode = MacMode(operands[0], operands[1])
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
        """One dot product, or as many as the unit makes at a time, and the sums; the cycles that they take."""
        mode, units = self.mode(), self.bench.parameter("units")
        vectors = self.scheme.vectors(mode)
        size = units * self.scheme.elements(mode) // vectors
        length = size * self.random.randint(1, 2 if self.scheme.planes else 5)  # planes take many beats
        if not (mode.a.binary and mode.b.binary):
            length -= self.random.randint(0, size - 1)
        if self.opening:
            length = 1
        self.opening = False
        rows = self.scheme.columns if isinstance(self.scheme, SparseDigits) else vectors
        a = numpy.array([self.values(mode.a, length) for _ in range(rows)])
        b = numpy.array([self.values(mode.b, length) for _ in range(vectors)])
        result = self.result(a, b, mode)
        words = self.words(a, b, mode)
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
        totals = result.totals if isinstance(result, DotProducts) else (result.total,)
        expected: dict[str, Any] = {"sum": totals[0]} if self.scheme.sums == 1 else {"sums": list(totals)}
        if isinstance(self.scheme, SparseDigits):
            expected["cycles"] = result.cycles
        self.bench.expect("o", expected)
        return result.cycles

    def result(self, a: numpy.ndarray, b: numpy.ndarray, mode: MacMode) -> DotProduct | DotProducts:
        """The twin's sums and cycles."""
        units, bits = self.bench.parameter("units"), self.bench.parameter("accumulator_bits")
        if isinstance(self.scheme, SparseDigits):
            columns = self.scheme.columns
            return sparse_digit_mac(a, b[0], mode=mode, columns=columns, units=units, accumulator_bits=bits)
        if self.scheme.sums > 1:
            return dot_products(a, b, scheme=self.scheme, mode=mode, units=units, accumulator_bits=bits)
        return dot_product(a[0], b[0], scheme=self.scheme, mode=mode, units=units, accumulator_bits=bits)

    def words(self, a: numpy.ndarray, b: numpy.ndarray, mode: MacMode) -> tuple[numpy.ndarray, numpy.ndarray]:
        """The words of both operands, those of columns side by side."""
        units = self.bench.parameter("units")
        if not isinstance(self.scheme, SparseDigits):
            return pack(a, b, scheme=self.scheme, mode=mode, units=units)
        packed = [pack(row, b[0], scheme=self.scheme, mode=mode, units=units) for row in a]
        return numpy.concatenate([words for words, _ in packed], axis=1), packed[0][1]


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_mac(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, MacTraffic)
