"""What the accelerator does with the frames of its host."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec.serial_frames import WORD_BYTES, Code, Kind

from .frames import Deframer
from .register_map import WORD_BITS
from .register_map import WORD_BYTES as REGISTER_BYTES
from .uart_queues import BYTE_BITS, POSITION_BITS

__all__ = ["REFUSALS", "RequestHandler"]

REFUSALS = (Code.CHECKSUM, Code.LENGTH, Code.KIND, Code.GAP, Code.FULL, Code.POSITION)
"""Codes that an ACKNOWLEDGE has, each of which is a flag of the register `errors`."""
HEADER_BYTES = 3
CHECKSUM_BYTES = 4


class RequestHandler(wiring.Component):
    """Takes frames from the line, and does what they ask for once they are found good.

    Members
    -------
    i : stream of the line's bytes, always ready
    received, damaged : a frame has come, in this cycle
    refused_<code> : in this cycle a frame is refused
    data, write, begin, commit, overrun, position : of the queue of data words
    asked, known, take : of the queue of results; resend : its first word shall be given next
    read, store, address, value, strobes, mapped, shown : of the registers; unmapped : the one asked for is not there
    acknowledge : an ACKNOWLEDGE shall be sent
    answer : an ANSWER shall be sent, with these: answer_number, answer_mapped, answer_value
    """

    i: stream.Interface
    received: Signal
    damaged: Signal
    data: Signal
    write: Signal
    begin: Signal
    commit: Signal
    overrun: Signal
    position: Signal
    asked: Signal
    known: Signal
    take: Signal
    resend: Signal
    read: Signal
    store: Signal
    unmapped: Signal
    address: Signal
    value: Signal
    strobes: Signal
    mapped: Signal
    shown: Signal
    acknowledge: Signal
    answer: Signal
    answer_number: Signal
    answer_mapped: Signal
    answer_value: Signal

    def __init__(self, address_bits: int):
        self.address_bits = address_bits
        super().__init__(
            {
                "i": In(stream.Signature(8, always_ready=True)),
                "received": Out(1),
                "damaged": Out(1),
                **{f"refused_{code.name.lower()}": Out(1) for code in REFUSALS},
                "data": Out(8),
                "write": Out(1),
                "begin": Out(1),
                "commit": Out(1),
                "overrun": In(1),
                "position": In(POSITION_BITS),
                "asked": Out(POSITION_BITS),
                "known": In(1),
                "take": Out(1),
                "resend": Out(1),
                "read": Out(1),
                "store": Out(1),
                "unmapped": Out(1),
                "address": Out(address_bits),
                "value": Out(WORD_BITS),
                "strobes": Out(REGISTER_BYTES),
                "mapped": In(1),
                "shown": In(WORD_BITS),
                "acknowledge": Out(1),
                "answer": Out(1),
                "answer_number": Out(POSITION_BITS),
                "answer_mapped": Out(1),
                "answer_value": Out(WORD_BITS),
            }
        )

    def refused(self, code: Code) -> Signal:
        """The member of a code."""
        return getattr(self, f"refused_{code.name.lower()}")

    def elaborate(self, platform: object) -> Module:
        """The fields of a frame are kept as they come; at its end they are looked at."""
        m = Module()
        m.submodules.deframer = deframer = Deframer()
        wiring.connect(m, wiring.flipped(self.i), deframer.i)
        kind, number = Signal(8, reset_less=True), Signal(POSITION_BITS, reset_less=True)
        header = Signal(range(HEADER_BYTES + 1))
        place, words = Signal(BYTE_BITS), Signal(2)
        byte = deframer.o
        in_header = header != HEADER_BYTES
        m.d.comb += [
            self.data.eq(byte.payload),
            self.write.eq(byte.valid & ~in_header & (kind == Kind.DATA)),
            self.begin.eq(byte.valid & (header == 0)),
            self.asked.eq(number),
        ]
        address = Signal(16, reset_less=True)
        m.d.comb += self.address.eq(address[2:][: self.address_bits])
        with m.If(byte.valid):
            with m.If(in_header):
                # The kind is shifted through the number, and stays where it comes out.
                m.d.sync += [Cat(kind, number).eq(Cat(number, byte.payload)), header.eq(header + 1)]
            with m.Else():
                m.d.sync += place.eq(place + 1)
                with m.If((place == WORD_BYTES - 1) & ~words[1]):
                    m.d.sync += words.eq(words + 1)
                with m.If(words == 0):
                    self.elaborate_register_fields(m, place, address, byte.payload)
        with m.If(deframer.ended):
            m.d.sync += [header.eq(0), place.eq(0), words.eq(0)]
            # Shorter ones may have the fields of the frame before.
            whole = ~in_header & (place == CHECKSUM_BYTES)
            with m.If(~deframer.intact):
                m.d.comb += [self.damaged.eq(1), self.refused(Code.CHECKSUM).eq(1)]
            with m.Elif(~whole):
                m.d.comb += [self.received.eq(1), self.refused(Code.LENGTH).eq(1)]
            with m.Else():
                m.d.comb += self.received.eq(1)
                self.elaborate_kinds(m, kind, number, words, address[2 + self.address_bits :] == 0)
        return m

    def elaborate_register_fields(self, m: Module, place: Signal, address: Signal, byte: Any) -> None:
        """Address, strobes and value of a register's request from the bytes of its one word."""
        fields = (address[:8], address[8:], self.strobes, None, *(self.value[n : n + 8] for n in range(0, 32, 8)))
        with m.Switch(place):
            for index, field in enumerate(fields):
                if field is not None:
                    with m.Case(index):
                        m.d.sync += field.eq(byte)

    def elaborate_kinds(self, m: Module, kind: Signal, number: Signal, words: Signal, within: Any) -> None:
        """What each kind of request does; `within`: the address is one of the registers' address space."""
        ahead, mapped = Signal(POSITION_BITS), Signal()
        m.d.comb += [ahead.eq(number - self.position), mapped.eq(self.mapped & within)]
        with m.Switch(kind):
            with m.Case(Kind.READ, Kind.WRITE):
                with m.If(words == 1):
                    m.d.comb += self.answer.eq(1)
                    with m.If(number != self.answer_number):
                        m.d.comb += [
                            self.read.eq((kind == Kind.READ) & mapped),
                            self.store.eq((kind == Kind.WRITE) & mapped),
                            self.unmapped.eq(~mapped),
                        ]
                        m.d.sync += [
                            self.answer_number.eq(number),
                            self.answer_mapped.eq(mapped),
                            self.answer_value.eq(self.shown),
                        ]
                with m.Else():
                    m.d.comb += self.refused(Code.LENGTH).eq(1)
            with m.Case(Kind.DATA):
                m.d.comb += self.acknowledge.eq(1)
                with m.If(ahead == 0):
                    m.d.comb += [self.commit.eq(~self.overrun), self.refused(Code.FULL).eq(self.overrun)]
                with m.Else():
                    # What lies behind has been taken already, which is what its sender wants.
                    m.d.comb += self.refused(Code.GAP).eq(~ahead[-1])
            with m.Case(Kind.TAKEN, Kind.RESEND):
                with m.If(words != 0):
                    m.d.comb += self.refused(Code.LENGTH).eq(1)
                with m.Elif(self.known):
                    m.d.comb += [self.take.eq(1), self.resend.eq(kind == Kind.RESEND)]
                with m.Else():
                    m.d.comb += self.refused(Code.POSITION).eq(1)
            with m.Default():
                m.d.comb += self.refused(Code.KIND).eq(1)
