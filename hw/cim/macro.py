"""The compute-in-memory macro, bit-sliced: row words, one compressor tree for all columns, redundant sums."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec import Interval, IntFormat
from quadrille.hw.base import Block, Flag, Parameter, shape_of
from quadrille.hw.base.compress import Heap, compress, levels, popcount

__all__ = ["CimMacro", "plane_layout", "weight_row_layout"]


def plane_layout(*, rows: int, signed: bool, planes: int, tag_bits: int) -> StructLayout:
    """One bit plane of an activation vector."""
    return StructLayout(
        {
            "bits": rows,
            "first": 1,
            "last": 1,
            **({"negative": 1} if signed else {}),
            **({"swap": 1} if planes == 2 else {}),
            **({"tag": tag_bits} if tag_bits else {}),
        }
    )


def weight_row_layout(*, rows: int, columns: int, cell_bits: int) -> StructLayout:
    """The cells of one row: bit j of the cell of column c at `j * columns + c`; and the reference cell."""
    return StructLayout({"row": range(max(2, rows)), "reference": 1, "cells": columns * cell_bits})


class CimMacro(Block):
    """Multiplies an activation vector with all columns of cells: `S[c] = sum_r d[r,c] * x[r]`.

    The array stores row words, one bit of all columns in each. A plane of the activations, one bit of every x[r], gates
    the row words; a tree of word-wide full adders adds them in all columns at once, and the sums are doubled and added
    to, from the most significant plane down: `S = 2*S + P`, the plane of a negative weight subtracted. All sums stay
    redundant, a sum and a carry word per weight: `S[c] = (sum[c] + carry[c]) mod 2**K` in `partial_format`. The
    reference column adds the activations themselves where its cells are set: `X = sum_r reference[r] * x[r]`.

    Macros that stand side by side and see the same activations are simply more columns.

    Members
    -------
    i : stream of planes (`plane_layout`), most significant first. `first` starts a vector, `last` ends it; `negative`
        subtracts the plane; `swap` exchanges the weight planes before this plane is used; the `tag` of the last plane
        comes out with the sums
    i_weights : stream of rows (`weight_row_layout`), into the inactive weight plane if there are two. A row written no
        later than a plane is accepted serves that plane
    o : stream {sum, carry, reference, tag}: word k of the sums at `k * columns`

    Attributes
    ----------
    latency : 2 + cuts, from the last plane; interval : the number of planes
    partial_format, reference_format : of S and X, for vectors of `activation_bits` planes

    Raises
    ------
    InvalidInput
        For a parameter out of range.
    """

    block_name = "cim-macro"
    parameters = (
        Parameter("rows", 128, 1, 4096, "activations that are summed"),
        Parameter("columns", 128, 1, 1 << 16, "columns that share the row words"),
        Parameter("activation_bits", 4, 1, 16, "most planes of a vector; they size the sums"),
        Flag("signed", False, "whether planes can be subtracted, for activations in two's complement"),
        Parameter("cell_bits", 1, 1, 4, "bits of a cell"),
        Parameter("planes", 1, 1, 2, "weight planes: with 2, one is written while the other computes"),
        Parameter("cuts", 0, 0, 8, "register cuts in the compressor tree"),
        Parameter("tag_bits", 0, 0, 64, "bits that travel along with a vector"),
    )

    rows: int
    columns: int
    activation_bits: int
    signed: bool
    cell_bits: int
    planes: int
    cuts: int
    tag_bits: int

    i: stream.Interface
    i_weights: stream.Interface
    o: stream.Interface

    def __init__(
        self,
        *,
        rows: int = 128,
        columns: int = 128,
        activation_bits: int = 4,
        signed: bool = False,
        cell_bits: int = 1,
        planes: int = 1,
        cuts: int = 0,
        tag_bits: int = 0,
    ):
        self.take(
            rows=rows,
            columns=columns,
            activation_bits=activation_bits,
            signed=signed,
            cell_bits=cell_bits,
            planes=planes,
            cuts=cuts,
            tag_bits=tag_bits,
        )
        activation = IntFormat(activation_bits).interval
        if signed:
            activation = Interval.hull(activation, IntFormat(activation_bits, signed=True).interval)
        self.reference_format = activation.sum_of(rows).format
        self.partial_format = (activation * Interval(0, (1 << cell_bits) - 1)).sum_of(rows).format
        width = columns * self.partial_format.bits
        super().__init__(
            {
                "i": In(stream.Signature(plane_layout(rows=rows, signed=signed, planes=planes, tag_bits=tag_bits))),
                "i_weights": In(stream.Signature(weight_row_layout(rows=rows, columns=columns, cell_bits=cell_bits))),
                "o": Out(
                    stream.Signature(
                        StructLayout(
                            {
                                "sum": width,
                                "carry": width,
                                "reference": shape_of(self.reference_format),
                                **({"tag": tag_bits} if tag_bits else {}),
                            }
                        )
                    )
                ),
            }
        )

    @property
    def latency(self) -> int:
        """From the last plane of a vector to its sums."""
        return 2 + self.cuts

    @property
    def interval(self) -> int:
        """A plane per cycle."""
        return self.activation_bits

    def elaborate(self, platform: object) -> Module:
        """Input register, array, tree, accumulators: all stand still while the sums wait."""
        m = Module()
        enable = Signal()
        valid = Signal(1 + self.cuts)
        sums_valid = Signal()
        m.d.comb += [
            enable.eq(~sums_valid | self.o.ready),
            self.i.ready.eq(enable),
            self.o.valid.eq(sums_valid),
        ]

        # The plane is registered: an input path through the whole tree would be evaluated twice a cycle in simulation.
        plane: Any = Signal(self.i.payload.shape(), reset_less=True)
        with m.If(enable):
            m.d.sync += [plane.eq(self.i.payload), valid.eq(Cat(self.i.valid, valid))]
        words, reference_cells = self.elaborate_array(m, enable)

        # Gate every row word with its activation bit, and add.
        heap: Heap = {}
        for row, word in enumerate(words):
            for j in range(self.cell_bits):
                gated = Signal(self.columns, name=f"gated_{row}_{j}")
                cell = word[j * self.columns : (j + 1) * self.columns]
                m.d.comb += gated.eq(Mux(plane.bits[row], cell, 0))
                heap.setdefault(j, []).append(gated)
        register = self.register_under(m, enable)
        depth = levels({weight: len(gated) for weight, gated in heap.items()})
        cuts = [(n + 1) * depth // (self.cuts + 1) for n in range(self.cuts)]
        total = compress(m, heap, name="tree", modulus=self.partial_format.bits, cuts=cuts, register=register)
        count = popcount(m, plane.bits & reference_cells, name="reference")
        control: Any = plane
        for n in range(self.cuts):
            delayed: Any = Signal(plane.shape(), name=f"plane_{n}", reset_less=True)
            with m.If(enable):
                m.d.sync += delayed.eq(control)
            control, count = delayed, register(count, f"count_{n}")

        with m.If(enable):
            m.d.sync += sums_valid.eq(valid[-1] & control.last)
        self.elaborate_sums(m, enable & valid[-1], control, total, count)
        return m

    def register_under(self, m: Module, enable: Value) -> Any:
        """The verb that registers a word while the macro moves."""

        def register(word: Value, name: str) -> Value:
            register = Signal(len(word), name=name, reset_less=True)
            with m.If(enable):
                m.d.sync += register.eq(word)
            return register

        return register

    def elaborate_array(self, m: Module, enable: Value) -> tuple[list[Value], Value]:
        """The row words and the reference cells that compute; rows are written beside them if there are two planes."""
        width = self.columns * self.cell_bits
        row: Any = self.i_weights.payload
        writes = Signal()
        swap = Signal()
        m.d.comb += writes.eq(self.i_weights.valid & self.i_weights.ready)
        if self.planes == 2:
            m.d.comb += [
                swap.eq(enable & self.i.valid & self.i.payload.swap),
                self.i_weights.ready.eq(~swap),
            ]
        else:
            # A plane that waits in the input register must still meet the weights that it came for.
            m.d.comb += self.i_weights.ready.eq(enable)

        active = [Signal(width, name=f"row_{r}", reset_less=True) for r in range(self.rows)]
        references = Signal(self.rows, reset_less=True)
        written, written_references = active, references
        if self.planes == 2:
            written = [Signal(width, name=f"next_row_{r}", reset_less=True) for r in range(self.rows)]
            written_references = Signal(self.rows, name="next_references", reset_less=True)
            with m.If(swap):
                m.d.sync += [a.eq(b) for a, b in zip(active, written, strict=True)]
                m.d.sync += [b.eq(a) for a, b in zip(active, written, strict=True)]
                m.d.sync += [references.eq(written_references), written_references.eq(references)]
        with m.If(writes):
            m.d.sync += written_references.bit_select(row.row, 1).eq(row.reference)
            with m.Switch(row.row):
                for r in range(self.rows):
                    with m.Case(r):
                        m.d.sync += written[r].eq(row.cells)
        return list(active), references

    def elaborate_sums(self, m: Module, moves: Value, control: Any, total: Heap, count: Value) -> None:
        """`S = 2*S + P`, redundant; `X = 2*X + count`. A plane is subtracted as its complement plus one per word."""
        bits = self.partial_format.bits
        sums = [Signal(self.columns, name=f"sum_{k}", reset_less=True) for k in range(bits)]
        carries = [Signal(self.columns, name=f"carry_{k}", reset_less=True) for k in range(bits)]
        heap: Heap = {}
        none = Const(0, self.columns)
        for k in range(bits):
            words = (total.get(k, []) + [none, none])[:2]
            if self.signed:
                words = [Mux(control.negative, ~word, word) for word in words]
            else:
                words = total.get(k, [])
            if k:
                words = [*words, Mux(control.first, 0, sums[k - 1]), Mux(control.first, 0, carries[k - 1])]
            heap[k] = [self.named(m, word, f"addend_{k}_{n}") for n, word in enumerate(words)]
        if self.signed:
            two = self.named(m, control.negative.replicate(self.columns), "two")
            heap.setdefault(1, []).append(two)
        result = compress(m, heap, name="accumulate", modulus=bits)

        reference_shape = shape_of(self.reference_format)
        reference = Signal(reference_shape, reset_less=True)
        doubled = Mux(control.first, 0, reference.shift_left(1))
        added = Mux(control.negative, doubled - count, doubled + count) if self.signed else doubled + count
        with m.If(moves):
            for k in range(bits):
                words = (result.get(k, []) + [none, none])[:2]
                m.d.sync += [sums[k].eq(words[0]), carries[k].eq(words[1])]
            m.d.sync += reference.eq(added)
        m.d.comb += [
            self.o.payload.sum.eq(Cat(sums)),
            self.o.payload.carry.eq(Cat(carries)),
            self.o.payload.reference.eq(reference),
        ]
        if self.tag_bits:
            tag = Signal(self.tag_bits, reset_less=True)
            with m.If(moves):
                m.d.sync += tag.eq(control.tag)
            m.d.comb += self.o.payload.tag.eq(tag)

    def named(self, m: Module, word: Value, name: str) -> Value:
        """`word` through a Signal, so that it is computed once."""
        signal = Signal(self.columns, name=name)
        m.d.comb += signal.eq(word)
        return signal
