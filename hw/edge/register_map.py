"""A register map as a value: hardware, header, page and manifest are all made from this one description."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from quadrille.algo.spec import InvalidInput

__all__ = ["Access", "Field", "Register", "RegisterMap"]

WORD_BITS = 32
WORD_BYTES = WORD_BITS // 8
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class Access(Enum):
    """What software does with a field."""

    CONSTANT = "constant"
    READ = "read"
    READ_WRITE = "read and write"
    CLEAR = "read, clear by writing 1"
    START = "write 1 to start, reads 0"


@dataclass(frozen=True)
class Field:
    """Bits `low` to `low + bits - 1` of a register.

    `reset` is the value after a reset; of a CONSTANT its value at all times.

    Raises
    ------
    InvalidInput
        If the name is no word in snake case, the bits do not lie in a register of 32, or the reset does not fit them.
    """

    name: str
    low: int
    bits: int
    access: Access
    meaning: str
    reset: int = 0

    def __post_init__(self) -> None:
        check_name("Field", self.name)
        if not 0 <= self.low < self.low + self.bits <= WORD_BITS:
            raise InvalidInput(
                f"Field {self.name} must lie in the {WORD_BITS} bits of a register, not in {self.low} to "
                f"{self.low + self.bits - 1}"
            )
        if not 0 <= self.reset < 1 << self.bits:
            raise InvalidInput(f"Reset value of field {self.name} must fit {self.bits} bits, not be {self.reset}")

    @property
    def mask(self) -> int:
        """Its bits within the register."""
        return ((1 << self.bits) - 1) << self.low

    def record(self) -> dict[str, Any]:
        """The field as JSON values."""
        return {
            "name": self.name,
            "low": self.low,
            "bits": self.bits,
            "access": self.access.value,
            "reset": self.reset,
            "meaning": self.meaning,
        }


@dataclass(frozen=True)
class Register:
    """A register of 32 bits at byte address `offset`; bits outside its fields read 0.

    Raises
    ------
    InvalidInput
        If the name is no word in snake case, the offset no multiple of 4, or two fields have a name or a bit in common.
    """

    name: str
    offset: int
    meaning: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        check_name("Register", self.name)
        if self.offset < 0 or self.offset % WORD_BYTES:
            raise InvalidInput(f"Offset of register {self.name} must be a multiple of {WORD_BYTES}, not {self.offset}")
        taken = 0
        for field in self.fields:
            if taken & field.mask:
                raise InvalidInput(f"Fields of register {self.name} must not overlap, and {field.name} does")
            taken |= field.mask
        check_distinct(f"Fields of register {self.name}", [field.name for field in self.fields])

    @property
    def reset(self) -> int:
        """The register after a reset."""
        return sum(field.reset << field.low for field in self.fields)

    def field(self, name: str) -> Field:
        """The field called `name`.

        Raises
        ------
        InvalidInput
            If there is none.
        """
        for field in self.fields:
            if field.name == name:
                return field
        have = ", ".join(field.name for field in self.fields)
        raise InvalidInput(f"Field of register {self.name} must be one of {have}, not {name!r}")

    def record(self) -> dict[str, Any]:
        """The register as JSON values."""
        return {
            "name": self.name,
            "offset": self.offset,
            "reset": self.reset,
            "meaning": self.meaning,
            "fields": [field.record() for field in self.fields],
        }


@dataclass(frozen=True)
class RegisterMap:
    """The registers of a block in the order of their offsets, in an address space of `1 << address_bits` bytes.

    Raises
    ------
    InvalidInput
        If two registers have a name or an offset in common, or one lies outside.
    """

    registers: tuple[Register, ...]
    address_bits: int = 12

    def __post_init__(self) -> None:
        check_distinct("Registers", [register.name for register in self.registers])
        check_distinct("Offsets of registers", [register.offset for register in self.registers])
        for register in self.registers:
            if register.offset >> self.address_bits:
                raise InvalidInput(
                    f"Offset of register {register.name} must be below {1 << self.address_bits}, not {register.offset}"
                )

    def register(self, name: str) -> Register:
        """The register called `name`.

        Raises
        ------
        InvalidInput
            If there is none.
        """
        for register in self.registers:
            if register.name == name:
                return register
        raise InvalidInput(f"Register must be one of {', '.join(r.name for r in self.registers)}, not {name!r}")

    def record(self) -> dict[str, Any]:
        """The map as JSON values: what a manifest holds, and a driver reads."""
        return {
            "word_bits": WORD_BITS,
            "address_bits": self.address_bits,
            "registers": [register.record() for register in self.registers],
        }


def check_name(kind: str, name: str) -> None:
    """Refuse a name that is none in C and in Python."""
    if not NAME.fullmatch(name):
        raise InvalidInput(f"{kind} name must be words in lower case with single underscores, not {name!r}")


def check_distinct(what: str, values: list[Any]) -> None:
    """Refuse values of which one stands twice."""
    doubled = [value for value in values if values.count(value) > 1]
    if doubled:
        raise InvalidInput(f"{what} must be distinct, and {doubled[0]} stands twice")
