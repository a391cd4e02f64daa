"""Where results are stored: an address for each group of lanes, counted along as the results come."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout, View
from amaranth.lib.wiring import In, Out

from quadrille.hw.base.table import Table, table_write

__all__ = ["STORE_LATENCY", "StoreWalker", "store_row"]

STORE_LATENCY = 1
"""Cycles from a beat to its write."""


def store_row(address_bits: int) -> StructLayout:
    """A route's row: whether its results are stored, where the first goes, how many follow it, and the way to the next
    window."""
    return StructLayout({"store": 1, "base": address_bits, "slots": 16, "step": address_bits})


class StoreWalker(wiring.Component):
    """Addresses of what passes: `base` for the first slot of a route, one more for each slot of a window, and from the
    first slot of a window `step` on to the first of the next.

    It only watches: `valid` says that a beat of `route` passes, `first` that it is the first slot of the first window.

    Members
    -------
    i_table : stream {address, row} of `store_row`, always ready
    valid, route, first : the beat
    write_valid, write_address : a cycle later, where it goes
    """

    i_table: stream.Interface
    valid: Signal
    route: Signal
    first: Signal
    write_valid: Signal
    write_address: Signal

    def __init__(self, *, routes: int, address_bits: int, table: tuple[int, ...] = ()):
        self.row = store_row(address_bits)
        self.routes, self.table = routes, table
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

    def inspected(self) -> None:
        """Say that this walker is only asked about."""
        vars(self)["_MustUse__used"] = True

    def elaborate(self, platform: object) -> Module:
        """The route's row stands beside the beat a cycle later."""
        m = Module()
        m.submodules.table = table = Table(self.row, self.routes, self.table)
        row: Any = View(self.row, table.row)
        valid, first = Signal(), Signal()
        window, address = Signal.like(self.write_address), Signal.like(self.write_address)  # of the beat to come
        slot = Signal(16)
        m.d.comb += [
            table.i.valid.eq(self.i_table.valid),
            table.i.payload.eq(self.i_table.payload),
            table.address.eq(self.route),
            table.enable.eq(self.valid),
            self.write_valid.eq(valid & row.store),
            self.write_address.eq(Mux(first, row.base, address)),
        ]
        m.d.sync += [valid.eq(self.valid), first.eq(self.first)]

        start, place = Signal.like(window), Signal.like(slot)
        m.d.comb += [start.eq(Mux(first, row.base, window)), place.eq(Mux(first, 0, slot))]
        with m.If(valid):
            with m.If(place + 1 == row.slots):
                m.d.sync += [window.eq(start + row.step), address.eq(start + row.step), slot.eq(0)]
            with m.Else():
                m.d.sync += [window.eq(start), address.eq(self.write_address + 1), slot.eq(place + 1)]
        return m
