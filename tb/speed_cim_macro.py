"""How many vectors a second cocotb plays on the macro: bursts by the wrapper of burst.py, every sum compared.

For macros of a multiple of 64 columns and reference sums of 9 to 16 bits, whose fields all start at a byte. Played by
bench/, not by the regression. Writes its figures as JSON to the file named in QUADRILLE_FIGURES.
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
WORDS = 64
#: The best of several windows counts: another process on the machine only ever slows one down.
WINDOWS = 5
SECONDS = 2.0


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
        sums, references = cim_macro(cells, reference, vectors, **block.parameters)
        self.sums = slices(sums, planes_of(block))
        self.references = references


@cocotb.test()
async def speed(dut: Any) -> None:
    """Bursts for some seconds, several times, and the figures of the fastest."""
    block = Manifest.read(os.environ["QUADRILLE_BLOCK"])
    bench = Testbench(dut)
    dut.burst__start.value = 0
    dut.burst__words.value = WORDS
    await bench.reset()
    cells, reference = await write_weights(bench, block)
    bursts = [Vectors(block, cells, reference, seed) for seed in range(8)]
    done = dut.burst__done.rising_edge
    best = {"vectors_per_second": 0.0}
    for _ in range(WINDOWS):
        count, started, worked = 0, time.perf_counter(), time.process_time()
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
        figures = {
            "vectors": count * WORDS,
            "seconds": seconds,
            "processor_seconds": time.process_time() - worked,
            "vectors_per_second": count * WORDS / seconds,
        }
        best = max(best, figures, key=lambda found: found["vectors_per_second"])
    Path(os.environ["QUADRILLE_FIGURES"]).write_text(json.dumps(best), encoding="utf-8")


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


def planes_of(block: Manifest) -> int:
    """Bits of a column's sum."""
    return block.streams["o"].field("sum").width // block.parameters["columns"]


def slices(sums: numpy.ndarray, planes: int) -> numpy.ndarray:
    """Bit-sliced sums as the macro has them: (planes, vectors, columns / 64) words of 64 columns."""
    bits = (sums[None] >> numpy.arange(planes)[:, None, None] & 1).astype(numpy.uint8)
    return numpy.packbits(bits, axis=2, bitorder="little").view(numpy.uint64)


def check(block: Manifest, burst: Vectors, text: bytes) -> None:
    """Compare all sums of a burst with the kept beats, which are hexadecimal text.

    The pairs of sum and carry are added as they are, bit-sliced, in all columns and vectors at once.
    """
    columns, stream, planes = block.parameters["columns"], block.streams["o"], planes_of(block)
    digits = -(-stream.width // 4)
    even = text if digits % 2 == 0 else b"".join([b"0" + text[k : k + digits] for k in range(0, len(text), digits)])
    raw = numpy.frombuffer(bytes.fromhex(even.decode()), dtype=numpy.uint8).reshape(WORDS, -1)[:, ::-1]
    size = planes * columns // 8
    pair = []
    for name in ("sum", "carry"):
        start = stream.field(name).offset // 8
        words = numpy.ascontiguousarray(raw[:, start : start + size]).view(numpy.uint64)
        pair.append(numpy.ascontiguousarray(words.reshape(WORDS, planes, -1).transpose(1, 0, 2)))
    first, second = pair
    either, both = first ^ second, first & second
    carry = numpy.zeros_like(either[0])
    for plane in range(planes):
        total = either[plane] ^ carry
        carry = both[plane] | (either[plane] & carry)
        if (total != burst.sums[plane]).any():
            vector = int(numpy.argwhere(total != burst.sums[plane])[0][0])
            raise Mismatch(f"{block.label}: vector {vector} must have other sums in bit {plane}")
    field = stream.field("reference")
    low = raw[:, field.offset // 8].astype(numpy.int64)
    high = raw[:, field.offset // 8 + 1].astype(numpy.int64)
    references = (low | high << 8) & ((1 << field.width) - 1)
    if (references != burst.references).any():
        raise Mismatch(f"{block.label}: reference sums expected {burst.references}, got {references}")
