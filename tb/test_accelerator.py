"""Testbench of the accelerator: a whole network on random batches, every code and result against algo.integer."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, ClassVar

import cocotb
import numpy

from quadrille.algo.integer import Executor, read_network

from .scenarios import SCENARIOS, Traffic, play
from .testbench import Testbench

__all__ = ["AcceleratorTraffic"]


class AcceleratorTraffic(Traffic):
    """The program once after each reset, then batches of 1 to `frames` random images.

    The folder of the manifest holds the network, the words of its program and their description.
    """

    operations: ClassVar[int] = 5
    # The manifest's latency is that of the datapath within; cycles of a batch are sim's to check.
    timing = None

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        folder = bench.manifest.path.parent
        self.network = read_network(folder / "network.safetensors")
        self.executor = Executor(self.network)
        data = (folder / "program.bin").read_bytes()
        self.words: tuple[int, ...] = struct.unpack(f"<{len(data) // 8}Q", data)
        self.program: dict[str, Any] = json.loads((folder / "program.json").read_text(encoding="utf-8"))

    async def load(self) -> None:
        """Send the program; batches may follow at once."""
        for word in self.words:
            self.bench.send("i", word)

    def send(self) -> int:
        """One batch, and what must leave for it: codes and results in the order of the program, and the output."""
        source = self.network.input
        count = self.random.randint(1, self.program["frames"])
        interval = source.format.interval
        generator = numpy.random.default_rng(self.random.getrandbits(64))
        images = generator.integers(interval.lo, interval.hi + 1, (count, *source.shape))
        self._send_images(images.reshape(count, -1))
        tensors = self.executor.run(images)
        for step, results in zip(self.program["steps"], self.program["results"], strict=True):
            for frame in range(count):
                for column in step["columns"]:
                    self.bench.expect("o_codes", self._codes(tensors, step, column, frame))
                for result in results:
                    values = tensors[result["node"]][frame]
                    self.bench.expect("o_results", {"values": [_of(values, output) for output in result["outputs"]]})
        for frame in range(count):
            self._expect_output(tensors, frame)
        return 0

    def _send_images(self, images: numpy.ndarray) -> None:
        layout, header = self.program["input"], self.program["header"]
        fields = {"target": 0, "address": layout["words_per_frame"], "count": len(images)}
        self.bench.send("i", sum(value << header[name][0] for name, value in fields.items()))
        bits, per_word = layout["element_bits"], layout["elements_per_word"]
        mask = (1 << bits) - 1
        for image in images:
            elements = [0 if index < 0 else int(image[index]) & mask for index in layout["order"]]
            for start in range(0, len(elements), per_word):
                word = elements[start : start + per_word]
                self.bench.send("i", sum(element << (bits * place) for place, element in enumerate(word)))

    def _codes(self, tensors: Mapping[str, numpy.ndarray], step: Any, column: Any, frame: int) -> dict[str, Any]:
        """A column step: the codes of a slice, or the row sum in every lane; lanes without an output do not count."""
        row_sum = None if step["row_sum"] is None else int(tensors[step["row_sum"]][frame, step["tile"]])
        if column["slice"] is None:
            codes = [None if output < 0 else row_sum for output in column["outputs"]]
        else:
            values = tensors[step["node"]][frame, step["tile"], column["slice"]]
            codes = [_of(values, output) for output in column["outputs"]]
        return {"codes": codes} | ({} if row_sum is None else {"reference": row_sum})

    def _expect_output(self, tensors: Mapping[str, numpy.ndarray], frame: int) -> None:
        """The words that leave for one image, `last` with the last of them."""
        output = self.program["output"]
        values = tensors[output["node"]][frame].reshape(-1)
        bits, per_word = output["element_bits"], output["elements_per_word"]
        mask = (1 << bits) - 1
        elements = [0 if index < 0 else int(values[index]) & mask for index in output["order"]]
        words = [elements[start : start + per_word] for start in range(0, len(elements), per_word)]
        for number, word in enumerate(words):
            data = sum(element << (bits * place) for place, element in enumerate(word))
            self.bench.expect("o", {"data": data, "last": int(number == len(words) - 1)})


def _of(values: numpy.ndarray, output: int) -> int | None:
    return None if output < 0 else int(values[output])


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_accelerator(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, AcceleratorTraffic)
