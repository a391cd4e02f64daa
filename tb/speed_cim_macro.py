"""How many vectors a second cocotb plays on the macro: bursts by the wrapper of burst.py, every sum compared.

Played by bench/, not by the regression. Writes its figures as JSON to the file named in QUADRILLE_FIGURES.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from random import Random
from typing import Any

import cocotb
import numpy
from cocotb.triggers import Timer

from quadrille.algo.integer.cim import cim_macro

from .burst import Burst
from .manifest import Manifest
from .scoreboard import Mismatch
from .testbench import Testbench

__all__ = ["WORDS", "shape"]

#: Vectors of one burst.
WORDS = 32
SECONDS = 3.0


def shape(manifest: Manifest) -> Burst:
    """The wrapper for a macro: a word is a vector, a beat one of its bit planes."""
    return Burst("i", "o", beats=manifest.parameters["activation_bits"])


class Vectors:
    """A burst of random vectors: as words for the wrapper, and the sums that they must give."""

    def __init__(self, block: Manifest, cells: numpy.ndarray, reference: numpy.ndarray, seed: int) -> None:
        rows, bits = block.parameters["rows"], block.parameters["activation_bits"]
        generator = numpy.random.default_rng(seed)
        vectors = generator.integers(0, 1 << bits, (WORDS, rows))
        stream = block.streams["i"]
        planes = numpy.zeros((WORDS, bits, stream.width), dtype=numpy.uint8)
        for beat, plane in enumerate(reversed(range(bits))):
            offset = stream.field("bits").offset
            planes[:, beat, offset : offset + rows] = vectors >> plane & 1
        planes[:, 0, stream.field("first").offset] = 1
        planes[:, -1, stream.field("last").offset] = 1
        packed = numpy.packbits(planes.reshape(WORDS, -1), axis=1, bitorder="little")
        self.text = shape(block).text(block, [int.from_bytes(word.tobytes(), "little") for word in packed])
        self.sums, self.reference = cim_macro(cells, reference, vectors, **block.parameters)


@cocotb.test()
async def speed(dut: Any) -> None:
    """Bursts for some seconds, and the figures."""
    block = Manifest.read(os.environ["QUADRILLE_BLOCK"])
    bench = Testbench(dut)
    dut.burst__start.value = 0
    dut.burst__words.value = WORDS
    await bench.reset()
    cells, reference = await write_weights(bench, block)
    bursts = [Vectors(block, cells, reference, seed) for seed in range(8)]
    done = dut.burst__done.rising_edge
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        burst = bursts[count % len(bursts)]
        dut.fed.value = burst.text
        dut.burst__start.value = 1
        await done
        check(block, burst, dut.kept.value)
        dut.burst__start.value = 0
        await Timer(4, "ns")
        count += 1
    seconds = time.perf_counter() - started
    figures = {"vectors": count * WORDS, "seconds": seconds, "vectors_per_second": count * WORDS / seconds}
    Path(os.environ["QUADRILLE_FIGURES"]).write_text(json.dumps(figures), encoding="utf-8")


async def write_weights(bench: Testbench, block: Manifest) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Random cells of one bit, written row by row."""
    rows, columns = block.parameters["rows"], block.parameters["columns"]
    random = Random(1)
    words = [random.getrandbits(columns) for _ in range(rows)]
    reference = numpy.array([random.getrandbits(1) for _ in range(rows)])
    for row, word in enumerate(words):
        bench.send("i_weights", {"row": row, "reference": int(reference[row]), "cells": word})
    await bench.drain("i_weights")
    return numpy.array([[word >> column & 1 for column in range(columns)] for word in words]), reference


def check(block: Manifest, burst: Vectors, text: bytes) -> None:
    """Compare all sums of a burst with the kept beats."""
    columns, stream = block.parameters["columns"], block.streams["o"]
    digits = -(-stream.width // 4)
    odd = b"0" * (digits % 2)
    beats = [odd + text[start : start + digits] for start in range(0, len(text), digits)]
    raw = numpy.frombuffer(bytes.fromhex(b"".join(beats).decode()), dtype=numpy.uint8).reshape(WORDS, -1)
    bits = numpy.unpackbits(raw[:, ::-1], axis=1, bitorder="little")
    total = numpy.zeros((WORDS, columns), dtype=numpy.uint16)
    planes = stream.field("sum").width // columns
    for name in ("sum", "carry"):
        offset = stream.field(name).offset
        words = bits[:, offset : offset + planes * columns].reshape(WORDS, planes, columns)
        for plane in range(planes):
            total += words[:, plane] * numpy.uint16(1 << plane)
    total &= numpy.uint16((1 << planes) - 1)
    if not numpy.array_equal(total, burst.sums):
        vector, column = numpy.argwhere(total != burst.sums)[0]
        expected, got = burst.sums[vector, column], total[vector, column]
        raise Mismatch(f"{block.label}: vector {vector} column {column} expected {expected}, got {got}")
    field = stream.field("reference")
    planes_of_reference = bits[:, field.offset : field.offset + field.width].astype(numpy.int64)
    reference = (planes_of_reference << numpy.arange(field.width)).sum(axis=1)
    if not numpy.array_equal(reference, burst.reference):
        raise Mismatch(f"{block.label}: reference sums expected {burst.reference}, got {reference}")
