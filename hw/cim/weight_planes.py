"""The weight side of a macro: which plane computes, which row is written when, and the reference cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amaranth import Cat, Module, Mux, Signal, Value

if TYPE_CHECKING:
    from .macro import CimMacro

__all__ = ["elaborate_planes"]


def elaborate_planes(macro: CimMacro, m: Module, enable: Value) -> tuple[Value, Any, Value, list[Signal]]:
    """Whether a row is written, the row, the plane that computes, and the reference cells of each."""
    row: Any = macro.i_weights.payload
    write, swap, active = Signal(), Signal(), Signal()
    m.d.comb += write.eq(macro.i_weights.valid & macro.i_weights.ready)
    references = [Signal(macro.rows, name=f"references_{n}", reset_less=True) for n in range(macro.planes)]
    if macro.planes == 2:
        pending = Signal()
        m.d.comb += [
            pending.eq(macro.i.valid & macro.i.payload.swap),
            swap.eq(enable & pending),
            macro.i_weights.ready.eq(~pending),
        ]
        with m.If(swap):
            m.d.sync += active.eq(~active)
        # Written a cycle later, into what is still the same plane: in time, as no plane is exchanged meanwhile.
        held: Any = Signal(row.shape(), name="held_row", reset_less=True)
        with m.If(write):
            m.d.sync += held.eq(row)
        write, row = _writes(macro, m, write, row.row, active), held
    else:
        # A plane that waits in the input register must still meet the weights that it came for.
        m.d.comb += macro.i_weights.ready.eq(enable)
    for n, cells in enumerate(references):
        if len(write) > 1:
            m.d.sync += [
                cells[r].eq(Mux(write[n * macro.rows + r], row.reference, cells[r])) for r in range(macro.rows)
            ]
            continue
        with m.If(write if macro.planes == 1 else write & (active != n)):
            m.d.sync += cells.bit_select(row.row, 1).eq(row.reference)
    return write, row, active, references


def _writes(macro: CimMacro, m: Module, write: Value, row: Value, active: Value) -> Value:
    """`write`, a cycle later; with `row_enables` for each row of either plane, without gates on the way to it."""
    if not macro.row_enables:
        writes = Signal()
        m.d.sync += writes.eq(write)
        return writes
    enables = [Signal(macro.rows, name=f"row_enables_{n}") for n in range(2)]
    for n, enable in enumerate(enables):
        m.d.sync += enable.eq(Cat(write & (active != n) & (row == r) for r in range(macro.rows)))
    return Cat(enables)
