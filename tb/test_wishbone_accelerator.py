"""Testbench of the Wishbone edge: a master of classic cycles that takes its time between them."""

from __future__ import annotations

from typing import Any

import cocotb

from .edge_host import PATIENCE, Host, Mismatch, play_edge
from .scenarios import SCENARIOS
from .scoreboard import Beat

__all__ = ["WishboneHost"]

LOW = (1 << 32) - 1


class WishboneHost(Host):
    """A processor that does everything through registers."""

    scratch = ("interrupt_after", "input_low")
    answering = ("output_low", "output_high")

    def __init__(self, design: Any, scenario: str) -> None:
        super().__init__(design, scenario)
        design.wb_cyc_i.value = 0
        design.wb_stb_i.value = 0

    async def reset(self) -> None:
        """No cycle is under way."""
        self.design.wb_cyc_i.value = 0
        self.design.wb_stb_i.value = 0
        await super().reset()

    async def pause(self) -> None:
        """Cycles between two accesses, with the bus held or not, and noise on its other lines."""
        if self.scenario == "flow" or self.random.random() < 0.5:
            return
        design = self.design
        design.wb_stb_i.value = 0
        design.wb_cyc_i.value = self.random.getrandbits(1)
        design.wb_we_i.value = self.random.getrandbits(1)
        design.wb_adr_i.value = self.random.getrandbits(10)
        await self.cycles(self.random.choice((1, 2, 5)))
        if self.scenario == "reluctance":
            # A strobe without a cycle is none of ours.
            design.wb_cyc_i.value = 0
            design.wb_stb_i.value = 1
            await self.cycles(2)

    async def access(self, address: int, value: int | None, select: int) -> int | None:
        """One classic cycle, a write if there is a value; the word read, or None where the answer is an error."""
        design = self.design
        await self.pause()
        design.wb_cyc_i.value = 1
        design.wb_stb_i.value = 1
        design.wb_we_i.value = int(value is not None)
        design.wb_adr_i.value = address >> 2
        design.wb_sel_i.value = select
        design.wb_dat_i.value = self.random.getrandbits(32) if value is None else value
        for _ in range(8):
            await design.clk.rising_edge
            acknowledged, failed = int(design.wb_ack_o.value), int(design.wb_err_o.value)
            if acknowledged and failed:
                raise Mismatch(f"Access to {address:#x} must be answered by wb_ack_o or wb_err_o, not by both")
            if acknowledged or failed:
                design.wb_cyc_i.value = 0
                design.wb_stb_i.value = 0
                return int(design.wb_dat_o.value) if acknowledged else None
        raise Mismatch(f"Access to {address:#x} must be answered within 8 cycles")

    async def read_at(self, address: int) -> int | None:
        """A read of all bytes, whatever is selected."""
        return await self.access(address, None, self.random.choice((15, 15, 1, 0)))

    async def write_at(self, address: int, value: int, strobes: int = 15) -> bool:
        """A write of the bytes of `strobes`."""
        return await self.access(address, value, strobes) is not None

    async def exchange(self, transfers: list[list[int]], results: int) -> list[Beat]:
        """Words in while there is space, words out while there are any."""
        waiting = [word for words in transfers for word in words]
        received: list[Beat] = []
        seen = 0
        while waiting or seen < results:
            queues = await self.read("queues")
            space, there = queues & 0xFF, queues >> 8 & 0xFF
            for _ in range(min(space, len(waiting))):
                word = waiting.pop(0)
                await self.send_half("input_low", word & LOW)
                await self.write("input_high", word >> 32)
            for _ in range(there):
                last = await self.field("queues", "output_last")
                low, high = await self.read("output_low"), await self.read("output_high")
                received.append({"data": low | high << 32, "last": last})
                seen += last
        return received

    async def send_half(self, register: str, value: int) -> None:
        """A register at once, or one byte after the other in any order."""
        if self.scenario == "flow" or self.random.random() < 0.7:
            await self.write(register, value)
            return
        for byte in self.random.sample(range(4), 4):
            noise = self.random.getrandbits(32) & ~(0xFF << 8 * byte)
            await self.write(register, value & (0xFF << 8 * byte) | noise, 1 << byte)

    async def own(self) -> None:
        """Reads of results that are not there; batches without a program until nothing more goes in."""
        for name in self.answering:
            if await self.read_at(self.registers[name]["offset"]) is not None:
                raise Mismatch(f"Register {name} must be answered by an error when there is no result")
            await self.check_flag("underrun")
        await self.write("control", 1)
        await self.check("queues", "output_words", 0)
        self.traffic.send()
        batch = self.transfer()
        for sent, word in enumerate(batch * 16 * (1 + self.manifest.parameters["depth"])):
            await self.cycles(2)
            space = await self.field("queues", "input_space")
            await self.write("input_low", word & LOW)
            accepted = await self.write_at(self.registers["input_high"]["offset"], word >> 32)
            if accepted != (space > 0):
                raise Mismatch(f"Write of input_high with space for {space} words must be answered accordingly")
            if not accepted:
                await self.check_flag("overrun")
                await self.check("words_received", "value", sent)
                await self.write("control", 1)
                return
        raise Mismatch("Queue of data words must become full when nothing takes them")


@cocotb.test(timeout_time=PATIENCE, timeout_unit="ns")
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_wishbone_accelerator(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play_edge(dut, scenario, WishboneHost)
