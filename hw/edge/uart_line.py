"""Bytes on a serial line: start bit, eight data bits with the lowest first, one stop bit, no parity."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["UartReceiver", "UartTransmitter"]

FRAME_BITS = 10
"""Start, data, stop."""


class UartReceiver(wiring.Component):
    """Takes bytes from a line whose bits are `divisor` cycles long, each sampled once, about its middle.

    A bit counts from the falling edge of its byte's start bit, so sender and receiver may differ by 2 % and more. A
    start bit that is no longer low in its middle was noise, and a byte whose stop bit is low is dropped.

    Members
    -------
    rx : the line, of no clock
    o : stream of bytes, always ready
    """

    rx: Signal
    o: stream.Interface

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__({"rx": In(1), "o": Out(stream.Signature(8, always_ready=True))})

    def elaborate(self, platform: object) -> Module:
        """A counter of cycles, one of bits, and the data bits as they come."""
        m = Module()
        line, before = Signal(init=1), Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        timer = Signal(range(self.divisor))
        left = Signal(range(FRAME_BITS + 1))
        data = Signal(8, reset_less=True)
        m.d.comb += self.o.payload.eq(data)
        m.d.sync += [self.o.valid.eq(0), before.eq(line)]
        with m.If(left == 0):
            # Not any low line: behind a broken stop bit the next byte begins when it has been high again.
            with m.If(before & ~line):
                # Seen half a cycle late in the mean: one less than half a bit.
                m.d.sync += [left.eq(FRAME_BITS), timer.eq((self.divisor - 1) // 2 - 1)]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            m.d.sync += [timer.eq(self.divisor - 1), left.eq(left - 1)]
            with m.If(left == 1):
                m.d.sync += self.o.valid.eq(line)
            with m.Elif((left == FRAME_BITS) & line):
                m.d.sync += left.eq(0)
            with m.Else():
                # The start bit is shifted in as well, and out again.
                m.d.sync += data.eq(Cat(data[1:], line))
        return m


class UartTransmitter(wiring.Component):
    """Sends bytes on a line whose bits are `divisor` cycles long, one directly behind the other where they are there.

    Members
    -------
    i : stream of bytes
    tx : the line, from a register
    """

    i: stream.Interface
    tx: Signal

    def __init__(self, divisor: int):
        self.divisor = divisor
        out: Any = Out  # the stubs do not know its `init`
        super().__init__({"i": In(stream.Signature(8)), "tx": out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        """The line is the lowest bit of what is still to be sent; stop bits follow by themselves."""
        m = Module()
        bits = Signal(9, init=-1)
        timer = Signal(range(self.divisor))
        left = Signal(range(FRAME_BITS + 1))
        ends = Signal()
        m.d.comb += [
            self.tx.eq(bits[0]),
            ends.eq(timer == 0),
            self.i.ready.eq((left == 0) | ((left == 1) & ends)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [bits.eq(self.i.payload << 1), left.eq(FRAME_BITS), timer.eq(self.divisor - 1)]
        with m.Elif(~ends):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(left != 0):
            m.d.sync += [bits.eq(Cat(bits[1:], 1)), left.eq(left - 1), timer.eq(self.divisor - 1)]
        return m
