"""Frames on a serial line, as algo.spec.serial_frames lays them out: their bounds, their escapes and their checksum.

The checksum takes a bit in each cycle. So a byte may follow another after ten cycles, which a line of four cycles a bit
or more gives.
"""

from __future__ import annotations

from typing import Any

from amaranth import Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec.serial_frames import ESCAPE, ESCAPED, FLAG, POLYNOMIAL, RESIDUE

__all__ = ["CONTENT", "Checksum", "Deframer", "Framer"]

CONTENT = StructLayout({"data": 8, "last": 1})
"""A byte of a frame before its checksum, and whether it is the last one."""
CHECKSUM_BYTES = 4


class Checksum(wiring.Component):
    """CRC-32 of bytes, a bit in each cycle.

    Members
    -------
    clear : begin anew
    start, data : take in a byte, which lasts eight cycles from the next on
    busy : those cycles
    value : the register; the checksum is its complement. A byte that is its own lowest moves it down by eight bits.
    """

    clear: Signal
    start: Signal
    data: Signal
    busy: Signal
    value: Signal

    def __init__(self) -> None:
        out: Any = Out  # the stubs do not know its `init`
        super().__init__(
            {"clear": In(1), "start": In(1), "data": In(8), "busy": Out(1), "value": out(32, init=(1 << 32) - 1)}
        )

    def elaborate(self, platform: object) -> Module:
        """Bits of the byte against those of the register, the lowest first."""
        m = Module()
        waiting = Signal(8, reset_less=True)
        left = Signal(4)
        feedback = Signal()
        m.d.comb += [self.busy.eq(left != 0), feedback.eq(self.value[0] ^ waiting[0])]
        with m.If(self.busy):
            shifted = self.value >> 1
            m.d.sync += [
                self.value.eq(Mux(feedback, shifted ^ POLYNOMIAL, shifted)),
                waiting.eq(waiting >> 1),
                left.eq(left - 1),
            ]
        with m.If(self.start):
            m.d.sync += [waiting.eq(self.data), left.eq(8)]
        with m.If(self.clear):
            m.d.sync += [self.value.eq(self.value.init), left.eq(0)]
        return m


class Deframer(wiring.Component):
    """The bytes of frames from those of a line.

    Members
    -------
    i : stream of the line's bytes, always ready
    o : stream of a frame's bytes, always ready, with the four of the checksum
    ended : a frame is over, in this cycle
    intact : then whether its checksum is right
    """

    i: stream.Interface
    o: stream.Interface
    ended: Signal
    intact: Signal

    def __init__(self) -> None:
        line = stream.Signature(8, always_ready=True)
        super().__init__({"i": In(line), "o": Out(line), "ended": Out(1), "intact": Out(1)})

    def elaborate(self, platform: object) -> Module:
        """Flags bound frames and escapes change the next byte; the rest is passed on."""
        m = Module()
        m.submodules.checksum = checksum = Checksum()
        escaped, begun = Signal(), Signal()
        byte = self.i.payload
        m.d.comb += [
            self.o.payload.eq(byte ^ Mux(escaped, ESCAPED, 0)),
            checksum.data.eq(self.o.payload),
            checksum.start.eq(self.o.valid),
        ]
        m.d.sync += self.ended.eq(0)
        with m.If(self.i.valid):
            with m.If(byte == FLAG):
                m.d.comb += checksum.clear.eq(1)
                m.d.sync += [
                    self.ended.eq(begun),
                    # An escape without its byte: the sender gave the frame up.
                    self.intact.eq((checksum.value == RESIDUE) & ~escaped),
                    begun.eq(0),
                    escaped.eq(0),
                ]
            with m.Elif(byte == ESCAPE):
                m.d.sync += [escaped.eq(1), begun.eq(1)]
            with m.Else():
                m.d.comb += self.o.valid.eq(1)
                m.d.sync += [escaped.eq(0), begun.eq(1)]
        return m


class Framer(wiring.Component):
    """The bytes of a line from those of frames: flags around them, escapes, and the checksum at the end.

    Members
    -------
    i : stream of CONTENT
    o : stream of the line's bytes
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self) -> None:
        super().__init__({"i": In(stream.Signature(CONTENT)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        """Opening flag, content, checksum, closing flag."""
        m = Module()
        m.submodules.checksum = checksum = Checksum()
        byte, escaped, special, passes = Signal(8), Signal(), Signal(), Signal()
        left = Signal(range(CHECKSUM_BYTES))
        m.d.comb += [
            special.eq((byte == FLAG) | (byte == ESCAPE)),
            passes.eq(self.o.valid & self.o.ready & (escaped | ~special)),
        ]

        def send(more: Any) -> None:
            """Offer `byte`, in two steps where it is one of the two that are escaped."""
            m.d.comb += [
                self.o.valid.eq(more & ~checksum.busy),
                self.o.payload.eq(Mux(escaped, byte ^ ESCAPED, Mux(special, Const(ESCAPE, 8), byte))),
                checksum.start.eq(passes),
            ]
            with m.If(self.o.valid & self.o.ready):
                m.d.sync += escaped.eq(special & ~escaped)

        with m.FSM():
            with m.State("Open"):
                m.d.comb += [self.o.valid.eq(self.i.valid), self.o.payload.eq(FLAG), checksum.clear.eq(1)]
                with m.If(self.i.valid & self.o.ready):
                    m.next = "Content"
            with m.State("Content"):
                m.d.comb += [byte.eq(self.i.payload.data), checksum.data.eq(byte), self.i.ready.eq(passes)]
                send(self.i.valid)
                with m.If(passes & self.i.payload.last):
                    m.d.sync += left.eq(CHECKSUM_BYTES - 1)
                    m.next = "Checksum"
            with m.State("Checksum"):
                lowest = checksum.value[:8]
                m.d.comb += [byte.eq(~lowest), checksum.data.eq(lowest)]
                send(Const(1))
                with m.If(passes):
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 0):
                        m.next = "Close"
            with m.State("Close"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(FLAG)]
                with m.If(self.o.ready):
                    m.next = "Open"
        return m
