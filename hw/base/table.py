"""A table of rows that can be written at run time, read one cycle after it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Shape, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .streams import bits_of

__all__ = ["Table", "table_write"]


def table_write(row_shape: Any, depth: int) -> StructLayout:
    """The payload of the stream that writes a table: the address, and the row that goes there."""
    return StructLayout({"address": range(max(2, depth)), "row": row_shape})


class Table(wiring.Component):
    """`depth` rows of `row_shape`; a read port that holds its row while `enable` is low.

    The row comes out as flat bits, for a View where it is used: a port with hundreds of fields would be an alias wire
    for each of them in every module that it passes.

    `init` holds the rows, as plain integers, that are there from the start (weights baked into the hardware).

    Members
    -------
    i : tap-like input stream {address, row}, always ready
    address, enable, row : the read port; `row` has the bits at the `address` of the last cycle with `enable`
    """

    i: stream.Interface
    address: Signal
    enable: Signal
    row: Signal

    def __init__(self, row_shape: Any, depth: int, init: Sequence[int] = ()):
        self.row_shape = row_shape
        self.depth = depth
        self.init = list(init)
        super().__init__(
            {
                "i": In(stream.Signature(table_write(row_shape, depth), always_ready=True)),
                "address": In(range(max(2, depth))),
                "enable": In(1),
                "row": Out(Shape.cast(row_shape).width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A simple dual-port memory of flat words."""
        m = Module()
        width = Shape.cast(self.row_shape).width
        m.submodules.memory = memory = Memory(shape=width, depth=max(2, self.depth), init=self.init)
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            write.addr.eq(self.i.payload.address),
            write.data.eq(bits_of(self.i.payload.row)),
            write.en.eq(self.i.valid),
            read.addr.eq(self.address),
            read.en.eq(self.enable),
            self.row.eq(read.data),
        ]
        return m
