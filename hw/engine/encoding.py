"""From a Plan to bits: the contents of every table of the accelerator, as rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import Any

from amaranth import Shape
from amaranth.lib.data import ArrayLayout, StructLayout

from quadrille.algo.spec import Conv2d, Interval, IntFormat, InvalidInput
from quadrille.algo.spec.converter import Ladder, MultiplyShift, ladders_of, shared_multiply_shift

from .configuration import Configuration
from .instructions import instructions, store_rows, unit_rows
from .layers import Layer
from .mapping import PADDING, ColumnStep, Plan, Tile
from .packing import pack
from .tables import Datapath
from .targets import Destination, Target
from .tiles import WeightTiles

__all__ = ["Converters", "encode", "tile_words"]


class Converters:
    """The converter of every column of a plan: exact, or ladders and, where they agree, multiplications.

    Attributes
    ----------
    bits : of the widest ADC code, 0 if all sums are exact
    ladders : per layer, those of its columns, all with as many thresholds; none for an exact layer
    multiply_shift : one multiplier and offset per column of all ladders, or None if that cannot equal the ladders; with
        a shift of at least `least_shift`, that of hardware which is there
    """

    def __init__(self, plan: Plan, least_shift: int = 0):
        self.bits = max((layer.matrix.adc.bits for layer in plan.layers if layer.matrix.adc), default=0)
        self.ladders = [_ladders(layer, (1 << self.bits) - 1) for layer in plan.layers]
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


def _ladders(layer: Layer, levels: int) -> tuple[Ladder, ...]:
    """The ladders of a layer's columns, for all that can stand under its rows.

    A narrower ADC than others gets `levels` thresholds like them: those beyond its own are never reached.
    """
    matrix, source = layer.matrix, layer.edge.interval
    if matrix.adc is None:
        return ()
    found = ladders_of(matrix, matrix.seen(source) if isinstance(matrix, Conv2d) else source)
    return tuple(_extended(ladder, levels) for ladder in found)


def _extended(ladder: Ladder, levels: int) -> Ladder:
    """The same codes for the sums of the ladder's interval, with `levels` thresholds."""
    own = tuple(min(threshold, ladder.interval.hi + 1) for threshold in ladder.thresholds)
    return replace(ladder, thresholds=own + (ladder.interval.hi + 1,) * (levels - len(own)))


def encode(
    plan: Plan, configuration: Configuration, converters: Converters, parts: Datapath, weights: WeightTiles
) -> dict[int, list[int]]:
    """The rows of every table, by target; `weights` are those of `tile_words`.

    Raises
    ------
    InvalidInput
        If a table is longer than its memory, or a number wider than its field; says what would be needed.
    """
    images: dict[int, list[int]] = {
        Target.WEIGHTS: list(weights.rows),
        Target.TILES: weights.table(configuration.tile, [len(plan.tiles) - 1]),
        Target.CONVERTER: list(_converter_rows(plan, configuration, converters, parts.converter.row)),
        Target.MANTISSAS: list(_mantissa_rows(plan, configuration, parts.dequantizer.row)),
        Target.BIASES: list(_bias_rows(plan, configuration)),
        Target.PROGRAM: list(instructions(plan, configuration)),
        **store_rows(plan, configuration, parts),
        **unit_rows(plan, parts),
    }
    for target, parameter in (
        (Target.MANTISSAS, "table_rows"),
        (Target.BIASES, "bias_rows"),
        (Target.PROGRAM, "weight_tiles"),
        (Target.WEIGHTS, "weight_rows"),
        (Target.STORES, "routes"),
    ):
        if len(images[target]) > getattr(configuration, parameter):
            raise InvalidInput(
                f"Parameter {parameter} of accelerator must be at least {len(images[target])} "
                f"for network {plan.network.name!r}, not {getattr(configuration, parameter)}"
            )
    return images


def tile_words(plan: Plan, configuration: Configuration) -> Iterable[list[int]]:
    """For each instruction, `rows` row words of every bank; rows and columns that hold no weight are 0."""
    everything = [layer.matrix.cell_values() for layer in plan.layers]
    pitch = configuration.all_columns
    for tile in plan.tiles:
        matrix, cells = plan.layers[tile.layer].matrix, everything[tile.layer]
        words = [0] * configuration.rows
        references = [0] * configuration.rows
        for bank in range(plan.banks):
            order = plan.row_order(tile, bank)
            base = bank * pitch * configuration.cell_bits
            for row in range(len(order)):
                references[row] |= 1 << bank
            # Reference sums come last and have no columns.
            for place, step in enumerate(tile.steps[bank :: plan.banks]):
                if step.slice is None:
                    continue
                for lane, output in enumerate(step.outputs):
                    if output == PADDING:
                        continue
                    column = base + place * plan.lanes + lane
                    for row, index in enumerate(order):
                        value = cells[step.slice, output, index]
                        for bit in range(matrix.cell_value_bits):
                            words[row] |= (value >> bit & 1) << (bit * pitch + column)
        yield [
            pack(configuration.weight_row, {"cells": word, "reference": reference})
            for word, reference in zip(words, references, strict=True)
        ]


def _converter_rows(
    plan: Plan, configuration: Configuration, converters: Converters, row: StructLayout
) -> Iterable[int]:
    """For each column step, how its sums are recovered and converted."""
    for tile, step in plan.steps():
        matrix = plan.layers[tile.layer].matrix
        encoding, adc, s = matrix.encoding, matrix.adc, step.slice or 0
        common: dict[str, Any] = {
            "double": int(step.slice is not None and encoding.gain(s) == 2),
            "reference_weight": matrix.reference(s) if step.slice is not None else 0,
            "use_reference": int(step.slice is None),
            "exact": int(adc is None),
        }
        if configuration.converter == "exact":
            yield pack(row, {"common": common})
            continue
        columns = [
            None
            if output == PADDING or step.slice is None or adc is None
            else (step.tile * encoding.slices + s) * matrix.outputs + output
            for output in step.outputs
        ]
        common["low"] = adc.low if adc else 0
        ladders = converters.ladders[tile.layer]
        if configuration.converter == "ladder":
            idle = [0] * ((1 << configuration.adc_bits) - 1)
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
    bases = _bias_bases(plan)
    for tile, step in plan.steps():
        layer = plan.layers[tile.layer]
        node, matrix = layer.dequantize, layer.matrix
        if step.slice is None:
            assert node.sum_mantissa is not None
            table, start = node.sum_mantissa.flat, step.tile * matrix.outputs
        else:
            table, start = node.mantissa.flat, (step.tile * matrix.encoding.slices + step.slice) * matrix.outputs
        yield pack(
            row,
            {
                "mantissas": [0 if output == PADDING else table[start + output] for output in step.outputs],
                "first": int(step.first),
                "last": int(step.last),
                "group": step.accumulator,
                "bias": bases[tile.layer] + step.slot,
                "shift": node.shift,
                "low": node.format.interval.lo,
                "high": node.format.interval.hi,
                "destination": _destination(plan, configuration, tile, step) if step.last else 0,
            },
        )


def _destination(plan: Plan, configuration: Configuration, tile: Tile, step: ColumnStep) -> int:
    """What becomes of the slot that `step` completes: its route above its `Configuration.destination`."""
    layer, final = plan.layers[tile.layer], tile.layer == len(plan.layers) - 1
    assert tile.route is not None
    route = plan.routes[tile.route]
    slots = -(-layer.matrix.outputs // plan.lanes)
    members = min(plan.lanes, layer.matrix.outputs - step.slot * plan.lanes)
    fields = {
        "first": int(step.slot == route.first),
        "ends": int(step.slot == route.first + route.slots - 1),
        "kind": (Destination.ARGMAX if plan.argmax else Destination.OUTPUT) if final else Destination.STORED,
        "slot": step.slot,
        "words": -(-members // configuration.results_per_word),
        "last": int(step.slot == slots - 1),
        "acts": sum(1 << n for n, node in enumerate(layer.behind) if node is not None),
    }
    return pack(configuration.destination, fields) | tile.route << configuration.destination.size


def _bias_bases(plan: Plan) -> list[int]:
    """The bias row of each layer's first slot."""
    return [sum(-(-layer.matrix.outputs // plan.lanes) for layer in plan.layers[:n]) for n in range(len(plan.layers))]


def _bias_rows(plan: Plan, configuration: Configuration) -> Iterable[int]:
    """For each slot of outputs its biases; idle lanes hold 0, of an argmax what can never win."""
    row = ArrayLayout(Shape(configuration.bias_bits, True), configuration.lanes)
    lowest = IntFormat(configuration.bias_bits, signed=True).interval.lo
    for layer in plan.layers:
        idle = lowest if layer is plan.layers[-1] and plan.argmax else 0
        biases = list(layer.dequantize.bias.flat)
        biases += [idle] * (-len(biases) % plan.lanes)
        for start in range(0, len(biases), plan.lanes):
            yield pack(row, biases[start : start + plan.lanes])
