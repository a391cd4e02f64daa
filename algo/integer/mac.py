"""Dot products at any precision: the twins of hw.mac."""

from __future__ import annotations

import numpy as np

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.digits import SignedBytes, SparseDigits
from quadrille.algo.spec.mac_schemes import (
    ActivationSerial,
    BitFusion,
    Packed,
    Plain,
    SerialSerial,
    SubWord,
    WeightSerial,
)
from quadrille.algo.spec.precision import MacMode
from quadrille.algo.spec.spatio_temporal import SpatioTemporal

from .arithmetic import integers
from .digits import digit_cycles
from .mac_array import mac_array
from .mac_words import DotProduct, DotProducts, dot_product, dot_products, pack

__all__ = [
    "DotProduct",
    "DotProducts",
    "activation_serial_mac",
    "carry_save_mac",
    "dot_product",
    "dot_products",
    "fusion_mac",
    "mac_array",
    "pack",
    "packed_mac",
    "plain_mac",
    "same_weight_mac",
    "serial_serial_mac",
    "sparse_digit_mac",
    "spatio_temporal_mac",
    "sub_word_mac",
    "weight_serial_mac",
]


def spatio_temporal_mac(
    a: object, b: object, /, *, mode: MacMode, units: int = 8, accumulator_bits: int = 48
) -> DotProduct:
    """`sum_k a[k] * b[k]` by bit-serial sub-units: `dot_product` with SpatioTemporal."""
    return dot_product(a, b, scheme=SpatioTemporal(), mode=mode, units=units, accumulator_bits=accumulator_bits)


def plain_mac(
    a: object, b: object, /, *, mode: MacMode, width: int = 8, units: int = 8, accumulator_bits: int = 48
) -> DotProduct:
    """`sum_k a[k] * b[k]` by whole multipliers: `dot_product` with Plain."""
    return dot_product(a, b, scheme=Plain(width), mode=mode, units=units, accumulator_bits=accumulator_bits)


def fusion_mac(a: object, b: object, /, *, mode: MacMode, units: int = 8, accumulator_bits: int = 48) -> DotProduct:
    """`sum_k a[k] * b[k]` by bricks of 2 x 2 bits: `dot_product` with BitFusion."""
    return dot_product(a, b, scheme=BitFusion(), mode=mode, units=units, accumulator_bits=accumulator_bits)


def sub_word_mac(
    a: object, b: object, /, *, mode: MacMode, apart: bool = False, units: int = 8, accumulator_bits: int = 48
) -> DotProduct | DotProducts:
    """`sum_k a[k] * b[k]` by an array multiplier in parts: `dot_product` with SubWord.

    `apart`, `sums[s] = sum_k a[s,k] * b[s,k]`: `dot_products`.
    """
    product = dot_products if apart else dot_product
    return product(a, b, scheme=SubWord(apart), mode=mode, units=units, accumulator_bits=accumulator_bits)


def packed_mac(a: object, b: object, /, *, mode: MacMode, units: int = 8, accumulator_bits: int = 48) -> DotProducts:
    """`sums[2*i+j] = sum_k a[i,k] * b[j,k]` by wide multipliers: `dot_products` with Packed."""
    return dot_products(a, b, scheme=Packed(), mode=mode, units=units, accumulator_bits=accumulator_bits)


def activation_serial_mac(
    a: object, b: object, /, *, mode: MacMode, units: int = 8, accumulator_bits: int = 48
) -> DotProduct:
    """`sum_k a[k] * b[k]` one bit of b at a time: `dot_product` with ActivationSerial."""
    return dot_product(a, b, scheme=ActivationSerial(), mode=mode, units=units, accumulator_bits=accumulator_bits)


def weight_serial_mac(
    a: object, b: object, /, *, mode: MacMode, units: int = 8, accumulator_bits: int = 48
) -> DotProduct:
    """`sum_k a[k] * b[k]` one bit of a at a time: `dot_product` with WeightSerial."""
    return dot_product(a, b, scheme=WeightSerial(), mode=mode, units=units, accumulator_bits=accumulator_bits)


def serial_serial_mac(
    a: object, b: object, /, *, mode: MacMode, units: int = 8, accumulator_bits: int = 48
) -> DotProduct:
    """`sum_k a[k] * b[k]` one bit of a by one bit of b at a time: `dot_product` with SerialSerial."""
    return dot_product(a, b, scheme=SerialSerial(), mode=mode, units=units, accumulator_bits=accumulator_bits)


def carry_save_mac(a: object, b: object, /, *, mode: MacMode, units: int = 8, accumulator_bits: int = 48) -> DotProduct:
    """`sum_k a[k] * b[k]` in redundant sums, product by product: `dot_product` with SignedBytes."""
    return dot_product(a, b, scheme=SignedBytes(), mode=mode, units=units, accumulator_bits=accumulator_bits)


def same_weight_mac(
    a: object, b: object, /, *, mode: MacMode, units: int = 8, accumulator_bits: int = 48
) -> DotProduct:
    """`sum_k a[k] * b[k]` in redundant sums, weight by weight: `dot_product` with SignedBytes."""
    return dot_product(a, b, scheme=SignedBytes(), mode=mode, units=units, accumulator_bits=accumulator_bits)


def sparse_digit_mac(
    a: object, b: object, /, *, mode: MacMode, columns: int = 1, units: int = 8, accumulator_bits: int = 48
) -> DotProducts:
    """`sums[c] = sum_k a[c,k] * b[k]` digit by digit of b, in the cycles of `digit_cycles`.

    `a` (columns, K), `b` (K,).

    Raises
    ------
    InvalidInput
        As `dot_product`; and if `a` has not a row for each column.
    """
    scheme, rows, right = SparseDigits(columns), integers(a, "Operand a"), integers(b, "Operand b")
    if rows.ndim != 2 or len(rows) != columns:
        raise InvalidInput(f"Operand a must have a row for each of {columns} columns, not the shape {list(rows.shape)}")
    found = [
        dot_product(row, right, scheme=scheme, mode=mode, units=units, accumulator_bits=accumulator_bits)
        for row in rows
    ]
    size = units * scheme.elements(mode)
    whole = np.append(right, np.full(-len(right) % size, -1 if mode.b.binary else 0))  # the field 0 is -1 there
    cycles = digit_cycles(whole, units=units, elements=scheme.elements(mode))
    return DotProducts(tuple(each.total for each in found), found[0].beats, cycles)
