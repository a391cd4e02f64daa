"""Testbench of the multiply-accumulate array: sums of random windows, each of a precision of its own."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.mac import mac_array
from quadrille.algo.spec.array_precision import UNIT_SCHEMES, elements_of, precisions_of

from .scenarios import SCENARIOS, Traffic, play
from .test_cim_macro import column_sums
from .testbench import Testbench

__all__ = ["ArrayTraffic"]


class ArrayTraffic(Traffic):
    """Random weights for a precision, then random windows in that precision.

    With two weight planes the inactive one is written, also while the other computes, and the next window exchanges
    them; its precision is then another.
    """

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        parameters = dict(bench.manifest.parameters)
        self.parameters = {**parameters, "precisions": precisions_of(parameters["precisions"])}
        self.unit, self.units = parameters["unit"], parameters["units"]
        self.planes, self.weight_bits = parameters["planes"], parameters["weight_bits"]
        self.tagged = bool(parameters["tag_bits"])
        streams = bench.manifest.streams
        self.swap = False
        self.active = self.written = (0, numpy.zeros((0, 0), dtype=int))
        elements = streams["i"].field("elements").width
        widest = max(precision.activation.bits for precision in self.parameters["precisions"])
        self.activation_bits, self.rows = widest, elements // widest
        width = streams["o"].field("sum").width // parameters["columns"]
        bench.observe("o", lambda beat: column_sums(beat, parameters["columns"], width, True))

    async def load(self) -> None:
        """Write weights in all rows of a precision, and wait until they are in."""
        self.write(0)
        await self.bench.drain("i_weights")

    def write(self, number: int) -> None:
        """Queue weights for precision `number`, in random order."""
        precision = self.parameters["precisions"][number]
        generator = numpy.random.default_rng(self.random.getrandbits(64))
        rows = self.units * elements_of(self.unit, precision)
        cells = generator.integers(0, 1 << self.weight_bits, (rows, self.parameters["columns"]))
        for row in self.random.sample(range(rows), rows):
            beat = {"row": row, "precision": number, "cells": sliced(cells[row], self.weight_bits)}
            fields = self.bench.manifest.streams["i_weights"].names
            self.bench.send("i_weights", {name: beat[name] for name in beat if name in fields})
        self.written = (number, cells)
        self.swap = self.planes == 2
        if not self.swap:
            self.active = self.written

    async def overlap(self) -> bool:
        """Write the inactive plane while windows are under way; not before the first of them has exchanged the two."""
        if self.planes == 2:
            while not self.bench.monitors["i"].transfers:
                await self.bench.step()
            # The plane that was read is free one moving cycle after the exchange.
            for _ in range(4):
                await self.bench.step()
            while not self.bench.monitors["o"].transfers:
                await self.bench.step()
            self.write(self.random.randrange(len(self.parameters["precisions"])))
        return self.planes == 2

    def send(self) -> int:
        """One window and its sums; the cycles that it takes."""
        swap, self.swap = self.swap, False
        if swap:
            self.active = self.written
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
        self.bench.send("i", beat)
        sums, reference = mac_array(cells, vector[None], number, **self.parameters)
        self.bench.expect("o", expected | {"sums": sums[0], "reference": int(reference[0])})
        return UNIT_SCHEMES[self.unit].cycles(precision.mode)


def sliced(values: numpy.ndarray, bits: int) -> int:
    """Bit j of value n at `j * len(values) + n`."""
    return sum((int(value) >> j & 1) << (j * len(values) + n) for j in range(bits) for n, value in enumerate(values))


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_mac_array(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, ArrayTraffic)
