"""The accelerator behind Wishbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from amaranth import Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from quadrille.hw.base import Parameter
from quadrille.hw.base.streams import Queue
from quadrille.hw.engine import Accelerator
from quadrille.hw.engine.results import OUTPUT

from .edge import Edge
from .register_file import RegisterFile
from .register_map import WORD_BITS, WORD_BYTES, Access, Field, Register
from .registers import word

__all__ = ["WishboneAccelerator"]

ADDRESS_BITS = 10
"""Of words of 32 bits."""


class WishboneAccelerator(Edge):
    """Runs a Network behind the registers of a Wishbone slave (B4, classic cycles of 32 bits).

    Data words of 64 bits go in by two writes: `input_low`, which keeps its value, then `input_high`, which sends both;
    `queues.input_space` says how many words there is space for. They are `Program.words` once, then batches.
    Words of results come out by two reads: `output_low`, then `output_high`, which takes the word away;
    `queues.output_words` says how many wait, and `queues.output_last` whether the first is the last of its image.
    A write of `input_high` without space is answered by `wb_err_o`, sends nothing and sets `errors.overrun`; a read of
    either half without a word likewise, with `errors.underrun`; any access to an address without a register likewise,
    with `errors.unmapped`. What cannot be written is left as it is and acknowledged.
    `wb_adr_i` counts words of 32 bits; a write takes the bytes that `wb_sel_i` names, a read gives all four.
    `wb_ack_o` or `wb_err_o` answers one cycle after `wb_cyc_i & wb_stb_i` and stands for one cycle.
    `interrupt` is high while an event of `interrupt_status` is enabled and not cleared. After `control.soft_reset` the
    program must be sent again. All ports belong to the clock `clk` and the reset `rst`, synchronous and active high.

    Members
    -------
    wb_*, interrupt : as above

    Raises
    ------
    TypeError, InvalidInput
        For a parameter of the wrong kind, out of range, or at odds with another.
    """

    block_name = "wishbone-accelerator"
    parameters = (
        *Accelerator.parameters,
        Parameter("depth", 16, 2, 128, "words of either queue, to the accelerator and from it"),
    )
    errors: ClassVar[tuple[Field, ...]] = (
        Field("overrun", 2, 1, Access.CLEAR, "input_high was written without space for the word, which is lost"),
        Field("underrun", 3, 1, Access.CLEAR, "a result was read when none was there"),
    )

    depth: int
    wb_cyc_i: Signal
    wb_stb_i: Signal
    wb_we_i: Signal
    wb_adr_i: Signal
    wb_sel_i: Signal
    wb_dat_i: Signal
    wb_dat_o: Signal
    wb_ack_o: Signal
    wb_err_o: Signal

    def __init__(self, *, images: Mapping[int, Sequence[int]] | None = None, **parameters: Any):
        super().__init__(
            {
                "wb_cyc_i": In(1),
                "wb_stb_i": In(1),
                "wb_we_i": In(1),
                "wb_adr_i": In(ADDRESS_BITS),
                "wb_sel_i": In(WORD_BYTES),
                "wb_dat_i": In(WORD_BITS),
                "wb_dat_o": Out(WORD_BITS),
                "wb_ack_o": Out(1),
                "wb_err_o": Out(1),
            },
            images=images,
            **parameters,
        )

    def own_registers(self) -> tuple[Register, ...]:
        """Both ends of the queues."""
        half = Access.READ_WRITE
        return (
            Register(
                "input_low", 0x40, "data word in", (Field("data", 0, 32, half, "low half of the next data word"),)
            ),
            Register(
                "input_high",
                0x44,
                "data word in, and go",
                (Field("data", 0, 32, half, "high half; a write sends both"),),
            ),
            Register("output_low", 0x48, "result out", (word("data", "low half of the first word of results"),)),
            Register(
                "output_high",
                0x4C,
                "result out, and next",
                (word("data", "high half; a read takes the word away"),),
            ),
            Register(
                "queues",
                0x50,
                "what may be written and read",
                (
                    Field("input_space", 0, 8, Access.READ, "data words that may be written", reset=self.depth),
                    Field("output_words", 8, 8, Access.READ, "words of results that may be read"),
                    Field("output_last", 16, 1, Access.READ, "the first of them is the last of its image"),
                ),
            ),
        )

    def elaborate(self, platform: object) -> Module:
        """A queue on either side, and one access to the registers at a time."""
        m = Module()
        incoming, outgoing = Queue(OUTPUT, self.depth), Queue(OUTPUT, self.depth)
        registers = self.elaborate_core(m, incoming, outgoing)
        access, refused = Signal(), Signal()
        mapped = Mux(self.wb_we_i, registers.write_mapped, registers.read_mapped)
        m.d.comb += [
            access.eq(self.wb_cyc_i & self.wb_stb_i & ~self.wb_ack_o & ~self.wb_err_o),
            registers.write.eq(access & self.wb_we_i),
            registers.read.eq(access & ~self.wb_we_i),
            registers.write_address.eq(self.wb_adr_i),
            registers.read_address.eq(self.wb_adr_i),
            registers.data.eq(self.wb_dat_i),
            registers.strobes.eq(self.wb_sel_i),
            registers.field("errors", "unmapped").eq(access & ~mapped),
            refused.eq(~mapped | self.elaborate_queues(m, registers, incoming, outgoing)),
        ]
        m.d.sync += [self.wb_ack_o.eq(access & ~refused), self.wb_err_o.eq(access & refused)]
        with m.If(registers.read):
            m.d.sync += self.wb_dat_o.eq(registers.value)
        return m

    def elaborate_queues(self, m: Module, registers: RegisterFile, incoming: Queue, outgoing: Queue) -> Signal:
        """Both queues at their registers; whether this access asks for what they cannot do."""
        overrun, underrun, refused = Signal(), Signal(), Signal()
        sends = Signal()
        pushed, first = registers.written("input_high"), outgoing.o.payload
        # An access takes two cycles, so that the word sent by one is in the queue before the next.
        m.d.sync += sends.eq(pushed & incoming.i.ready)
        m.d.comb += [
            overrun.eq(pushed & ~incoming.i.ready),
            underrun.eq((registers.taken("output_low") | registers.taken("output_high")) & ~outgoing.o.valid),
            refused.eq(overrun | underrun),
            registers.field("errors", "overrun").eq(overrun),
            registers.field("errors", "underrun").eq(underrun),
            incoming.i.valid.eq(sends),
            incoming.i.payload.data[:WORD_BITS].eq(registers.field("input_low", "data")),
            incoming.i.payload.data[WORD_BITS:].eq(registers.field("input_high", "data")),
            outgoing.o.ready.eq(registers.taken("output_high")),
            registers.field("output_low", "data").eq(first.data[:WORD_BITS]),
            registers.field("output_high", "data").eq(first.data[WORD_BITS:]),
            registers.field("queues", "input_space").eq(self.depth - incoming.level),
            registers.field("queues", "output_words").eq(outgoing.level),
            registers.field("queues", "output_last").eq(first.last & outgoing.o.valid),
        ]
        return refused
