"""What enters a macro: planes of activations, and rows of weights."""

from __future__ import annotations

from amaranth.lib.data import StructLayout

__all__ = ["plane_layout", "weight_row_layout"]


def plane_layout(*, rows: int, signed: bool, planes: int, tag_bits: int, gates: int = 0) -> StructLayout:
    """One bit plane of an activation vector; with clock `gates`, a bit for each says whether its columns are used."""
    return StructLayout(
        {
            "bits": rows,
            "first": 1,
            "last": 1,
            **({"negative": 1} if signed else {}),
            **({"swap": 1} if planes == 2 else {}),
            **({"used": gates} if gates else {}),
            **({"tag": tag_bits} if tag_bits else {}),
        }
    )


def weight_row_layout(*, rows: int, columns: int, cell_bits: int) -> StructLayout:
    """The cells of one row: bit j of the cell of column c at `j * columns + c`; and the reference cell."""
    return StructLayout({"row": range(max(2, rows)), "reference": 1, "cells": columns * cell_bits})
