"""Where results are stored: an address for each group of lanes, counted along as the results come."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout, View
from amaranth.lib.wiring import In, Out

from quadrille.hw.base.table import Table, table_write

__all__ = ["StoreWalker", "store_row"]


def store_row(address_bits: int, slots: int) -> StructLayout:
    """A route's row: whether its results are stored, where the first goes, how many follow it, and the way to the next
    window."""
    return StructLayout({"store": 1, "base": address_bits, "slots": range(slots + 1), "step": address_bits})


class StoreWalker(wiring.Component):
    """Addresses of what passes: `base` for the first slot of a route, one more for each slot of a window, and from the
    first slot of a window `step` on to the first of the next.

    It only watches: `valid` says that a beat of `route` passes, `first` that it is the first slot of the first window.

    Members
    -------
    i_table : stream {address, row} of `store_row`, always ready
    valid, route, first : the beat
    write_valid, write_address : where it goes, `latency` cycles later

    Attributes
    ----------
    latency : 1 + memory_cuts, registers behind the table
    """

    i_table: stream.Interface
    valid: Signal
    route: Signal
    first: Signal
    write_valid: Signal
    write_address: Signal

    def __init__(
        self, *, routes: int, address_bits: int, slots: int, memory_cuts: int = 0, table: tuple[int, ...] = ()
    ):
        self.row = store_row(address_bits, slots)
        self.routes, self.memory_cuts, self.table = routes, memory_cuts, table
        super().__init__(
            {
                "i_table": In(stream.Signature(table_write(self.row, routes), always_ready=True)),
                "valid": In(1),
                "route": In(range(max(2, routes))),
                "first": In(1),
                "write_valid": Out(1),
                "write_address": Out(address_bits),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a beat to its write."""
        return 1 + self.memory_cuts

    def inspected(self) -> None:
        """Say that this walker is only asked about."""
        vars(self)["_MustUse__used"] = True

    def elaborate(self, platform: object) -> Module:
        """The route's row stands beside the beat a cycle later, or when it has been read."""
        m = Module()
        m.submodules.table = table = Table(self.row, self.routes, self.table)
        valid, first = Signal(), Signal()
        m.d.sync += [valid.eq(self.valid), first.eq(self.first)]
        read: Value = table.row
        for _ in range(self.memory_cuts):
            beat = Cat(valid, first, read)
            held = Signal(len(beat), name="held_row")
            m.d.sync += held.eq(beat)
            valid, first, read = held[0], held[1], held[2:]
        row: Any = View(self.row, read)
        window, address = Signal.like(self.write_address), Signal.like(self.write_address)  # of the beat to come
        slot = Signal.like(row.slots)
        m.d.comb += [
            table.i.valid.eq(self.i_table.valid),
            table.i.payload.eq(self.i_table.payload),
            table.address.eq(self.route),
            table.enable.eq(self.valid),
            self.write_valid.eq(valid & row.store),
            self.write_address.eq(Mux(first, row.base, address)),
        ]

        start, place = Signal.like(window), Signal.like(slot)
        m.d.comb += [start.eq(Mux(first, row.base, window)), place.eq(Mux(first, 0, slot))]
        with m.If(valid):
            with m.If(place + 1 == row.slots):
                m.d.sync += [window.eq(start + row.step), address.eq(start + row.step), slot.eq(0)]
            with m.Else():
                m.d.sync += [window.eq(start), address.eq(self.write_address + 1), slot.eq(place + 1)]
        return m
