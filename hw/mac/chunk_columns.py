"""What the sub-units of spatio-temporal units do in an array: their shares of a product, and their columns of sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec.array_precision import ArrayPrecision
from quadrille.algo.spec.spatio_temporal import CHUNK_BITS, SUB_UNITS, Chunks, SpatioTemporal
from quadrille.hw.base.columns import ColumnGroup
from quadrille.hw.base.compress import COMPRESSORS, Heap, compress

if TYPE_CHECKING:
    from .array import MacArray

__all__ = ["ChunkColumns", "Share", "shares_of"]


@dataclass(frozen=True)
class Share:
    """What a sub-unit multiplies in one pass of one precision.

    element : its rows are `element * units` and those that follow, one in each unit
    weight : (offset, width) of its chunk of the weights; lowest : whether that is the last chunk
    activation : (offset, width) of its chunk of the activations; top : whether that has the sign
    place : where the product stands in the sum
    """

    element: int
    weight: tuple[int, int]
    lowest: bool
    activation: tuple[int, int]
    top: bool
    place: int


def shares_of(precision: ArrayPrecision) -> list[list[Share]]:
    """For each pass, the shares of the four sub-units."""
    weights, activations = Chunks(precision.weight_bits), Chunks(precision.activation.bits)
    return [
        [
            Share(
                route.element,
                (weights.offsets[route.a], weights.widths[route.a]),
                route.a == weights.count - 1,
                (activations.offsets[route.b], activations.widths[route.b]),
                route.b == 0 and precision.activation.signed,
                weights.offsets[route.a] + activations.offsets[route.b],
            )
            for route in routes
        ]
        for routes in SpatioTemporal().routes(precision.mode)
    ]


class ChunkColumns(wiring.Component):
    """The four sub-units of all units of some columns, and the shift-add that puts their sums together.

    `C[k] = 2*C[k] + sum_u w[u,k] * bits[k,u]` for each bit; then, with `ends`,
    `S = (0 if first_pass else S) + sum_k C[k] << place[k]`, all redundant and modulo `2**sum_bits`.

    Members
    -------
    enable, active : of ColumnGroup
    bits : of each sub-unit, a bit of every unit's activation
    moves, first, negative : for the accumulators C, `negative` of each sub-unit
    ends, first_pass, arrangement : a pass is complete, and which
    write, row, nibbles : for each sub-unit whether it takes its nibbles, into the weights of unit `row`
    sum, carry : word k at `k * columns`
    """

    def __init__(self, array: MacArray, columns: int, places: list[list[int]]):
        self.units, self.columns = array.units, columns
        self.places = places  # of each sub-unit by arrangement
        self.passes = any(len(shares_of(precision)) > 1 for precision in array.precisions)
        self.signed = any(precision.activation.signed for precision in array.precisions)
        self.planes, self.cuts, self.sum_bits = array.planes, array.cuts, array.partial_format.bits
        width = columns * self.sum_bits
        super().__init__(
            {
                "enable": In(1),
                "active": In(1),
                "bits": In(ArrayLayout(self.units, SUB_UNITS)),
                "moves": In(1),
                "first": In(1),
                "negative": In(SUB_UNITS),
                "ends": In(1),
                "first_pass": In(1),
                "arrangement": In(range(max(2, len(places[0])))),
                "write": In(SUB_UNITS),
                "row": In(range(max(2, self.units))),
                "nibbles": In(ArrayLayout(CHUNK_BITS * columns, SUB_UNITS)),
                "sum": Out(width),
                "carry": Out(width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Four groups of columns, each a macro of 4-bit cells; shifts; one tree."""
        m = Module()
        members: Any = self
        width = self.columns * self.sum_bits
        heap: Heap = {}
        for k in range(SUB_UNITS):
            group = ColumnGroup(
                rows=self.units,
                columns=self.columns,
                cell_bits=CHUNK_BITS,
                planes=self.planes,
                cuts=self.cuts,
                sum_bits=self.sum_bits,
                signed=self.signed,
                compressor=COMPRESSORS["full-adders"],
            )
            m.submodules[f"sub_unit_{k}"] = group
            m.d.comb += [
                group.enable.eq(members.enable),
                group.bits.eq(members.bits[k]),
                group.moves.eq(members.moves),
                group.first.eq(members.first),
                group.negative.eq(members.negative[k]),
                group.active.eq(members.active),
                group.write.eq(members.write[k]),
                group.row.eq(members.row),
                group.cells.eq(members.nibbles[k]),
            ]
            for name, flat in (("sum", group.sum), ("carry", group.carry)):
                placed = Signal(width, name=f"placed_{name}_{k}")
                if len(set(self.places[k])) == 1:
                    m.d.comb += placed.eq(flat.shift_left(self.columns * self.places[k][0]))
                else:
                    with m.Switch(members.arrangement):
                        for number, place in enumerate(self.places[k]):
                            with m.Case(number):
                                m.d.comb += placed.eq(flat.shift_left(self.columns * place))
                for weight in range(min(self.places[k]), self.sum_bits):
                    heap.setdefault(weight, []).append(placed[self.columns * weight : self.columns * (weight + 1)])
        totals = {name: Signal(width, name=name, reset_less=True) for name in ("sum_so_far", "carry_so_far")}
        if self.passes:
            for total in totals.values():
                kept = Signal(width, name=f"kept_{total.name}")
                m.d.comb += kept.eq(Mux(members.first_pass, 0, total))
                for weight in range(self.sum_bits):
                    heap.setdefault(weight, []).append(kept[self.columns * weight : self.columns * (weight + 1)])
        result, none = compress(m, heap, name="group", modulus=self.sum_bits), Const(0, self.columns)
        with m.If(members.ends):
            for n, total in enumerate(totals.values()):
                m.d.sync += total.eq(Cat((result.get(w, []) + [none, none])[n] for w in range(self.sum_bits)))
        m.d.comb += [members.sum.eq(totals["sum_so_far"]), members.carry.eq(totals["carry_so_far"])]
        return m
