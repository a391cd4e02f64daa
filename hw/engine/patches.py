"""The patch reader: walks the windows of a map in an activation memory and hands each on, plane by plane or whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from quadrille.hw.cim.layouts import plane_layout
from quadrille.hw.mac.array import window_layout

from .configuration import Configuration
from .walker import WindowWalker

__all__ = ["PatchReader"]


@dataclass(frozen=True)
class _Places:
    """A read on its way, `reading` whether there is one: for each plane and bank the word as its rows take it, and for
    each bank which of the rows do."""

    reads: Any
    reading: Signal
    words: list[list[Value]]
    wanted: list[Value]


class PatchReader(wiring.Component):
    """For each job, for each frame, for each window in raster order: the window's elements as bits of the macro's rows.

    A window is read pixel by pixel, tap columns from left to right, each from top to bottom; the channels of a tap
    stand on rows that follow one another, the taps on rows in the order of reading. A window that slides takes over the
    taps that it shares with the one before it; what lies in the padding is 0. One word of memory is read in a cycle,
    while the window before is played, most significant plane first: a window takes as many cycles as it has planes or
    reads, whichever are more. An array of multiply-accumulate units takes a window whole, and when it is ready.

    Members
    -------
    i : stream of jobs (`Configuration.job`)
    o : stream of planes (`plane_layout`), the rows of one bank after those of the other, or of windows
        (`window_layout`)
    address, enable : read ports of both memories; input_planes, feature_planes : what they return a cycle later
    handed : a window is handed over to be played
    release : for each half of the input memory, whether the last word of a batch that stands there is read
    idle : no window is being read or waits to be played
    """

    i: stream.Interface
    o: stream.Interface
    address: Signal
    enable: Signal
    input_planes: Signal
    feature_planes: Signal
    handed: Signal
    release: Signal
    idle: Signal

    def __init__(self, configuration: Configuration):
        self.configuration = configuration
        self.walker = WindowWalker(configuration)
        rows, planes, tag_bits = configuration.window_rows, configuration.weight_planes, configuration.tag.size
        if configuration.engine == "mac":
            precisions = len(configuration.precisions)
            self.payload = window_layout(
                rows=rows,
                bits=configuration.activation_bits,
                precisions=precisions,
                planes=planes,
                tag_bits=tag_bits,
            )
        else:
            self.payload = plane_layout(
                rows=rows * configuration.banks, signed=configuration.signed, planes=planes, tag_bits=tag_bits
            )
        width = configuration.word * configuration.activation_bits
        super().__init__(
            {
                "i": In(stream.Signature(configuration.job)),
                "o": Out(stream.Signature(self.payload)),
                "address": Out(self.walker.address.shape()),
                "enable": Out(1),
                "input_planes": In(width),
                "feature_planes": In(width),
                "handed": Out(1),
                "release": Out(2),
                "idle": Out(1),
            }
        )

    def parameter_values(self) -> dict[str, Any]:
        """The parameters of the accelerator that it is part of, as its manifest holds them."""
        return self.configuration.record()

    def elaborate(self, platform: object) -> Module:
        """Walk | place the word that was read | play the patch."""
        m = Module()
        m.submodules.walker = walker = self.walker
        configuration = self.configuration
        bits, rows = range(configuration.activation_bits), configuration.window_rows

        # Walk: one read in each cycle in which what was read before moves on to its place.
        advances = Signal()
        reads: Any = Signal(walker.read)  # the read whose word the memory shows
        reading = Signal()
        m.d.comb += [
            walker.i.valid.eq(self.i.valid),
            walker.i.payload.eq(self.i.payload),
            self.i.ready.eq(walker.i.ready),
            walker.o.ready.eq(advances),
            self.address.eq(walker.address),
            self.enable.eq(walker.o.valid & walker.o.ready),
        ]
        # With a cut the walker takes its next job a cycle later, and so comes the next batch.
        released = m.d.sync if configuration.walk_cuts else m.d.comb
        released += self.release.eq(Mux(walker.o.ready, walker.release, 0))
        with m.If(walker.o.ready):
            m.d.sync += [reading.eq(walker.o.valid), reads.eq(walker.o.payload)]

        words = [
            Mux(
                reads.tag.feature,
                self.feature_planes[b * configuration.word : (b + 1) * configuration.word],
                self.input_planes[b * configuration.word : (b + 1) * configuration.word],
            )
            for b in bits
        ]
        under_way = Signal()
        places = self.elaborate_places(m, words, reads, reading, advances, under_way)

        # Place: the channels of a tap, moved to where their rows begin, join what the patch keeps.
        moves = Signal()
        full = Signal()  # the patch is complete and waits for the player
        player_free = Signal()
        reads, reading = places.reads, places.reading
        m.d.comb += [
            moves.eq(reading & (~full | player_free)),
            advances.eq(~reading | moves),
            self.handed.eq(full & player_free),
            self.idle.eq(~walker.busy & ~under_way & ~full),
        ]
        with m.If(moves):
            m.d.sync += full.eq(reads.end)
        with m.Elif(player_free):
            m.d.sync += full.eq(0)
        banks = range(configuration.banks)
        patch = [[Signal(rows, name=f"patch_{n}_{b}", reset_less=True) for n in banks] for b in bits]
        for n in banks:
            for b in bits:
                held = patch[b][n]
                # A window of one tap takes over nothing.
                slid = Mux(reads.slides, held >> reads.tag.slide_rows[n], 0) if configuration.kernel_size > 1 else 0
                placed = places.words[b][n] & places.wanted[n]
                # Planes that the map has not stand still.
                with m.If(moves & (reads.tag.planes > b)):
                    m.d.sync += held.eq(Mux(reads.begin, slid, held) | placed)

        waiting: Any = Signal(walker.tag)  # the tag of the patch that is complete
        with m.If(moves & reads.end):
            m.d.sync += waiting.eq(reads.tag)
        if configuration.engine == "mac":
            whole: Any = self.o.payload
            m.d.comb += [
                self.o.valid.eq(full),
                player_free.eq(self.o.ready),
                whole.elements.eq(Cat(*(Cat(plane) for plane in patch))),
                whole.precision.eq(waiting.precision),
                whole.tag.eq(waiting.tag),
            ]
            if configuration.weight_planes == 2:
                m.d.comb += whole.swap.eq(waiting.swap)
        else:
            self.elaborate_player(m, patch, waiting, player_free)
        return m

    def elaborate_places(
        self, m: Module, words: list[Value], reads: Any, reading: Signal, advances: Value, under_way: Signal
    ) -> _Places:
        """The `words` of all planes turned so that each bank's channels stand on their rows, and which rows those are.

        `patch_cuts` registers cut this: behind the memory, behind the turn, and in its middle.
        """
        configuration = self.configuration
        cuts, rows, banks = configuration.patch_cuts, configuration.window_rows, range(configuration.banks)
        # Around a power of two, differences of places need no end.
        turn = (max(configuration.word, rows, 2) - 1).bit_length()
        size, half = 1 << turn, turn // 2
        any_reading: list[Value] = [reading]

        def stage(*values: Value) -> list[Signal]:
            """Registers for `values`, and for the read that they belong to."""
            nonlocal reads, reading
            number = len(any_reading)
            found = [Signal.like(value, name=f"place_{number}_{n}", reset_less=True) for n, value in enumerate(values)]
            later: Any = Signal.like(reads, name=f"reads_{number}")
            there = Signal(name=f"reading_{number}")
            with m.If(advances):
                m.d.sync += [later.eq(reads), there.eq(reading)]
                m.d.sync += [register.eq(value) for register, value in zip(found, values, strict=True)]
            reads, reading = later, there
            any_reading.append(there)
            return found

        amounts: list[Value] = [(reads.banks[n].offset - reads.banks[n].row)[:turn] for n in banks]
        if cuts > 0:
            found = stage(*words, *amounts)
            words, amounts = list(found[: len(words)]), list(found[len(words) :])
        turned: list[list[Value]] = [[word for _ in banks] for word in words]
        parts = ((0, half), (half, turn)) if cuts > 2 and half else ((0, turn),)
        wanted: list[Value] = []
        for number, (low, high) in enumerate(parts):
            turned = [
                [self.turned(each, amounts[n][low:high] << low, size) for n, each in enumerate(words)]
                for words in turned
            ]
            if number == len(parts) - 1:
                every = Const((1 << rows) - 1, rows)
                for bank in (reads.banks[n] for n in banks):
                    there = ((every << bank.row) & ~(every << (bank.row + bank.count)))[:rows]
                    wanted.append(Mux(reads.present, there, 0))
            if number < len(parts) - 1 or cuts > 1:
                found = stage(*(each for words in turned for each in words), *amounts, *wanted)
                count = len(banks)
                turned = [list(found[b * count : (b + 1) * count]) for b in range(len(turned))]
                amounts = list(found[len(turned) * count :][:count])
                wanted = list(found[len(turned) * count + count :])
        m.d.comb += under_way.eq(Cat(any_reading).any())
        return _Places(reads, reading, [[each[:rows] for each in words] for words in turned], wanted)

    @staticmethod
    def turned(word: Value, amount: Value, size: int) -> Value:
        """`word`, made up to `size` bits, with bit n where bit n + amount was, all around."""
        whole = Cat(word, Const(0, size - len(word)))
        return (Cat(whole, whole) >> amount)[:size]

    def elaborate_player(self, m: Module, patch: list[list[Signal]], waiting: Any, free: Signal) -> None:
        """Play: the planes of a patch, one in each cycle, without a gap between patches."""
        configuration = self.configuration
        bits, rows = range(configuration.activation_bits), configuration.window_rows
        playing = [Signal(rows * configuration.banks, name=f"playing_{b}", reset_less=True) for b in bits]
        left = Signal(range(configuration.activation_bits + 1))  # planes left, 0: idle
        first = Signal()
        tag: Any = Signal(self.walker.tag)
        m.d.comb += [free.eq((left == 0) | ((left == 1) & self.o.ready)), self.o.valid.eq(left != 0)]
        with m.If(self.handed):
            m.d.sync += [tag.eq(waiting), left.eq(waiting.planes), first.eq(1)]
            m.d.sync += [playing[b].eq(Cat(patch[b])) for b in bits]
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += [left.eq(left - 1), first.eq(0)]
        plane: Any = self.o.payload
        with m.Switch(left):
            for b in bits:
                with m.Case(b + 1):
                    m.d.comb += plane.bits.eq(playing[b])
        m.d.comb += [plane.first.eq(first), plane.last.eq(left == 1), plane.tag.eq(tag.tag)]
        if configuration.signed:
            m.d.comb += plane.negative.eq(first & tag.negative)
        if configuration.weight_planes == 2:
            m.d.comb += plane.swap.eq(first & tag.swap)
