"""From a Plan to bits: the contents of every table of the accelerator, as rows and as data-port words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from amaranth import Shape
from amaranth.lib.data import ArrayLayout, StructLayout

from quadrille.algo.spec import Interval, IntFormat, InvalidInput
from quadrille.algo.spec.converter import MultiplyShift, ladders_of, shared_multiply_shift

from .configuration import PORT_BITS, Configuration, Target
from .loader import HEADER, row_words
from .mapping import PADDING, Plan
from .tables import Datapath

__all__ = ["Converters", "encode", "pack", "packet"]


def pack(layout: Any, value: Any) -> int:
    """The bits of `value` in `layout`: a mapping for a struct, a sequence for an array, an integer for the rest.

    Raises
    ------
    InvalidInput
        If an integer does not fit its field.
    """
    if isinstance(layout, StructLayout):
        assert isinstance(value, Mapping) and set(value) == set(layout.members), (list(layout.members), value)
        return sum(pack(layout[name].shape, part) << layout[name].offset for name, part in value.items())
    if isinstance(layout, ArrayLayout):
        stride = Shape.cast(layout.elem_shape).width
        return sum(pack(layout.elem_shape, part) << (n * stride) for n, part in enumerate(value))
    shape = Shape.cast(layout)
    low = -(1 << (shape.width - 1)) if shape.signed else 0
    if not low <= value < low + (1 << shape.width):
        raise InvalidInput(f"Table field must fit {'s' if shape.signed else 'u'}{shape.width}, not {value}")
    return value & ((1 << shape.width) - 1)


def packet(target: int, address: int, rows: Iterable[int], width: int) -> list[int]:
    """The data-port words that write `rows` of `width` bits from row `address` on."""
    rows = list(rows)
    mask = (1 << PORT_BITS) - 1
    header = pack(HEADER, {"target": target, "address": address, "count": len(rows)})
    return [header, *(row >> (PORT_BITS * n) & mask for row in rows for n in range(row_words(width)))]


class Converters:
    """The converter of every column of a plan: exact, or ladders and, where they agree, multiplications.

    Attributes
    ----------
    bits : of an ADC code, 0 for exact sums
    ladders : per layer, those of its columns
    multiply_shift : one multiplier and offset per column of all layers, or None if that cannot equal the ladders; with
        a shift of at least `least_shift`, that of hardware which is there
    """

    def __init__(self, plan: Plan, least_shift: int = 0):
        adcs = {layer.linear.name: layer.linear.adc for layer in plan.layers}
        bits = {adc.bits if adc else 0 for adc in adcs.values()}
        if len(bits) > 1:
            described = ", ".join(f"{name!r} {f'{adc.bits} bits' if adc else 'exact'}" for name, adc in adcs.items())
            raise InvalidInput(f"Network {plan.network.name!r} must convert every layer alike, not {described}")
        self.bits = bits.pop()
        self.ladders = [ladders_of(layer.linear, layer.source.interval) if self.bits else () for layer in plan.layers]
        self.multiply_shift = shared_multiply_shift(chain.from_iterable(self.ladders)) if self.bits else None
        if self.multiply_shift is not None and self.multiply_shift.shift < least_shift:
            self.multiply_shift = _at_shift(self.multiply_shift, least_shift)
        self.starts = [sum(len(ladders) for ladders in self.ladders[:n]) for n in range(len(self.ladders))]

    def parameters(self, wanted: str | None = None) -> dict[str, Any]:
        """The converter's parameters of the accelerator; `wanted` overrides the choice of its kind."""
        if self.bits == 0:
            kind = "exact"
        else:
            kind = wanted or ("multiply-shift" if self.multiply_shift else "ladder")
        if wanted not in (None, kind):
            raise InvalidInput(f"Converter of a network with exact sums must be exact, not {wanted}")
        if kind == "exact" and self.bits:
            raise InvalidInput(f"Converter of a network with a {self.bits}-bit ADC must not be exact")
        found: dict[str, Any] = {"converter": kind, "adc_bits": max(1, self.bits)}
        if kind == "multiply-shift":
            if self.multiply_shift is None:
                raise InvalidInput("Converter must be ladder, as no multiplication equals these thresholds")
            found["converter_shift"] = self.multiply_shift.shift
            found["multiplier_bits"] = max(1, self.multiply_shift.multiplier_interval.format.bits)
            offsets = Interval.hull(self.multiply_shift.offset_interval, Interval(-1, 0))
            found["offset_bits"] = max(2, offsets.format.bits)
        return found


def _at_shift(line: MultiplyShift, shift: int) -> MultiplyShift:
    """The same codes with a greater shift: `(P*m + b) >> n = (P*(m << k) + (b << k)) >> (n + k)`."""
    more = shift - line.shift
    return MultiplyShift(shift, tuple(m << more for m in line.multipliers), tuple(b << more for b in line.offsets))


def encode(plan: Plan, configuration: Configuration, converters: Converters, parts: Datapath) -> dict[int, list[int]]:
    """The rows of every table, by target.

    Raises
    ------
    InvalidInput
        If a table is longer than its memory, or a number wider than its field; says what would be needed.
    """
    images: dict[int, list[int]] = {
        Target.WEIGHTS: list(_weights(plan, configuration)),
        Target.CONVERTER: list(_converter_rows(plan, configuration, converters, parts.converter.row)),
        Target.MANTISSAS: list(_mantissa_rows(plan, configuration, parts.dequantizer.row)),
        Target.BIASES: list(_bias_rows(plan, configuration)),
        Target.PROGRAM: list(_instructions(plan, configuration)),
    }
    for target, parameter in (
        (Target.WEIGHTS, "weight_rows"),
        (Target.MANTISSAS, "table_rows"),
        (Target.BIASES, "bias_rows"),
        (Target.PROGRAM, "instructions"),
    ):
        if len(images[target]) > getattr(configuration, parameter):
            raise InvalidInput(
                f"Parameter {parameter} of accelerator must be at least {len(images[target])} "
                f"for network {plan.network.name!r}, not {getattr(configuration, parameter)}"
            )
    return images


def _weights(plan: Plan, configuration: Configuration) -> Iterable[int]:
    """For each tile, `rows` row words; rows and columns that hold no weight are 0."""
    for tile in plan.tiles:
        layer = plan.layers[tile.layer]
        linear, encoding = layer.linear, layer.linear.encoding
        start, inputs = sum(linear.tile_rows[: tile.index]), linear.weight.shape[1]
        weights = linear.weight.flat
        columns = [(s, step.group) for step in tile.steps if (s := step.slice) is not None]
        slots = [
            (slot * plan.lanes + lane, output, s)
            for slot, (s, group) in enumerate(columns)
            for lane, output in enumerate(layer.groups[group].outputs)
            if output != PADDING
        ]
        span = range(encoding.interval.lo, encoding.interval.hi + 1)
        digits = [{q: encoding.digit(q, s) for q in span} for s in range(encoding.slices)]
        for row in range(configuration.rows):
            cells = 0
            used = row < linear.tile_rows[tile.index]
            if used:
                for column, output, s in slots:
                    digit = digits[s][weights[output * inputs + start + row]]
                    for bit in range(configuration.cell_bits):
                        cells |= (digit >> bit & 1) << (bit * configuration.all_columns + column)
            yield pack(configuration.weight_row, {"cells": cells, "reference": int(used)})


def _converter_rows(
    plan: Plan, configuration: Configuration, converters: Converters, row: StructLayout
) -> Iterable[int]:
    """For each column step, how its sums are recovered and converted."""
    for tile, step in plan.steps():
        layer = plan.layers[tile.layer]
        encoding, outputs = layer.linear.encoding, layer.linear.outputs
        s = step.slice or 0
        common: dict[str, Any] = {
            "double": int(step.slice is not None and encoding.gain(s) == 2),
            "reference_weight": encoding.reference_weight(s) if step.slice is not None else 0,
            "use_reference": int(step.slice is None),
            "exact": int(layer.linear.adc is None),
        }
        columns = [
            None if output == PADDING or step.slice is None else (tile.index * encoding.slices + s) * outputs + output
            for output in layer.groups[step.group].outputs
        ]
        if configuration.converter == "exact":
            yield pack(row, {"common": common})
            continue
        adc = layer.linear.adc
        assert adc is not None
        common["low"] = adc.low
        ladders = converters.ladders[tile.layer]
        if configuration.converter == "ladder":
            idle = [0] * ((1 << adc.bits) - 1)
            lanes = [
                idle if c is None else [_reachable(t, ladders[c].interval) for t in ladders[c].thresholds]
                for c in columns
            ]
        else:
            line = converters.multiply_shift
            assert line is not None
            base = converters.starts[tile.layer]
            lanes = [
                {"multiplier": 0, "offset": 0}
                if c is None
                else {"multiplier": line.multipliers[base + c], "offset": line.offsets[base + c]}
                for c in columns
            ]
        yield pack(row, {"common": common, "lanes": lanes})


def _reachable(threshold: int, sums: Interval) -> int:
    """A threshold that the sums of the interval pass or miss as they do `threshold`, and that fits their format."""
    return min(max(threshold, sums.lo), sums.hi + 1)


def _mantissa_rows(plan: Plan, configuration: Configuration, row: StructLayout) -> Iterable[int]:
    """For each column step, its mantissas and what becomes of the sums."""
    bases = [sum(len(layer.groups) for layer in plan.layers[:n]) for n in range(len(plan.layers))]
    for tile, step in plan.steps():
        layer = plan.layers[tile.layer]
        node, group = layer.dequantize, layer.groups[step.group]
        slices, outputs = layer.linear.encoding.slices, layer.linear.outputs
        if step.slice is None:
            assert node.sum_mantissa is not None
            table, start = node.sum_mantissa.flat, tile.index * outputs
        else:
            table, start = node.mantissa.flat, (tile.index * slices + step.slice) * outputs
        members = [output for output in group.outputs if output != PADDING]
        destination = {
            "kind": group.kind,
            "vector": group.vector,
            "group": group.place,
            "words": -(-len(members) // configuration.results_per_word),
            "last": int(group.last),
        }
        yield pack(
            row,
            {
                "mantissas": [0 if output == PADDING else table[start + output] for output in group.outputs],
                "first": int(step.first),
                "last": int(step.last),
                "group": step.accumulator,
                "bias": bases[tile.layer] + step.group,
                "shift": node.shift,
                "low": node.format.interval.lo,
                "high": node.format.interval.hi,
                "destination": pack(configuration.destination, destination),
            },
        )


def _bias_rows(plan: Plan, configuration: Configuration) -> Iterable[int]:
    """For each group of outputs its biases; the padding of a vector is 0, that of an argmax can never win."""
    row = ArrayLayout(Shape(configuration.bias_bits, True), configuration.lanes)
    lowest = IntFormat(configuration.bias_bits, signed=True).interval.lo
    for layer in plan.layers:
        final = layer is plan.layers[-1]
        for group in layer.groups:
            idle = lowest if final else 0
            yield pack(row, [idle if o == PADDING else layer.dequantize.bias.flat[o] for o in group.outputs])


def _instructions(plan: Plan, configuration: Configuration) -> Iterable[int]:
    """For each tile its instruction."""
    table = 0
    for number, tile in enumerate(plan.tiles):
        layer = plan.layers[tile.layer]
        yield pack(
            configuration.instruction,
            {
                "weights": number * configuration.rows,
                "source": int(not layer.from_input),
                "vector": tile.vector,
                "planes": layer.source.format.bits,
                "negative": int(layer.source.format.signed),
                "steps": len(tile.steps),
                "table": table,
                "barrier": int(tile.barrier),
                "last": int(number == len(plan.tiles) - 1),
            },
        )
        table += len(tile.steps)
