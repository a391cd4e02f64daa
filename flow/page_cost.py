"""The report's part about cost: what the accelerator takes of each target, by the models of boards.cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput

__all__ = ["costs"]


def costs(folder: Path) -> dict[str, Any] | None:
    """Tables of the accelerator in `folder` for every target; None where a component has no model."""
    from .cost import cost

    try:
        found = cost(folder)
    except InvalidInput:
        return None
    return {
        "text": "Estimated by models that are fitted to syntheses, component by component, at "
        f"{found.clock / 1e6:g} MHz. Nothing was synthesized for this page.",
        "rows": [(name, value) for each in found.targets for name, value in each.lines()],
        "tables": [{"headings": headings, "rows": rows} for headings, rows in found.tables()],
    }
