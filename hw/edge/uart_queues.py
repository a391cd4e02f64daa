"""The two queues of the serial link: data words that wait for the accelerator, results that wait to be taken.

Both lie in memories of bytes, as the line is slow: a byte takes ten bits on it. Words are counted modulo 2^16.
"""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec.serial_frames import POSITIONS, WORD_BYTES
from quadrille.hw.engine.results import OUTPUT

__all__ = ["DataQueue", "ResultQueue"]

POSITION_BITS = (POSITIONS - 1).bit_length()
BYTE_BITS = (WORD_BYTES - 1).bit_length()


class DataQueue(wiring.Component):
    """Keeps up to `depth` words, a power of two, that come byte by byte in frames which turn out good or not.

    Members
    -------
    begin : a frame begins; what came since the last `commit` is forgotten
    write, data : a byte of it; bytes that do not fill a word are none
    commit : the words of the frame are taken
    overrun : there was no space for all of them
    position : the number of the next word
    space : words that fit
    drained : in this cycle the queue becomes half empty
    o : stream of words, their `last` 0
    """

    begin: Signal
    write: Signal
    data: Signal
    commit: Signal
    overrun: Signal
    position: Signal
    space: Signal
    drained: Signal
    o: stream.Interface

    def __init__(self, depth: int):
        self.depth = depth
        super().__init__(
            {
                "begin": In(1),
                "write": In(1),
                "data": In(8),
                "commit": In(1),
                "overrun": Out(1),
                "position": Out(POSITION_BITS),
                "space": Out(range(depth + 1)),
                "drained": Out(1),
                "o": Out(stream.Signature(OUTPUT)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Words are written ahead of `position`, which moves on when they are taken."""
        m = Module()
        m.submodules.bytes = memory = Memory(shape=8, depth=self.depth * WORD_BYTES, init=[])
        write, read = memory.write_port(), memory.read_port()
        address_bits = (self.depth - 1).bit_length()
        ahead, first = Signal(POSITION_BITS), Signal(address_bits + 1)
        place = Signal(BYTE_BITS)
        missed, refused = Signal(), Signal()
        m.d.comb += [
            self.space.eq(self.depth - (self.position - first)[: address_bits + 1]),
            # Once a byte had no place none has, even if a word leaves: `ahead` may run far.
            refused.eq(missed | ((ahead - first)[: address_bits + 1] == self.depth)),
            write.addr.eq(Cat(place, ahead[:address_bits])),
            write.data.eq(self.data),
            write.en.eq(self.write & ~refused),
        ]
        with m.If(self.write):
            m.d.sync += [place.eq(place + 1), missed.eq(refused)]
            with m.If(place == WORD_BYTES - 1):
                m.d.sync += [ahead.eq(ahead + 1), self.overrun.eq(refused)]
        with m.If(self.begin):
            m.d.sync += [ahead.eq(self.position), place.eq(0), missed.eq(0), self.overrun.eq(0)]
        with m.If(self.commit):
            m.d.sync += self.position.eq(ahead)
        self.elaborate_words(m, read, first, address_bits)
        return m

    def elaborate_words(self, m: Module, read: Any, first: Signal, address_bits: int) -> None:
        """A word is put together a byte in each cycle, and offered until it is taken."""
        word = Signal(8 * WORD_BYTES, reset_less=True)
        at = Signal(BYTE_BITS)
        fetches, arrives, completes = Signal(), Signal(), Signal()
        m.d.comb += [
            fetches.eq(~self.o.valid & ~completes & (first != self.position[: address_bits + 1])),
            read.addr.eq(Cat(at, first[:address_bits])),
            read.en.eq(fetches),
            self.o.payload.data.eq(word),
        ]
        m.d.sync += [arrives.eq(fetches), completes.eq(fetches & (at == WORD_BYTES - 1))]
        with m.If(fetches):
            m.d.sync += at.eq(at + 1)
            with m.If(at == WORD_BYTES - 1):
                m.d.sync += first.eq(first + 1)
                m.d.comb += self.drained.eq(self.space == self.depth // 2 - 1)
        with m.If(arrives):
            m.d.sync += word.eq(Cat(word[8:], read.data))
        with m.If(completes):
            m.d.sync += self.o.valid.eq(1)
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)


class ResultQueue(wiring.Component):
    """Keeps up to `depth` words of results, a power of two, until they are taken, and gives them as often as need be.

    Members
    -------
    i : stream of words with `last`
    available : there is a word that was not given
    position : the number of the word to be given next
    place : of one of its bytes
    data, last : that byte, the cycle after, and the word's `last`
    step : the word was given
    asked : a position; `known` says whether it is that of a word kept and given, or of the next one
    take : words before `asked` are taken
    level : words that are kept
    rewind : the first word that is kept is given next
    """

    i: stream.Interface
    available: Signal
    position: Signal
    place: Signal
    data: Signal
    last: Signal
    step: Signal
    asked: Signal
    known: Signal
    take: Signal
    level: Signal
    rewind: Signal

    def __init__(self, depth: int):
        self.depth = depth
        super().__init__(
            {
                "i": In(stream.Signature(OUTPUT)),
                "available": Out(1),
                "position": Out(POSITION_BITS),
                "place": In(BYTE_BITS),
                "data": Out(8),
                "last": Out(1),
                "step": In(1),
                "asked": In(POSITION_BITS),
                "known": Out(1),
                "take": In(1),
                "level": Out(range(depth + 1)),
                "rewind": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """The first word kept, the next one given, and the one behind the last follow one another round the memory."""
        m = Module()
        # Nine bits are what a byte of most block memories has.
        m.submodules.bytes = memory = Memory(shape=9, depth=self.depth * WORD_BYTES, init=[])
        write, read = memory.write_port(), memory.read_port()
        address_bits = (self.depth - 1).bit_length()
        kept, end = Signal(POSITION_BITS), Signal(address_bits + 1)
        stored = Signal(BYTE_BITS)
        ends, taken, given = Signal(), Signal(POSITION_BITS), Signal(range(self.depth + 1))
        m.d.comb += [
            self.level.eq((end - kept)[: address_bits + 1]),
            # The word stays where it is until its bytes are stored.
            ends.eq(stored == WORD_BYTES - 1),
            write.addr.eq(Cat(stored, end[:address_bits])),
            write.data.eq(Cat(self.i.payload.data.word_select(stored, 8), self.i.payload.last)),
            write.en.eq(self.i.valid & (self.level != self.depth)),
            self.i.ready.eq(write.en & ends),
            self.available.eq(end != self.position[: address_bits + 1]),
            taken.eq(self.asked - kept),
            given.eq(self.position - kept),
            self.known.eq(taken <= given),
            read.addr.eq(Cat(self.place, self.position[:address_bits])),
            Cat(self.data, self.last).eq(read.data),
        ]
        with m.If(write.en):
            m.d.sync += stored.eq(stored + 1)
            with m.If(ends):
                m.d.sync += end.eq(end + 1)
        # A word that was being given when all was dropped is none.
        with m.If(self.step & self.available):
            m.d.sync += self.position.eq(self.position + 1)
        with m.If(self.take):
            m.d.sync += kept.eq(self.asked)
        with m.If(self.rewind):
            m.d.sync += self.position.eq(kept)
        return m
