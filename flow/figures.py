"""What every picture that is drawn has in common: its colours, its frame, and the same bytes for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["GRID", "INK", "MUTED", "Sheet", "entitle", "sheet", "tidy"]

INK, MUTED, GRID = "#1f2933", "#66727f", "#e3e8ee"


@dataclass
class Sheet:
    """A figure of matplotlib while it is drawn, and the bytes of its file afterwards."""

    figure: Any
    data: bytes = b""


@contextmanager
def sheet(width: float, height: float, *, kind: str = "png", dpi: int = 150) -> Iterator[Sheet]:
    """A figure of `width` by `height` inches; at the end its file, PNG or SVG, is in `data`."""
    # Imported late: it takes a second, and most commands draw nothing. No global state (pyplot) is touched.
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "font.size": 9,
        "svg.fonttype": "path",
        "svg.hashsalt": "quadrille",
        "axes.edgecolor": MUTED,
    }
    with matplotlib.rc_context(settings):
        drawn = Sheet(Figure(figsize=(width, height), layout="constrained"))
        (FigureCanvasSVG if kind == "svg" else FigureCanvasAgg)(drawn.figure)
        yield drawn
        file = io.BytesIO()
        # Without date and version of matplotlib in it, the same numbers give the same file.
        drawn.figure.savefig(
            file, format=kind, dpi=dpi, metadata={"Date": None} if kind == "svg" else {"Software": None}
        )
        drawn.data = file.getvalue()


def tidy(*panels: Any, axis: str = "both") -> None:
    """A grid behind what is drawn, and no frame above and to the right."""
    for axes in panels:
        axes.grid(axis=axis, color=GRID, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)


def entitle(axes: Any, text: str) -> None:
    """A heading of a panel."""
    axes.set_title(text, loc="left", color=INK, fontsize=10)
