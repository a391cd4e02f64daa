"""From a Plan to bits: the contents of every table of the accelerator, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from amaranth import Shape
from amaranth.lib.data import ArrayLayout, StructLayout

from quadrille.algo.spec import Interval, IntFormat, InvalidInput

from .configuration import Configuration
from .conversions import Converters
from .instructions import instructions, store_rows, unit_rows
from .mapping import PADDING, ColumnStep, Plan, Tile, precision_of
from .packing import pack
from .tables import Datapath
from .targets import Destination, Target
from .tiles import WeightTiles

__all__ = ["Start", "encode_all"]


@dataclass(frozen=True)
class Start:
    """Where the part of a mode begins: in the converters its layers, in tables its instructions, column steps, slots
    of biases and routes."""

    layer: int = 0
    instruction: int = 0
    step: int = 0
    bias: int = 0
    route: int = 0

    def after(self, plan: Plan) -> Start:
        """Where that of the mode behind `plan` begins."""
        return Start(
            self.layer + len(plan.layers),
            self.instruction + len(plan.tiles),
            self.step + sum(len(tile.steps) for tile in plan.tiles),
            self.bias + sum(-(-layer.matrix.outputs // plan.lanes) for layer in plan.layers),
            self.route + len(plan.routes),
        )


def encode_all(
    plans: Sequence[Plan], configuration: Configuration, converters: Converters, parts: Datapath, weights: WeightTiles
) -> dict[int, list[int]]:
    """The rows of every table, by target, those of the modes one behind the other.

    Raises
    ------
    InvalidInput
        If a table is longer than its memory, or a number wider than its field; says what would be needed.
    """
    images: dict[int, list[int]] = {Target.WEIGHTS: list(weights.rows)}
    starts = [*accumulate(plans, Start.after, initial=Start())]
    for plan, start in zip(plans, starts, strict=False):
        for target, rows in encode(plan, configuration, converters, parts, start).items():
            images.setdefault(target, []).extend(rows)
    if configuration.modes > 1:
        images[Target.MODES] = [pack(configuration.mode_row, {"first": start.instruction}) for start in starts[:-1]]
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
                f"for network {plans[0].network.name!r}, not {getattr(configuration, parameter)}"
            )
    fields = (field for plan in plans for field in _tile_fields(plan, configuration))
    images[Target.TILES] = weights.table(configuration.tile, fields)
    return images


def encode(
    plan: Plan, configuration: Configuration, converters: Converters, parts: Datapath, start: Start
) -> dict[int, list[int]]:
    """The rows of a mode in every table but those of its weights, by target.

    Raises
    ------
    InvalidInput
        If a number is wider than its field.
    """
    return {
        Target.CONVERTER: list(_converter_rows(plan, configuration, converters, parts.converter.row, start)),
        Target.MANTISSAS: list(_mantissa_rows(plan, configuration, parts.dequantizer.row, start)),
        Target.BIASES: list(_bias_rows(plan, configuration)),
        Target.PROGRAM: list(instructions(plan, configuration, start.step)),
        **store_rows(plan, configuration, parts),
        **unit_rows(plan, parts),
    }


def _tile_fields(plan: Plan, configuration: Configuration) -> Iterable[dict[str, int]]:
    """What the tile table says of each instruction beside the place of its weights."""
    for number, tile in enumerate(plan.tiles):
        precision = configuration.precisions.index(precision_of(plan.layers[tile.layer])) if plan.unit else None
        last = {"last": int(number == len(plan.tiles) - 1)}
        yield last if precision is None else last | {"precision": precision}


def _converter_rows(
    plan: Plan, configuration: Configuration, converters: Converters, row: StructLayout, start: Start
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
        ladders = converters.ladders[start.layer + tile.layer]
        if configuration.converter == "ladder":
            idle = [0] * ((1 << configuration.adc_bits) - 1)
            lanes = [
                idle if c is None else [_reachable(t, ladders[c].interval) for t in ladders[c].thresholds]
                for c in columns
            ]
        else:
            line = converters.multiply_shift
            assert line is not None
            base = converters.starts[start.layer + tile.layer]
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


def _mantissa_rows(plan: Plan, configuration: Configuration, row: StructLayout, begin: Start) -> Iterable[int]:
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
                "bias": begin.bias + bases[tile.layer] + step.slot,
                "shift": node.shift,
                "low": node.format.interval.lo,
                "high": node.format.interval.hi,
                "destination": _destination(plan, configuration, tile, step, begin) if step.last else 0,
            },
        )


def _destination(plan: Plan, configuration: Configuration, tile: Tile, step: ColumnStep, begin: Start) -> int:
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
    return pack(configuration.destination, fields) | (begin.route + tile.route) << configuration.destination.size


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
