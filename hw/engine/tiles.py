"""The weight memory: tiles of row words one behind the other, equal ones once, and where that of an instruction is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from amaranth.lib.data import StructLayout

from .packing import pack

__all__ = ["WeightTiles"]


@dataclass(frozen=True)
class WeightTiles:
    """The contents of the weight memory.

    Attributes
    ----------
    rows : row words
    places : for each instruction the row where its tile begins, and how many row words it has
    """

    rows: tuple[int, ...]
    places: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, tiles: Iterable[Sequence[int]]) -> WeightTiles:
        """Of the row words of each instruction's tile, in their order: any number of them, one at least."""
        rows: list[int] = []
        places: list[tuple[int, int]] = []
        found: dict[tuple[int, ...], int] = {}
        for words in tiles:
            tile = tuple(words)
            if tile not in found:
                found[tile] = len(rows)
                rows += tile
            places.append((found[tile], len(tile)))
        return cls(tuple(rows), tuple(places))

    def table(self, layout: StructLayout, lasts: Sequence[int]) -> list[int]:
        """The rows of the tile table, in `Configuration.tile`; `lasts` are the instructions that are a program's
        last."""
        return [
            pack(layout, {"base": base, "rows": count, "last": int(number in lasts)})
            for number, (base, count) in enumerate(self.places)
        ]
