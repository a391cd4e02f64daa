"""Testbench of the compute-in-memory macro: sums and reference sums of random vectors against algo.integer."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.cim import cim_macro

from .plane_traffic import PlaneTraffic, column_sums, sliced
from .scenarios import SCENARIOS, play
from .testbench import Testbench

__all__ = ["MacroTraffic"]


class MacroTraffic(PlaneTraffic[tuple[numpy.ndarray, numpy.ndarray]]):
    """Random weights, then random vectors of 1 to `activation_bits` bits, plane by plane."""

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        parameter = bench.parameter
        self.rows, self.columns = parameter("rows"), parameter("columns")
        self.activation_bits, self.cell_bits = parameter("activation_bits"), parameter("cell_bits")
        self.signed = parameter("signed")
        width = bench.manifest.streams["o"].field("sum").width // self.columns
        bench.observe("o", lambda beat: column_sums(beat, self.columns, width, self.signed))

    def draw(self) -> tuple[tuple[numpy.ndarray, numpy.ndarray], list[dict[str, Any]]]:
        """Cells, and the reference column."""
        generator = numpy.random.default_rng(self.random.getrandbits(64))
        cells = generator.integers(0, 1 << self.cell_bits, (self.rows, self.columns))
        reference = generator.integers(0, 2, self.rows)
        return (cells, reference), [
            {"row": row, "reference": int(reference[row]), "cells": sliced(cells[row], self.cell_bits)}
            for row in range(self.rows)
        ]

    def send(self) -> int:
        """One vector, most significant plane first, and its sums."""
        bits = self.activation_bits if self.random.random() < 0.8 else self.random.randint(1, self.activation_bits)
        negative = self.signed and self.random.random() < 0.5
        low = -(1 << (bits - 1)) if negative else 0
        kind = self.random.random()
        high = low + (1 << bits) - 1
        if kind < 0.1:
            vector = [self.random.choice([low, high])] * self.rows
        else:
            vector = [self.random.randint(low, high) for _ in range(self.rows)]
        swap = self.exchange()
        sums, reference = cim_macro(*self.active, numpy.array([vector]), **self.bench.manifest.parameters)
        used, read = self.used(sums[0])
        tag_bits = self.bench.parameter("tag_bits")
        tag = 0
        for plane in reversed(range(bits)):
            word = sum((value >> plane & 1) << row for row, value in enumerate(vector))
            first = plane == bits - 1
            beat = {"bits": word, "first": int(first), "last": int(plane == 0), **used}
            if self.signed:
                beat["negative"] = int(first and negative)
            if self.planes == 2:
                beat["swap"] = int(first and swap)
            if self.tagged:
                tag = beat["tag"] = self.random.getrandbits(tag_bits)
            self.bench.send("i", beat)
        expected: dict[str, Any] = {"sums": read, "reference": reference[0]}
        self.bench.expect("o", expected | ({"tag": tag} if self.tagged else {}))
        return (self.bench.manifest.interval or self.activation_bits) * bits // self.activation_bits


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_cim_macro(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, MacroTraffic)
