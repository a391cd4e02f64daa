"""Where results go that leave the accelerator: the index of the greatest, or the values themselves."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout, View
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from quadrille.hw.base import Core, Stalled

from .configuration import Configuration
from .targets import PORT_BITS

__all__ = ["OUTPUT", "ArgmaxUnit", "OutputPacker"]

OUTPUT = StructLayout({"data": unsigned(PORT_BITS), "last": unsigned(1)})


class ArgmaxUnit(wiring.Component):
    """The index of the greatest value over the slots of each frame; of equal ones the lowest index.

    Slot g brings the values of indices `g * lanes` to `g * lanes + lanes - 1`, in the order of g; slots of other frames
    may come between. Padding must not win, so its values are the lowest of the format and stand last.

    Members
    -------
    i : stream of values (`values_layout`), its `frame` a `Configuration.destination`
    o : stream {data, last}: one word for each frame
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, configuration: Configuration, values: StructLayout):
        self.core = ArgmaxCore(configuration, values)
        super().__init__({"i": In(stream.Signature(values)), "o": Out(stream.Signature(OUTPUT))})

    @property
    def latency(self) -> int:
        """From the last slot of a frame to its word."""
        return self.core.latency

    def elaborate(self, platform: object) -> Module:
        """The stalled core; only the last slot of a frame makes a word."""
        m = Module()
        m.submodules.stalled = stalled = Stalled(self.core)
        best = stalled.o.payload
        m.d.comb += [
            stalled.i.valid.eq(self.i.valid),
            stalled.i.payload.eq(self.i.payload),
            self.i.ready.eq(stalled.i.ready),
            self.o.valid.eq(stalled.o.valid & best.complete),
            self.o.payload.data.eq(best.index),
            self.o.payload.last.eq(1),
            stalled.o.ready.eq(self.o.ready | ~best.complete),
        ]
        return m


class ArgmaxCore(Core):
    """The best of the slot | the best of the frame, which is kept for each frame."""

    def __init__(self, configuration: Configuration, values: StructLayout):
        self.configuration = configuration
        indices = configuration.bias_rows * configuration.lanes
        self.best = StructLayout({"value": signed(configuration.result_bits), "index": range(max(2, indices))})
        super().__init__(values, StructLayout({"index": self.best["index"].shape, "complete": 1}))

    @property
    def latency(self) -> int:
        """One cycle for each stage, and each cut of the tournament."""
        return 2 + self.configuration.lane_cuts

    def elaborate(self, platform: object) -> Module:
        """A tournament over the lanes, then against what the frame's earlier slots left."""
        m = Module()
        configuration = self.configuration
        destination: Any = Signal(configuration.destination)
        m.d.comb += destination.as_value().eq(self.i.frame)
        value, lane = self.tournament(m)

        # The frames of a route come one after the other.
        frame, next_frame = Signal(range(max(2, configuration.frames))), Signal(range(max(2, configuration.frames)))
        m.d.comb += frame.eq(Mux(self.i.first, 0, next_frame))
        with m.If(self.i_valid):
            m.d.sync += next_frame.eq(frame + destination.ends)

        # What travels beside the tournament.
        valid = self.i_valid
        for _ in range(configuration.lane_cuts):
            beside = Cat(valid, frame, destination)
            held_beat = Signal(len(beside), name="beside")
            m.d.sync += held_beat.eq(beside)
            valid, frame = held_beat[0], held_beat[1 : 1 + len(frame)]
            destination = View(configuration.destination, held_beat[1 + len(frame) :])

        challenger: Any = Signal(self.best, reset_less=True)
        waiting: Any = Signal(configuration.destination, reset_less=True)
        held_frame = Signal(len(frame), reset_less=True)
        writes = Signal()
        m.d.sync += [
            challenger.value.eq(value),
            challenger.index.eq(destination.slot * configuration.lanes + lane),
            waiting.eq(destination),
            held_frame.eq(frame),
            writes.eq(valid),
        ]

        m.submodules.bests = memory = Memory(shape=self.best.size, depth=max(2, configuration.frames), init=[])
        write = memory.write_port()
        read = memory.read_port(transparent_for=(write,))
        held: Any = Signal(self.best)
        winner: Any = Signal(self.best)
        m.d.comb += [
            read.addr.eq(frame),
            held.as_value().eq(read.data),
            winner.eq(held),
            write.addr.eq(held_frame),
            write.data.eq(winner.as_value()),
            write.en.eq(writes),
        ]
        with m.If((waiting.slot == 0) | (challenger.value > held.value)):
            m.d.comb += winner.eq(challenger)
        m.d.sync += [self.o.index.eq(winner.index), self.o.complete.eq(waiting.last)]
        return m

    def tournament(self, m: Module) -> tuple[Value, Value | int]:
        """The greatest value of the lanes and the lowest lane that has it, in a balanced tree that is cut evenly."""
        cuts, levels = self.configuration.lane_cuts, (self.configuration.lanes - 1).bit_length()
        places = [(n + 1) * levels // (cuts + 1) for n in range(cuts)]
        lanes, shape = self.configuration.lanes, signed(self.configuration.result_bits)
        entrants: list[tuple[Value, Value | int]] = [(self.i.values[n], n) for n in range(lanes)]
        level = 0

        def cut() -> None:
            """Registers for all that are left, as many as stand behind this level."""
            for number in range(places.count(level)):
                for n, (value, index) in enumerate(entrants):
                    held = Signal(shape, name=f"held_{level}_{number}_{n}", reset_less=True)
                    m.d.sync += held.eq(value)
                    if not isinstance(index, int):
                        held_index = Signal.like(index, name=f"held_index_{level}_{number}_{n}", reset_less=True)
                        m.d.sync += held_index.eq(index)
                        index = held_index
                    entrants[n] = held, index

        cut()
        while len(entrants) > 1:
            winners: list[tuple[Value, Value | int]] = []
            for n in range(0, len(entrants) - 1, 2):
                (left, left_index), (right, right_index) = entrants[n], entrants[n + 1]
                value = Signal(shape, name=f"value_{level}_{n}")
                index = Signal(range(lanes), name=f"index_{level}_{n}")
                second = Signal(name=f"second_{level}_{n}")
                m.d.comb += [
                    second.eq(right > left),
                    value.eq(Mux(second, right, left)),
                    index.eq(Mux(second, right_index, left_index)),
                ]
                winners.append((value, index))
            entrants = winners + entrants[len(entrants) & ~1 :]
            level += 1
            cut()
        return entrants[0]


class OutputPacker(wiring.Component):
    """Sends a slot of results as data words, `results_per_word` sign-extended values in each.

    Members
    -------
    i : stream of values (`values_layout`), its `frame` a `Configuration.destination`
    windows : of a frame
    o : stream {data, last}; `last` marks the last word of a frame
    """

    i: stream.Interface
    windows: Signal
    o: stream.Interface

    def __init__(self, configuration: Configuration, values: StructLayout):
        self.configuration = configuration
        super().__init__({"i": In(stream.Signature(values)), "windows": In(24), "o": Out(stream.Signature(OUTPUT))})

    def elaborate(self, platform: object) -> Module:
        """The slot waits in a register and moves down a word at a time."""
        m = Module()
        configuration, values = self.configuration, self.i.payload
        destination: Any = Signal(configuration.destination)
        m.d.comb += destination.as_value().eq(values.frame)
        width = configuration.results_per_word * configuration.result_bits
        held = Signal(configuration.lanes * configuration.result_bits, reset_less=True)
        left = Signal(configuration.destination["words"].shape)
        window = Signal(24)  # windows of the frame whose last slot has come
        last = Signal()
        ends = Signal()
        final = Signal()
        m.d.comb += [
            ends.eq((left == 0) | ((left == 1) & self.o.ready)),
            self.i.ready.eq(ends),
            final.eq(destination.last & (window + 1 == self.windows)),
            self.o.valid.eq(left != 0),
            self.o.payload.data.eq(held[:width]),
            self.o.payload.last.eq(last & (left == 1)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                held.eq(values.values.as_value()),
                left.eq(destination.words),
                last.eq(final),
                window.eq(Mux(final, 0, window + destination.last)),
            ]
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += [held.eq(held >> width), left.eq(left - 1)]
        return m
