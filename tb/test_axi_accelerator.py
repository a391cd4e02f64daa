"""Testbench of the AXI edge: cocotbext-axi's models of AXI4-Stream and AXI4-Lite at its ports."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource
from cocotbext.axi.axil_channels import AxiLiteAWTransaction, AxiLiteWTransaction

from .edge_host import PATIENCE, UNKNOWN, Host, Mismatch, play_edge
from .manifest import StreamPort
from .scenarios import SCENARIOS
from .scoreboard import Beat
from .stalls import mixed
from .streams import StreamMonitor

__all__ = ["AxiHost"]

OKAY, SLVERR = 0, 2


class AxiHost(Host):
    """A DMA at the streams and a processor at the registers, which asks for some all the while."""

    def __init__(self, design: Any, scenario: str) -> None:
        super().__init__(design, scenario)
        logging.getLogger("cocotb").setLevel(logging.WARNING)
        for pin in ("s_axis_tvalid", "m_axis_tready", "s_axi_awvalid", "s_axi_wvalid", "s_axi_bready"):
            getattr(design, pin).value = 0
        ends = {"clock": design.clk, "reset": design.rst}
        words: Any = {**ends, "byte_lanes": 1}  # frames of whole data words
        self.source: Any = AxiStreamSource(AxiStreamBus.from_prefix(design, "s_axis"), **words)
        self.sink: Any = AxiStreamSink(AxiStreamBus.from_prefix(design, "m_axis"), **words)
        self.master: Any = AxiLiteMaster(AxiLiteBus.from_prefix(design, "s_axi"), **ends)
        write, read = self.master.write_if, self.master.read_if
        self.channels = (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel)
        if scenario != "flow":
            for end in (self.source, self.sink, *self.channels):
                end.set_pause_generator(mixed(self.random))
        if scenario == "reluctance":
            self.sink.set_pause_generator(self.unwilling("m_axis_tvalid"))
            self.channels[2].set_pause_generator(self.unwilling("s_axi_bvalid"))
            self.channels[4].set_pause_generator(self.unwilling("s_axi_rvalid"))
        self.asker: Any = None
        self.asking = False
        self.monitors = [
            monitor(design, "m_axis_tvalid", "m_axis_tready", "m_axis_tdata", 64),
            monitor(design, "m_axis_tvalid", "m_axis_tready", "m_axis_tlast", 1),
            monitor(design, "s_axi_bvalid", "s_axi_bready", "s_axi_bresp", 2),
            monitor(design, "s_axi_rvalid", "s_axi_rready", "s_axi_rdata", 32),
            monitor(design, "s_axi_rvalid", "s_axi_rready", "s_axi_rresp", 2),
        ]
        cocotb.start_soon(self.watch())

    async def reset(self) -> None:
        """Whatever is under way is forgotten at both sides."""
        if self.asker is not None:
            self.asker.cancel()
            self.asker = None
        self.design.rst.value = 1
        await self.cycles(1)
        for end in (self.source, self.sink, *self.channels):
            end.clear()
        await super().reset()

    def unwilling(self, valid: str) -> Iterator[bool]:
        """Pause until `valid` has been seen."""
        while True:
            yield not int(getattr(self.design, valid).value) or self.random.random() < 0.3

    async def watch(self) -> None:
        """Hold the accelerator's own channels to the rules: what is offered stays until it is taken."""
        cycle = 0
        while True:
            await self.design.clk.rising_edge
            cycle += 1
            for watched in self.monitors:
                if int(self.design.rst.value):
                    watched.reset()
                else:
                    watched.sample(cycle)

    async def read_at(self, address: int) -> int | None:
        """Through the model's master."""
        answer = await self.master.read(address, 4)
        if answer.resp not in (OKAY, SLVERR):
            raise Mismatch(f"Read must be answered OKAY or SLVERR, not {answer.resp}")
        return int.from_bytes(answer.data, "little") if answer.resp == OKAY else None

    async def write_at(self, address: int, value: int, strobes: int = 15) -> bool:
        """Address and data on channels that stall each in its own way; any strobes, which the master cannot give."""
        sides = [
            (self.channels[0], AxiLiteAWTransaction(awaddr=address | self.random.randrange(4), awprot=0)),
            (self.channels[1], AxiLiteWTransaction(wdata=value, wstrb=strobes)),
        ]
        self.random.shuffle(sides)
        for channel, transaction in sides:
            await channel.send(transaction)
            if self.scenario != "flow":
                await self.cycles(self.random.choice((0, 0, 1, 7)))
        answer = await self.channels[2].recv()
        if int(answer.bresp) not in (OKAY, SLVERR):
            raise Mismatch(f"Write must be answered OKAY or SLVERR, not {int(answer.bresp)}")
        return int(answer.bresp) == OKAY

    async def exchange(self, transfers: list[list[int]], results: int) -> list[Beat]:
        """A frame for each transfer, and one for each image."""
        for transfer in transfers:
            frame: Any = transfer  # its elements are of the width of a lane
            self.source.send_nowait(AxiStreamFrame(frame))
        words: list[Beat] = []
        self.asking = True
        asker = self.asker = cocotb.start_soon(self.ask())
        for _ in range(results):
            frame = await self.sink.recv(compact=False)
            words += [{"data": int(word), "last": 0} for word in frame.tdata[:-1]]
            words.append({"data": int(frame.tdata[-1]), "last": 1})
        await self.source.wait()
        self.asking = False
        await asker
        await self.cycles(4)
        return words

    async def ask(self) -> None:
        """Read and write registers that must not mind, as long as words are under way."""
        while self.asking:
            await self.check("identification", "value", int.from_bytes(b"QUAD", "big"))
            await self.write("words_received", self.random.getrandbits(32), self.random.randrange(16))
            await self.write("control", self.random.getrandbits(32) & ~1, self.random.randrange(16))

    async def own(self) -> None:
        """A transfer that ends within a packet."""
        await self.exchange([[UNKNOWN | 1 << 32]], 0)
        await self.cycles(20)
        await self.write("errors", 2)
        await self.check_flag("transfer")
        await self.exchange([[self.random.getrandbits(64)]], 0)
        if await self.read("errors"):
            raise Mismatch("Register errors must stay 0 when a transfer ends with its packet")


def monitor(design: Any, valid: str, ready: str, payload: str, width: int) -> StreamMonitor:
    """The monitor of one signal of a channel that the accelerator drives."""
    return StreamMonitor(design, StreamPort(payload, "out", valid, ready, payload, width, ()))


@cocotb.test(timeout_time=PATIENCE, timeout_unit="ns")
@cocotb.parametrize(scenario=list(SCENARIOS))
async def test_axi_accelerator(dut: Any, scenario: str) -> None:
    """Every scenario."""
    await play_edge(dut, scenario, AxiHost)
