"""Windows of activations by stored weights at several precisions: the twin of the multiply-accumulate array."""

from __future__ import annotations

import numpy as np

from quadrille.algo.spec import IntFormat, InvalidInput
from quadrille.algo.spec.array_precision import ArrayPrecision, elements_of

from .arithmetic import IntArray, check_interval, check_shape, integers

__all__ = ["mac_array"]


def mac_array(
    cells: IntArray,
    activations: IntArray,
    precision: int,
    /,
    *,
    unit: str = "spatio-temporal",
    units: int = 32,
    columns: int = 32,
    weight_bits: int = 8,
    precisions: tuple[ArrayPrecision, ...],
    planes: int = 1,
    cuts: int = 0,
    tag_bits: int = 0,
    gated_columns: int = 0,
) -> tuple[IntArray, IntArray]:
    """`S[n, c] = sum_r (cells[r, c] >> s) * x[n, r]` and `X[n] = sum_r x[n, r]` in precision number `precision`.

    `cells` (rows, columns), unsigned of `weight_bits` bits, of which the precision leaves out the last s;
    `activations` (n, rows); rows are at most as many as the units of a column take at that precision.

    Raises
    ------
    InvalidInput
        If the array has no such precision, or an operand another shape or values that do not fit their bits.
    """
    del planes, cuts, tag_bits, gated_columns
    if not 0 <= precision < len(precisions):
        raise InvalidInput(f"Precision must be one of the {len(precisions)} that the array has, not number {precision}")
    held = precisions[precision]
    cells, activations = integers(cells, "Weights"), integers(activations, "Activations")
    check_shape("Weights", cells, (None, columns))
    check_shape("Activations", activations, (None, len(cells)))
    check_interval("Weights", cells, IntFormat(weight_bits).interval)
    check_interval("Activations", activations, held.activation.interval)
    most = units * elements_of(unit, held)
    if len(cells) > most:
        raise InvalidInput(f"Rows must be at most the {most} of {units} units at precision {held}, not {len(cells)}")
    return activations @ (cells >> (weight_bits - held.weight_bits)), np.sum(activations, axis=1)
