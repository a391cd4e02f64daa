"""The column-wise dequantizer: D lanes of multiply, accumulate over tiles and slices, round, saturate."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import stream
from amaranth.lib.data import ArrayLayout, StructLayout, View
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from quadrille.hw.base import Block, Core, Parameter, Stalled, clamp, flat_register, round_shift, truncate
from quadrille.hw.base.table import Table, table_write

__all__ = ["ColumnDequantizer", "codes_layout", "dequantizer_row", "results_layout"]


def codes_layout(
    *, lanes: int, code_bits: int, reference_bits: int, address_bits: int, frame_bits: int
) -> StructLayout:
    """A column step as it leaves a converter: `lanes` codes, and where they belong."""
    return StructLayout(
        {
            "codes": ArrayLayout(signed(code_bits), lanes),
            "reference": signed(reference_bits),
            "address": address_bits,
            "frame": frame_bits,
            "last": 1,
        }
    )


def dequantizer_row(
    *,
    lanes: int,
    mantissa_bits: int,
    shift_bits: int,
    result_bits: int,
    groups: int,
    biases: int,
    destination_bits: int,
) -> StructLayout:
    """One row of the mantissa table: the mantissas of a column step, and what to do with its sums."""
    return StructLayout(
        {
            "mantissas": ArrayLayout(signed(mantissa_bits), lanes),
            "first": 1,  # the sums start from the bias
            "last": 1,  # the sums are complete: round, saturate, emit
            "group": range(max(2, groups)),  # which sums of the frame
            "bias": range(max(2, biases)),  # row of the bias table, where `first` is set
            "shift": shift_bits,
            "low": signed(result_bits),
            "high": signed(result_bits),
            "destination": destination_bits,  # passed through
        }
    )


def results_layout(*, lanes: int, result_bits: int, frame_bits: int, destination_bits: int) -> StructLayout:
    """A finished group of `lanes` outputs of one frame."""
    return StructLayout(
        {
            "values": ArrayLayout(signed(result_bits), lanes),
            "frame": frame_bits,
            "destination": destination_bits,
        }
    )


class ColumnDequantizer(Block):
    """Codes to values: multiply, accumulate, round, saturate.

    For each lane, with the row of the mantissa table that the beat's `address` names:
    `acc[frame, group] = (bias[lane] if first else acc[frame, group]) + mantissa[lane] * code[lane]`, and if the row
    says `last`, `y = min(max(round_shift(acc[frame, group], shift), low), high)` leaves on `o`, with
    `round_shift(v, n) = (v + (1 << (n-1))) >> n`.
    The accumulator is exact: its width must hold every partial sum, which hw.engine.mapping checks for each network.
    One column step per cycle; a step may add to the sums that the step just before it left.

    Parameters
    ----------
    lanes, code_bits, reference_bits, mantissa_bits, bias_bits, accumulator_bits, result_bits, shift_bits
        Widths and number of lanes; codes, mantissas, biases and results are signed.
    table_rows, bias_rows, groups, frames
        Rows of the two tables; groups of sums per frame, and frames.
    destination_bits
        A field of the row that is handed on with the result.

    Members
    -------
    i : stream of `codes_layout`
    i_mantissas, i_biases : streams {address, row} that write the tables, always ready
    o : stream of `results_layout`
    done : high in the cycle in which the last step of a frame (`i.last`) is through, its result handed on

    Attributes
    ----------
    latency : 5 cycles; interval : 1

    Raises
    ------
    InvalidInput
        For a parameter out of range.
    """

    block_name = "column-dequantizer"
    parameters = (
        Parameter("lanes", 32, 1, 1024, "columns handled in one step"),
        Parameter("code_bits", 5, 1, 32, "width of a signed code"),
        Parameter("reference_bits", 12, 1, 32, "width of the reference sum that travels along"),
        Parameter("mantissa_bits", 16, 2, 32, "width of a signed mantissa"),
        Parameter("bias_bits", 32, 2, 64, "width of a signed bias"),
        Parameter("accumulator_bits", 32, 2, 64, "width of an accumulator"),
        Parameter("result_bits", 16, 2, 32, "width of a signed result"),
        Parameter("shift_bits", 5, 1, 6, "width of the shift amount"),
        Parameter("table_rows", 64, 1, 1 << 16, "rows of the mantissa table: column steps of a program"),
        Parameter("bias_rows", 16, 1, 1 << 16, "rows of the bias table: output groups of a program"),
        Parameter("groups", 4, 1, 1 << 12, "groups of sums held for each frame"),
        Parameter("frames", 32, 1, 1 << 12, "frames in flight"),
        Parameter("destination_bits", 8, 1, 32, "width of the field handed on with a result"),
    )

    lanes: int
    code_bits: int
    reference_bits: int
    mantissa_bits: int
    bias_bits: int
    accumulator_bits: int
    result_bits: int
    shift_bits: int
    table_rows: int
    bias_rows: int
    groups: int
    frames: int
    destination_bits: int

    i: stream.Interface
    i_mantissas: stream.Interface
    i_biases: stream.Interface
    o: stream.Interface
    done: Signal

    def __init__(
        self,
        *,
        lanes: int = 32,
        code_bits: int = 5,
        reference_bits: int = 12,
        mantissa_bits: int = 16,
        bias_bits: int = 32,
        accumulator_bits: int = 32,
        result_bits: int = 16,
        shift_bits: int = 5,
        table_rows: int = 64,
        bias_rows: int = 16,
        groups: int = 4,
        frames: int = 32,
        destination_bits: int = 8,
        mantissas: tuple[int, ...] = (),
        biases: tuple[int, ...] = (),
    ):
        self.take(
            lanes=lanes,
            code_bits=code_bits,
            reference_bits=reference_bits,
            mantissa_bits=mantissa_bits,
            bias_bits=bias_bits,
            accumulator_bits=accumulator_bits,
            result_bits=result_bits,
            shift_bits=shift_bits,
            table_rows=table_rows,
            bias_rows=bias_rows,
            groups=groups,
            frames=frames,
            destination_bits=destination_bits,
        )
        self.mantissas, self.biases = mantissas, biases
        self.row = dequantizer_row(
            lanes=lanes,
            mantissa_bits=mantissa_bits,
            shift_bits=shift_bits,
            result_bits=result_bits,
            groups=groups,
            biases=bias_rows,
            destination_bits=destination_bits,
        )
        self.bias_row = ArrayLayout(signed(bias_bits), lanes)
        self.core = DequantizerCore(self)
        super().__init__(
            {
                "i": In(stream.Signature(self.core.signature.members["i"].shape)),
                "i_mantissas": In(stream.Signature(table_write(self.row, table_rows), always_ready=True)),
                "i_biases": In(stream.Signature(table_write(self.bias_row, bias_rows), always_ready=True)),
                "o": Out(stream.Signature(self.core.results)),
                "done": Out(1),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from the step that completes a group to its result."""
        return self.core.latency

    def elaborate(self, platform: object) -> Module:
        """Two tables beside the stalled core; only complete groups leave."""
        m = Module()
        m.submodules.mantissas = mantissas = Table(self.row, self.table_rows, self.mantissas)
        m.submodules.biases = biases = Table(self.bias_row, self.bias_rows, self.biases)
        m.submodules.lanes = stalled = Stalled(self.core)
        core = self.core

        # The tables move with the lanes: a row must wait for the step that asked for it.
        m.d.comb += [
            stalled.i.valid.eq(self.i.valid),
            stalled.i.payload.eq(self.i.payload),
            self.i.ready.eq(stalled.i.ready),
            mantissas.i.valid.eq(self.i_mantissas.valid),
            mantissas.i.payload.eq(self.i_mantissas.payload),
            mantissas.address.eq(self.i.payload.address),
            mantissas.enable.eq(stalled.enable),
            core.row.eq(mantissas.row),
            biases.i.valid.eq(self.i_biases.valid),
            biases.i.payload.eq(self.i_biases.payload),
            biases.address.eq(core.bias_address),
            biases.enable.eq(stalled.enable),
            core.bias.eq(biases.row),
        ]

        # A beat that completes no group ends here.
        finished = stalled.o.payload
        m.d.comb += [
            self.o.valid.eq(stalled.o.valid & finished.complete),
            self.o.payload.eq(finished.result),
            stalled.o.ready.eq(self.o.ready | ~finished.complete),
            self.done.eq(stalled.o.valid & stalled.o.ready & finished.last),
        ]
        return m


class DequantizerCore(Core):
    """The lanes: row and codes | product | sum | shifted | clamped."""

    row: Signal
    bias_address: Signal
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
        codes: Any = flat_register(self.i.shape(), "codes")
        codes_valid = Signal()
        row: Any = View(block.row, self.row)
        bias = View(block.bias_row, self.bias)
        m.d.sync += [codes.as_value().eq(self.i.as_value()), codes_valid.eq(self.i_valid)]

        # Stage 2: products; the bias and the sums so far are on their way.
        product_shape = signed(block.code_bits + block.mantissa_bits)
        product_control = Signal(control, reset_less=True)
        product_valid = Signal()
        products = [Signal(product_shape, name=f"product_{n}", reset_less=True) for n in lanes]
        m.d.comb += self.bias_address.eq(row.bias)
        m.d.sync += [
            product_valid.eq(codes_valid),
            product_control.frame.eq(codes.frame),
            product_control.last.eq(codes.last),
            product_control.row_first.eq(row.first),
            product_control.row_last.eq(row.last),
            product_control.shift.eq(row.shift),
            product_control.low.eq(row.low),
            product_control.high.eq(row.high),
            product_control.destination.eq(row.destination),
        ]
        m.d.sync += [products[n].eq(codes.codes[n] * row.mantissas[n]) for n in lanes]

        # Stage 3: sums. The read port is transparent, so a step sees what the step before it wrote.
        accumulator = signed(block.accumulator_bits)
        m.submodules.sums = memory = Memory(
            shape=block.lanes * block.accumulator_bits, depth=max(2, block.frames * block.groups), init=[]
        )
        write = memory.write_port()
        read = memory.read_port(transparent_for=(write,))
        address = Signal.like(write.addr, reset_less=True)
        m.d.comb += read.addr.eq(codes.frame * block.groups + row.group)
        m.d.sync += address.eq(read.addr)
        sums = [Signal(accumulator, name=f"new_sum_{n}") for n in lanes]
        held = View(ArrayLayout(accumulator, block.lanes), read.data)
        summed = Signal(block.lanes * block.accumulator_bits, reset_less=True)
        sum_control = Signal(control, reset_less=True)
        m.d.comb += [
            write.addr.eq(address),
            write.data.eq(Cat(sums)),
            write.en.eq(product_valid),
        ]
        for n in lanes:
            start = Mux(product_control.row_first, bias[n], held[n])
            m.d.comb += sums[n].eq(truncate(start + products[n], accumulator))
        m.d.sync += [summed.eq(write.data), sum_control.eq(product_control)]

        # Stage 4: rounding shift. Stage 5: saturation.
        shifted_control = Signal(control, reset_less=True)
        m.d.sync += shifted_control.eq(sum_control)
        results = self.o.result
        for n in lanes:
            value = Signal(accumulator, name=f"sum_{n}")
            shifted = Signal(signed(block.accumulator_bits + 1), name=f"shifted_{n}", reset_less=True)
            m.d.comb += value.eq(summed.word_select(n, block.accumulator_bits))
            m.d.sync += shifted.eq(round_shift(value, sum_control.shift))
            clamped = Signal(signed(block.result_bits), name=f"clamped_{n}", reset_less=True)
            m.d.sync += clamped.eq(
                truncate(clamp(shifted, shifted_control.low, shifted_control.high), signed(block.result_bits))
            )
            m.d.comb += results.values[n].eq(clamped)
        final = Signal(control, reset_less=True)
        m.d.sync += final.eq(shifted_control)
        m.d.comb += [
            results.frame.eq(final.frame),
            results.destination.eq(final.destination),
            self.o.complete.eq(final.row_last),
            self.o.last.eq(final.last),
        ]
        return m
