"""The patch reader: walks the windows of a map in an activation memory and hands each on, plane by plane or whole."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from quadrille.hw.cim.macro import plane_layout
from quadrille.hw.mac.array import window_layout

from .configuration import Configuration
from .walker import WindowWalker

__all__ = ["PatchReader"]


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

        # Walk: one read in each cycle in which the word before it finds its place.
        moves = Signal()
        reads: Any = Signal(walker.read)  # the read whose word the memory shows
        reading = Signal()
        m.d.comb += [
            walker.i.valid.eq(self.i.valid),
            walker.i.payload.eq(self.i.payload),
            self.i.ready.eq(walker.i.ready),
            walker.o.ready.eq(~reading | moves),
            self.address.eq(walker.address),
            self.enable.eq(walker.o.valid & walker.o.ready),
            self.release.eq(Mux(walker.o.ready, walker.release, 0)),
        ]
        with m.If(walker.o.ready):
            m.d.sync += [reading.eq(walker.o.valid), reads.eq(walker.o.payload)]

        # Place: the channels of a tap, moved to where their rows begin, join what the patch keeps.
        full = Signal()  # the patch is complete and waits for the player
        player_free = Signal()
        m.d.comb += [
            moves.eq(reading & (~full | player_free)),
            self.handed.eq(full & player_free),
            self.idle.eq(~walker.busy & ~reading & ~full),
        ]
        with m.If(moves):
            m.d.sync += full.eq(reads.end)
        with m.Elif(player_free):
            m.d.sync += full.eq(0)
        banks = range(configuration.banks)
        patch = [[Signal(rows, name=f"patch_{n}_{b}", reset_less=True) for n in banks] for b in bits]
        for n in banks:
            bank = reads.banks[n]
            wanted = Signal(configuration.word, name=f"wanted_{n}")
            m.d.comb += wanted.eq(Mux(reads.present, (1 << bank.count) - 1, 0)[: configuration.word])
            for b in bits:
                held = patch[b][n]
                words = [
                    memory[b * configuration.word : (b + 1) * configuration.word]
                    for memory in (self.input_planes, self.feature_planes)
                ]
                word = Mux(reads.tag.feature, words[1], words[0])
                placed = (((word >> bank.offset) & wanted) << bank.row)[:rows]
                slid = Mux(reads.slides, held >> reads.tag.slide_rows[n], 0)
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
