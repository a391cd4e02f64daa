"""The weight memory: tiles of row words one behind the other, equal ones once, and where that of an instruction is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    def of(cls, tiles: Iterable[tuple[Sequence[int], int]]) -> WeightTiles:
        """Of the row words of each instruction's tile, in their order: any number of them, one at least.

        Each comes with a mask of the bits that its instruction reads. A tile that stands there already in those bits,
        if only as a part of others, is not stored again: so the weights of a truncated mode are those of the first.
        """
        rows: list[int] = []
        places: list[tuple[int, int]] = []
        indices: dict[int, dict[int, list[int]]] = {}  # by mask, and by masked word, where that stands
        for words, mask in tiles:
            index = indices.setdefault(mask, {})
            for at in range(sum(map(len, index.values())), len(rows)):
                index.setdefault(rows[at] & mask, []).append(at)
            wanted = [word & mask for word in words]
            starts = index.get(wanted[0], [])
            at = next((at for at in starts if [row & mask for row in rows[at : at + len(wanted)]] == wanted), len(rows))
            if at == len(rows):
                rows += words
            places.append((at, len(wanted)))
        return cls(tuple(rows), tuple(places))

    def table(self, layout: StructLayout, fields: Iterable[Mapping[str, int]]) -> list[int]:
        """The rows of the tile table, in `Configuration.tile`; `fields` are those that say nothing of the place."""
        return [
            pack(layout, {"base": base, "rows": count, **field})
            for (base, count), field in zip(self.places, fields, strict=True)
        ]
