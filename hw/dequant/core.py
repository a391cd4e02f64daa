"""The arithmetic of a dequantizer: a pipeline of fixed latency without handshake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib.data import ArrayLayout, StructLayout, View
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from quadrille.hw.base import Core, add, clamp, multiply, round_shift, truncate

from .layouts import codes_layout, results_layout

if TYPE_CHECKING:
    from .dequantizer import ColumnDequantizer

__all__ = ["DequantizerCore"]


class DequantizerCore(Core):
    """The lanes: row and codes | product | sum | shifted | clamped."""

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
        return 5

    def elaborate(self, platform: object) -> Module:
        """Five stages; registers named for the stage that they feed."""
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
        row: Any = View(block.row, self.row)
        bias = View(block.bias_row, self.bias)
        with m.If(self.valid[0]):
            m.d.sync += [waiting[name].eq(self.i[name]) for name in waiting.shape().members]
            m.d.sync += [codes[n].eq(self.i.codes[n]) for n in lanes]

        # Stage 2: products; the bias and the sums so far are on their way.
        product_shape = signed(block.code_bits + block.mantissa_bits)
        product_control = Signal(control, reset_less=True)
        products = [Signal(product_shape, name=f"product_{n}", reset_less=True) for n in lanes]
        m.d.comb += [self.bias_address.eq(row.bias), self.bias_enable.eq(self.valid[1] & row.first)]
        with m.If(self.valid[1]):
            m.d.sync += [
                product_control.frame.eq(waiting.frame),
                product_control.last.eq(waiting.last),
                product_control.row_first.eq(row.first),
                product_control.row_last.eq(row.last),
                product_control.shift.eq(row.shift),
                product_control.low.eq(row.low),
                product_control.high.eq(row.high),
                product_control.destination.eq(row.destination),
            ]
            m.d.sync += [products[n].eq(multiply(codes[n], row.mantissas[n])) for n in lanes]

        # Stage 3: sums. The read port is transparent, so a step sees what the step before it wrote.
        accumulator = signed(block.accumulator_bits)
        m.submodules.sums = memory = Memory(
            shape=block.lanes * block.accumulator_bits, depth=max(2, block.frames + block.groups - 1), init=[]
        )
        write = memory.write_port()
        read = memory.read_port(transparent_for=(write,))
        address = Signal.like(write.addr, reset_less=True)
        m.d.comb += [read.addr.eq(waiting.frame + row.group), read.en.eq(self.valid[1])]
        with m.If(self.valid[1]):
            m.d.sync += address.eq(read.addr)
        sums = [Signal(accumulator, name=f"new_sum_{n}") for n in lanes]
        held = View(ArrayLayout(accumulator, block.lanes), read.data)
        sum_control = Signal(control, reset_less=True)
        m.d.comb += [
            write.addr.eq(address),
            write.data.eq(Cat(sums)),
            write.en.eq(self.valid[2]),
        ]
        for n in lanes:
            start = Mux(product_control.row_first, bias[n], held[n])
            m.d.comb += sums[n].eq(add(start, products[n], accumulator))
        with m.If(self.valid[2]):
            m.d.sync += sum_control.eq(product_control)
        summed = [Signal(accumulator, name=f"sum_{n}", reset_less=True) for n in lanes]
        with m.If(self.valid[2] & product_control.row_last):
            m.d.sync += [summed[n].eq(sums[n]) for n in lanes]

        # Stage 4: rounding shift. Stage 5: saturation. Both only of sums that are complete.
        shifted_control = Signal(control, reset_less=True)
        with m.If(self.valid[3]):
            m.d.sync += shifted_control.eq(sum_control)
        shifted = [Signal(signed(block.accumulator_bits + 1), name=f"shifted_{n}", reset_less=True) for n in lanes]
        with m.If(self.valid[3] & sum_control.row_last):
            m.d.sync += [shifted[n].eq(round_shift(summed[n], sum_control.shift)) for n in lanes]
        final = Signal(control, reset_less=True)
        with m.If(self.valid[4]):
            m.d.sync += final.eq(shifted_control)
        results, result = self.o.result, signed(block.result_bits)
        clamped = [Signal(result, name=f"clamped_{n}", reset_less=True) for n in lanes]
        with m.If(self.valid[4] & shifted_control.row_last):
            for n in lanes:
                saturated = clamp(shifted[n], shifted_control.low, shifted_control.high)
                m.d.sync += clamped[n].eq(truncate(saturated, result))
        m.d.comb += [results.values[n].eq(clamped[n]) for n in lanes]
        m.d.comb += [
            results.frame.eq(final.frame),
            results.destination.eq(final.destination),
            self.o.complete.eq(final.row_last),
            self.o.last.eq(final.last),
        ]
        return m
