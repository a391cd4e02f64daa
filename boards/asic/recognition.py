"""Which library Liberty files are of: known ones have cells that must not be taken, and a platform for a layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..targets import LIBRARIES, CellLibrary
from .liberty import open_library

__all__ = ["recognized"]

KNOWN_BY: Mapping[str, tuple[str, ...]] = {
    "nangate45": ("NAND2_X1", "DFF_X1", "CLKGATE_X1"),
    "sky130hd": ("sky130_fd_sc_hd__nand2_1", "sky130_fd_sc_hd__dfxtp_1"),
    "asap7": ("NAND2xp33_ASAP7_75t_R", "DFFHQNx1_ASAP7_75t_R"),
    "ihp-sg13g2": ("sg13g2_nand2_1", "sg13g2_dfrbp_1"),
}
"""Cells that no other library has."""


def recognized(files: Sequence[Path]) -> CellLibrary:
    """The library of `files`, by its cells; an unknown one is called after the first file, and all of it is taken.

    Raises
    ------
    InvalidInput
        If a file cannot be read or holds no cells.
    """
    cells = set(open_library(files).names)
    for name, known in KNOWN_BY.items():
        if cells.issuperset(known):
            return CellLibrary(name, tuple(files), LIBRARIES[name])
    return CellLibrary(files[0].name.removesuffix(".gz").removesuffix(".lib"), tuple(files))
