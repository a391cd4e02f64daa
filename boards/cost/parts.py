"""What a component is made of, in numbers: operations by kind, memories and products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Memory", "Part", "Product"]


class Memory(NamedTuple):
    """A memory of `depth` words of `width` bits with one write port and one registered read port.

    `forwards` says that a word which is written while it is read is read as it will be.
    """

    depth: int
    width: int
    forwards: bool = False

    @property
    def bits(self) -> int:
        """What it holds."""
        return self.depth * self.width


class Product(NamedTuple):
    """`number` signed products of `a` by `b` bits; `bits` are those that any needs, where fewer than both have."""

    number: int
    a: int
    b: int
    bits: int | None = None


class Part(NamedTuple):
    """A component: its module below the accelerator's, the model that it belongs to, and what it is made of.

    `features` count operations in bits: registers, the two-input multiplexers, adders and gates before them, and so
    on. Products and memories stand apart, as a family may have blocks for them.
    """

    module: str
    model: str
    features: Mapping[str, float]
    memories: tuple[Memory, ...] = ()
    products: tuple[Product, ...] = ()
