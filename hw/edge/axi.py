"""The accelerator behind AXI4-Stream and AXI4-Lite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from quadrille.hw.base.streams import StreamBuffer
from quadrille.hw.engine.results import OUTPUT
from quadrille.hw.engine.targets import PORT_BITS

from .edge import Edge
from .register_file import RegisterFile
from .register_map import WORD_BITS, WORD_BYTES, Access, Field

__all__ = ["AxiAccelerator"]

OKAY, SLVERR = 0b00, 0b10
ADDRESS_BITS = 12


class AxiAccelerator(Edge):
    """Runs a Network behind AXI4-Stream, with its registers behind AXI4-Lite.

    `s_axis` takes the words of the data port: `Program.words` once, then batches. `s_axis_tlast` may end a transfer
    behind any packet and has no meaning; within a packet it sets `errors.transfer`, and the words count all the same.
    `m_axis` gives the words of results, `m_axis_tlast` with the last one of each image.
    `s_axi` reads and writes the registers, 32 bits each, the lowest two address bits ignored; a write takes the bytes
    that `wstrb` names, whichever of address and data comes first. What cannot be written is left as it is and answered
    OKAY; an address without a register is answered SLVERR and sets `errors.unmapped`.
    `interrupt` is high while an event of `interrupt_status` is enabled and not cleared. After `control.soft_reset` the
    program must be sent again; a word that `m_axis` offers at that time is withdrawn, so reset its reader too.
    All ports belong to the clock `clk` and the reset `rst`, synchronous and active high.

    Members
    -------
    s_axis_*, m_axis_*, s_axi_*, interrupt : as above

    Raises
    ------
    TypeError, InvalidInput
        For a parameter of the wrong kind, out of range, or at odds with another.
    """

    block_name = "axi-accelerator"
    errors: ClassVar[tuple[Field, ...]] = (
        Field("transfer", 2, 1, Access.CLEAR, "s_axis_tlast came within a packet: the transfer ended too soon"),
    )

    s_axis_tdata: Signal
    s_axis_tvalid: Signal
    s_axis_tready: Signal
    s_axis_tlast: Signal
    m_axis_tdata: Signal
    m_axis_tvalid: Signal
    m_axis_tready: Signal
    m_axis_tlast: Signal
    s_axi_awaddr: Signal
    s_axi_awvalid: Signal
    s_axi_awready: Signal
    s_axi_wdata: Signal
    s_axi_wstrb: Signal
    s_axi_wvalid: Signal
    s_axi_wready: Signal
    s_axi_bresp: Signal
    s_axi_bvalid: Signal
    s_axi_bready: Signal
    s_axi_araddr: Signal
    s_axi_arvalid: Signal
    s_axi_arready: Signal
    s_axi_rdata: Signal
    s_axi_rresp: Signal
    s_axi_rvalid: Signal
    s_axi_rready: Signal

    def __init__(self, *, images: Mapping[int, Sequence[int]] | None = None, **parameters: Any):
        super().__init__(
            {
                "s_axis_tdata": In(PORT_BITS),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
                "m_axis_tdata": Out(PORT_BITS),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
                "s_axi_awaddr": In(ADDRESS_BITS),
                "s_axi_awprot": In(3),
                "s_axi_awvalid": In(1),
                "s_axi_awready": Out(1),
                "s_axi_wdata": In(WORD_BITS),
                "s_axi_wstrb": In(WORD_BYTES),
                "s_axi_wvalid": In(1),
                "s_axi_wready": Out(1),
                "s_axi_bresp": Out(2),
                "s_axi_bvalid": Out(1),
                "s_axi_bready": In(1),
                "s_axi_araddr": In(ADDRESS_BITS),
                "s_axi_arprot": In(3),
                "s_axi_arvalid": In(1),
                "s_axi_arready": Out(1),
                "s_axi_rdata": Out(WORD_BITS),
                "s_axi_rresp": Out(2),
                "s_axi_rvalid": Out(1),
                "s_axi_rready": In(1),
            },
            images=images,
            **parameters,
        )

    def elaborate(self, platform: object) -> Module:
        """Streams through a buffer each; the registers behind the two sides of AXI4-Lite."""
        m = Module()
        incoming, outgoing = StreamBuffer(OUTPUT), StreamBuffer(OUTPUT)
        registers = self.elaborate_core(m, incoming, outgoing)
        m.d.comb += [
            incoming.i.valid.eq(self.s_axis_tvalid),
            incoming.i.payload.data.eq(self.s_axis_tdata),
            incoming.i.payload.last.eq(self.s_axis_tlast),
            self.s_axis_tready.eq(incoming.i.ready),
            self.m_axis_tvalid.eq(outgoing.o.valid),
            self.m_axis_tdata.eq(outgoing.o.payload.data),
            self.m_axis_tlast.eq(outgoing.o.payload.last),
            outgoing.o.ready.eq(self.m_axis_tready),
        ]
        # The cycle after a transfer's last word the loader waits for a header, if that word was a packet's last too.
        ended = Signal()
        m.d.sync += ended.eq(incoming.o.valid & incoming.o.ready & incoming.o.payload.last)
        m.d.comb += [
            registers.field("errors", "transfer").eq(ended & ~self.accelerator.status.between),
            registers.field("errors", "unmapped").eq(
                (registers.write & ~registers.write_mapped) | (registers.read & ~registers.read_mapped)
            ),
        ]
        self.elaborate_writes(m, registers)
        self.elaborate_reads(m, registers)
        return m

    def elaborate_writes(self, m: Module, registers: RegisterFile) -> None:
        """Address and data wait in a register each until both are there and the last answer has been taken."""
        address, data, strobes = Signal(ADDRESS_BITS), Signal(WORD_BITS), Signal(WORD_BYTES)
        address_held, data_held, answered = Signal(), Signal(), Signal()
        m.d.comb += [
            self.s_axi_awready.eq(~address_held),
            self.s_axi_wready.eq(~data_held),
            answered.eq(~self.s_axi_bvalid | self.s_axi_bready),
            registers.write.eq(address_held & data_held & answered),
            registers.write_address.eq(address[2:]),
            registers.data.eq(data),
            registers.strobes.eq(strobes),
        ]
        with m.If(self.s_axi_awvalid & self.s_axi_awready):
            m.d.sync += [address.eq(self.s_axi_awaddr), address_held.eq(1)]
        with m.If(self.s_axi_wvalid & self.s_axi_wready):
            m.d.sync += [Cat(data, strobes).eq(Cat(self.s_axi_wdata, self.s_axi_wstrb)), data_held.eq(1)]
        with m.If(answered):
            m.d.sync += self.s_axi_bvalid.eq(registers.write)
        with m.If(registers.write):
            m.d.sync += [
                address_held.eq(0),
                data_held.eq(0),
                self.s_axi_bresp.eq(Mux(registers.write_mapped, OKAY, SLVERR)),
            ]

    def elaborate_reads(self, m: Module, registers: RegisterFile) -> None:
        """An address is taken when its answer can stand in the output register the cycle after."""
        m.d.comb += [
            self.s_axi_arready.eq(~self.s_axi_rvalid | self.s_axi_rready),
            registers.read.eq(self.s_axi_arvalid & self.s_axi_arready),
            registers.read_address.eq(self.s_axi_araddr[2:]),
        ]
        with m.If(self.s_axi_arready):
            m.d.sync += self.s_axi_rvalid.eq(registers.read)
        with m.If(registers.read):
            m.d.sync += [
                self.s_axi_rdata.eq(registers.value),
                self.s_axi_rresp.eq(Mux(registers.read_mapped, OKAY, SLVERR)),
            ]
