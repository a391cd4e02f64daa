"""The host at an accelerator's edge: loads it, runs batches, and reads and writes every register, in four scenarios."""

from __future__ import annotations

import json
import os
import random
from abc import ABC, abstractmethod
from random import Random
from typing import Any

import cocotb
from cocotb.clock import Clock

from .manifest import Manifest
from .scoreboard import Beat
from .test_accelerator import AcceleratorTraffic

__all__ = ["PATIENCE", "Host", "Mismatch", "play_edge"]

PERIOD = 2
PATIENCE = 200_000
"""Nanoseconds after which a scenario has failed: something that was asked for does not come."""
UNKNOWN = 200
"""The number of a packet that no accelerator knows."""


class Mismatch(AssertionError):
    """A register or a result is not what it should be."""


class Recorder:
    """Stands in for the testbench of an accelerator: keeps what its traffic sends and expects on `o`."""

    def __init__(self, manifest: Manifest, random: Random) -> None:
        self.manifest = manifest
        self.random = random
        self.words: list[int] = []
        self.expected: list[Beat] = []

    def observe(self, stream: str, view: Any) -> None:
        """Nothing is observed here."""

    def send(self, stream: str, word: int) -> None:
        """Keep a data word."""
        self.words.append(word)

    def expect(self, stream: str, beat: Beat) -> None:
        """Keep what leaves; taps lie within."""
        if stream == "o":
            self.expected.append(beat)


class Host(ABC):
    """What speaks to one kind of edge; a subclass for each bus.

    Attributes
    ----------
    registers : of the manifest, by name
    scratch : registers of which every bit can be read and written
    """

    scratch: tuple[str, ...] = ("interrupt_after",)
    answering: tuple[str, ...] = ()
    """Registers that answer a read by an error while there is nothing to read."""
    counting: tuple[str, ...] = ()
    """Registers that each access changes."""

    def __init__(self, design: Any, scenario: str) -> None:
        self.design, self.scenario = design, scenario
        self.manifest = Manifest.read(os.environ["QUADRILLE_MANIFEST"])
        record = json.loads(self.manifest.path.read_text(encoding="utf-8"))["registers"]
        self.registers: dict[str, Any] = {register["name"]: register for register in record["registers"]}
        self.end: int = 1 << record["address_bits"]
        self.random = Random(random.getrandbits(64))
        self.recorder = Recorder(self.manifest, self.random)
        self.traffic: Any = AcceleratorTraffic(self.recorder)  # pyright: ignore[reportArgumentType]
        Clock(design.clk, PERIOD, unit="ns", impl="gpi").start(start_high=False)

    @abstractmethod
    async def read_at(self, address: int) -> int | None:
        """The word at a byte address; None where the answer is an error."""

    @abstractmethod
    async def write_at(self, address: int, value: int, strobes: int = 15) -> bool:
        """Write the bytes of `strobes`; whether the answer is no error."""

    @abstractmethod
    async def exchange(self, transfers: list[list[int]], results: int) -> list[Beat]:
        """Send the data words of all transfers and return the words of `results` images as {data, last}."""

    async def own(self) -> None:  # noqa: B027 (an edge without errors of its own is meant)
        """Provoke the errors that this edge alone has."""

    async def cycles(self, count: int) -> None:
        """Let cycles pass."""
        for _ in range(count):
            await self.design.clk.rising_edge

    async def reset(self) -> None:
        """The reset line, for a few cycles."""
        self.design.rst.value = 1
        await self.cycles(self.random.randint(2, 4))
        self.design.rst.value = 0
        await self.cycles(2)

    async def read(self, register: str) -> int:
        """A register's value."""
        value = await self.read_at(self.registers[register]["offset"])
        if value is None:
            raise Mismatch(f"Register {register} must be readable, and is answered by an error")
        return value

    async def write(self, register: str, value: int, strobes: int = 15) -> None:
        """Write a register."""
        if not await self.write_at(self.registers[register]["offset"], value, strobes):
            raise Mismatch(f"Register {register} must be writable, and is answered by an error")

    async def field(self, register: str, field: str) -> int:
        """A field's value."""
        (entry,) = [entry for entry in self.registers[register]["fields"] if entry["name"] == field]
        return await self.read(register) >> entry["low"] & ((1 << entry["bits"]) - 1)

    async def check(self, register: str, field: str, expected: int) -> None:
        """Refuse another value of a field."""
        found = await self.field(register, field)
        if found != expected:
            raise Mismatch(f"Register {register}.{field} must read {expected}, not {found}")

    def transfer(self) -> list[int]:
        """What the traffic has sent since the last call."""
        words, self.recorder.words = self.recorder.words, []
        return words

    async def check_flag(self, flag: str) -> None:
        """An error flag is set, alone; it stays when 0 or nothing is written, and goes when 1 is."""
        (place,) = [entry["low"] for entry in self.registers["errors"]["fields"] if entry["name"] == flag]
        for value, strobes in ((0, 15), (1 << place, 14)):
            if await self.read("errors") != 1 << place:
                raise Mismatch(f"Register errors must show {flag} alone, not {await self.read('errors'):#x}")
            await self.write("errors", value, strobes)
        await self.write("errors", 1 << place)
        await self.check("errors", flag, 0)


async def check_registers(host: Host) -> None:
    """After a reset: every register's value; bytes by strobes; what is not there."""
    for name, register in host.registers.items():
        if name in (*host.answering, *host.counting):
            continue
        value = await host.read(name)
        if value != register["reset"]:
            raise Mismatch(f"Register {name} must read {register['reset']:#x} after a reset, not {value:#x}")
        if all(field["access"] in ("constant", "read") for field in register["fields"]):
            await host.write(name, host.random.getrandbits(32))
            if await host.read(name) != value:
                raise Mismatch(f"Register {name} must not be written")
    for name in host.scratch:
        kept = host.registers[name]["reset"]
        for strobes in host.random.sample(range(16), 16):
            value = host.random.getrandbits(32)
            mask = sum(0xFF << 8 * byte for byte in range(4) if strobes >> byte & 1)
            kept = kept & ~mask | value & mask
            await host.write(name, value, strobes)
            found = await host.read(name)
            if found != kept:
                raise Mismatch(f"Register {name} must read {kept:#x} after strobes {strobes:#x}, not {found:#x}")
    used = {register["offset"] for register in host.registers.values()}
    for address in host.random.sample(sorted(set(range(0, host.end, 4)) - used), 6):
        if await host.read_at(address) is not None:
            raise Mismatch(f"Address {address:#x} must be answered by an error when read")
        await host.check_flag("unmapped")
        if await host.write_at(address, host.random.getrandbits(32)):
            raise Mismatch(f"Address {address:#x} must be answered by an error when written")
        await host.check_flag("unmapped")


async def run_batches(host: Host, count: int = 3) -> None:
    """Program and batches; every result against algo.integer, and what the registers tell of it."""
    traffic, recorder = host.traffic, host.recorder
    recorder.expected.clear()
    host.transfer()
    await traffic.load()
    transfers = [host.transfer()]
    for _ in range(count):
        traffic.send()
        transfers.append(host.transfer())
    images = sum(int(beat["last"]) for beat in recorder.expected)  # pyright: ignore[reportArgumentType]
    await host.write("interrupt_after", images)
    await host.write("interrupt_enable", 1)
    compare(host, await host.exchange(transfers, images))
    instructions = sum(len(mode["steps"]) for mode in traffic.modes)
    await host.check("words_received", "value", sum(map(len, transfers)))
    await host.check("results_sent", "value", images)
    await host.check("program_length", "value", instructions)
    for field, value in (("waiting", 0), ("between", 1)):
        await host.check("status", field, value)
    await check_interrupt(host)
    if await host.read("errors"):
        raise Mismatch(f"Register errors must be 0, not {await host.read('errors'):#x}")
    if "mode" in host.registers:
        chosen = [word >> 8 & 0xFFFFFF for words in transfers[1:] for word in words[:1]]
        await host.check("mode", "value", chosen[-1])
    for _ in range(200):
        if not await host.field("status", "busy"):
            return
    raise Mismatch("Register status.busy must become 0 when all results have come")


async def check_interrupt(host: Host) -> None:
    """The line is up; it follows the enable bit, and goes down when the status is cleared."""
    await host.check("interrupt_status", "result", 1)
    for enable, line in ((1, 1), (0, 0), (1, 1)):
        await host.write("interrupt_enable", enable)
        await host.cycles(2)
        if int(host.design.interrupt.value) != line:
            raise Mismatch(f"Interrupt must be {line} while interrupt_enable is {enable}")
    await host.write("interrupt_status", 1)
    await host.check("interrupt_status", "result", 0)
    if int(host.design.interrupt.value):
        raise Mismatch("Interrupt must be 0 once its status is cleared")


def compare(host: Host, words: list[Beat]) -> None:
    """Refuse words of results that are not those of algo.integer."""
    expected = host.recorder.expected
    if len(words) != len(expected):
        raise Mismatch(f"Results must be {len(expected)} words, not {len(words)}")
    for place, (word, beat) in enumerate(zip(words, expected, strict=True)):
        found: Any = host.traffic.elements(word)
        wanted: Any = beat
        values = [value for value, want in zip(found["values"], wanted["values"], strict=False) if want is not None]
        if values != [want for want in wanted["values"] if want is not None] or found["last"] != wanted["last"]:
            raise Mismatch(f"Word {place} of the results must be {wanted}, not {found}")


async def start_over(host: Host) -> None:
    """A batch that is cut off, then a soft reset: what is left is the state after a reset."""
    host.traffic.send()
    words = host.transfer()
    await host.exchange([words[: len(words) // 2]], 0)
    host.recorder.expected.clear()
    await host.write("interrupt_enable", 0)
    await host.write("interrupt_after", 1)
    await host.write("control", 1)
    for register, field in (("words_received", "value"), ("results_sent", "value"), ("program_length", "value")):
        await host.check(register, field, 0)
    for register in host.registers.values():
        for field in register["fields"]:
            if field["access"] == "read, clear by writing 1":
                await host.write(register["name"], 0xFFFFFFFF)
    await host.check("status", "between", 1)


async def play_edge(design: Any, scenario: str, kind: type[Host]) -> None:
    """Registers, batches, errors, a soft reset and batches again; in the scenario `reset` cut off twice before."""
    host = kind(design, scenario)
    await host.reset()
    if scenario == "reset":
        for _ in range(2):
            running = cocotb.start_soon(run_batches(host))
            await host.cycles(host.random.randint(40, 1500))
            running.cancel()
            await host.reset()
    await check_registers(host)
    await run_batches(host)
    # A packet that no accelerator knows: its one row is passed over.
    await host.exchange([[UNKNOWN | 1 << 32, host.random.getrandbits(64)]], 0)
    await host.cycles(20)
    await host.check_flag("packet")
    await host.own()
    await start_over(host)
    await run_batches(host, 2)
