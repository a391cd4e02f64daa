"""Testbench of the serial edge: a host that loses, doubles and damages frames in either direction."""

from __future__ import annotations

from typing import Any

import cocotb

from quadrille.algo.spec.serial_frames import (
    FRAME_WORDS,
    POSITIONS,
    RESULT_BYTES,
    WORD_BYTES,
    Code,
    Frame,
    Kind,
    register_request,
)

from .edge_host import PERIOD, Host, Mismatch, play_edge
from .scenarios import SCENARIOS
from .scoreboard import Beat
from .serial_line import SerialLine

__all__ = ["UartHost"]

PATIENCE = 6_000_000
"""Nanoseconds, as words take long on a serial line."""
TIMEOUT = 9000
"""Bit times within which an answer comes behind the longest frame."""
DRIFT = {"flow": 1.0, "stalls": 0.98, "reluctance": 1.02, "reset": 1.02}
"""Length of the host's bits in those of the accelerator."""
LINK_ERRORS = ("checksum", "length", "kind", "gap", "full", "position")


class UartHost(Host):
    """A host that speaks frames.

    Attributes
    ----------
    taken, sent, space : data words that the accelerator has, that were sent at least once, and that fit it then
    results : words of results that have come
    number : of the last register request
    """

    counting = ("frames",)

    def __init__(self, design: Any, scenario: str) -> None:
        super().__init__(design, scenario)
        bit = 1000 * PERIOD * self.manifest.parameters["divisor"] * DRIFT[scenario]
        self.line = SerialLine(design, bit, self.random)
        self.line.gaps = scenario in ("stalls", "reset")
        self.answers: dict[int, tuple[int, int]] = {}
        self.codes: list[int] = []
        self.forget()

    def forget(self) -> None:
        """Both positions are 0."""
        self.taken = self.sent = 0
        self.space = self.manifest.parameters["depth"]
        self.results: list[Beat] = []

    async def reset(self) -> None:
        """The line is idle on both sides; the first request only finds the accelerator's last number out of date."""
        self.line.clear()
        self.forget()
        await super().reset()
        self.number = self.random.randrange(POSITIONS)
        await self.request(Kind.READ, 0)

    async def request(self, kind: Kind, address: int, value: int = 0, strobes: int = 15) -> tuple[int, int]:
        """Code and value of the answer, however often the request must be repeated."""
        self.number = (self.number + 1) % POSITIONS
        self.answers.clear()
        for _ in range(100):
            self.line.send(register_request(kind, self.number, address, value, strobes))
            while (frame := await self.line.receive(TIMEOUT)) is not None:
                self.dispatch(frame)
                if self.number in self.answers:
                    return self.answers[self.number]
        raise Mismatch(f"Request {kind.name} of {address:#x} must be answered")

    async def read_at(self, address: int) -> int | None:
        """A READ."""
        code, value = await self.request(Kind.READ, address)
        if code not in (Code.NONE, Code.UNMAPPED):
            raise Mismatch(f"Read must be answered NONE or UNMAPPED, not {code}")
        return value if code == Code.NONE else None

    async def write_at(self, address: int, value: int, strobes: int = 15) -> bool:
        """A WRITE; positions are 0 after a soft reset."""
        code, _ = await self.request(Kind.WRITE, address, value, strobes)
        if address == self.registers["control"]["offset"] and value & strobes & 1:
            self.forget()
        return code == Code.NONE

    def dispatch(self, frame: Frame) -> None:
        """Note what a frame of the accelerator says."""
        payload = frame.payload
        if frame.kind == Kind.ANSWER:
            self.answers[frame.number] = (payload[0], int.from_bytes(payload[1:], "little"))
        elif frame.kind == Kind.ACKNOWLEDGE:
            self.codes.append(payload[0])
            self.taken += (frame.number - self.taken) % POSITIONS
            self.space = int.from_bytes(payload[1:3], "little")
            if payload[0]:
                self.sent = self.taken
        elif frame.kind == Kind.RESULTS:
            behind = (len(self.results) - frame.number) % POSITIONS
            words = [payload[n : n + RESULT_BYTES] for n in range(0, len(payload), RESULT_BYTES)]
            if behind < POSITIONS // 2:
                self.results += [
                    {"data": int.from_bytes(word[:8], "little"), "last": word[8]} for word in words[behind:]
                ]
        else:
            raise Mismatch(f"Frame must be an answer, not of kind {frame.kind:#x}")

    def data(self, words: list[int], position: int) -> Frame:
        """A frame of data words."""
        return Frame(Kind.DATA, position, b"".join(word.to_bytes(WORD_BYTES, "little") for word in words))

    async def exchange(self, transfers: list[list[int]], results: int) -> list[Beat]:
        """Words in as there is space, results out as they come, registers in between."""
        words = [word for transfer in transfers for word in transfer]
        first, before = self.taken, len(self.results)
        self.line.faults = 0.0 if self.scenario == "flow" else 0.15
        done = 0
        while self.taken < first + len(words) or done < results:
            while (room := min(self.taken + self.space, first + len(words)) - self.sent) > 0:
                count = min(room, FRAME_WORDS if self.scenario == "flow" else self.random.randint(1, FRAME_WORDS))
                self.line.send(self.data(words[self.sent - first :][:count], self.sent))
                self.sent += count
            frame = await self.line.receive(TIMEOUT)
            if frame is None:
                self.sent = self.taken
                self.line.send(Frame(Kind.DATA, self.taken))
                self.line.send(Frame(Kind.RESEND, len(self.results)))
                continue
            self.dispatch(frame)
            done = sum(int(beat["last"]) for beat in self.results[before:])  # pyright: ignore[reportArgumentType]
            if self.random.random() < (0.05 if self.scenario == "reluctance" else 0.5):
                self.line.send(Frame(Kind.TAKEN, len(self.results)))
            if self.random.random() < 0.1:
                await self.check("identification", "value", int.from_bytes(b"QUAD", "big"))
                await self.write("words_received", self.random.getrandbits(32), self.random.randrange(16))
        await self.settle()
        return self.results[before:]

    async def settle(self) -> None:
        """No fault comes any more, and those that came have left no flag but those of the link."""
        faults, self.line.faults = self.line.faults, 0.0
        self.line.send(Frame(Kind.TAKEN, len(self.results)))
        flags = self.registers["errors"]["fields"]
        mask = sum(1 << flag["low"] for flag in flags if flag["name"] in LINK_ERRORS) if faults else 0
        await self.write("errors", mask)

    async def refused(self, code: Code, data: bytes) -> None:
        """Bytes on the line are answered by `code`, and set its flag alone."""
        self.codes.clear()
        self.line.outgoing.put_nowait(data)
        while not any(self.codes):
            frame = await self.line.receive(TIMEOUT + 10 * len(data))
            if frame is None:
                raise Mismatch(f"Frame must be refused by {code.name}, not in silence")
            self.dispatch(frame)
        if self.codes[-1] != code:
            raise Mismatch(f"Frame must be refused by {code.name}, not {Code(self.codes[-1]).name}")
        await self.check_flag(code.name.lower())

    async def own(self) -> None:
        """Every refusal; a request that comes twice; results that are asked for again."""
        depth, after = self.manifest.parameters["depth"], self.registers["interrupt_after"]["offset"]
        damaged = bytearray(Frame(Kind.TAKEN, len(self.results)).encoded())
        damaged[-3] ^= 1
        await self.refused(Code.CHECKSUM, bytes(damaged))
        await self.refused(Code.CHECKSUM, Frame(Kind.TAKEN, 0).encoded()[:-1] + b"\x7d\x7e")
        for kind in (0, 6, 0x43, Kind.ANSWER):
            await self.refused(Code.KIND, Frame(kind, 0).encoded())
        for kind, length in ((Kind.DATA, 5), (Kind.TAKEN, 8), (Kind.RESEND, 1), (Kind.READ, 0), (Kind.WRITE, 16)):
            await self.refused(Code.LENGTH, Frame(kind, self.number + 1, bytes(length)).encoded())
        await self.refused(Code.GAP, self.data([1], self.taken + 1).encoded())
        await self.refused(Code.FULL, self.data([UNSENT] * (depth + 1), self.taken).encoded())
        await self.refused(Code.FULL, self.data([UNSENT] * (2 * depth + 2), self.taken).encoded())
        for position in (len(self.results) + 1, len(self.results) - 1):
            await self.refused(Code.POSITION, Frame(Kind.TAKEN, position).encoded())
        if await self.read_at(after + (1 << 12)) is not None:
            raise Mismatch("Address beyond the registers must be answered by an error")
        await self.check_flag("unmapped")
        await self.write("interrupt_after", 5)
        again = register_request(Kind.WRITE, self.number, after, 6)
        for _ in range(2):
            self.line.send(again)
        await self.check("interrupt_after", "results", 5)
        await self.check("queues", "output_words", 0)
        await self.ask_again()

    async def ask_again(self) -> None:
        """Results that came and were not taken come once more when they are asked for, and wait as long."""
        first = len(self.results)
        self.recorder.expected.clear()
        self.traffic.send()
        words = self.transfer()
        for start in range(0, len(words), FRAME_WORDS):
            self.line.send(self.data(words[start:][:FRAME_WORDS], self.taken + start))
        count = len(self.recorder.expected)
        await self.arrive(first + count)
        once = self.results[first:]
        del self.results[first:]
        await self.check("queues", "output_words", count)
        self.line.send(Frame(Kind.RESEND, first))
        await self.arrive(first + count)
        if self.results[first:] != once:
            raise Mismatch("Results must be the same when they are sent again")
        await self.settle()
        await self.check("queues", "output_words", 0)

    async def arrive(self, count: int) -> None:
        """So many words of results have come in all."""
        while len(self.results) < count:
            frame = await self.line.receive(TIMEOUT)
            if frame is None:
                raise Mismatch(f"Results must be {count} words in all, and {len(self.results)} came")
            self.dispatch(frame)


UNSENT = 0x7E7D_7E7E_7D7D_7E7D
"""A word of bytes that are all escaped."""


@cocotb.test(timeout_time=PATIENCE, timeout_unit="ns")
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_uart_accelerator(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play_edge(dut, scenario, UartHost)
