"""The weight memory: row words that instructions share where they can, and where those of an instruction are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from amaranth.lib.data import StructLayout

from .packing import pack

__all__ = ["Strip", "WeightTiles", "Weights"]


@dataclass(frozen=True)
class Strip:
    """The row words of an instruction's tile: `rows` from `base` on, each behind the other, but that after every `run`
    of them the next one stands `jump` further."""

    base: int
    rows: int
    run: int
    jump: int = 1

    @classmethod
    def of(cls, rows: int) -> Strip:
        """`rows` row words in one run."""
        return cls(0, rows, rows)


@dataclass(frozen=True)
class Weights:
    """Row words that stand one behind the other, the mask of their bits that are read, and the tiles cut of them."""

    words: Sequence[int]
    mask: int
    strips: tuple[Strip, ...]


@dataclass(frozen=True)
class WeightTiles:
    """The contents of the weight memory.

    Attributes
    ----------
    rows : row words
    strips : those of each instruction
    """

    rows: tuple[int, ...]
    strips: tuple[Strip, ...]

    @classmethod
    def of(cls, parts: Iterable[Weights]) -> WeightTiles:
        """Of the weights of consecutive instructions.

        Words that stand there already in the bits that are read, if only as a part of others, are not stored again: so
        the weights of a truncated mode are those of the first.
        """
        rows: list[int] = []
        strips: list[Strip] = []
        seen: dict[int, _Seen] = {}  # by mask
        for part in parts:
            masked = seen.setdefault(part.mask, _Seen(part.mask))
            masked.see(rows)
            wanted = [word & part.mask for word in part.words]
            at = masked.find(wanted)
            if at is None:
                at = len(rows)
                rows += part.words
            strips += (replace(strip, base=at + strip.base) for strip in part.strips)
        return cls(tuple(rows), tuple(strips))

    def table(self, layout: StructLayout, fields: Iterable[Mapping[str, int]]) -> list[int]:
        """The rows of the tile table, in `Configuration.tile`; `fields` are those that say nothing of the place."""
        return [
            pack(layout, {name: (vars(strip) | dict(field))[name] for name in layout.members})
            for strip, field in zip(self.strips, fields, strict=True)
        ]


class _Seen:
    """Row words as a mask lets them be seen."""

    def __init__(self, mask: int) -> None:
        self.mask = mask
        self.words: list[int] = []
        self.known: set[int] = set()

    def see(self, rows: Sequence[int]) -> None:
        """Those of `rows` that have come since."""
        new = [row & self.mask for row in rows[len(self.words) :]]
        self.words += new
        self.known.update(new)

    def find(self, wanted: list[int]) -> int | None:
        """Where `wanted` first stands, one behind the other; None if nowhere."""
        at = -1
        while wanted[0] in self.known:
            try:
                at = self.words.index(wanted[0], at + 1)
            except ValueError:
                break
            if self.words[at : at + len(wanted)] == wanted:
                return at
        return None
