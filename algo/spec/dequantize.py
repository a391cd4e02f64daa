"""Column arithmetic: from the codes of the columns to the next layer's format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from .errors import InvalidInput
from .formats import Interval, IntFormat
from .node import Edge, Node
from .tensor import IntTensor

__all__ = ["Dequantize"]

MANTISSA_INTERVAL = IntFormat(24, signed=True).interval
"""Room for a mantissa of 16 bits times the places of the slices of a weight."""
MAXIMUM_SHIFT = 62
ACCUMULATOR_INTERVAL = IntFormat(63, signed=True).interval
"""What sums of scaled values may reach: 64 bits have room for the half that rounds them as well."""


@dataclass(frozen=True, kw_only=True)
class Dequantize(Node):
    """Column arithmetic: codes to the next layer's format.

    `acc[o] = bias[o] + sum_{t,s} mantissa[t,s,o]*code[t,s,o] + sum_t sum_mantissa[t,o]*X[t]`,
    `y[o] = saturate(round_shift(acc[o], shift), format)`, with `round_shift(v, n) = (v + (1 << (n-1))) >> n`.
    The second input, the sums X of a RowSum, goes with `sum_mantissa`: both or neither. Output shape (outputs,); after
    a Conv2d (outputs, windows down, windows across), the same tables for every window, X that of the output's group.
    """

    kind: ClassVar[str] = "dequantize"
    arity: ClassVar[tuple[int, int]] = (1, 2)

    mantissa: IntTensor  # (tiles, slices, outputs)
    bias: IntTensor  # (outputs,)
    shift: int
    format: IntFormat
    sum_mantissa: IntTensor | None = None  # (tiles, outputs)

    def infer(self, inputs: Sequence[Edge]) -> Edge:
        """Values of shape (outputs, *windows), of the format `format`, with the interval of each output."""
        accumulators = self.accumulator_intervals(inputs)
        results = tuple(acc.round_shift(self.shift).clamp(self.format.interval) for acc in accumulators)
        return Edge((len(results), *inputs[0].shape[3:]), self.format, Interval.hull(*results), results)

    def accumulator_intervals(self, inputs: Sequence[Edge]) -> tuple[Interval, ...]:
        """The interval of acc[o] for each output o, over all partial sums on the way as well.

        Raises
        ------
        InvalidInput
            If a table has another shape than the codes ask for, or values outside its range.
        """
        codes = inputs[0]
        if len(codes.shape) not in (3, 5):
            raise InvalidInput(f"codes must have shape [tiles, slices, outputs, windows], not {list(codes.shape)}")
        (tiles, slices, outputs), windows = codes.shape[:3], codes.shape[3:]
        self._check_table("mantissa", self.mantissa, codes.shape[:3])
        if not 0 <= self.shift <= MAXIMUM_SHIFT:
            raise InvalidInput(f"shift must be from 0 to {MAXIMUM_SHIFT}, not {self.shift}")
        if self.bias.shape != (outputs,):
            raise InvalidInput(f"bias must have shape [{outputs}], not {list(self.bias.shape)}")
        if (self.sum_mantissa is None) != (len(inputs) == 1):
            raise InvalidInput("row sums and their mantissas must be given together, not one without the other")
        if self.sum_mantissa is not None:
            sums = inputs[1].shape
            if sums[0] != tiles or sums[2:] != windows or (len(sums) > 1 and (not windows or outputs % sums[1])):
                wanted = ", ".join(map(str, (tiles, "groups", *windows) if windows else (tiles,)))
                raise InvalidInput(f"row sums must have shape [{wanted}], not {list(sums)}")
            self._check_table("sum mantissa", self.sum_mantissa, (tiles, outputs))
        intervals: list[Interval] = []
        for o in range(outputs):
            total = Interval(self.bias.flat[o], self.bias.flat[o])
            seen = [total]
            for t in range(tiles):
                for s in range(slices):
                    column = (t * slices + s) * outputs + o
                    mantissa = self.mantissa.flat[column]
                    total = total + codes.channel(column) * Interval(mantissa, mantissa)
                    seen.append(total)
                if self.sum_mantissa is not None:
                    mantissa = self.sum_mantissa.flat[t * outputs + o]
                    total = total + inputs[1].channel(t) * Interval(mantissa, mantissa)
                    seen.append(total)
            if Interval.hull(*seen) not in ACCUMULATOR_INTERVAL:
                raise InvalidInput(f"accumulator of output {o} must fit 63 bits, not {Interval.hull(*seen)}")
            intervals.append(Interval.hull(*seen))
        return tuple(intervals)

    @staticmethod
    def _check_table(noun: str, table: IntTensor, shape: tuple[int, ...]) -> None:
        if table.shape != shape:
            raise InvalidInput(f"{noun} must have shape {list(shape)}, not {list(table.shape)}")
        if table.interval not in MANTISSA_INTERVAL:
            raise InvalidInput(f"{noun} must lie in {MANTISSA_INTERVAL}, not in {table.interval}")
