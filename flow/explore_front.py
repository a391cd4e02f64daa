"""Which points of an exploration are worth a look: those that no other beats in everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["OBJECTIVES", "USUAL", "front_of", "objectives_in"]

OBJECTIVES = {"cycles": 1, "area": 1, "accuracy": -1, "energy": 1}
"""What counts, where it is known: 1, where less is better, -1, where more is."""
USUAL = ("cycles", "area", "accuracy")
"""The objectives unless others are asked for."""


def objectives_in(records: Sequence[Mapping[str, Any]], asked: Sequence[str] = USUAL) -> tuple[str, ...]:
    """The objectives among those that are `asked` for which every record has."""
    known = (name for name in OBJECTIVES if name in asked)
    return tuple(name for name in known if records and all(record.get(name) is not None for record in records))


def front_of(records: Sequence[Mapping[str, Any]], asked: Sequence[str] = USUAL) -> list[Mapping[str, Any]]:
    """The Pareto front of `records` by the objectives `asked` for, in the order of cycles; of several that are equal in
    all objectives, the first.

    A record is on it if no other is at least as good in every objective and better in one.
    """
    names = objectives_in(records, asked)
    if not names:
        return []
    keys = {tuple(OBJECTIVES[name] * record[name] for name in names): record for record in reversed(records)}
    front: list[tuple[float, ...]] = []
    # In this order a record can be beaten only by one before it.
    for key in sorted(keys):
        if not _beaten(key, front):
            front.append(key)
    return [keys[key] for key in front]


def _beaten(key: tuple[float, ...], front: Sequence[tuple[float, ...]]) -> bool:
    """Whether one of `front`, none of which has more in the first objective, is as good in the others."""
    # From the last on: the nearest is the likeliest.
    return any(all(a <= b for a, b in zip(other[1:], key[1:], strict=True)) for other in reversed(front))
