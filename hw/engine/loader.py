"""The data port: packets of 64-bit words that fill memories and bring images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout, View
from amaranth.lib.wiring import In, Out

from quadrille.hw.base.streams import StreamBuffer

from .configuration import Configuration
from .targets import PORT_BITS, Target

__all__ = ["HEADER", "Loader", "row_words"]

HEADER = StructLayout({"target": unsigned(8), "address": unsigned(24), "count": unsigned(32)})


@dataclass(frozen=True)
class Words:
    """The data words, and of each that is a header: whether it brings `frames`, `starts` the program, `chooses` a mode,
    `counts` anything at all, and whether its target is `known`."""

    valid: Value
    ready: Value
    payload: Value
    frames: Value
    starts: Value
    chooses: Value
    counts: Value
    known: Value


HEADS = ("frames", "starts", "chooses", "counts", "known")


def row_words(width: int) -> int:
    """Data words that carry a table row of `width` bits."""
    return -(-width // PORT_BITS)


class Loader(wiring.Component):
    """Reads packets: a header word {target, address, count}, then data words.

    Target FRAMES brings a batch of `count` images of `address` words each; it waits until one of the two halves of the
    input memory is free. START has no data words: it starts the program of `count` instructions, whose result has
    `address` windows. The other targets write `count` rows from row `address` of their table on, each row in
    `row_words(width)` words, low word first; they and START wait while the accelerator is `busy`, so a new program may
    follow the last batch of the old one at once. MODE and SEED have no data words and wait for nothing: they are for
    the ModeRegister, which sees every header that is `accepted`.

    Where the program is baked in (`length` from the start), tables are read-only: their rows are passed over, as those
    of tables that there are not, and synthesis makes ROMs of them.

    Members
    -------
    i : stream of data words
    rows_1, ... : for each writable table the stream {address, row}, by target number
    word, word_valid, word_address : a data word for the input memory, words counted through both halves
    header, accepted : the word that stands there, and that it is taken as a header
    fills : for each half of the input memory, whether the batch that has arrived goes there and it is free
    filled, count : for each half of the input memory, whether a batch stands ready and of how many images
    release : clears `filled`
    busy : a batch is waiting or being played, or weights are being copied
    length : instructions of the program; 0 until it is started; windows : of its result
    start : high for one cycle when a program is started
    status : `Configuration.status`
    """

    i: stream.Interface
    word: Signal
    word_valid: Signal
    word_address: Signal
    header: Any
    accepted: Signal
    fills: Signal
    filled: Signal
    count: Any
    release: Signal
    busy: Signal
    length: Signal
    windows: Signal
    start: Signal
    status: Any

    def __init__(self, configuration: Configuration, writes: Mapping[int, StructLayout], length: int, windows: int):
        self.configuration = configuration
        self.writes = writes
        self.writable: Mapping[int, StructLayout] = {} if length else writes
        self.initial_length = length
        self.initial_windows = windows
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(PORT_BITS))),
                **{f"rows_{n}": Out(stream.Signature(layout, always_ready=True)) for n, layout in writes.items()},
                "word": Out(PORT_BITS),
                "word_valid": Out(1),
                "word_address": Out(range(max(2, 2 * configuration.half_words))),
                "header": Out(HEADER),
                "accepted": Out(1),
                "fills": Out(2),
                "filled": Out(2),
                "count": Out(range(configuration.frames + 1)).array(2),
                "release": In(2),
                "busy": In(1),
                "length": Out(range(configuration.weight_tiles + 1)),
                "windows": Out(24),
                "start": Out(1),
                "status": Out(configuration.status),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Header, rows, images: one state each."""
        m = Module()
        header: Any = Signal(HEADER)
        arriving: Any = self.header
        self.words = words = self.elaborate_words(m)
        remaining = Signal(32)
        length = Signal.like(self.length, init=self.initial_length)
        windows = Signal.like(self.windows, init=self.initial_windows)
        m.d.comb += [arriving.as_value().eq(words.payload), self.length.eq(length), self.windows.eq(windows)]
        m.d.sync += [self.filled.eq(self.filled & ~self.release), self.start.eq(0)]
        busy = self.busy
        if self.configuration.buffers:
            # A register may be late to say that all is done, not that there is something to do.
            held_busy = Signal()
            m.d.sync += held_busy.eq(self.busy)
            busy = held_busy | self.filled.any() | self.start
        start_frame = self.elaborate_frames(m)
        last_word = self.elaborate_rows(m, header)

        with m.FSM() as fsm:
            with m.State("header"):
                m.d.comb += [
                    words.ready.eq(words.frames | words.chooses | ~busy),
                    self.accepted.eq(words.valid & words.ready & words.counts),
                ]
                m.d.sync += [header.eq(arriving), remaining.eq(arriving.count)]
                with m.If(self.accepted & ~words.chooses):
                    with m.If(words.starts):
                        m.d.sync += [length.eq(arriving.count), windows.eq(arriving.address), self.start.eq(1)]
                    with m.Elif(words.frames):
                        start_frame()
                        m.next = "frames"
                    with m.Else():
                        m.next = "rows"

            with m.State("rows"):
                m.d.comb += [words.ready.eq(1), self.collecting.eq(words.valid)]
                with m.If(words.valid & last_word):
                    m.d.sync += [remaining.eq(remaining - 1), header.address.eq(header.address + 1)]
                    with m.If(remaining == 1):
                        m.next = "header"

            with m.State("frames"):
                m.d.comb += [
                    words.ready.eq(~self.filled.bit_select(self.half, 1)),
                    self.fills.eq(Mux(words.ready, Mux(self.half, 0b10, 0b01), 0)),
                ]
                with m.If(words.valid & words.ready):
                    m.d.comb += self.word_valid.eq(1)
                    self.next_word(m, header.address)
                    with m.If(self.frame_ends):
                        m.d.sync += remaining.eq(remaining - 1)
                        with m.If(remaining == 1):
                            for half in range(2):
                                with m.If(self.half == half):
                                    m.d.sync += [self.filled[half].eq(1), self.count[half].eq(header.count)]
                            m.d.sync += self.half.eq(~self.half)
                            m.next = "header"
        m.d.comb += [
            self.status.busy.eq(self.busy),
            self.status.waiting.eq(self.filled[0] + self.filled[1]),
            self.status.length.eq(length),
            self.status.between.eq(fsm.ongoing("header")),
            self.status.unknown.eq(self.accepted & ~words.known),
        ]
        return m

    def elaborate_words(self, m: Module) -> Words:
        """The data words; for a fast clock behind a buffer, where what a header says has been read off already."""
        if self.configuration.buffers < 2:
            return Words(self.i.valid, self.i.ready, self.i.payload, **self.heads(self.header))
        layout = StructLayout({"word": PORT_BITS, **dict.fromkeys(HEADS, 1)})
        m.submodules.words = buffer = StreamBuffer(layout)
        source: Any = buffer.i.payload
        m.d.comb += [
            buffer.i.valid.eq(self.i.valid),
            self.i.ready.eq(buffer.i.ready),
            source.word.eq(self.i.payload),
            *(source[name].eq(value) for name, value in self.heads(View(HEADER, self.i.payload)).items()),
        ]
        there: Any = buffer.o.payload
        return Words(buffer.o.valid, buffer.o.ready, there.word, **{name: there[name] for name in HEADS})

    def heads(self, header: Any) -> dict[str, Value]:
        """What the word `header` says, by the names of `HEADS`."""
        return {
            "frames": header.target == Target.FRAMES,
            "starts": header.target == Target.START,
            "chooses": (header.target == Target.MODE) | (header.target == Target.SEED),
            "counts": header.count != 0,
            "known": self.known(header.target),
        }

    def known(self, target: Any) -> Any:
        """Whether packets with that number mean something to this accelerator."""
        modes = (Target.MODE, Target.SEED) if self.configuration.modes > 1 else ()
        return target.matches(Target.FRAMES, Target.START, *modes, *self.writable)

    def elaborate_rows(self, m: Module, header: Any) -> Any:
        """Collect the words of a row, which goes to its table the cycle after the last. Returns "this is the last"."""
        words = {target: row_words(layout["row"].width) for target, layout in self.writable.items()}
        most = max(words.values(), default=1)
        self.collecting = Signal()
        collected = Signal(most * PORT_BITS, reset_less=True)
        index = Signal(range(most + 1))
        needed = Signal(range(most + 1))
        last_word = Signal()
        complete = Signal(max(words, default=0) + 1)
        address = Signal(24, reset_less=True)
        m.d.comb += last_word.eq(index + 1 == needed)
        m.d.sync += [complete.eq(0), address.eq(header.address)]
        with m.If(self.collecting):
            m.d.sync += [
                collected.eq(Cat(collected[PORT_BITS:], self.words.payload)),
                index.eq(Mux(last_word, 0, index + 1)),
            ]
        with m.Switch(header.target):
            for target, count in words.items():
                with m.Case(target):
                    m.d.comb += needed.eq(count)
                    m.d.sync += complete[target].eq(self.collecting & last_word)
            with m.Default():
                m.d.comb += needed.eq(1)  # a table that this hardware has not: its rows are passed over
        for target, layout in self.writable.items():
            port = getattr(self, f"rows_{target}")
            row = collected[(most - words[target]) * PORT_BITS :]
            m.d.comb += [
                port.valid.eq(complete[target]),
                port.payload.eq(Cat(address[: layout["address"].width], row[: layout["row"].width])),
            ]
        return last_word

    def elaborate_frames(self, m: Module) -> Any:
        """Counters over words and words of an image. Returns the verb that starts them."""
        self.half = Signal()
        self.frame_ends = Signal()
        address = Signal.like(self.word_address)
        word = Signal(24)
        m.d.comb += [self.word.eq(self.words.payload), self.word_address.eq(address)]

        def start() -> None:
            m.d.sync += [word.eq(0), address.eq(Mux(self.half, self.configuration.half_words, 0))]

        def next_word(m: Module, words: Any) -> None:
            m.d.comb += self.frame_ends.eq(word + 1 == words)
            m.d.sync += [word.eq(word + 1), address.eq(address + 1)]
            with m.If(self.frame_ends):
                m.d.sync += word.eq(0)

        self.next_word = next_word
        return start
