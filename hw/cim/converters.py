"""The three converters: exact sums, the ADC as a ladder of comparators, and the ADC as a multiplication."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Module, Signal, Value, signed, unsigned
from amaranth.lib.data import ArrayLayout, StructLayout

from quadrille.algo.spec import Interval, IntFormat
from quadrille.hw.base import Parameter, add, multiply, outside, select, truncate

from .converter import Converter

__all__ = ["ExactConverter", "LadderConverter", "MultiplyShiftConverter"]


class ExactConverter(Converter):
    """No ADC: `code = P = (S << double) - reference_weight * X`, or X where the row says `use_reference`.

    Row of the table: {common: {double, reference_weight, use_reference, exact}}; `exact` changes nothing here.
    """

    block_name = "exact-converter"

    def convert(
        self, m: Module, values: list[Signal], common: Any, rows: list[Any], moves: Sequence[Value]
    ) -> list[Value]:
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

    @property
    def stages(self) -> int:
        """What fires, with cuts; with two it waits."""
        return self.lane_cuts

    def common_fields(self) -> dict[str, Any]:
        """The lowest code."""
        return {"low": signed(self.code_bits)}

    def lane_fields(self) -> dict[str, Any]:
        """The thresholds of each lane."""
        return {"lanes": ArrayLayout(ArrayLayout(signed(self.code_bits), (1 << self.adc_bits) - 1), self.lanes)}

    def convert(
        self, m: Module, values: list[Signal], common: Any, rows: list[Any], moves: Sequence[Value]
    ) -> list[Value]:
        """As many of the comparators as fire, added in a balanced tree, above the lowest code."""
        levels, low = range((1 << self.adc_bits) - 1), common.low
        fired = [[value >= row[j] for j in levels] for value, row in zip(values, rows, strict=True)]
        for moving in moves:
            lowest = Signal(low.shape(), name="lowest", reset_less=True)
            held = [Signal(len(levels), name=f"fired_{n}", reset_less=True) for n in range(self.lanes)]
            with m.If(moving):
                m.d.sync += [lowest.eq(low), *(word.eq(Cat(bits)) for word, bits in zip(held, fired, strict=True))]
            low, fired = lowest, [[word[j] for j in levels] for word in held]
        return [self.code(terms, low) for terms in fired]

    def code(self, terms: list[Value], low: Value) -> Value:
        """The code of one lane, whose comparators that fire are `terms`."""
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

    adc_bits: int
    multiplier_bits: int
    offset_bits: int
    shift: int

    @property
    def stages(self) -> int:
        """The line; with cuts the product before it, and the comparisons behind it."""
        return 1 + self.lane_cuts

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

    def convert(
        self, m: Module, values: list[Signal], common: Any, rows: list[Any], moves: Sequence[Value]
    ) -> list[Value]:
        """Products | lines | where they lie | codes: one stage without cuts, which is the lines'."""
        products = Interval(-(1 << (self.code_bits - 1)), 0) * IntFormat(self.multiplier_bits).interval
        bound = max(-products.lo, 1 << (self.offset_bits - 1)).bit_length() + 2
        code, line = signed(self.code_bits), signed(bound)
        moving = list(moves)

        def stage(name: str, shared: Sequence[Value], *lanes: Sequence[Value]) -> tuple[list[Signal], ...]:
            """A register for each of `shared`, and for each lane of all `lanes`."""
            groups = [shared, *lanes]
            found = tuple(
                [Signal(value.shape(), name=f"{name}_{g}_{n}", reset_less=True) for n, value in enumerate(group)]
                for g, group in enumerate(groups)
            )
            with m.If(moving.pop(0)):
                for registers, group in zip(found, groups, strict=True):
                    m.d.sync += [register.eq(value) for register, value in zip(registers, group, strict=True)]
            return found

        low: Value = common.low
        product = signed(self.code_bits + self.multiplier_bits)
        terms: Sequence[Value] = [
            truncate(multiply(value, row.multiplier), product) for value, row in zip(values, rows, strict=True)
        ]
        offsets: Sequence[Value] = [row.offset for row in rows]
        if self.lane_cuts > 0:
            (low,), terms, offsets = stage("product", [low], terms, offsets)
        lines = [add(term, offset, line) for term, offset in zip(terms, offsets, strict=True)]
        (low, high), lines = stage("line", [low, low + ((1 << self.adc_bits) - 1)], lines)
        shifted: Sequence[Value] = [value.shift_right(self.shift) for value in lines]
        places = [outside(value, low, high) for value in shifted]
        if self.lane_cuts > 1:
            (low, high), shifted, both = stage("place", [low, high], shifted, [Cat(place) for place in places])
            places = [(place[0], place[1]) for place in both]
        return [truncate(select(place, value, low, high), code) for place, value in zip(places, shifted, strict=True)]
