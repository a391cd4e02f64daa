"""Cells as a device has them: values beside the digits of the weights, with fraction bits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .cells import CellEncoding
from .errors import InvalidInput
from .formats import Interval, IntFormat
from .kinds import check_kinds
from .tensor import IntTensor

__all__ = ["CELL_VALUES", "CELL_VALUE_BITS", "Conductance"]

CELL_VALUE_BITS = 8  # the widest cell of a macro
CELL_VALUES = IntFormat(CELL_VALUE_BITS).interval


@dataclass(frozen=True)
class Conductance:
    """What the cells of a matrix hold instead of the digits of its weights, in units of `2**-fraction_bits` of a level.

    The sums of a column are then in that unit too:
    `P[t,s,o] = gain(s) * sum_{i in tile t} values[s,o,i]*x[i] - reference(s) * sum_{i in tile t} x[i]` with
    `reference(s) = reference_weight(s) << fraction_bits`; values `digit << fraction_bits` give `2**fraction_bits` times
    the sums of the digits. The thresholds of the ADC are compared with these sums. Source: [INFERRED].

    Raises
    ------
    InvalidInput
        If a value is negative or takes more than 8 bits, or there are more than 7 fraction bits.
    """

    values: IntTensor  # (slices, outputs, rows)
    fraction_bits: int

    def __post_init__(self) -> None:
        check_kinds(self, "a conductance")
        if not 0 <= self.fraction_bits < CELL_VALUE_BITS:
            raise InvalidInput(
                f"Fraction bits of a conductance must be from 0 to {CELL_VALUE_BITS - 1}, not {self.fraction_bits}"
            )
        if self.values.data and self.values.interval not in CELL_VALUES:
            raise InvalidInput(f"Conductance values must lie in {CELL_VALUES}, not in {self.values.interval}")

    def check(self, shape: tuple[int, int, int], *, converted: bool) -> None:
        """Refuse values that do not fit cells of `shape`, (slices, outputs, rows), and columns without an ADC."""
        if not converted:
            raise InvalidInput("conductance must stand beside an ADC, as exact column sums are digital and do not vary")
        if self.values.shape != shape:
            raise InvalidInput(f"conductance must have shape {list(shape)}, not {list(self.values.shape)}")

    def reference(self, encoding: CellEncoding, index: int) -> int:
        """What the reference sum is multiplied by before it is subtracted from slice `index`."""
        return encoding.reference_weight(index) << self.fraction_bits

    def column_intervals(
        self, tile_rows: tuple[int, ...], encoding: CellEncoding, source: Interval
    ) -> tuple[Interval, ...]:
        """The exact interval of P[t,s,o] for inputs in `source`, in row-major order of (t, s, o)."""
        slices, outputs, inputs = self.values.shape
        values = self.values.flat
        columns: list[Interval] = []
        start = 0
        for rows in tile_rows:
            for index in range(slices):
                gain, reference = encoding.gain(index), self.reference(encoding, index)
                for output in range(outputs):
                    begin = (index * outputs + output) * inputs + start
                    # Few distinct values, many rows: what counts is how often each occurs.
                    counts = Counter(values[begin : begin + rows])
                    terms = [(gain * value - reference, count) for value, count in counts.items()]
                    positive = sum(factor * count for factor, count in terms if factor > 0)
                    negative = sum(factor * count for factor, count in terms if factor < 0)
                    columns.append(
                        Interval(
                            positive * source.lo + negative * source.hi, positive * source.hi + negative * source.lo
                        )
                    )
            start += rows
        return tuple(columns)
