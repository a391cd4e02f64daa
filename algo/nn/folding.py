"""Folding batch norm, weight scales, ADC steps and activation steps into one mantissa per column and one shift.

A layer's real result in units of its output step is `sum column[t,s,o]*code + sum row[t,o]*X + constant[o]`. Every
coefficient is a Fraction made of the exact values of the float64 parameters; rounding to integers happens once, here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import torch

from quadrille.algo.spec import InvalidInput

from .layer import CimLayer
from .norm import Bias, Norm

__all__ = ["Affine", "FoldedIntegers", "fold", "round_to_integers"]

MOST_SHIFT = 62
MOST_MANTISSA_BITS = 24

Fractions = tuple[Fraction, ...]


@dataclass(frozen=True)
class Affine:
    """A layer as exact coefficients, in units of its output step; `columns` and `sums` in row-major order.

    `columns[t,s,o]` multiplies the code, `sums[t,o]` (None without row sums) the sum X of the tile.
    """

    columns: Fractions
    sums: Fractions | None
    constants: Fractions


@dataclass(frozen=True)
class FoldedIntegers:
    """The tables of a Dequantize node."""

    mantissa: list[int]
    sum_mantissa: list[int] | None
    bias: list[int]
    shift: int


def _exact(tensor: torch.Tensor) -> list[Fraction]:
    return [Fraction(value) for value in tensor.detach().double().flatten().tolist()]


def norm_affine(norm: Norm) -> tuple[list[Fraction], list[Fraction]]:
    """Batch norm in evaluation, or a bias, as `factor[o] * z + constant[o]`; the square root is float64's."""
    if isinstance(norm, Bias):
        constants = _exact(norm.bias)
        return [Fraction(1)] * len(constants), constants
    assert norm.running_mean is not None and norm.running_var is not None
    inverse = 1 / torch.sqrt(norm.running_var.double() + norm.eps)
    factors = _exact(inverse)
    if norm.weight is not None:
        factors = [a * b for a, b in zip(factors, _exact(norm.weight), strict=True)]
    means = _exact(norm.running_mean)
    shifts = [Fraction(0)] * len(means) if norm.bias is None else _exact(norm.bias)
    return factors, [shift - mean * factor for shift, mean, factor in zip(shifts, means, factors, strict=True)]


def fold(layer: CimLayer, norm: Norm, source_step: float, result_step: float) -> Affine:
    """The coefficients of `layer` and `norm`, input integers standing for `source_step`, in units of `result_step`.

    The zero point of the ADC is part of the constants: `Delta * (code + c)` is `Delta * code` and a constant.
    """
    outputs = layer.outputs
    factors, constants = norm_affine(norm)
    scales = layer.scales(layer.weights(layer.matrix))
    unit = Fraction(source_step) / Fraction(result_step)
    columns = [factors[index % outputs] * value * unit for index, value in enumerate(_exact(scales.columns))]
    totals = [constant / Fraction(result_step) for constant in constants]
    if layer.adc is not None and layer.converting:
        columns = [a * b for a, b in zip(columns, _exact(layer.adc.column_steps()), strict=True)]
        for index, zero in enumerate(layer.adc.zero_points().flatten().tolist()):
            totals[index % outputs] += columns[index] * int(zero)
    sums = None
    # A layer whose offsets are all zero needs no reference sums.
    if scales.sums is not None and bool(scales.sums.any()):
        sums = tuple(factors[index % outputs] * value * unit for index, value in enumerate(_exact(scales.sums)))
    return Affine(tuple(columns), sums, tuple(totals))


def largest_result(affine: Affine, layer: CimLayer, source_high: int) -> Fraction:
    """A bound on |result| over all inputs from 0 to `source_high`, in the units of `affine`."""
    outputs, (tiles, slices, _) = layer.outputs, layer.columns
    bounds = [abs(constant) for constant in affine.constants]
    if layer.adc is not None and layer.converting:
        most = [max(-layer.adc.low, layer.adc.high)] * tiles
    else:
        digit = max(1, (1 << layer.encoding.cell_bits) - 1) if not layer.encoding.binary else 1
        most = [rows * source_high * digit for rows in layer.tile_rows]
    for index, value in enumerate(affine.columns):
        bounds[index % outputs] += abs(value) * most[index // (slices * outputs)]
    for index, value in enumerate(affine.sums or ()):
        bounds[index % outputs] += abs(value) * layer.tile_rows[index // outputs] * source_high
    return max(bounds)


def _rounded(values: Sequence[Fraction], shift: int) -> list[int]:
    return [floor(value * (1 << shift) + Fraction(1, 2)) for value in values]


def round_to_integers(affine: Affine, mantissa_bits: int, noun: str) -> FoldedIntegers:
    """Mantissas of `mantissa_bits` signed bits and the greatest shift at which the largest of them still fits.

    Raises
    ------
    InvalidInput
        If `mantissa_bits` is not from 8 to 24, or a coefficient is too large for it even without a shift.
    """
    if not 8 <= mantissa_bits <= MOST_MANTISSA_BITS:
        raise InvalidInput(f"Mantissa width must be from 8 to {MOST_MANTISSA_BITS} bits, not {mantissa_bits}")
    highest = (1 << (mantissa_bits - 1)) - 1
    largest = max(map(abs, (*affine.columns, *(affine.sums or ()))))
    if floor(largest + Fraction(1, 2)) > highest:
        raise InvalidInput(
            f"Block {noun!r}: column factors must be at most {highest} to fit a mantissa of {mantissa_bits} bits, "
            f"not {float(largest):g}"
        )
    shift = next(
        n for n in range(MOST_SHIFT, -1, -1) if floor(largest * (1 << n) + Fraction(1, 2)) <= highest or n == 0
    )
    if largest == 0:
        shift = mantissa_bits - 1  # nothing but the bias counts: give it a mantissa's precision
    return FoldedIntegers(
        _rounded(affine.columns, shift),
        None if affine.sums is None else _rounded(affine.sums, shift),
        _rounded(affine.constants, shift),
        shift,
    )
