"""Testbench of the multiply-accumulate array: sums of random windows, each of a precision of its own."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.mac import mac_array
from quadrille.algo.spec.array_precision import UNIT_SCHEMES, elements_of, precisions_of

from .plane_traffic import PlaneTraffic, column_sums, sliced
from .scenarios import SCENARIOS, play
from .testbench import Testbench

__all__ = ["ArrayTraffic"]


class ArrayTraffic(PlaneTraffic[tuple[int, numpy.ndarray]]):
    """Random weights for a precision, then random windows in that precision.

    After an exchange of the planes the precision is another.
    """

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        parameters = dict(bench.manifest.parameters)
        self.parameters = {**parameters, "precisions": precisions_of(parameters["precisions"])}
        self.unit, self.units = parameters["unit"], parameters["units"]
        self.weight_bits, self.number = parameters["weight_bits"], 0
        streams = bench.manifest.streams
        elements = streams["i"].field("elements").width
        widest = max(precision.activation.bits for precision in self.parameters["precisions"])
        self.activation_bits, self.rows = widest, elements // widest
        width = streams["o"].field("sum").width // parameters["columns"]
        bench.observe("o", lambda beat: column_sums(beat, parameters["columns"], width, True))

    async def load(self) -> None:
        """Weights in all rows of the first precision."""
        self.number = 0
        await super().load()

    def draw(self) -> tuple[tuple[int, numpy.ndarray], list[dict[str, Any]]]:
        """Weights for the precision of that `number`."""
        precision = self.parameters["precisions"][self.number]
        generator = numpy.random.default_rng(self.random.getrandbits(64))
        rows = self.units * elements_of(self.unit, precision)
        cells = generator.integers(0, 1 << self.weight_bits, (rows, self.parameters["columns"]))
        return (self.number, cells), [
            {"row": row, "precision": self.number, "cells": sliced(cells[row], self.weight_bits)} for row in range(rows)
        ]

    async def exchanged(self) -> None:
        """The plane that was read is free one moving cycle after the exchange; the next one is of any precision."""
        await super().exchanged()
        for _ in range(4):
            await self.bench.step()
        while not self.bench.monitors["o"].transfers:
            await self.bench.step()
        self.number = self.random.randrange(len(self.parameters["precisions"]))

    def send(self) -> int:
        """One window and its sums; the cycles that it takes."""
        swap = self.exchange()
        number, cells = self.active
        precision = self.parameters["precisions"][number]
        interval = precision.activation.interval
        vector = numpy.array([self.random.randint(interval.lo, interval.hi) for _ in range(len(cells))])
        if self.random.random() < 0.1:
            vector[:] = self.random.choice([interval.lo, interval.hi])
        padded = numpy.zeros(self.rows, dtype=int)
        padded[: len(vector)] = vector
        beat = {"elements": sliced(padded, self.activation_bits), "precision": number}
        expected: dict[str, Any] = {}
        if self.planes == 2:
            beat["swap"] = int(swap)
        if self.tagged:
            beat["tag"] = expected["tag"] = self.random.getrandbits(self.parameters["tag_bits"])
        sums, reference = mac_array(cells, vector[None], number, **self.parameters)
        used, read = self.used(sums[0])
        self.bench.send("i", beat | used)
        self.bench.expect("o", expected | {"sums": read, "reference": int(reference[0])})
        return UNIT_SCHEMES[self.unit].cycles(precision.mode)


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_mac_array(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, ArrayTraffic)
