"""Testbench of the patch reader: windows of random maps, whole and in pieces, against indexing of the memory."""

from __future__ import annotations

from typing import Any, ClassVar

import cocotb
import numpy

from .scenarios import SCENARIOS, Traffic, play
from .testbench import Testbench

__all__ = ["PatchTraffic"]


class PatchTraffic(Traffic):
    """Plays both activation memories, full of random numbers, and expects the planes of random jobs.

    A job is a convolution's tile: in each bank the rows from one to another of `channel * taps + tap`, at every window
    of maps that lie somewhere in a memory, modulo its size.
    """

    operations: ClassVar[int] = 8
    timing = None

    def __init__(self, bench: Testbench) -> None:
        super().__init__(bench)
        self.rows, self.banks = bench.parameter("rows"), bench.parameter("banks")
        self.word, self.bits = bench.parameter("word"), bench.parameter("activation_bits")
        ports = {port.name: port for port in bench.manifest.ports}
        self.elements = self.word << ports["address"].width
        self.memories: list[numpy.ndarray] = []
        self.handed, self.released = 0, [0, 0]  # what is still to come of either
        bench.neighbours.append(self.play)

    async def load(self) -> None:
        """Fill both memories anew."""
        generator = numpy.random.default_rng(self.random.getrandbits(64))
        self.memories = [generator.integers(0, 1 << self.bits, self.elements) for _ in range(2)]
        self.handed, self.released = 0, [0, 0]
        self.bench.waiting = lambda: bool(self.handed or any(self.released) or not self._get("idle"))

    def send(self) -> int:
        """One job and the planes of its windows."""
        parameter, choose = self.bench.parameter, self.random.randint
        size = [choose(1, parameter("map_size")) for _ in range(2)]
        padding = [choose(0, int(n < parameter("map_size"))) for n in size]  # no more windows than that
        kernel = [choose(1, min(parameter("kernel_size"), n + p)) for n, p in zip(size, padding, strict=True)]
        padding = [min(p, k - 1) for p, k in zip(padding, kernel, strict=True)]
        stride = [choose(1, 2) for _ in range(2)]
        windows = [(n + 2 * p - k) // s + 1 for n, p, k, s in zip(size, padding, kernel, stride, strict=True)]
        taps = kernel[0] * kernel[1]
        whole = self.random.random() < 0.6 and taps <= self.rows
        step = taps if whole else 1
        ends = [choose(0, 2) * taps + (0 if whole else choose(0, taps - 1))]
        for _ in range(self.banks):
            ends.append(ends[-1] + step * choose(1, self.rows // step))
        shared = max(0, kernel[1] - stride[1])
        slide = whole and shared > 0 and windows[1] > 1
        pitch = -(-ends[-1] // taps) + choose(0, 3)
        line, frame_step = size[1] * pitch, size[0] * size[1] * pitch + choose(0, 5)
        base, feature, half = choose(0, self.elements - 1), choose(0, 1), choose(0, 1)
        channels = [(high - low) // taps for low, high in zip(ends, ends[1:], strict=False)]
        addresses = {
            "origin": base - padding[0] * line - padding[1] * pitch,
            "frame_step": frame_step,
            "row_step": stride[0] * line,
            "window_step": stride[1] * pitch,
            "tap_row_step": line,
            "tap_step": pitch,
            "slide_step": shared * pitch,
        }
        planes = choose(1, self.bits)
        last, swap, count = choose(0, 1), choose(0, 1), choose(1, parameter("frames"))
        fields = {name: value % self.elements for name, value in addresses.items()}
        for name, pair in (("stride", stride), ("padding", padding), ("kernel", kernel)):
            fields |= {f"{name}_down": pair[0], f"{name}_across": pair[1]}
        fields |= {"height": size[0], "width": size[1], "down": windows[0], "across": windows[1]}
        fields |= {"slide": int(slide), "slide_column": shared if slide else 0, "feature": feature, "last": last}
        fields |= {"planes": planes, "negative": choose(0, 1), "barrier": choose(0, 1)}
        banks = {
            "low": [end // taps for end in ends[:-1]],
            "low_tap": [end % taps for end in ends[:-1]],
            "high": [end // taps for end in ends[1:]],
            "high_tap": [end % taps for end in ends[1:]],
            "slide_rows": [stride[1] * kernel[0] * n * slide for n in channels],
            "slide_start": [shared * kernel[0] * n * slide for n in channels],
        }
        fields |= {f"banks.{name}": values for name, values in banks.items()}
        stream = self.bench.manifest.streams["i"]
        fields |= {n: self.random.getrandbits(stream.field(f"instruction.{n}").width) for n in ("steps", "table")}
        positions = stream.field("instruction.accumulators").width
        fields["accumulators"] = self.random.getrandbits(positions)
        job = {f"instruction.{name}": value for name, value in fields.items()}
        self.bench.send("i", job | {"count": count, "half": half, "swap": swap})

        # What each window holds: for each bank, tap by tap in the order of reading, its channels, or 0 in the padding.
        memory = self.memories[feature]
        if not feature and half:
            base += parameter("input_words") * self.word
        number = 0
        for frame in range(count):
            for y, x in numpy.ndindex(*windows):
                patch = numpy.zeros(self.banks * self.rows, dtype=numpy.int64)
                places = [bank * self.rows for bank in range(self.banks)]
                for j, i in numpy.ndindex(kernel[1], kernel[0]):
                    tap = i * kernel[1] + j
                    row, column = y * stride[0] + i - padding[0], x * stride[1] + j - padding[1]
                    pixel = base + frame * frame_step + row * line + column * pitch
                    inside = 0 <= row < size[0] and 0 <= column < size[1]
                    for bank in range(self.banks):
                        # The channels c of this tap with ends[bank] <= c * taps + tap < ends[bank + 1].
                        low, high = (-((tap - end) // taps) for end in ends[bank : bank + 2])
                        place = places[bank]
                        places[bank] += high - low
                        if inside:
                            patch[place : places[bank]] = memory[(pixel + numpy.arange(low, high)) % self.elements]
                position = number * fields["accumulators"] % (1 << positions)
                tag = {"tag.steps": fields["steps"], "tag.address": fields["table"], "tag.position": position}
                self.expect_planes(patch, planes, fields["negative"], swap and not number, tag)
                number += 1
        self.handed += number
        self.released[half] += last
        return number * planes

    def expect_planes(self, patch: numpy.ndarray, planes: int, negative: int, swap: int, tag: dict[str, int]) -> None:
        """The planes of one window, most significant first."""
        names = self.bench.manifest.streams["o"].names
        for plane in reversed(range(planes)):
            first = int(plane == planes - 1)
            bits = int.from_bytes(numpy.packbits(patch >> plane & 1, bitorder="little").tobytes(), "little")
            beat = {"bits": bits, "first": first, "last": int(plane == 0), **tag}
            beat |= {"negative": first & negative, "swap": int(first and swap)}
            self.bench.expect("o", {name: value for name, value in beat.items() if name in names})

    def play(self, cycle: int) -> None:
        """Both memories, which show a word one cycle after it was asked for; and what is handed over and released."""
        del cycle
        if not self.memories:
            return
        if self._get("enable"):
            address = self._get("address") * self.word
            for name, memory in zip(("input_planes", "feature_planes"), self.memories, strict=True):
                word = memory[address : address + self.word]
                planes = (word >> numpy.arange(self.bits)[:, None]) & 1
                bits = numpy.packbits(planes.astype(numpy.uint8).ravel(), bitorder="little")
                getattr(self.bench.design, name).value = int.from_bytes(bits.tobytes(), "little")
        self.handed -= self._get("handed")
        release = self._get("release")
        self.released = [count - (release >> half & 1) for half, count in enumerate(self.released)]

    def _get(self, name: str) -> int:
        return int(getattr(self.bench.design, name).value)


@cocotb.test()
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_patch_reader(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play(dut, scenario, PatchTraffic)
