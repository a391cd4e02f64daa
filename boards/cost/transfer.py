"""A target with few syntheses: the numbers of another, scaled component by component to what there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["scaled"]

SHARE = 0.3
"""What the scale of all components weighs beside that of each."""
LEAST = 20.0
"""Of a resource that the other's numbers give to components of a kind, or there is no scale of theirs."""


def scaled(
    coefficients: Mapping[str, Mapping[str, float]], pairs: Sequence[tuple[str, float, float]]
) -> dict[str, dict[str, float]]:
    """`coefficients` by kind of component, times what each kind takes here of what they say there.

    `pairs` are kind, what the coefficients say and what was synthesized, component by component.
    """
    said, true = sum(said for _, said, _ in pairs), sum(true for _, _, true in pairs)
    common = true / said if said else 1.0
    found: dict[str, dict[str, float]] = {}
    for kind, own in coefficients.items():
        here = [pair for pair in pairs if pair[0] == kind]
        said, true = sum(said for _, said, _ in here), sum(true for _, _, true in here)
        scale = (true + SHARE * common * said) / ((1 + SHARE) * said) if said > LEAST else common
        found[kind] = {name: float(f"{number * scale:.4g}") for name, number in own.items()}
    return found
