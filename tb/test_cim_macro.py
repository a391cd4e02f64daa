"""Testbench of the compute-in-memory macro: sums and reference sums of random vectors against algo.integer."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy

from quadrille.algo.integer.cim import cim_macro

from .scenarios import SCENARIOS, Traffic, play
from .scoreboard import Beat
from .testbench import Testbench

__all__ = ["MacroTraffic", "column_sums"]


class MacroTraffic(Traffic):
    """Random weights, then random vectors of 1 to `activation_bits` bits, plane by plane.

    With two weight planes the inactive one is written, also while the other computes, and the next vector exchanges
    them.
    """

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        parameter = bench.parameter
        self.rows, self.columns = parameter("rows"), parameter("columns")
        self.activation_bits, self.cell_bits = parameter("activation_bits"), parameter("cell_bits")
        self.signed, self.planes = parameter("signed"), parameter("planes")
        self.tagged = "tag" in bench.manifest.streams["i"].names
        self.swap = False
        self.active = self.written = (numpy.zeros((0, 0), dtype=int), numpy.zeros(0, dtype=int))
        width = bench.manifest.streams["o"].field("sum").width // self.columns
        bench.observe("o", lambda beat: column_sums(beat, self.columns, width, self.signed))

    async def load(self) -> None:
        """Write all rows in random order and wait until they are in."""
        self.write()
        await self.bench.drain("i_weights")

    def write(self) -> None:
        """Queue all rows of a new set of cells."""
        generator = numpy.random.default_rng(self.random.getrandbits(64))
        cells = generator.integers(0, 1 << self.cell_bits, (self.rows, self.columns))
        reference = generator.integers(0, 2, self.rows)
        for row in self.random.sample(range(self.rows), self.rows):
            word = 0
            for bit in range(self.cell_bits):
                for column in range(self.columns):
                    word |= int(cells[row, column] >> bit & 1) << (bit * self.columns + column)
            beat = {"row": row, "reference": int(reference[row]), "cells": word}
            fields = self.bench.manifest.streams["i_weights"].names
            self.bench.send("i_weights", {name: beat[name] for name in beat if name in fields})
        self.written = (cells, reference)
        self.swap = self.planes == 2
        if not self.swap:
            self.active = self.written

    async def overlap(self) -> bool:
        """Write the inactive plane while vectors are under way; not before the first of them has exchanged the two."""
        if self.planes == 2:
            while not self.bench.monitors["i"].transfers:
                await self.bench.step()
            self.write()
        return self.planes == 2

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
        swap, self.swap = self.swap, False
        if swap:
            self.active = self.written
        tag_bits = self.bench.parameter("tag_bits")
        tag = 0
        for plane in reversed(range(bits)):
            word = sum((value >> plane & 1) << row for row, value in enumerate(vector))
            first = plane == bits - 1
            beat = {"bits": word, "first": int(first), "last": int(plane == 0)}
            if self.signed:
                beat["negative"] = int(first and negative)
            if self.planes == 2:
                beat["swap"] = int(first and swap)
            if self.tagged:
                tag = beat["tag"] = self.random.getrandbits(tag_bits)
            self.bench.send("i", beat)
        sums, reference = cim_macro(*self.active, numpy.array([vector]), **self.bench.manifest.parameters)
        expected = {"sums": sums[0], "reference": reference[0]}
        self.bench.expect("o", expected | ({"tag": tag} if self.tagged else {}))
        return (self.bench.manifest.interval or self.activation_bits) * bits // self.activation_bits


def column_sums(beat: Any, columns: int, width: int, signed: bool) -> Beat:
    """The beat with the sums that its redundant pair stands for: `(sum + carry) mod 2**width` of each column.

    Word k of `sum`, at bit `k * columns`, holds bit k of all columns.
    """
    total = _columns(beat["sum"], columns, width) + _columns(beat["carry"], columns, width)
    sign = 1 << (width - 1) if signed else 0
    sums = ((total & ((1 << width) - 1)) ^ sign) - sign
    return {**{name: value for name, value in beat.items() if name not in ("sum", "carry")}, "sums": sums}


def _columns(word: int, columns: int, planes: int) -> numpy.ndarray:
    size = columns * planes
    raw = numpy.frombuffer(word.to_bytes((size + 7) // 8, "little"), dtype=numpy.uint8)
    matrix = numpy.unpackbits(raw, count=size, bitorder="little").reshape(planes, columns)
    return (matrix.astype(numpy.int64) << numpy.arange(planes)[:, None]).sum(axis=0)


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_cim_macro(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, MacroTraffic)
