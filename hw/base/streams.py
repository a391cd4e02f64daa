"""Stream plumbing: buffer, queue, fork. None of them changes a payload or its order."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.data import View
from amaranth.lib.wiring import In, Out

__all__ = ["Fork", "Queue", "StreamBuffer", "buffered"]


class StreamBuffer(wiring.Component):
    """Cuts the combinational paths of a stream in both directions: one cycle of latency, full throughput.

    Two entries: the output register, and a spare one that takes the beat that arrives in the cycle in which the
    output stalls.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, shape: Any):
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform: object) -> Module:
        """Ready is a register; the spare entry is filled only when the output cannot move."""
        m = Module()
        spare = Signal.like(self.i.payload, reset_less=True)
        spare_valid = Signal()
        payload = Signal.like(self.o.payload, reset_less=True)
        valid = Signal()
        m.d.comb += [
            self.i.ready.eq(~spare_valid),
            self.o.valid.eq(valid),
            self.o.payload.eq(payload),
        ]
        with m.If(self.o.ready | ~valid):
            m.d.sync += [valid.eq(self.i.valid | spare_valid), spare_valid.eq(0)]
            with m.If(spare_valid):
                m.d.sync += payload.eq(spare)
            with m.Else():
                m.d.sync += payload.eq(self.i.payload)
        with m.Elif(self.i.valid & self.i.ready):
            m.d.sync += [spare.eq(self.i.payload), spare_valid.eq(1)]
        return m


def buffered(m: Module, source: Any, name: str, wanted: bool = True) -> Any:
    """The stream `source` behind a buffer of that name, or itself if none is `wanted`."""
    if not wanted:
        return source
    m.submodules[name] = buffer = StreamBuffer(source.payload.shape())
    m.d.comb += [
        buffer.i.valid.eq(source.valid),
        buffer.i.payload.eq(source.payload),
        source.ready.eq(buffer.i.ready),
    ]
    return buffer.o


class Queue(wiring.Component):
    """A first-in first-out store of `depth` beats that keeps the payload's shape.

    Members
    -------
    i, o : streams
    level : beats held
    """

    i: stream.Interface
    o: stream.Interface
    level: Signal

    def __init__(self, shape: Any, depth: int):
        self.depth = depth
        super().__init__(
            {
                "i": In(stream.Signature(shape)),
                "o": Out(stream.Signature(shape)),
                "level": Out(range(depth + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Amaranth's buffered queue, which knows widths only, between two payloads of one shape."""
        m = Module()
        width = len(bits_of(self.i.payload))
        queue: Any = fifo.SyncFIFOBuffered(width=width, depth=self.depth)
        m.submodules.queue = queue
        m.d.comb += [
            queue.w_data.eq(bits_of(self.i.payload)),
            queue.w_en.eq(self.i.valid),
            self.i.ready.eq(queue.w_rdy),
            bits_of(self.o.payload).eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
            self.level.eq(queue.level),
        ]
        return m


class Fork(wiring.Component):
    """One stream to `ways` readers: a beat is consumed when each has taken it once, at its own time.

    Members
    -------
    i : stream
    o : array of streams, `o[0]` to `o[ways - 1]`
    """

    i: stream.Interface
    o: Any

    def __init__(self, shape: Any, ways: int):
        self.ways = ways
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape)).array(ways)})

    def elaborate(self, platform: object) -> Module:
        """A `taken` bit for each way remembers who has had the present beat."""
        m = Module()
        taken = Signal(self.ways)
        moves = Signal(self.ways)
        done = Signal()
        for way in range(self.ways):
            m.d.comb += [
                self.o[way].payload.eq(self.i.payload),
                self.o[way].valid.eq(self.i.valid & ~taken[way]),
                moves[way].eq(self.o[way].valid & self.o[way].ready),
            ]
        m.d.comb += [done.eq((taken | moves).all()), self.i.ready.eq(done)]
        with m.If(self.i.valid):
            m.d.sync += taken.eq((taken | moves) & ~done.replicate(self.ways))
        return m


def bits_of(payload: Any) -> Any:
    """The flat bits of a payload, whatever its shape."""
    return payload.as_value() if isinstance(payload, View) else payload
