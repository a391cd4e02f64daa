"""Figures of pictures that networks represent: side by side with what they should be, and as they grow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .figures import INK, MUTED, sheet

__all__ = ["grid_png", "picture_error", "progress_png", "side_by_side_png"]

ERROR_GAIN = 8
PANEL = 2.3  # inches of a picture's side

Picture = NDArray[np.generic]
Panel = tuple[str, Picture]


def picture_error(picture: Picture, other: Picture) -> NDArray[np.uint8]:
    """`other - picture` around grey, eight times as strong: (height, width, channels)."""
    difference = other.astype(np.float64) - picture.astype(np.float64)
    return np.clip(np.floor(127.5 + ERROR_GAIN * difference + 0.5), 0, 255).astype(np.uint8)


def still(picture: Picture) -> Picture:
    """A picture as it is; of a clip, (frames, height, width, channels), the frame in the middle."""
    return picture[len(picture) // 2] if picture.ndim == 4 else picture


def side_by_side_png(panels: Sequence[Panel], title: str = "") -> bytes:
    """Pictures with a line above each, in one row, as PNG."""
    return grid_png([panels], title)


def progress_png(snapshots: Sequence[Panel], columns: int = 4) -> bytes:
    """Pictures with a line above each, row after row, as PNG."""
    return grid_png([snapshots[at : at + columns] for at in range(0, len(snapshots), columns)])


def grid_png(rows: Sequence[Sequence[Panel]], title: str = "", panel: float = PANEL) -> bytes:
    """Rows of pictures with a line above each, as PNG."""

    columns = max(len(row) for row in rows)
    with sheet(columns * panel, len(rows) * (panel + 0.25)) as drawn:
        if title:
            drawn.figure.suptitle(title, color=MUTED, fontsize=9)
        every = drawn.figure.subplots(len(rows), columns, squeeze=False)
        for axes_row, row in zip(every, rows, strict=True):
            for place, axes in enumerate(axes_row):
                axes.set_axis_off()
                if place >= len(row):
                    continue
                label, picture = row[place]
                shown = np.clip(still(picture), 0, 255).astype(np.uint8)
                grey = shown.shape[-1] == 1
                axes.imshow(shown[..., 0] if grey else shown, cmap="gray" if grey else None, vmin=0, vmax=255)
                axes.set_title(label, color=INK, fontsize=8)
    return drawn.data
