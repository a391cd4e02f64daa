"""The compute-in-memory macro, bit-sliced: row words, one compressor tree for all columns, redundant sums."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec import Interval, IntFormat
from quadrille.hw.base import Block, Choice, Flag, Parameter, shape_of
from quadrille.hw.base.columns import ColumnGroup, gated_groups, gates_of
from quadrille.hw.base.compress import COMPRESSORS, popcount

from .layouts import plane_layout, weight_row_layout
from .weight_planes import elaborate_planes

__all__ = ["CimMacro"]


class CimMacro(Block):
    """Multiplies an activation vector with all columns of cells: `S[c] = sum_r d[r,c] * x[r]`.

    The array stores row words, one bit of all columns in each. A plane of the activations, one bit of every x[r], gates
    the row words; a tree of word-wide full adders adds them in all columns at once, and the sums are doubled and added
    to, from the most significant plane down: `S = 2*S + P`, the plane of a negative weight subtracted. All sums stay
    redundant, a sum and a carry word per weight: `S[c] = (sum[c] + carry[c]) mod 2**K` in `partial_format`. The
    reference column adds the activations themselves where its cells are set: `X = sum_r reference[r] * x[r]`.

    Macros that stand side by side and see the same activations are simply more columns.

    With `gated_columns`, registers stand still where no plane is under way, and those of so many columns, which can
    have a gated clock of their own, where none is that uses these columns.

    Members
    -------
    i : stream of planes (`plane_layout`), most significant first. `first` starts a vector, `last` ends it; `negative`
        subtracts the plane; `swap` exchanges the weight planes before this plane is used; the `tag` of the last plane
        comes out with the sums. Bit n of `used`, the same in all planes of a vector, says whether the sums of columns
        `n * gated_columns` and those that follow will be read: else they are not computed, and what stands there means
        nothing
    i_weights : stream of rows (`weight_row_layout`), into the inactive weight plane if there are two. A row written no
        later than a plane is accepted serves that plane
    o : stream {sum, carry, reference, tag}: word k of the sums at `k * columns`

    Attributes
    ----------
    latency : 2 + cuts, from the last plane, and 1 for registered products; interval : the number of planes
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
        Parameter("cell_bits", 1, 1, 8, "bits of a cell, of its fraction too"),
        Parameter("planes", 1, 1, 2, "weight planes: with 2, one is written while the other computes"),
        Parameter("cuts", 0, 0, 8, "register cuts in the compressor tree"),
        Parameter("tag_bits", 0, 0, 64, "bits that travel along with a vector"),
        Choice("compressor", "full-adders", tuple(COMPRESSORS), "what the compressor tree is made of"),
        Flag("row_enables", False, "whether a flip-flop for each row says that it is written (with two weight planes)"),
        Parameter("gated_columns", 0, 0, 1 << 16, "columns that share a clock gate; 0: none are gated"),
    )

    rows: int
    columns: int
    activation_bits: int
    signed: bool
    cell_bits: int
    planes: int
    cuts: int
    tag_bits: int
    compressor: str
    row_enables: bool
    gated_columns: int

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
        compressor: str = "full-adders",
        row_enables: bool = False,
        gated_columns: int = 0,
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
            compressor=compressor,
            row_enables=row_enables,
            gated_columns=gated_columns,
        )
        activation = IntFormat(activation_bits).interval
        if signed:
            activation = Interval.hull(activation, IntFormat(activation_bits, signed=True).interval)
        self.reference_format = activation.sum_of(rows).format
        self.partial_format = (activation * Interval(0, (1 << cell_bits) - 1)).sum_of(rows).format
        width = columns * self.partial_format.bits
        plane = plane_layout(rows=rows, signed=signed, planes=planes, tag_bits=tag_bits, gates=self.gates)
        super().__init__(
            {
                "i": In(stream.Signature(plane)),
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
        return 2 + self.stages

    @property
    def gates(self) -> int:
        """Groups of columns whose clock can be gated."""
        return gates_of(self.columns, self.gated_columns)

    @property
    def stages(self) -> int:
        """Registers between a plane and the accumulators: the products', if the compressor has them, and the cuts."""
        return self.cuts + COMPRESSORS[self.compressor].registered

    @property
    def interval(self) -> int:
        """A plane per cycle."""
        return self.activation_bits

    def elaborate(self, platform: object) -> Module:
        """Input register, reference column, groups of columns: all stand still while the sums wait."""
        m = Module()
        gates = self.gates
        enable = Signal()
        valid = Signal(1 + self.stages)
        sums_valid = Signal()
        m.d.comb += [
            enable.eq(~sums_valid | self.o.ready),
            self.i.ready.eq(enable),
            self.o.valid.eq(sums_valid),
        ]

        # The plane is registered: an input path through the whole tree would be evaluated twice a cycle in simulation.
        plane: Any = Signal(self.i.payload.shape(), reset_less=True)

        def within(stages: Value) -> Value:
            """When what is behind `stages` moves: where clocks are gated, only if a plane is at one of them."""
            return enable & stages.any() if gates else enable

        payload = self.i.payload.as_value()
        with m.If(enable):
            m.d.sync += [
                plane.eq(Mux(self.i.valid, payload, plane.as_value()) if gates else payload),
                valid.eq(Cat(self.i.valid, valid)),
            ]
        write, row, active, references = elaborate_planes(self, m, enable)
        # One flip-flop for all cells is slow, and one more for each row slows a simulator down: only for a fast clock.
        decoded = self.planes == 2 and self.row_enables
        selected = decoded or (self.planes == 2 and self.cuts > 1)
        bits = plane.bits
        gated = bits & (Mux(active, references[1], references[0]) if self.planes == 2 else references[0])
        if selected:
            bits = Signal(2 * self.rows, name="selected_bits", reset_less=True)
            following = active ^ (self.i.valid & self.i.payload.swap)
            # By gates: of a multiplexer with a zero synthesis makes a reset, whose wire goes everywhere and is late.
            chosen = [self.i.payload.bits & reads.replicate(self.rows) for reads in (~following, following)]
            with m.If(within(self.i.valid)):
                m.d.sync += bits.eq(Cat(chosen))
            gated = (bits[: self.rows] & references[0]) | (bits[self.rows :] & references[1])

        def register(word: Value, name: str) -> Value:
            register = Signal(word.shape(), name=name, reset_less=True)
            with m.If(within(valid[:-1])):
                m.d.sync += register.eq(word)
            return register

        compressor = COMPRESSORS[self.compressor]
        if compressor.registered:
            gated = register(gated, "reference_products")
        adders = compressor.adders
        count = popcount(m, gated, name="reference", adders=adders, cuts=self.cuts, register=register)
        planes = [plane]
        for n in range(self.stages):
            delayed: Any = Signal(plane.shape(), name=f"plane_{n}", reset_less=True)
            with m.If(within(valid[n])):
                m.d.sync += delayed.eq(planes[n])
            planes.append(delayed)
        control = planes[-1]
        moves = Signal()
        m.d.comb += moves.eq(enable & valid[-1])
        with m.If(enable):
            m.d.sync += sums_valid.eq(valid[-1] & control.last)

        sizes = gated_groups(self.columns, self.gated_columns)
        groups = [
            ColumnGroup(
                rows=self.rows,
                columns=count,
                cell_bits=self.cell_bits,
                planes=self.planes,
                cuts=self.cuts,
                sum_bits=self.partial_format.bits,
                signed=self.signed,
                compressor=compressor,
                selected=selected,
                decoded=decoded,
            )
            for count, _ in sizes
        ]
        start = 0
        for number, (group, (_, gate)) in enumerate(zip(groups, sizes, strict=True)):
            m.submodules[f"columns_{number}"] = group
            chosen = slice(start, start + group.columns)
            # The stages at which a plane is that uses the group; the last is before the sums.
            uses = Cat(there & stage.used[gate] for there, stage in zip(valid, planes, strict=True)) if gates else valid
            m.d.comb += [
                group.enable.eq(within(uses[:-1])),
                group.bits.eq(bits),
                group.moves.eq(enable & uses[-1] if gates else moves),
                group.first.eq(control.first),
                group.negative.eq(control.negative if self.signed else 0),
                group.active.eq(active),
                group.write.eq(write),
                group.row.eq(row.row),
                group.cells.eq(Cat(self.slices(row.cells)[j][chosen] for j in range(self.cell_bits))),
            ]
            start += group.columns
        self.elaborate_result(m, moves, control, count, groups)
        return m

    def slices(self, word: Value) -> list[Value]:
        """`word` cut into parts of one bit per column."""
        return [word[n : n + self.columns] for n in range(0, len(word), self.columns)]

    def elaborate_result(self, m: Module, moves: Value, control: Any, count: Value, groups: list[ColumnGroup]) -> None:
        """`X = 2*X + count`, the tag, and the words of all groups side by side."""
        reference = Signal(shape_of(self.reference_format), reset_less=True)
        doubled = Mux(control.first, 0, reference.shift_left(1))
        added = Mux(control.negative, doubled - count, doubled + count) if self.signed else doubled + count
        with m.If(moves):
            m.d.sync += reference.eq(added)
        bits = range(self.partial_format.bits)
        words = [(group.sum, group.carry, group.columns) for group in groups]
        m.d.comb += [
            self.o.payload.sum.eq(Cat(s[k * w : (k + 1) * w] for k in bits for s, _, w in words)),
            self.o.payload.carry.eq(Cat(c[k * w : (k + 1) * w] for k in bits for _, c, w in words)),
            self.o.payload.reference.eq(reference),
        ]
        if self.tag_bits:
            tag = Signal(self.tag_bits, reset_less=True)
            with m.If(moves):
                m.d.sync += tag.eq(control.tag)
            m.d.comb += self.o.payload.tag.eq(tag)
