"""The macro as one would write it first: an adder tree of narrow expressions for every column. Only a baseline."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.data import ArrayLayout, StructLayout
from amaranth.lib.wiring import In, Out

from quadrille.hw.cim.layouts import plane_layout, weight_row_layout


def balanced_sum(terms: list[Value]) -> Value:
    """The sum of `terms` as a balanced tree."""
    while len(terms) > 1:
        pairs = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[len(pairs) * 2 :]
    return terms[0]


class PlainMacro(wiring.Component):
    """What CimMacro computes for unsigned activations and cells of one bit, with the streams that it has."""

    i: stream.Interface
    i_weights: stream.Interface
    o: stream.Interface

    def __init__(self, *, rows: int, columns: int, activation_bits: int = 4):
        self.rows = rows
        self.columns = columns
        self.bits = (rows * ((1 << activation_bits) - 1)).bit_length()
        plane = plane_layout(rows=rows, signed=False, planes=1, tag_bits=0)
        weights = weight_row_layout(rows=rows, columns=columns, cell_bits=1)
        sums = StructLayout({"sum": ArrayLayout(self.bits, columns), "reference": self.bits})
        super().__init__(
            {
                "i": In(stream.Signature(plane)),
                "i_weights": In(stream.Signature(weights)),
                "o": Out(stream.Signature(sums)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Input register, one tree and one accumulator for each column, one stage each."""
        m = Module()
        enable = Signal()
        valid = Signal()
        done = Signal()
        plane: Any = Signal(self.i.payload.shape(), reset_less=True)
        row: Any = self.i_weights.payload
        m.d.comb += [
            enable.eq(~done | self.o.ready),
            self.i.ready.eq(enable),
            self.i_weights.ready.eq(enable),
            self.o.valid.eq(done),
        ]
        with m.If(enable):
            m.d.sync += [plane.eq(self.i.payload), valid.eq(self.i.valid), done.eq(valid & plane.last)]
        words = [Signal(self.columns + 1, name=f"row_{r}", reset_less=True) for r in range(self.rows)]
        with m.If(self.i_weights.valid & enable):
            with m.Switch(row.row):
                for r, word in enumerate(words):
                    with m.Case(r):
                        m.d.sync += [word[: self.columns].eq(row.cells), word[-1].eq(row.reference)]
        for column in range(self.columns + 1):
            products = [word[column] & plane.bits[r] for r, word in enumerate(words)]
            total = Signal(self.bits, name=f"sum_{column}", reset_less=True)
            with m.If(enable & valid):
                m.d.sync += total.eq(Mux(plane.first, 0, total << 1) + balanced_sum(products))
            result = self.o.payload.reference if column == self.columns else self.o.payload.sum[column]
            m.d.comb += result.eq(total)
        return m
