"""The serial line: how much of it carries words, how fast it is simulated, and what the edge takes of an FPGA."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from quadrille.algo.data import dataset
from quadrille.algo.integer import Executor, read_modes, write_network
from quadrille.boards.host import Accelerator
from quadrille.boards.host.simulated import SimulatedLine
from quadrille.boards.synthesis import synthesize
from quadrille.boards.targets import FPGAS
from quadrille.flow import generate
from quadrille.flow.blocks import component
from quadrille.sim.accelerator import read_accelerator
from quadrille.sim.schedule import Schedule
from quadrille.tb.networks import random_network

Row = tuple[str, str, str]

DIGITS = Path(__file__).parents[1] / "examples" / "digits-mlp" / "network.safetensors"
WANTED = 0.8
WORD_BYTES = 8


def exchange(folder: Path, images: np.ndarray) -> tuple[float, float, float, float]:
    """Cycles for each image, cycles a second, and the share of either wire's time that carries words, of a batch."""
    with Accelerator.open(f"sim:{folder}") as accelerator:
        accelerator.load(folder)
        line = accelerator.line
        assert isinstance(line, SimulatedLine)
        cycles, received = line.model.cycles, accelerator.registers["words_received"]
        start = time.perf_counter()
        results = accelerator.run(images)
        seconds, cycles = time.perf_counter() - start, line.model.cycles - cycles
        network = read_modes(folder / "network.safetensors").default
        if not np.array_equal(results, Executor(network).run(images)[network.result.name]):
            raise RuntimeError("Results through the serial line and integers differ")
        words = accelerator.registers["words_received"] - received
        leaving = sum(read_accelerator(folder).words_per_image(Schedule.constant(len(images), 0, 1, switches=False)))
        share = WORD_BYTES * line.model.cycles_per_byte / cycles
    return cycles / len(images), cycles / seconds, words * share, leaving * share


def rows() -> list[Row]:
    """Rows of the table: what, figure, what is asked for."""
    wanted = f"over {100 * WANTED:.0f} %"
    with tempfile.TemporaryDirectory(prefix="quadrille-") as work:
        folder = Path(work)
        generate(DIGITS, folder / "digits")
        images = dataset("digits").held_out_images.astype(np.int64)
        cycles, rate, inward, _ = exchange(folder / "digits", images)
        write_network(random_network(3, sizes=(8, 64), tile_rows=8, argmax=False), folder / "wide.safetensors")
        generate(folder / "wide.safetensors", folder / "wide", rows=8, columns=64)
        _, _, _, outward = exchange(folder / "wide", np.zeros((400, 8), np.int64))
        write_network(random_network(1, sizes=(13, 7, 4)), folder / "small.safetensors")
        generate(folder / "small.safetensors", folder / "small", rows=8, columns=6, settings={"lanes": 2})
        component("uart-accelerator", folder / "edge", around=folder / "small")
        inner = synthesize(folder / "small" / "accelerator.v", "accelerator", FPGAS["ecp5"])
        edge = synthesize(folder / "edge" / "uart_accelerator.v", "uart_accelerator", FPGAS["ecp5"])
    luts, registers = (edge.luts or 0) - (inner.luts or 0), edge.flip_flops - inner.flip_flops
    memories = (edge.block_rams or 0) - (inner.block_rams or 0)
    return [
        ("digits through the serial line, 4 cycles a bit", f"{cycles:,.0f} cycles/image", ""),
        ("  cycles simulated", f"{rate:,.0f} /s", ""),
        ("  share of the line that is data words", f"{100 * inward:.1f} %", wanted),
        ("  and results, of a network of many", f"{100 * outward:.1f} %", wanted),
        (
            "  the edge beside its accelerator, ECP5",
            f"{luts:,} LUTs, {registers:,} flip-flops, {memories} memories",
            "",
        ),
    ]


if __name__ == "__main__":
    for row in rows():
        print("   ".join(row))
