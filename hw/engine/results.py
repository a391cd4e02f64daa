"""Where results go that leave the accelerator: the index of the greatest, or the values themselves."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from .configuration import PORT_BITS, Configuration

__all__ = ["OUTPUT", "ArgmaxUnit", "OutputPacker"]

OUTPUT = StructLayout({"data": unsigned(PORT_BITS), "last": unsigned(1)})


class ArgmaxUnit(wiring.Component):
    """The index of the greatest value over the groups of one frame; of equal ones the lowest index.

    Group g brings the values of indices `g * lanes` to `g * lanes + lanes - 1`; padding must not win, so its values are
    the lowest of the format and stand last.

    Members
    -------
    i : stream of results (`results_layout`)
    o : stream {data, last}: one word for each frame
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, configuration: Configuration, results: StructLayout):
        self.configuration = configuration
        super().__init__({"i": In(stream.Signature(results)), "o": Out(stream.Signature(OUTPUT))})

    def elaborate(self, platform: object) -> Module:
        """A balanced tournament over the lanes, then the best so far."""
        m = Module()
        configuration, results = self.configuration, self.i.payload
        destination: Any = Signal(configuration.destination)
        m.d.comb += destination.as_value().eq(results.destination)

        shape = signed(configuration.result_bits)
        entrants: list[tuple[Value, Value | int]] = [(results.values[n], n) for n in range(configuration.lanes)]
        round_number = 0
        while len(entrants) > 1:
            winners: list[tuple[Value, Value | int]] = []
            for n in range(0, len(entrants) - 1, 2):
                (left, left_index), (right, right_index) = entrants[n], entrants[n + 1]
                value = Signal(shape, name=f"value_{round_number}_{n}")
                index = Signal(range(configuration.lanes), name=f"index_{round_number}_{n}")
                second = Signal(name=f"second_{round_number}_{n}")
                m.d.comb += [
                    second.eq(right > left),
                    value.eq(Mux(second, right, left)),
                    index.eq(Mux(second, right_index, left_index)),
                ]
                winners.append((value, index))
            entrants = winners + entrants[len(entrants) & ~1 :]
            round_number += 1
        value, lane = entrants[0]

        best = Signal(shape, reset_less=True)
        best_index = Signal(PORT_BITS, reset_less=True)
        fresh = Signal(init=1)
        waiting = Signal()
        m.d.comb += [
            self.i.ready.eq(~waiting | self.o.ready),
            self.o.valid.eq(waiting),
            self.o.payload.data.eq(best_index),
            self.o.payload.last.eq(1),
        ]
        with m.If(self.o.ready):
            m.d.sync += waiting.eq(0)
        with m.If(self.i.valid & self.i.ready):
            with m.If(fresh | (value > best)):
                m.d.sync += [best.eq(value), best_index.eq(destination.group * configuration.lanes + lane)]
            m.d.sync += [fresh.eq(destination.last), waiting.eq(destination.last)]
        return m


class OutputPacker(wiring.Component):
    """Sends a group of results as data words, `results_per_word` sign-extended values in each.

    Members
    -------
    i : stream of results (`results_layout`)
    o : stream {data, last}; `last` marks the last word of a frame
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, configuration: Configuration, results: StructLayout):
        self.configuration = configuration
        super().__init__({"i": In(stream.Signature(results)), "o": Out(stream.Signature(OUTPUT))})

    def elaborate(self, platform: object) -> Module:
        """The group waits in a register and moves down a word at a time."""
        m = Module()
        configuration, results = self.configuration, self.i.payload
        destination: Any = Signal(configuration.destination)
        m.d.comb += destination.as_value().eq(results.destination)
        width = configuration.results_per_word * configuration.result_bits
        held = Signal(configuration.lanes * configuration.result_bits, reset_less=True)
        left = Signal(configuration.destination["words"].shape)
        last = Signal()
        ends = Signal()
        m.d.comb += [
            ends.eq((left == 0) | ((left == 1) & self.o.ready)),
            self.i.ready.eq(ends),
            self.o.valid.eq(left != 0),
            self.o.payload.data.eq(held[:width]),
            self.o.payload.last.eq(last & (left == 1)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                held.eq(results.values.as_value()),
                left.eq(destination.words),
                last.eq(destination.last),
            ]
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += [held.eq(held >> width), left.eq(left - 1)]
        return m
