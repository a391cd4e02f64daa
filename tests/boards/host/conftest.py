"""An accelerator's side of the serial link in Python, for tests without a simulation."""

from __future__ import annotations

import os
import select
import threading
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.spec.serial_frames import FRAME_WORDS, POSITIONS, Code, Decoder, Frame, Kind


class Device:
    """A line with an accelerator at its end that gives a word of results for each data word: its complement.

    A word is the last of its image if it is a multiple of 3. Registers keep what is written, and 1 at RESET starts
    anew; the first is always 7. Its queues have `depth` words each; in each read it takes up to `pace`.
    """

    byte_seconds, latency, patience = 1e-6, 0.0, 0.01
    RESET = 0x28

    def __init__(self, depth: int = 32, pace: int = 5) -> None:
        self.depth, self.pace = depth, pace
        self.registers: dict[int, int] = {0: 7, 4: 0, self.RESET: 0}
        self.answered: tuple[int, bytes] = (0, b"\x07" + bytes(4))
        self.writes = 0
        self.decoder, self.damaged, self.out = Decoder(), 0, bytearray()
        self.restart()

    def restart(self) -> None:
        """Both positions are 0."""
        self.waiting: list[bytes] = []
        self.kept: list[bytes] = []
        self.next = self.first = self.given = 0

    def write(self, data: bytes) -> None:
        """Do what the frames ask for."""
        for frame in self.decoder.feed(data):
            self.take(frame)
        if self.decoder.damaged > self.damaged:
            self.damaged = self.decoder.damaged
            self.acknowledge(Code.CHECKSUM)

    def read(self, seconds: float) -> bytes:
        """Compute a little, and say what there is to say."""
        while self.waiting and len(self.kept) < self.depth and self.pace:
            word = self.waiting.pop(0)
            last = int.from_bytes(word, "little") % 3 == 0
            self.kept.append(bytes(byte ^ 0xFF for byte in word) + bytes([last]))
            if len(self.kept) % self.pace == 0:
                break
        given = self.given - self.first
        if given < len(self.kept):
            words = self.kept[given : given + FRAME_WORDS]
            self.out += Frame(Kind.RESULTS, self.given, b"".join(words)).encoded()
            self.given += len(words)
        data, self.out = bytes(self.out), bytearray()
        return data

    def close(self) -> None:
        """Nothing to give up."""

    def acknowledge(self, code: Code) -> None:
        payload = bytes([code]) + (self.depth - len(self.waiting)).to_bytes(2, "little") + bytes(2)
        self.out += Frame(Kind.ACKNOWLEDGE, self.next, payload).encoded()

    def take(self, frame: Frame) -> None:
        """One request."""
        payload = frame.payload
        if frame.kind in (Kind.READ, Kind.WRITE):
            if frame.number != self.answered[0]:
                address, value = int.from_bytes(payload[:2], "little"), int.from_bytes(payload[4:], "little")
                known = address in self.registers
                before = self.registers.get(address, 0)
                code = Code.NONE if known else Code.UNMAPPED
                if known and frame.kind == Kind.WRITE:
                    self.registers[address] = value
                    self.writes += 1
                    if address == self.RESET and value & 1:
                        self.restart()
                self.answered = (frame.number, bytes([code]) + before.to_bytes(4, "little"))
            self.out += Frame(Kind.ANSWER, *self.answered).encoded()
        elif frame.kind == Kind.DATA:
            words = [payload[n : n + 8] for n in range(0, len(payload), 8)]
            ahead = (frame.number - self.next) % POSITIONS
            if ahead:
                self.acknowledge(Code.GAP if ahead < POSITIONS // 2 else Code.NONE)
            elif len(words) > self.depth - len(self.waiting):
                self.acknowledge(Code.FULL)
            else:
                self.waiting += words
                self.next += len(words)
                self.acknowledge(Code.NONE)
        else:
            taken = (frame.number - self.first) % POSITIONS
            if taken > self.given - self.first:
                self.acknowledge(Code.POSITION)
                return
            self.kept = self.kept[taken:]
            self.first += taken
            if frame.kind == Kind.RESEND:
                self.given = self.first


class Port:
    """A pseudo-terminal at `path` with a line behind it, played by a thread until it is pulled or has `cut` bytes."""

    def __init__(self, inner: Any, path: Path, cut: int | None = None) -> None:
        self.master, slave = os.openpty()
        path.unlink(missing_ok=True)
        path.symlink_to(os.ttyname(slave))
        self.inner, self.cut, self.slave, self.pulled = inner, cut, slave, False
        self.thread = threading.Thread(target=self.play)
        self.thread.start()

    def play(self) -> None:
        """Bytes to and fro."""
        came = 0
        while self.cut is None or came < self.cut:
            ready, _, _ = select.select([self.master], [], [], 0.001)
            if ready:
                data = os.read(self.master, 4096)
                came += len(data)
                self.inner.write(data)
            if data := self.inner.read(2e-5):
                os.write(self.master, data)
            if self.pulled:
                break
        os.close(self.slave)
        os.close(self.master)

    def pull(self) -> None:
        """The other end sees the port go."""
        self.pulled = True
        self.thread.join()


@pytest.fixture(scope="session")
def port() -> type[Port]:
    return Port


@pytest.fixture(scope="session")
def device() -> type[Device]:
    return Device
