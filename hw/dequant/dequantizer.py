"""The column-wise dequantizer: D lanes of multiply, accumulate over tiles and slices, round, saturate."""

from __future__ import annotations

from amaranth import Module, Signal, signed
from amaranth.lib import stream
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In, Out

from quadrille.hw.base import Block, Parameter, Stalled
from quadrille.hw.base.table import Table, table_write

from .core import DequantizerCore
from .layouts import dequantizer_row

__all__ = ["ColumnDequantizer"]


class ColumnDequantizer(Block):
    """Codes to values: multiply, accumulate, round, saturate.

    For each lane, with the row of the mantissa table that the beat's `address` names:
    `acc[frame + group] = (bias[lane] if first else acc[frame + group]) + mantissa[lane] * code[lane]`, and if the row
    says `last`, `y = min(max(round_shift(acc[frame + group], shift), low), high)` leaves on `o`, with
    `round_shift(v, n) = (v + (1 << (n-1))) >> n`.
    The accumulator is exact: its width must hold every partial sum, which hw.engine.mapping checks for each network.
    One column step per cycle; a step may add to the sums that the step just before it left.

    Parameters
    ----------
    lanes, code_bits, reference_bits, mantissa_bits, bias_bits, accumulator_bits, result_bits, shift_bits
        Widths and number of lanes; codes, mantissas, biases and results are signed.
    table_rows, bias_rows, groups, frames
        Rows of the two tables; groups of sums of a frame, and the accumulators that a frame's groups can start at: the
        `frame` of a beat is the number of its group 0. Of a network of convolutions, a frame here is one window.
    destination_bits
        A field of the row that is handed on with the result.
    memory_cuts
        Registers behind the memories, of the tables and of the sums, before what is read is used.
    lane_cuts
        Further registers in a lane: between shift and rounding, then between the comparisons and the saturation.

    Members
    -------
    i : stream of `codes_layout`
    i_mantissas, i_biases : streams {address, row} that write the tables, always ready
    o : stream of `results_layout`
    done : high in the cycle in which the last step of a frame (`i.last`) is through, its result handed on

    Attributes
    ----------
    latency : 5 + 2 * memory_cuts + lane_cuts cycles; interval : 1

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
        Parameter("frames", 32, 1, 1 << 20, "accumulators that the groups of a frame can start at"),
        Parameter("destination_bits", 8, 1, 32, "width of the field handed on with a result"),
        Parameter("memory_cuts", 0, 0, 1, "registers behind the memories"),
        Parameter("lane_cuts", 0, 0, 2, "further registers in the rounding of a lane"),
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
    memory_cuts: int
    lane_cuts: int

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
        memory_cuts: int = 0,
        lane_cuts: int = 0,
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
            memory_cuts=memory_cuts,
            lane_cuts=lane_cuts,
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
            mantissas.enable.eq(stalled.enable & self.i.valid),
            core.row.eq(mantissas.row),
            biases.i.valid.eq(self.i_biases.valid),
            biases.i.payload.eq(self.i_biases.payload),
            biases.address.eq(core.bias_address),
            biases.enable.eq(stalled.enable & core.bias_enable),
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
