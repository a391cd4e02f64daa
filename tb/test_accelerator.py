"""Testbench of the accelerator: a whole network on random batches, every code and result against algo.integer."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, ClassVar

import cocotb
import numpy

from quadrille.algo.integer import Executor, read_modes

from .scenarios import SCENARIOS, Traffic, play
from .scoreboard import Beat
from .testbench import Testbench

__all__ = ["AcceleratorTraffic"]


class AcceleratorTraffic(Traffic):
    """The program once after each reset, then batches of 1 to `frames` random images, each in a mode of its own.

    The folder of the manifest holds the network, the words of its program and their description.
    """

    operations: ClassVar[int] = 8
    span: ClassVar[int] = 900
    # The manifest's latency is that of the datapath within; cycles of a batch are sim's to check.
    timing = None

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        folder = bench.manifest.path.parent
        networks = read_modes(folder / "network.safetensors").networks
        self.source = next(iter(networks.values())).input
        self.executors = [Executor(network) for network in networks.values()]
        data = (folder / "program.bin").read_bytes()
        self.words: tuple[int, ...] = struct.unpack(f"<{len(data) // 8}Q", data)
        self.program: dict[str, Any] = json.loads((folder / "program.json").read_text(encoding="utf-8"))
        self.modes: list[dict[str, Any]] = self.program["modes"]
        self.output: dict[str, Any] = self.modes[0]["output"]  # words are packed alike in all modes
        bench.observe("o", self.elements)

    async def load(self) -> None:
        """Send the program; batches may follow at once."""
        for word in self.words:
            self.bench.send("i", word)

    def send(self) -> int:
        """One batch, and what must leave for it: codes and results in the order of the program, and the output."""
        source, number = self.source, self.random.randrange(len(self.modes))
        if self.program["switches"]:
            self._send_header("mode", number, 1)
        count = self.random.randint(1, self.program["frames"])
        interval = source.format.interval
        generator = numpy.random.default_rng(self.random.getrandbits(64))
        images = generator.integers(interval.lo, interval.hi + 1, (count, *source.shape))
        self._send_images(images.reshape(count, -1))
        tensors, mode = self.executors[number].run(images), self.modes[number]
        output = mode["output"]
        for step in mode["steps"]:
            for frame in range(count):
                for window in range(step["windows"]):
                    for column in step["columns"]:
                        self.bench.expect("o_codes", self._codes(tensors, step, column, frame, window))
        shown = {"o_results": mode["results"], **mode["taps"]}
        leaving = output["kind"] == "values"
        for name, instructions in shown.items():
            for slots in instructions:
                for frame in range(count):
                    for window in range(slots["windows"]):
                        for result in slots["groups"]:
                            tensor = _window(tensors[result["node"]][frame], window)
                            values = [_of(tensor, index) for index in result["outputs"]]
                            self.bench.expect(name, {"values": values})
                            if leaving and result["node"] == output["node"]:
                                final = window == slots["windows"] - 1 and len(tensor) - 1 in result["outputs"]
                                self._expect_values(values, ends=final)
        if not leaving:
            for frame in range(count):
                self._expect_values([int(tensors[output["node"]][frame])], ends=True)
        return 0

    def _send_images(self, images: numpy.ndarray) -> None:
        layout = self.program["input"]
        self._send_header("frames", layout["words_per_frame"], len(images))
        bits, per_word = layout["element_bits"], layout["elements_per_word"]
        mask = (1 << bits) - 1
        for image in images:
            elements = [0 if index < 0 else int(image[index]) & mask for index in layout["order"]]
            for start in range(0, len(elements), per_word):
                word = elements[start : start + per_word]
                self.bench.send("i", sum(element << (bits * place) for place, element in enumerate(word)))

    def _send_header(self, packet: str, address: int, count: int) -> None:
        header = self.program["header"]
        fields = {"target": self.program["packets"][packet], "address": address, "count": count}
        self.bench.send("i", sum(value << header[name][0] for name, value in fields.items()))

    def _codes(
        self, tensors: Mapping[str, numpy.ndarray], step: Any, column: Any, frame: int, window: int
    ) -> dict[str, Any]:
        """A column step: the codes of a slice, or the row sum in every lane; lanes without an output do not count."""
        row_sum = None
        if step["row_sum"] is not None:
            sums = tensors[step["row_sum"]][frame, column["tile"]]
            row_sum = int(sums) if sums.ndim == 0 else int(sums[step["group"]].reshape(-1)[window])
        if column["slice"] is None:
            codes = [None if output < 0 else row_sum for output in column["outputs"]]
        else:
            values = _window(tensors[step["node"]][frame, column["tile"], column["slice"]], window)
            codes = [_of(values, output) for output in column["outputs"]]
        return {"codes": codes} | ({} if row_sum is None else {"reference": row_sum})

    def _expect_values(self, values: list[int | None], ends: bool) -> None:
        """The output words of one group of values; those of idle lanes do not count."""
        per_word = self.output["elements_per_word"]
        used = 1 + max(lane for lane, value in enumerate(values) if value is not None)
        values = [*values[:used], *[None] * (-used % per_word)]
        for start in range(0, used, per_word):
            last = ends and start + per_word >= used
            self.bench.expect("o", {"values": values[start : start + per_word], "last": int(last)})

    def elements(self, beat: Any) -> Beat:
        """An output word as the values packed in it."""
        output = self.output
        bits = output["element_bits"]
        sign = 1 << (bits - 1) if output["signed"] else 0
        places = [bits * place for place in range(output["elements_per_word"])]
        return {
            "values": [((beat["data"] >> place & ((1 << bits) - 1)) ^ sign) - sign for place in places],
            "last": beat["last"],
        }


def _window(values: numpy.ndarray, window: int) -> numpy.ndarray:
    """The channels of one window, of a map or of a vector."""
    return values.reshape(len(values), -1)[:, window]


def _of(values: numpy.ndarray, output: int) -> int | None:
    return None if output < 0 else int(values[output])


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_accelerator(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, AcceleratorTraffic)
