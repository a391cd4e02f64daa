"""A serial line in a simulation: bytes in and out bit by bit, with gaps, noise and faults where they are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

import cocotb
from cocotb.queue import Queue
from cocotb.triggers import SimTimeoutError, Timer, with_timeout

from quadrille.algo.spec.serial_frames import FLAG, Decoder, Frame

__all__ = ["SerialLine"]


class SerialLine:
    """The host's end of a line whose bits last `picoseconds`.

    Attributes
    ----------
    faults : how likely a frame is lost, doubled or damaged, in either direction
    gaps : whether bytes are sent with pauses between them, which may hold noise shorter than a start bit
    decoder : what makes frames of the bytes that come
    """

    def __init__(self, design: Any, picoseconds: float, random: Random) -> None:
        self.design, self.random = design, random
        self.bit = picoseconds
        self.faults = 0.0
        self.gaps = False
        self.tasks: list[Any] = []
        self.clear()

    def clear(self) -> None:
        """Forget all that is under way: the line is idle."""
        for task in self.tasks:
            task.cancel()
        self.design.rx.value = 1
        self.decoder = Decoder()
        self.outgoing: Queue[bytes] = Queue()
        self.incoming: Queue[Frame] = Queue()
        self.tasks = [cocotb.start_soon(self.drive()), cocotb.start_soon(self.listen())]

    async def wait(self, bits: float) -> None:
        """Bit times."""
        await Timer(max(1, round(bits * self.bit)), unit="ps")

    def send(self, frame: Frame) -> None:
        """Queue a frame to be sent, or what becomes of it."""
        for data in self.fate(frame.encoded()):
            self.outgoing.put_nowait(data)

    def fate(self, data: bytes) -> Iterable[bytes]:
        """What arrives of a frame: once in a while nothing, or it comes twice, or with damage."""
        random = self.random
        if random.random() >= self.faults:
            return [data]
        place = random.randrange(len(data))
        match random.randrange(6):
            case 0:
                return []
            case 1:
                return [data, data]
            case 2:
                return [data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]]
            case 3:
                return [data[:place] + data[place + 1 :]]
            case 4:
                return [data[: place + 1] + data[place:]]
            case _:
                return [data[:place]]

    async def receive(self, bits: float) -> Frame | None:
        """The next frame; None if none comes in so many bit times."""
        try:
            return await with_timeout(self.incoming.get(), round(bits * self.bit), "ps")
        except SimTimeoutError:
            return None

    async def drive(self) -> None:
        """Send what is queued."""
        while True:
            for byte in await self.outgoing.get():
                await self.level(0, 1)
                for place in range(8):
                    await self.level(byte >> place & 1, 1)
                await self.level(1, 1)
                if self.gaps and self.random.random() < 0.1:
                    await self.level(1, self.random.choice((0.3, 1.7, 12.0)))
                    # Shorter than half a bit: no start bit.
                    await self.level(0, 0.2)
                    await self.level(1, self.random.choice((2.0, 11.3)))

    async def level(self, value: int, bits: float) -> None:
        """The line at a value for a while."""
        self.design.rx.value = value
        await self.wait(bits)

    async def listen(self) -> None:
        """Sample each bit that comes in its middle."""
        line = self.design.tx
        content = bytearray()
        while True:
            if int(line.value):
                await line.falling_edge
            await self.wait(0.5)
            bits: list[int] = []
            for _ in range(9):
                await self.wait(1)
                bits.append(int(line.value))
            assert bits[8], "the stop bit must be high"
            byte = sum(bit << place for place, bit in enumerate(bits[:8]))
            content.append(byte)
            if byte == FLAG and len(content) > 1:
                for data in self.fate(bytes(content)):
                    for frame in self.decoder.feed(data):
                        self.incoming.put_nowait(frame)
                content.clear()
