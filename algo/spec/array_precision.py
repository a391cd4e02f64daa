"""What a multiply-accumulate array is built for: pairs of precisions, and how each kind of unit takes them in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .digits import SignedBytes
from .errors import InvalidInput
from .formats import Interval, IntFormat
from .mac_schemes import ActivationSerial, BitFusion, Plain, SubWord, WeightSerial
from .precision import MacMode, Operand, Scheme
from .spatio_temporal import SpatioTemporal

__all__ = ["UNIT_SCHEMES", "ArrayPrecision", "elements_of", "precisions_of", "text_of"]

UNIT_SCHEMES: dict[str, Scheme] = {
    "spatio-temporal": SpatioTemporal(),
    "fusion": BitFusion(),
    "activation-serial": ActivationSerial(),
    "weight-serial": WeightSerial(),
    "sub-word": SubWord(),
    "carry-save": SignedBytes(),
    "same-weight": SignedBytes(),
    "plain-8": Plain(8),
    "plain-16": Plain(16),
}
"""How the units of an array take operands in, by the unit's name."""


@dataclass(frozen=True)
class ArrayPrecision:
    """Weights of `weight_bits` bits, as unsigned cells, by activations of `activation`.

    Written `8x4` for 8-bit weights and unsigned 4-bit activations, `8xs4` for signed ones.

    Raises
    ------
    InvalidInput
        If either has not 1 to 16 bits, or a signed activation one bit.
    """

    weight_bits: int
    activation: IntFormat

    def __post_init__(self) -> None:
        _ = self.mode
        if self.mode.b.binary:
            raise InvalidInput("Signed activations of an array must have at least 2 bits, not 1")

    @property
    def mode(self) -> MacMode:
        """The same for a unit: `a` the cell, `b` the activation."""
        return MacMode(Operand(self.weight_bits), Operand(self.activation.bits, self.activation.signed))

    def __str__(self) -> str:
        return f"{self.weight_bits}x{'s' if self.activation.signed else ''}{self.activation.bits}"

    @classmethod
    def parse(cls, text: str) -> ArrayPrecision:
        """The precision written `text`.

        Raises
        ------
        InvalidInput
            If it is none.
        """
        found = re.fullmatch(r"(\d{1,2})x(s?)(\d{1,2})", text)
        if not found:
            raise InvalidInput(f"Precision of an array must be written like 8x4 or 8xs4, not {text!r}")
        return cls(int(found[1]), IntFormat(int(found[3]), bool(found[2])))

    def check(self, unit: str) -> None:
        """Refuse a precision that an array of such units has not.

        Raises
        ------
        InvalidInput
            If the unit has not the mode.
        """
        UNIT_SCHEMES[unit].check(self.mode)

    def sums(self, rows: int) -> Interval:
        """All sums of `rows` cells times activations."""
        return (IntFormat(self.weight_bits).interval * self.activation.interval).sum_of(rows)


def elements_of(unit: str, precision: ArrayPrecision) -> int:
    """Rows of a tile for each unit of a column."""
    return UNIT_SCHEMES[unit].elements(precision.mode)


def precisions_of(text: str) -> tuple[ArrayPrecision, ...]:
    """The precisions in a list like `8x8,4x4`."""
    return tuple(ArrayPrecision.parse(part) for part in text.split(",") if part)


def text_of(precisions: Iterable[ArrayPrecision]) -> str:
    """What `precisions_of` reads."""
    return ",".join(map(str, precisions))
