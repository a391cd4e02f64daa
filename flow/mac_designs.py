"""The multiply-accumulate units of a study of their costs: how each is built, and what it multiplies in a cycle."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.digits import SignedBytes, SparseDigits, ent_digits
from quadrille.algo.spec.mac_schemes import (
    ActivationSerial,
    BitFusion,
    Packed,
    Plain,
    SerialSerial,
    SubWord,
    WeightSerial,
)
from quadrille.algo.spec.precision import WORD_BITS, MacMode, Operand, Scheme
from quadrille.algo.spec.spatio_temporal import SpatioTemporal

if TYPE_CHECKING:
    from quadrille.hw.base import Block

__all__ = ["DESIGNS", "OURS", "REFERENCE", "MacDesign", "mode_of"]

OURS = "spatio-temporal"
REFERENCE = "plain-8"
"""What throughput per area is normalised to."""
SAMPLES = 2000
"""Beats over which cycles that depend on the data are averaged."""


@dataclass(frozen=True)
class MacDesign:
    """A row of the study.

    Attributes
    ----------
    block, settings : of the catalogue, and its parameters
    method : in words
    scalable : whether narrow operands give more products; a plain multiplier does not
    """

    block: str
    scheme: Scheme
    method: str
    scalable: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)

    def build(self, units: int) -> Block:
        """The hardware, of `units` units."""
        from quadrille.hw.export.catalogue import build

        return build(self.block, {"units": str(units), **self.settings})

    def products(self, bits: int, units: int = 1) -> float | None:
        """Products of a unit in a cycle with both operands of `bits` bits; none if it has not the precision.

        Where the cycles depend on the data, and of `units` units on the one that takes most, it is the mean over
        uniformly random operands, a fixed sample of them.
        """
        mode = mode_of(bits)
        try:
            self.scheme.check(mode)
        except InvalidInput:
            return None
        if isinstance(self.scheme, SparseDigits):
            return len(self.scheme.pairs(mode)) / _sparse_cycles(bits, units, self.scheme.elements(mode))
        return float(self.scheme.rate(mode))

    def operand_bits(self, bits: int) -> float | None:
        """Bits of words that are given for a product of two operands of `bits` bits, those of both operands."""
        mode = mode_of(bits)
        if self.products(bits) is None:
            return None
        return 2 * WORD_BITS * self.scheme.beats(mode) / len(self.scheme.pairs(mode))

    @property
    def once(self) -> bool:
        """Whether a word is given once, and not again for each bit of the other operand."""
        return not self.scheme.planes


@cache
def _sparse_cycles(bits: int, units: int, elements: int) -> float:
    """Mean cycles of a beat: the digits that are not 0 of the unit that has most."""
    interval, draw = mode_of(bits).b.interval, random.Random(bits)
    digits = {value: sum(map(bool, ent_digits(value))) for value in range(interval.lo, interval.hi + 1)}
    values = list(digits.values())
    beats = [max(sum(draw.choices(values, k=elements)) for _ in range(units)) for _ in range(SAMPLES)]
    return sum(max(count, 1) for count in beats) / SAMPLES


def mode_of(bits: int) -> MacMode:
    """Both operands signed, of `bits` bits."""
    return MacMode(Operand(bits, True), Operand(bits, True))


DESIGNS: Mapping[str, MacDesign] = {
    OURS: MacDesign("spatio-temporal-mac", SpatioTemporal(), "four bit-serial sub-units tiled in space (2-in-1)"),
    "fusion": MacDesign("fusion-mac", BitFusion(), "bricks of 2 x 2 bits, fused (BitFusion)"),
    "activation-serial": MacDesign("activation-serial-mac", ActivationSerial(), "activation a bit a cycle (Stripes)"),
    "weight-serial": MacDesign("weight-serial-mac", WeightSerial(), "weight a bit a cycle, by table (UNPU)"),
    "serial-serial": MacDesign("serial-serial-mac", SerialSerial(), "both operands a bit a cycle (Loom)"),
    "sub-word": MacDesign("sub-word-mac", SubWord(), "an array multiplier in parts, sums together (DVAFS)"),
    "sub-word-apart": MacDesign(
        "sub-word-mac", SubWord(apart=True), "the same, a sum for each part", settings={"apart": "true"}
    ),
    "packed": MacDesign("packed-mac", Packed(), "two or four products in a multiplier of 27 x 18 bits"),
    "plain-8": MacDesign("plain-mac", Plain(8), "two multipliers of 8 bits", False, {"width": "8"}),
    "plain-16": MacDesign("plain-mac", Plain(16), "a multiplier of 16 bits", False, {"width": "16"}),
    "carry-save": MacDesign("carry-save-mac", SignedBytes(), "bytes, redundant sum (OPT1)", False),
    "same-weight": MacDesign("same-weight-mac", SignedBytes(), "bytes, digits of a weight first (OPT2)", False),
    "sparse-digit": MacDesign("sparse-digit-mac", SparseDigits(), "bytes, a digit that is not 0 a cycle (OPT3)"),
}
