"""The sequencer plays the program over each batch of images; the weight loader stays one tile ahead of it."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from .configuration import Configuration

__all__ = ["Sequencer", "WeightLoader"]


class Sequencer(wiring.Component):
    """For each batch, for each instruction: one job for the patch reader.

    An instruction waits until its tile's weights are there, and, at a barrier, until every result of the instructions
    before it is written. The order of jobs keeps everything else: a word is always read before it is overwritten.

    Members
    -------
    o : stream of jobs (`Configuration.job`)
    length : instructions of the program; 0: stand still
    filled, count : the batches in the two halves of the input memory (Loader)
    first : with several modes, the first instruction of each (ModeRegister)
    pc, instruction : read port of the program, one cycle later, held
    weights_ready, weights_swap, claim : from and to the WeightLoader
    settled : every result of the jobs so far is written
    quiet : no batch is waiting or being played, and all is written
    """

    o: stream.Interface
    length: Signal
    filled: Signal
    count: Any
    first: Any
    pc: Signal
    instruction: Any
    weights_ready: Signal
    weights_swap: Signal
    claim: Signal
    settled: Signal
    quiet: Signal

    def __init__(self, configuration: Configuration):
        self.configuration = configuration
        self.several = configuration.modes > 1
        first = {"first": In(configuration.mode_row["first"].shape).array(2)} if self.several else {}
        super().__init__(
            {
                **first,
                "o": Out(stream.Signature(configuration.job)),
                "length": In(range(configuration.weight_tiles + 1)),
                "filled": In(2),
                "count": In(range(configuration.frames + 1)).array(2),
                "pc": Out(range(max(2, configuration.weight_tiles))),
                "instruction": In(configuration.instruction),
                "weights_ready": In(1),
                "weights_swap": In(1),
                "claim": Out(1),
                "settled": In(1),
                "quiet": Out(1),
            }
        )

    def parameter_values(self) -> dict[str, Any]:
        """The parameters of the accelerator that it is part of, as its manifest holds them."""
        return self.configuration.record()

    def elaborate(self, platform: object) -> Module:
        """Wait for a batch, fetch, wait for weights and barrier, issue."""
        m = Module()
        instruction: Any = self.instruction
        half = Signal()
        swap = Signal()
        job: Any = self.o.payload
        m.d.comb += [
            job.instruction.eq(instruction),
            job.count.eq(Mux(half, self.count[1], self.count[0])),
            job.half.eq(half),
            job.swap.eq(swap),
        ]
        with m.FSM():
            with m.State("batch"):
                m.d.sync += self.pc.eq(Mux(half, self.first[1], self.first[0]) if self.several else 0)
                m.d.comb += self.quiet.eq(self.settled & (self.filled == 0))
                with m.If((self.length != 0) & self.filled.bit_select(half, 1)):
                    m.next = "fetch"
            with m.State("fetch"):
                m.next = "wait"
            with m.State("wait"):
                with m.If(self.weights_ready & (~instruction.barrier | self.settled)):
                    m.d.comb += self.claim.eq(1)
                    m.d.sync += swap.eq(self.weights_swap)
                    m.next = "issue"
            with m.State("issue"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.d.sync += self.pc.eq(self.pc + 1)
                    m.next = "fetch"
                    with m.If(instruction.last):
                        m.d.sync += half.eq(~half)
                        m.next = "batch"
        return m


class WeightLoader(wiring.Component):
    """Copies each instruction's tile from the weight memory into the macro, ahead of the sequencer.

    With two weight planes it fills the inactive one while the other computes, and the first plane of the next
    instruction exchanges them. With one plane it waits until nothing is under way. A program of no more tiles than
    planes is loaded once and stays. With several modes nothing stays: after the last tile of a batch it goes on with
    the first of the next as soon as the mode of that is known.

    Members
    -------
    o : stream {row, cells, reference} of row words for all banks
    length : instructions of the program; 0: stand still
    number, tile : read port of the tile table, one cycle later: where the row words of an instruction are
    address, row : read port of the weight memory, one cycle later
    known, first : with several modes, for each half of the input memory, whether the mode of its batch is known, and
        the first instruction of that (ModeRegister)
    ready, swap, claim : the next instruction's weights are there; it has to exchange the planes; it has started
    rests : there is nothing to do before a batch comes, so that a new program may come instead
    swapped : the macro has exchanged its planes
    idle : no job is under way
    restart : a new program has come; its first tile is loaded
    """

    o: stream.Interface
    length: Signal
    number: Signal
    tile: Any
    address: Signal
    row: Any
    known: Signal
    first: Any
    ready: Signal
    rests: Signal
    swap: Signal
    claim: Signal
    swapped: Signal
    idle: Signal
    restart: Signal

    def __init__(self, configuration: Configuration):
        self.configuration = configuration
        self.several = configuration.modes > 1
        row = {"row": range(max(2, configuration.window_rows)), **dict(configuration.weight_row.members)}
        modes = {"known": In(2), "first": In(configuration.mode_row["first"].shape).array(2)} if self.several else {}
        super().__init__(
            {
                **modes,
                "o": Out(stream.Signature(StructLayout(row))),
                "length": In(range(configuration.weight_tiles + 1)),
                "number": Out(range(max(2, configuration.weight_tiles))),
                "tile": In(configuration.tile),
                "address": Out(range(max(2, configuration.weight_rows))),
                "row": In(configuration.weight_row),
                "ready": Out(1),
                "rests": Out(1),
                "swap": Out(1),
                "claim": In(1),
                "swapped": In(1),
                "idle": In(1),
                "restart": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Fetch, stream the rows, offer; resident programs stay at the offer."""
        m = Module()
        several = self.several
        configuration = self.configuration
        planes = configuration.weight_planes
        row = Signal(range(configuration.window_rows + 1))  # the row whose word the memory shows
        number = Signal.like(self.number)
        pointer = Signal.like(self.address)  # of that word
        loaded = Signal(range(planes + 1))  # tiles loaded since the start, at most as many as there are planes
        beat: Any = self.o.payload
        moves, following = Signal(), Signal.like(self.address)
        m.d.comb += [
            beat.row.eq(row),
            *(getattr(beat, name).eq(getattr(self.row, name)) for name in configuration.weight_row.members),
            moves.eq(self.o.valid & self.o.ready),
            self.number.eq(number),
            self.rests.eq(self.ready),
            # The address runs one row ahead of the word that is offered.
            self.address.eq(Mux(moves, following, pointer)),
        ]
        if "run" in self.tile.shape().members:
            # An array's tile: channels of each tap, which stand between others.
            left = Signal.like(self.tile.run)  # rows of this run, this one included
            m.d.comb += following.eq(pointer + Mux(left == 1, self.tile.jump, 1))
            with m.If(moves):
                m.d.sync += left.eq(Mux(left == 1, self.tile.run, left - 1))
            with m.Elif(row == 0):
                m.d.sync += left.eq(self.tile.run)
        else:
            m.d.comb += following.eq(pointer + 1)
        half = Signal()  # of the batch to come
        ends = Signal()  # the next tile is that batch's first
        known = Signal()
        if several:
            m.d.comb += known.eq(self.known.bit_select(half, 1))
            with m.If(ends):
                m.d.comb += self.number.eq(Mux(half, self.first[1], self.first[0]))

        with m.FSM():
            with m.State("start"):
                m.d.sync += [number.eq(0), loaded.eq(0), ends.eq(1)]
                if not several:
                    m.d.comb += self.number.eq(0)
                with m.If(self.length != 0):
                    m.next = "batch" if several else "fetch"
            if several:
                with m.State("batch"):
                    m.d.comb += self.rests.eq(1)
                    with m.If(known):
                        m.next = "fetch"
                    with m.If(self.restart):
                        m.next = "start"
            with m.State("fetch"):
                # The table has been read while the tile before was used, and holds its row until this one is loaded.
                m.d.sync += [row.eq(0), pointer.eq(self.tile.base), number.eq(self.number), ends.eq(0)]
                if several:
                    m.d.sync += half.eq(half ^ ends)
                m.next = "read"
            with m.State("read"):
                # With one plane, the tile that is in use must be finished with.
                with m.If(self.idle if planes == 1 else 1):
                    m.next = "load"
            with m.State("load"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.d.sync += [row.eq(row + 1), pointer.eq(following)]
                    with m.If(row + 1 == self.tile.rows):
                        m.d.sync += [number.eq(Mux(self.tile.last, 0, number + 1)), ends.eq(self.tile.last)]
                        with m.If(loaded != planes):
                            m.d.sync += loaded.eq(loaded + 1)
                        m.next = "offer"
            with m.State("offer"):
                m.d.comb += [self.ready.eq(1), self.swap.eq(planes == 2)]
                with m.If(self.claim):
                    m.next = "claimed"
                with m.If(self.restart):
                    m.next = "start"
            with m.State("claimed"):
                with m.If(self.swapped if planes == 2 else 1):
                    m.next = "fetch"
                    with m.If((ends & ~known) if several else (loaded == self.length)):
                        m.next = "batch" if several else "resident"
            if not several:
                with m.State("resident"):
                    # Two tiles in two planes take turns; one tile stays where it is.
                    m.d.comb += [self.ready.eq(1), self.swap.eq(self.length == 2)]
                    with m.If(self.restart):
                        m.next = "start"
        return m
