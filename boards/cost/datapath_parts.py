"""What multiplies and what turns sums into results, in operations: macros, arrays, reader, converter, dequantizer."""

from __future__ import annotations

from collections.abc import Iterator

from quadrille.algo.spec.array_precision import UNIT_SCHEMES, elements_of
from quadrille.algo.spec.spatio_temporal import CHUNK_BITS, SUB_UNITS
from quadrille.hw.base.columns import ACCUMULATION, gate_levels
from quadrille.hw.base.compress import COMPRESSORS

from .geometry import Geometry, Tree, accumulator, tree
from .parts import Memory, Part, Product

__all__ = ["datapath_parts"]


def datapath_parts(geometry: Geometry) -> Iterator[Part]:
    """From the macros to the results."""
    if geometry.of.engine == "cim":
        yield from macros(geometry)
    else:
        yield array(geometry)
    yield reader(geometry)
    yield converter(geometry)
    yield dequantizer(geometry)


def macros(g: Geometry) -> Iterator[Part]:
    """The macro of each bank: `S = 2*S + sum_r d[r] * bit[r]` in all columns, redundant."""
    c = g.of
    kind = COMPRESSORS[g.compressor]
    heap = tuple((weight, c.rows) for weight in range(c.cell_bits))
    whole = tree(heap, g.partial_bits, g.compressor, c.cuts, gate_levels(kind, c.row_enables), ACCUMULATION)
    reference = tree(((0, c.rows),), None, g.compressor)
    if kind.ternary:
        accumulating, words = g.partial_bits, g.partial_bits
    else:
        sums = sums_of(g)
        accumulating, words = sums.size, sum(count for _, count in sums.left)
    stages = c.cuts + kind.registered
    cells = c.rows * c.cell_bits
    control = (g.tag + 4 + g.gates) * (1 + stages)
    for bank in range(c.banks):
        yield Part(
            "macro" if c.banks == 1 else f"macro_{bank}",
            "macro" if g.compressor == "full-adders" else f"macro of {g.compressor}",
            {
                "gates": cells * g.columns,
                "cells": cells * c.weight_planes * g.columns,
                "plane muxes": cells * (c.weight_planes - 1) * g.columns,
                "tree adders": whole.size * g.columns,
                "sum adders": accumulating * g.columns,
                "sums": words * g.columns,
                "negations": 2 * g.partial_bits * g.columns * c.signed,
                "cut words": (whole.cut_words + cells * kind.registered) * g.columns,
                "rows": c.rows * c.weight_planes,
                "reference adders": reference.size + 2 * g.reference_bits,
                "registers": (1 + 2 * c.row_enables) * c.rows + control + g.reference_bits * (1 + stages),
                "one": 1,
            },
        )


def sums_of(g: Geometry) -> Tree:
    """The accumulators of a column of full adders."""
    c = g.of
    heap = tuple((weight, c.rows) for weight in range(c.cell_bits))
    return accumulator(tree(heap, g.partial_bits, g.compressor).left, g.partial_bits, c.signed)


def array(g: Geometry) -> Part:
    """An array of multiply-accumulate units, a model for each kind of unit."""
    c = g.of
    units, columns, bits = c.rows, g.columns, g.partial_bits
    elements = max(elements_of(c.unit, precision) for precision in c.precisions)
    window = c.rows * elements * c.activation_bits + g.gates * (3 + c.cuts)
    modes = len(c.precisions)
    if c.unit == "spatio-temporal":
        heap = tuple((weight, units) for weight in range(CHUNK_BITS))
        # Sums of 4-bit chunks, a bit of every unit at a time.
        chunk = ((1 << CHUNK_BITS) - 1) * units
        sum_bits = (15 * chunk).bit_length() + 1
        chunks = tree(heap, sum_bits, "full-adders", c.cuts, 1, ACCUMULATION)
        cells = SUB_UNITS * CHUNK_BITS * units * columns
        features: dict[str, float] = {
            "gates": cells,
            "cells": cells * c.weight_planes,
            "plane muxes": cells * (c.weight_planes - 1),
            "adders": SUB_UNITS * chunks.size * columns,
            "sums": SUB_UNITS * 2 * sum_bits * columns,
            "results": 2 * bits * columns,
            "placements": SUB_UNITS * 2 * bits * columns * (modes > 1),
            "cut words": SUB_UNITS * chunks.cut_words * columns,
        }
    else:
        scheme = UNIT_SCHEMES[c.unit]
        operand = max(precision.weight_bits for precision in c.precisions)
        features = {
            "units": units * columns,
            "unit operands": units * columns * operand,
            "unit modes": units * columns * (modes - 1),
            "cells": units * columns * 16 * c.weight_planes,
            "plane muxes": units * columns * 16 * (c.weight_planes - 1),
            "columns": columns * (bits + scheme.sums),
        }
    return Part(
        "macro",
        f"array of {c.unit}",
        {**features, "window": window, "window modes": window * modes, "rows": c.rows * elements, "one": 1},
    )


def reader(g: Geometry) -> Part:
    """Two shift registers for each bit of the sums."""
    c = g.of
    columns = c.read_columns
    seen = min(c.lanes, columns)
    words = 2 * g.partial_bits
    if c.engine == "cim":
        ternary = COMPRESSORS[g.compressor].ternary
        words = g.partial_bits if ternary else sum(count for _, count in sums_of(g).left)
    return Part(
        "reader",
        "reader",
        {
            "shifted": words * (columns - seen),
            "loaded": words * seen,
            "references": c.banks * g.reference_bits,
            "control": g.steps + g.table_address + g.position,
            "one": 1,
        },
    )


def converter(g: Geometry) -> Part:
    """`P = (S << double) - reference_weight * X`, then the ADC."""
    c, lanes = g.of, c_lanes(g)
    control = g.reference_bits + g.table_address + g.position + 1
    beats = 3 + g.of.memory_cuts
    features: dict[str, float] = {
        "resolved": lanes * g.partial_bits,
        "values": lanes * g.code_bits,
        "control": control * beats + g.converter_common,
        "waiting": g.of.memory_cuts * (lanes * g.partial_bits + g.converter_row),
        "one": 1,
    }
    weight = (1 << (c.cell_bits - 1)).bit_length()
    # The greatest weight is a power of two: the product has a bit less than both together.
    products = (Product(1, g.reference_bits, weight + c.signed, g.reference_bits + weight + c.signed - 1),)
    if c.converter == "ladder":
        thresholds = lanes * ((1 << c.adc_bits) - 1)
        features |= {"thresholds": thresholds * g.code_bits, "fired": thresholds}
    elif c.converter == "multiply-shift":
        shifted = max(1, g.line_bits - c.converter_shift)
        features |= {
            "rows": lanes * (c.multiplier_bits + c.offset_bits),
            "lines": lanes * g.line_bits,
            "clamped": lanes * shifted,
            "lane cuts": lanes * shifted * g.of.lane_cuts,
            "later": lanes * g.code_bits,
        }
        products += (Product(lanes, g.code_bits, c.multiplier_bits + 1),)
    memories = (Memory(c.table_rows, g.converter_row),)
    return Part("converter", f"{c.converter} converter", features, memories, products)


def dequantizer(g: Geometry) -> Part:
    """Multiply, accumulate, round, saturate."""
    c, lanes = g.of, c_lanes(g)
    control = g.position + 3 + c.shift_bits + 2 * c.result_bits + g.route + g.destination
    return Part(
        "dequantizer",
        "dequantizer",
        {
            "codes": lanes * g.code_bits,
            "product registers": lanes * (g.code_bits + c.mantissa_bits),
            "sums": lanes * c.accumulator_bits,
            "shifts": lanes * (c.accumulator_bits + 1) * c.shift_bits,
            "results": lanes * c.result_bits,
            "control": control * (4 + g.of.lane_cuts),
            "waiting": g.of.memory_cuts
            * (lanes * (g.code_bits + 2 * c.accumulator_bits + c.mantissa_bits) + g.dequantizer_row),
            "lane cuts": g.of.lane_cuts * lanes * c.accumulator_bits,
            "one": 1,
        },
        (
            Memory(c.table_rows, g.dequantizer_row),
            Memory(c.bias_rows, lanes * c.bias_bits),
            Memory(c.accumulators + c.steps - 1, lanes * c.accumulator_bits, forwards=True),
        ),
        (Product(lanes, g.code_bits, c.mantissa_bits),),
    )


def c_lanes(g: Geometry) -> int:
    """Lanes of everything behind the reader."""
    return g.of.lanes
