"""The three converters: exact sums, the ADC as a ladder of comparators, and the ADC as a multiplication."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal, Value, signed, unsigned
from amaranth.lib.data import ArrayLayout, StructLayout

from quadrille.algo.spec import Interval, IntFormat
from quadrille.hw.base import Parameter, add, clamp, multiply, truncate

from .converter import Converter

__all__ = ["ExactConverter", "LadderConverter", "MultiplyShiftConverter"]


class ExactConverter(Converter):
    """No ADC: `code = P = (S << double) - reference_weight * X`, or X where the row says `use_reference`.

    Row of the table: {common: {double, reference_weight, use_reference, exact}}; `exact` changes nothing here.
    """

    block_name = "exact-converter"

    def convert(self, m: Module, values: list[Signal], common: Any, rows: list[Any], moves: Value) -> list[Value]:
        """P itself."""
        return list(values)


class LadderConverter(Converter):
    """The ADC as a ladder of comparators: `code = low + #{ j : P >= thresholds[j] }`.

    Row: {common: {double, reference_weight, use_reference, exact, low}, lanes: thresholds of each lane, not
    descending}.
    Source: ColumnQuant (arXiv 2502.07842), its rounding turned into integer comparisons [INFERRED].
    """

    block_name = "ladder-converter"
    parameters = (
        *Converter.parameters,
        Parameter("adc_bits", 5, 1, 8, "bits of a code; there are 2**adc_bits - 1 thresholds"),
    )

    adc_bits: int

    def common_fields(self) -> dict[str, Any]:
        """The lowest code."""
        return {"low": signed(self.code_bits)}

    def lane_fields(self) -> dict[str, Any]:
        """The thresholds of each lane."""
        return {"lanes": ArrayLayout(ArrayLayout(signed(self.code_bits), (1 << self.adc_bits) - 1), self.lanes)}

    def convert(self, m: Module, values: list[Signal], common: Any, rows: list[Any], moves: Value) -> list[Value]:
        """As many of the comparators as fire, added in a balanced tree, above the lowest code."""
        return [self.code(value, common.low, row) for value, row in zip(values, rows, strict=True)]

    def code(self, value: Value, low: Value, row: Any) -> Value:
        """The code of one lane."""
        terms: list[Value] = [value >= row[j] for j in range((1 << self.adc_bits) - 1)]
        while len(terms) > 1:
            pairs = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)]
            terms = pairs + terms[len(terms) & ~1 :]
        return truncate(low + terms[0], signed(self.code_bits))


class MultiplyShiftConverter(Converter):
    """The ADC as one multiplication: `code = clamp((P*multiplier + offset) >> shift, low, low + 2**adc_bits - 1)`.

    Equal to a ladder where algo.spec.converter has found a multiplier and an offset that give its code for every P that
    can occur. Row: {common: {double, reference_weight, use_reference, exact, low}, lanes: {multiplier, offset} of each
    lane}.
    """

    block_name = "multiply-shift-converter"
    parameters = (
        *Converter.parameters,
        Parameter("adc_bits", 5, 1, 8, "bits of a code"),
        Parameter("multiplier_bits", 12, 1, 32, "width of the unsigned multiplier"),
        Parameter("offset_bits", 24, 2, 48, "width of the signed offset"),
        Parameter("shift", 12, 0, 40, "right shift, the same for all columns"),
    )
    stages = 1

    adc_bits: int
    multiplier_bits: int
    offset_bits: int
    shift: int

    def common_fields(self) -> dict[str, Any]:
        """The lowest code."""
        return {"low": signed(self.code_bits)}

    def lane_fields(self) -> dict[str, Any]:
        """Multiplier and offset of each lane."""
        return {
            "lanes": ArrayLayout(
                StructLayout({"multiplier": unsigned(self.multiplier_bits), "offset": signed(self.offset_bits)}),
                self.lanes,
            )
        }

    def convert(self, m: Module, values: list[Signal], common: Any, rows: list[Any], moves: Value) -> list[Value]:
        """The line in one stage, its clamp in the next."""
        products = Interval(-(1 << (self.code_bits - 1)), 0) * IntFormat(self.multiplier_bits).interval
        bound = max(-products.lo, 1 << (self.offset_bits - 1)).bit_length() + 2
        lines = [Signal(signed(bound), name=f"line_{n}", reset_less=True) for n in range(self.lanes)]
        code = signed(self.code_bits)
        greatest = common.low + ((1 << self.adc_bits) - 1)
        low = Signal(code, name="lowest", reset_less=True)
        high = Signal(greatest.shape(), name="highest", reset_less=True)
        with m.If(moves):
            m.d.sync += [low.eq(common.low), high.eq(greatest)]
            for line, value, row in zip(lines, values, rows, strict=True):
                m.d.sync += line.eq(add(multiply(value, row.multiplier), row.offset, line.shape()))
        return [truncate(clamp(line.shift_right(self.shift), low, high), code) for line in lines]
