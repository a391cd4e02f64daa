"""The arithmetic of a dequantizer: a pipeline of fixed latency without handshake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib.data import ArrayLayout, StructLayout, View
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from quadrille.hw.base import Core, add, halve, multiply, outside, select, shift_to_half, truncate

from .layouts import codes_layout, results_layout

if TYPE_CHECKING:
    from .dequantizer import ColumnDequantizer

__all__ = ["DequantizerCore"]


class DequantizerCore(Core):
    """The lanes: row and codes | product | sum | shifted | clamped.

    With a memory cut what is read waits a cycle before it is used: rows, then sums and biases. Of the lane cuts the
    first stands before rounding adds, the second before clamping selects.
    """

    row: Signal
    bias_address: Signal
    bias_enable: Signal
    bias: Signal

    def __init__(self, block: ColumnDequantizer):
        self.block = block
        frame_bits = max(1, (block.frames - 1).bit_length())
        self.results = results_layout(
            lanes=block.lanes,
            result_bits=block.result_bits,
            frame_bits=frame_bits,
            destination_bits=block.destination_bits,
        )
        super().__init__(
            codes_layout(
                lanes=block.lanes,
                code_bits=block.code_bits,
                reference_bits=block.reference_bits,
                address_bits=max(1, (block.table_rows - 1).bit_length()),
                frame_bits=frame_bits,
            ),
            StructLayout({"result": self.results, "complete": 1, "last": 1}),
            {
                "row": In(block.row.size),
                "bias_address": Out(range(max(2, block.bias_rows))),
                "bias_enable": Out(1),
                "bias": In(block.bias_row.size),
            },
        )

    @property
    def latency(self) -> int:
        """One cycle per stage."""
        return 5 + 2 * self.block.memory_cuts + self.block.lane_cuts

    def elaborate(self, platform: object) -> Module:
        """Five stages, and those of the cuts; registers named for the stage that they feed."""
        m = Module()
        block, lanes = self.block, range(self.block.lanes)
        control = StructLayout(
            {
                "frame": self.results.members["frame"],
                "last": 1,
                "row_last": 1,
                "row_first": 1,
                "shift": block.shift_bits,
                "low": signed(block.result_bits),
                "high": signed(block.result_bits),
                "destination": block.destination_bits,
            }
        )

        # Stage 1: the codes wait for their row, which the table read in the same cycle.
        waiting: Any = Signal(
            StructLayout({name: self.i.shape()[name].shape for name in ("frame", "last")}), reset_less=True
        )
        codes = [Signal(signed(block.code_bits), name=f"code_{n}", reset_less=True) for n in lanes]
        with m.If(self.valid[0]):
            m.d.sync += [waiting[name].eq(self.i[name]) for name in waiting.shape().members]
            m.d.sync += [codes[n].eq(self.i.codes[n]) for n in lanes]
        fetched: Value = self.row
        for _ in range(block.memory_cuts):
            fetched, waiting, *codes = self.later(m, self.valid[1], "read", fetched, waiting, *codes)
        row: Any = View(block.row, fetched)
        valid = self.valid[1 + block.memory_cuts :]

        # Stage 2: products; the bias and the sums so far are on their way.
        product_shape = signed(block.code_bits + block.mantissa_bits)
        scale: Any = Signal(control, name="product_control")
        products = [Signal(product_shape, name=f"product_{n}", reset_less=True) for n in lanes]
        m.d.comb += [self.bias_address.eq(row.bias), self.bias_enable.eq(valid[0] & row.first)]
        with m.If(valid[0]):
            m.d.sync += [
                scale.frame.eq(waiting.frame),
                scale.last.eq(waiting.last),
                scale.row_first.eq(row.first),
                scale.row_last.eq(row.last),
                scale.shift.eq(row.shift),
                scale.low.eq(row.low),
                scale.high.eq(row.high),
                scale.destination.eq(row.destination),
            ]
            m.d.sync += [products[n].eq(multiply(codes[n], row.mantissas[n])) for n in lanes]

        # Stage 3: sums.
        summed, scale = self.elaborate_sums(m, waiting.frame + row.group, products, scale, valid)
        valid = valid[2 + block.memory_cuts :]

        # Stage 4: rounding shift. Stage 5: saturation. Both only of sums that are complete.
        def complete(values: Sequence[Value], name: str) -> list[Signal]:
            """Registers of a stage for `values`, and for the control beside them."""
            nonlocal scale, valid
            found = [Signal(value.shape(), name=f"{name}_{n}", reset_less=True) for n, value in enumerate(values)]
            following = Signal(control, name=f"{name}_control")
            with m.If(valid[0]):
                m.d.sync += following.eq(scale)
            with m.If(valid[0] & scale.row_last):
                m.d.sync += [register.eq(value) for register, value in zip(found, values, strict=True)]
            scale, valid = following, valid[1:]
            return found

        shifted: Sequence[Value] = [shift_to_half(value, scale.shift) for value in summed]
        if block.lane_cuts > 0:
            shifted = complete(shifted, "halves")
        rounded = complete([halve(value) for value in shifted], "shifted")
        places = [outside(value, scale.low, scale.high) for value in rounded]
        values: Sequence[Value] = rounded
        if block.lane_cuts > 1:
            wide = len(rounded[0])
            compared = complete([Cat(value, *place) for value, place in zip(rounded, places, strict=True)], "compared")
            values = [word[:wide].as_signed() for word in compared]
            places = [(word[wide], word[wide + 1]) for word in compared]
        result = signed(block.result_bits)
        clamped = complete(
            [
                truncate(select(place, value, scale.low, scale.high), result)
                for place, value in zip(places, values, strict=True)
            ],
            "clamped",
        )
        results = self.o.result
        m.d.comb += [results.values[n].eq(clamped[n]) for n in lanes]
        m.d.comb += [
            results.frame.eq(scale.frame),
            results.destination.eq(scale.destination),
            self.o.complete.eq(scale.row_last),
            self.o.last.eq(scale.last),
        ]
        return m

    @staticmethod
    def later(m: Module, moves: Value, name: str, *values: Any) -> list[Any]:
        """A register for each of `values`, written where `moves` is set."""
        registers = [Signal(value.shape(), name=f"{name}_{n}", reset_less=True) for n, value in enumerate(values)]
        with m.If(moves):
            m.d.sync += [register.eq(value) for register, value in zip(registers, values, strict=True)]
        return registers

    def elaborate_sums(
        self, m: Module, place: Value, products: Sequence[Value], scale: Any, valid: Value
    ) -> tuple[list[Signal], Any]:
        """The sums, which the products are added to in memory at `place`, where the beat before valid[1] asks for it.

        The read port is transparent, so a step sees what the step before it wrote; with a cut, only what the step
        before that one wrote: from the last it is handed on.
        """
        block, lanes = self.block, range(self.block.lanes)
        accumulator = signed(block.accumulator_bits)
        m.submodules.sums = memory = Memory(
            shape=block.lanes * block.accumulator_bits, depth=max(2, block.frames + block.groups - 1), init=[]
        )
        write = memory.write_port()
        read = memory.read_port(transparent_for=(write,))
        address = Signal.like(write.addr, reset_less=True)
        m.d.comb += [read.addr.eq(place), read.en.eq(valid[0])]
        with m.If(valid[0]):
            m.d.sync += address.eq(read.addr)
        bias = View(block.bias_row, self.bias)
        held = View(ArrayLayout(accumulator, block.lanes), read.data)
        starts: list[Value] = [Mux(scale.row_first, bias[n], held[n]) for n in lanes]
        summed = [Signal(accumulator, name=f"sum_{n}", reset_less=True) for n in lanes]
        now = valid[1]
        if block.memory_cuts:
            again = Signal(reset_less=True)  # this step goes on from the sums of the step before it
            following = ~scale.row_first
            scale, last, *rest = self.later(m, now, "held", scale, address, *starts, *products)
            with m.If(now):
                m.d.sync += again.eq(following & (address == last))
            starts, products, address = rest[: block.lanes], rest[block.lanes :], last
            starts = [Mux(again, latest, start) for latest, start in zip(summed, starts, strict=True)]
            now = valid[2]
        sums = [Signal(accumulator, name=f"new_sum_{n}") for n in lanes]
        m.d.comb += [write.addr.eq(address), write.data.eq(Cat(sums)), write.en.eq(now)]
        for n in lanes:
            m.d.comb += sums[n].eq(add(starts[n], products[n], accumulator))
        (control,) = self.later(m, now, "sum_control", scale)
        # What is not complete is handed on to nothing but the step behind it.
        with m.If(now if block.memory_cuts else now & scale.row_last):
            m.d.sync += [summed[n].eq(sums[n]) for n in lanes]
        return summed, control
