"""The requantizer: values to the format of the layer that reads them."""

from __future__ import annotations

from amaranth import Module, Mux, Signal, signed
from amaranth.lib.data import StructLayout

from quadrille.hw.base import Parameter

from .value_unit import LANE_CUTS, MEMORY_CUTS, ValueCore, ValueUnit

__all__ = ["Requantizer", "requantizer_row"]


def requantizer_row(*, mantissa_bits: int, shift_bits: int, result_bits: int) -> StructLayout:
    """One row of the table of a requantizer: the scale of a route, and where it saturates."""
    return StructLayout(
        {
            "enable": 1,
            "mantissa": signed(mantissa_bits),
            "shift": shift_bits,
            "low": signed(result_bits),
            "high": signed(result_bits),
        }
    )


class Requantizer(ValueUnit):
    """Multiplies each value by its route's mantissa, rounds and saturates.

    For each lane, with the row of the table that the beat's `route` names:
    `y = min(max(round_shift(mantissa * v, shift), low), high)` with `round_shift(v, n) = (v + (1 << (n-1))) >> n`.
    A row without `enable` passes `y = v`, saturated to a result's format.

    Parameters
    ----------
    lanes, value_bits, result_bits, mantissa_bits, shift_bits
        Number of lanes, and widths; values, results and mantissas are signed.
    table_rows
        Rows of the table: routes.
    frame_bits
        Width of the frame number handed on.
    memory_cuts
        Registers behind the memories, before what is read is used.
    lane_cuts
        Further registers in a lane: between shift and rounding, then between the comparisons and the saturation.
    table
        Rows, as integers, that are there from the start.

    Members
    -------
    i : stream of `values_layout` with `value_bits`
    i_table : stream {address, row} that writes the table, always ready
    o : stream of `values_layout` with `result_bits`

    Attributes
    ----------
    row : layout of a row of the table
    latency : 4 cycles; interval : 1

    Raises
    ------
    InvalidInput
        For a parameter out of range.
    """

    block_name = "requantizer"
    parameters = (
        Parameter("lanes", 16, 1, 1024, "values handled in one beat"),
        Parameter("value_bits", 16, 1, 40, "width of a signed value"),
        Parameter("result_bits", 9, 2, 32, "width of a signed result"),
        Parameter("mantissa_bits", 16, 2, 22, "width of a signed mantissa"),
        Parameter("shift_bits", 5, 1, 6, "width of the shift amount"),
        Parameter("table_rows", 16, 1, 1 << 16, "rows of the table: routes"),
        Parameter("frame_bits", 5, 1, 64, "width of the frame number handed on"),
        MEMORY_CUTS,
        LANE_CUTS,
    )

    result_bits: int
    mantissa_bits: int
    shift_bits: int
    lane_cuts: int

    def __init__(
        self,
        *,
        lanes: int = 16,
        value_bits: int = 16,
        result_bits: int = 9,
        mantissa_bits: int = 16,
        shift_bits: int = 5,
        table_rows: int = 16,
        frame_bits: int = 5,
        memory_cuts: int = 0,
        lane_cuts: int = 0,
        table: tuple[int, ...] = (),
    ):
        self.take(
            lanes=lanes,
            value_bits=value_bits,
            result_bits=result_bits,
            mantissa_bits=mantissa_bits,
            shift_bits=shift_bits,
            table_rows=table_rows,
            frame_bits=frame_bits,
            memory_cuts=memory_cuts,
            lane_cuts=lane_cuts,
        )
        row = requantizer_row(mantissa_bits=mantissa_bits, shift_bits=shift_bits, result_bits=result_bits)
        self.connect(row, RequantizerCore(self, row), table, {})


class RequantizerCore(ValueCore):
    """The lanes: values and row | product | shifted | clamped."""

    def __init__(self, block: Requantizer, row: StructLayout):
        self.block = block
        super().__init__(block, row, result_bits=block.result_bits)

    @property
    def latency(self) -> int:
        """One cycle for each stage."""
        return 4 + self.block.memory_cuts + self.block.lane_cuts

    def elaborate(self, platform: object) -> Module:
        """Products here, then the common way down; a row that is not enabled multiplies by 1."""
        m = Module()
        block = self.block
        beat, row, valid = self.enter(m)
        scale, fill = self.scale(row, beat)
        mantissa = Signal(signed(block.mantissa_bits))
        product = signed(block.value_bits + block.mantissa_bits)
        products = [Signal(product, name=f"product_{n}", reset_less=True) for n in range(block.lanes)]
        m.d.comb += mantissa.eq(Mux(row.enable, row.mantissa, 1))
        with m.If(valid[0]):
            m.d.sync += [*(lane.eq(beat.values[n] * mantissa) for n, lane in enumerate(products)), *fill]
        self.round(m, products, scale, valid[1:], block.lane_cuts)
        return m
