"""A group of columns that share row words: their cells, their compressor tree and their redundant accumulators."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .compress import Compressor, Heap, compress, levels, spread
from .word_cells import TernaryAdder

__all__ = ["ColumnGroup", "gate_levels", "gated_groups", "gates_of", "group_columns"]

WIDE = 256
NARROW = 64
ACCUMULATION = 3
"""Levels of logic that add a plane to the sums."""
BROADCAST = 2
"""Levels of logic that take as long as the wires of an activation bit to 32 columns of 64 rows, on an ECP5."""


def gate_levels(compressor: Compressor, fast: bool) -> int:
    """Levels of logic that the gates count for: none where their products are registered.

    On a `fast` clock the wires do too, from the flip-flop of an activation bit to the cells of all columns.
    """
    return 0 if compressor.registered else 1 + fast * BROADCAST


def group_columns(columns: int) -> list[int]:
    """How many columns share a row word, group by group: 256 as often as they fit, then 64.

    The hardware is the same however it is cut; the simulator is not. Verilator turns a word operation into one machine
    operation on 64 bits or, where the C++ compiler vectorises it, on 256; words between the two become many small
    operations (measured: two words of 64 run twice as fast as one of 128; that it is the instruction cache is a guess).
    """
    wide, rest = divmod(columns, WIDE)
    narrow, last = divmod(rest, NARROW)
    return [WIDE] * wide + [NARROW] * narrow + [last] * (last > 0)


def gates_of(columns: int, gated: int) -> int:
    """How many clock gates there are where `gated` columns share one; none where that is 0."""
    return -(-columns // gated) if gated else 0


def gated_groups(columns: int, gated: int) -> list[tuple[int, int]]:
    """How many columns share a row word, group by group, none reaching over `gated` columns; and the gate of each."""
    if not gated:
        return [(count, 0) for count in group_columns(columns)]
    sizes = [min(gated, columns - start) for start in range(0, columns, gated)]
    return [(count, gate) for gate, size in enumerate(sizes) for count in group_columns(size)]


class ColumnGroup(wiring.Component):
    """`S[c] = 2*S[c] + sum_r d[r,c] * bits[r]` for each plane `bits`, redundant, `stages` cycles after the plane.

    A plane of cells is a memory of row words, each read at its own constant address: one write of one word is all that
    a simulator has to do, and synthesis makes the registers of it that it is. Of two planes one
    is read, and rows are written to the other.

    Members
    -------
    enable : everything but the cells moves
    bits : the registered activation plane; with `selected` once for each plane of cells, 0 for that which is not read
    moves, first, negative : what the accumulators do with the plane of `stages` cycles before: take it, start from
        it, subtract it
    active : the plane of cells that is read
    write, row, cells : a row to be written; bit j of the cell of column c at `j * columns + c`. With `decoded`, `write`
        has a bit for each row of one plane, then of the other, and `row` is not looked at
    sum, carry : word k at `k * columns`; `S = (sum + carry) mod 2**bits_of_sum`
    """

    enable: Signal
    bits: Signal
    moves: Signal
    first: Signal
    negative: Signal
    active: Signal
    write: Signal
    row: Signal
    cells: Signal
    sum: Signal
    carry: Signal

    def __init__(
        self,
        *,
        rows: int,
        columns: int,
        cell_bits: int,
        planes: int,
        cuts: int,
        sum_bits: int,
        signed: bool,
        compressor: Compressor,
        selected: bool = False,
        decoded: bool = False,
    ) -> None:
        self.rows = rows
        self.columns = columns
        self.cell_bits = cell_bits
        self.planes = planes
        self.cuts = cuts
        self.sum_bits = sum_bits
        self.signed = signed
        self.compressor = compressor
        self.selected = selected
        self.decoded = decoded
        super().__init__(
            {
                "enable": In(1),
                "bits": In(2 * rows if selected else rows),
                "moves": In(1),
                "first": In(1),
                "negative": In(1),
                "active": In(1),
                "write": In(2 * rows if decoded else 1),
                "row": In(range(max(2, rows))),
                "cells": In(columns * cell_bits),
                "sum": Out(columns * sum_bits),
                "carry": Out(columns * sum_bits),
            }
        )

    @property
    def stages(self) -> int:
        """Registers between a plane and the accumulators."""
        return self.cuts + self.compressor.registered

    def elaborate(self, platform: object) -> Module:
        """Row words, each gated with its activation bit; the tree; the accumulators."""
        m = Module()

        def register(word: Value, name: str) -> Value:
            register = Signal(len(word), name=name, reset_less=True)
            with m.If(self.enable):
                m.d.sync += register.eq(word)
            return register

        heap: Heap = {}
        for row, (word, other) in enumerate(self.elaborate_cells(m)):
            for j in range(self.cell_bits):
                cells = slice(j * self.columns, (j + 1) * self.columns)
                gated = Signal(self.columns, name=f"gated_{row}_{j}")
                m.d.comb += gated.eq(self.gate(word[cells], self.bits[row]))
                if other is not None:
                    first, gated = gated, Signal(self.columns, name=f"either_{row}_{j}")
                    m.d.comb += gated.eq(first | self.gate(other[cells], self.bits[self.rows + row]))
                product = register(gated, f"product_{row}_{j}") if self.compressor.registered else gated
                heap.setdefault(j, []).append(product)
        adders = self.compressor.adders
        depth = levels({weight: len(products) for weight, products in heap.items()}, adders=adders)
        # The gates are a level of their own, if they are not cut off; behind the tree the sums are added to.
        cuts = spread(self.cuts, depth, before=gate_levels(self.compressor, self.decoded), behind=ACCUMULATION)
        total = compress(m, heap, name="tree", modulus=self.sum_bits, adders=adders, cuts=cuts, register=register)
        if self.compressor.ternary:
            self.elaborate_ternary_sums(m, total)
        else:
            self.elaborate_sums(m, total)
        return m

    def gate(self, word: Value, bit: Value) -> Value:
        """`word` where `bit` is set, else 0: the same gates in two forms, by what simulates best."""
        if self.columns <= NARROW:
            return Mux(bit, word, 0)
        # A multiplexer would be a branch for each row, and the activation bits are random to its prediction.
        return word & bit.replicate(self.columns)

    def elaborate_cells(self, m: Module) -> list[tuple[Value, Value | None]]:
        """The row words of the plane that is read, or, where bits select the plane, of both."""
        if self.decoded:
            words = [Signal(len(self.cells), name=f"cells_{n}", reset_less=True) for n in range(2 * self.rows)]
            for word, write in zip(words, self.write, strict=True):
                with m.If(write):
                    m.d.sync += word.eq(self.cells)
            return list(zip(words[: self.rows], words[self.rows :], strict=True))
        row_bits = len(self.row)
        depth = self.rows if self.planes == 1 else 2 << row_bits
        # Not for block or distributed memory: every word is read in every cycle.
        attributes: dict[str, Any] = {"ram_style": "registers"}
        m.submodules.cells = cells = Memory(shape=self.columns * self.cell_bits, depth=depth, init=[], attrs=attributes)
        write = cells.write_port()
        m.d.comb += [
            write.en.eq(self.write),
            write.data.eq(self.cells),
            write.addr.eq(self.row if self.planes == 1 else Cat(self.row, ~self.active)),
        ]

        def read(address: Value | int) -> Value:
            port = cells.read_port(domain="comb")
            m.d.comb += port.addr.eq(address)
            return port.data

        rows = range(self.rows)
        if self.selected:
            return [(read(row), read(Const(row | 1 << row_bits))) for row in rows]
        return [(read(row if self.planes == 1 else Cat(Const(row, row_bits), self.active)), None) for row in rows]

    def elaborate_sums(self, m: Module, total: Heap) -> None:
        """`S = 2*S + P`. A plane is subtracted as its complement, plus one for each of its two words."""
        bits = self.sum_bits
        sums = [Signal(self.columns, name=f"sum_{k}", reset_less=True) for k in range(bits)]
        carries = [Signal(self.columns, name=f"carry_{k}", reset_less=True) for k in range(bits)]
        heap: Heap = {}
        none = Const(0, self.columns)
        for k in range(bits):
            words = total.get(k, [])
            if self.signed:
                words = [Mux(self.negative, ~word, word) for word in (words + [none, none])[:2]]
            if k:
                words = [*words, Mux(self.first, 0, sums[k - 1]), Mux(self.first, 0, carries[k - 1])]
            heap[k] = [self.named(m, word, f"addend_{k}_{n}") for n, word in enumerate(words)]
        if self.signed:
            two = self.named(m, self.negative.replicate(self.columns), "two")
            heap.setdefault(1, []).append(two)
        result = compress(m, heap, name="accumulate", modulus=bits)
        with m.If(self.moves):
            for k in range(bits):
                words = (result.get(k, []) + [none, none])[:2]
                m.d.sync += [sums[k].eq(words[0]), carries[k].eq(words[1])]
        m.d.comb += [self.sum.eq(Cat(sums)), self.carry.eq(Cat(carries))]

    def elaborate_ternary_sums(self, m: Module, total: Heap) -> None:
        """`S = 2*S + P`, both words of P at once and all carries resolved: the carry words are 0.

        To subtract, the two ones of `elaborate_sums` are the two carries that enter.
        """
        cell = TernaryAdder()
        none = Const(0, self.columns)
        sums = [Signal(self.columns, name=f"sum_{k}", reset_less=True) for k in range(self.sum_bits)]
        keep = self.named(m, (~self.first).replicate(self.columns), "keep")
        negative = self.negative.replicate(self.columns) if self.signed else none
        chain = left = self.named(m, negative, "two") if self.signed else none
        results: list[Value] = []
        for low in range(0, self.sum_bits, cell.bits):
            words: list[Value] = []
            for k in range(low, low + cell.bits):
                rows = (total.get(k, []) + [none, none])[:2]
                if self.signed:
                    rows = [self.named(m, word ^ negative, f"addend_{k}_{n}") for n, word in enumerate(rows)]
                words += [*rows, sums[k - 1] if 0 < k < self.sum_bits else none]
            *part, chain, left = cell.place(m, f"accumulate_{low}", [*words, keep, chain, left])
            results += part
        with m.If(self.moves):
            m.d.sync += [word.eq(result) for word, result in zip(sums, results, strict=False)]
        m.d.comb += [self.sum.eq(Cat(sums)), self.carry.eq(0)]

    def named(self, m: Module, word: Value, name: str) -> Value:
        """`word` through a Signal, so that it is computed once."""
        signal = Signal(self.columns, name=name)
        m.d.comb += signal.eq(word)
        return signal
