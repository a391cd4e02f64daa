"""Accelerators that the models are fitted to and checked with: small ones, drawn over everything that can be chosen,
and large ones, of which only what grows with rows and columns is synthesized."""

from __future__ import annotations

from random import Random
from typing import Any

from quadrille.algo.spec.array_precision import precisions_of
from quadrille.hw.engine import Configuration

__all__ = ["HELD_OUT_SHARE", "SAMPLES", "WHOLE_SAMPLES", "is_held_out", "is_synthesized", "sampled"]

HELD_OUT_SHARE = 3
"""One in as many samples is never fitted."""

PRECISIONS = ("8x8", "4x4", "8x8,4x4", "8xs8,4x4,2x2")
CIM, MAC = 12, 4
"""Samples of engines of macros and of arrays."""
WHOLE_SAMPLES = CIM + MAC
"""The small ones, which come first."""

LARGE: tuple[dict[str, Any], ...] = (
    {"rows": 128, "columns": 32, "lanes": 8, "converter": "multiply-shift", "adc_bits": 4},
    {"rows": 64, "columns": 16, "lanes": 4, "converter": "exact", "activation_bits": 2, "cuts": 2},
    {"rows": 256, "columns": 8, "lanes": 4, "converter": "ladder", "adc_bits": 3, "weight_planes": 1, "cuts": 0},
    {"rows": 256, "columns": 16, "lanes": 8, "converter": "exact", "activation_bits": 8, "cuts": 2},
    {"rows": 32, "columns": 32, "lanes": 8, "converter": "multiply-shift", "adc_bits": 5, "activation_bits": 8},
    {"engine": "mac", "rows": 8, "columns": 8, "lanes": 4},
    {"engine": "mac", "rows": 16, "columns": 8, "lanes": 8, "cuts": 2},
    {"rows": 64, "columns": 8, "banks": 2, "cell_bits": 2, "lanes": 4, "converter": "exact"},
    {"rows": 128, "columns": 8, "lanes": 4, "converter": "ladder", "adc_bits": 4, "weight_planes": 1, "cuts": 3},
    {"rows": 64, "columns": 64, "lanes": 16, "converter": "exact", "signed": True},
    {"rows": 32, "columns": 8, "lanes": 4, "converter": "exact", "compressor": "lut6"},
    {"rows": 128, "columns": 4, "lanes": 4, "converter": "exact", "compressor": "lut6", "cuts": 2},
    {"rows": 64, "columns": 16, "lanes": 4, "converter": "exact", "compressor": "lut6"},
)
"""What is not as a network of digits has it: see `_large`."""
GROWING = {"macro", "macro_0", "reader", "converter", "patches"}
"""The components of a large sample that are synthesized."""
SAMPLES = WHOLE_SAMPLES + len(LARGE)


def is_held_out(number: int) -> bool:
    """Whether models are never fitted to sample `number`: by its place, so before anything is measured."""
    return number % HELD_OUT_SHARE == 1


def is_synthesized(number: int, configuration: Configuration, component: str, family: str) -> bool:
    """Whether a component of sample `number` is for the target `family`: of large ones those that grow; compressors
    of look-up tables where these are."""
    if number < WHOLE_SAMPLES:
        return True
    return component in GROWING and (configuration.compressor != "lut6" or family == "ultrascale+")


def sampled() -> list[Configuration]:
    """The samples, the same at every call."""
    draw = Random(6)
    small = [_cim(draw) for _ in range(CIM)] + [_mac(draw) for _ in range(MAC)]
    return [*small, *map(_large, LARGE)]


def _cim(draw: Random) -> Configuration:
    """An engine of macros."""
    converter = draw.choice(("exact", "exact", "multiply-shift", "multiply-shift", "ladder"))
    cell_bits = draw.choice((1, 1, 1, 2, 4))
    shape = {
        "engine": "cim",
        "rows": draw.choice((8, 9, 12, 16)),
        "columns": draw.choice((4, 6, 8, 12)),
        "macros": draw.choice((1, 1, 1, 2)),
        "banks": draw.choice((1, 1, 1, 2)),
        "cell_bits": cell_bits,
        "signed": draw.random() < 0.3,
        "activation_bits": draw.choice((1, 2, 4, 4)),
        "cuts": draw.choice((0, 1, 1, 2, 3)),
        "weight_planes": draw.choice((1, 2, 2)),
        "lanes": draw.choice((2, 2, 4)),
        "converter": converter,
        "adc_bits": draw.choice((2, 3, 4)),
        "multiplier_bits": draw.choice((8, 12, 16)),
        "offset_bits": draw.choice((16, 20, 24)),
        "converter_shift": draw.choice((8, 10, 12)),
    }
    return _behind(draw, shape)


def _mac(draw: Random) -> Configuration:
    """An engine of arrays."""
    unit = "spatio-temporal"
    precisions = precisions_of(draw.choice(PRECISIONS))
    shape = {
        "engine": "mac",
        "unit": unit,
        "precisions": precisions,
        "cell_bits": max(precision.weight_bits for precision in precisions),
        "activation_bits": max(precision.activation.bits for precision in precisions),
        "signed": any(precision.activation.signed for precision in precisions),
        "rows": draw.choice((2, 3, 4) if unit == "spatio-temporal" else (1, 2)),
        "columns": draw.choice((4, 5, 6)),
        "macros": 1,
        "banks": 1,
        "cuts": draw.choice((0, 1, 2)),
        "weight_planes": draw.choice((1, 2)),
        "lanes": draw.choice((2, 4)),
        "converter": "exact",
    }
    return _behind(draw, shape)


def _large(shape: dict[str, Any]) -> Configuration:
    """The accelerator of a small network, but for its `shape`."""
    values = {**Configuration.defaults(), "multiplier_bits": 16, "accumulator_bits": 22, "bias_bits": 22, **shape}
    if values["engine"] == "mac":
        precisions = precisions_of("8x8,4x4")
        values |= {"precisions": precisions, "cell_bits": 8, "activation_bits": 8, "converter": "exact"}
    values["word"] = max(values["lanes"], 64)
    return Configuration(**values)


def _behind(draw: Random, shape: dict[str, Any]) -> Configuration:
    """An accelerator around `shape`: what follows is drawn in ranges that networks lead to."""
    mantissa, residual, pooling = draw.choice((4, 8, 12, 16)), draw.random() < 0.3, draw.random() < 0.4
    accumulator = draw.choice((16, 20, 24, 28))
    result = max(shape["activation_bits"], draw.choice((8, 10, 12, 16)))
    maps = draw.choice((1, 8, 16, 32))
    least = max(shape["lanes"], 1 << ((64 // shape["activation_bits"]).bit_length() - 1))
    cut = draw.random() < 0.5
    values = {
        **shape,
        "memory_cuts": draw.choice((0, 1)) if cut else 0,
        "lane_cuts": draw.choice((0, 1, 2)) if cut else 0,
        "walk_cuts": draw.choice((0, 1)) if cut else 0,
        "patch_cuts": draw.choice((0, 1, 2, 3)) if cut else 0,
        "buffers": draw.choice((0, 1)) if cut else 0,
        "word": least * draw.choice((1, 1, 2)),
        "mantissa_bits": mantissa,
        "accumulator_bits": accumulator,
        "bias_bits": accumulator,
        "shift_bits": draw.choice((3, 4, 5)),
        "result_bits": result,
        "scale_bits": draw.choice((4, 8, 12)),
        "stored_bits": draw.choice((4, 8)) if residual else 1,
        "pool_bits": result + draw.choice((0, 2)),
        "activation_cuts": draw.choice((2, 3)),
        "residual": residual,
        "pooling": pooling,
        "requantizing": draw.random() < 0.4,
        "frames": draw.choice((1, 4, 32)),
        "input_words": draw.choice((4, 8, 16)),
        "feature_words": draw.choice((8, 16, 32)),
        "stored_words": draw.choice((16, 64)) if residual else 1,
        "pool_words": draw.choice((4, 16)) if pooling else 1,
        "weight_tiles": draw.choice((3, 6, 12)),
        "weight_rows": draw.choice((48, 96, 192)),
        "table_rows": draw.choice((12, 18, 40)),
        "bias_rows": draw.choice((6, 9, 20)),
        "routes": draw.choice((3, 6, 12)),
        "accumulators": draw.choice((8, 32, 64)),
        "steps": draw.choice((4, 8, 16)),
        "map_size": maps,
        "kernel_size": 1 if maps == 1 else 3,
    }
    return Configuration(**{**Configuration.defaults(), **values})
