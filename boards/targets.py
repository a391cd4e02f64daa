"""What a design is synthesized for: FPGA families, and cell libraries by their Liberty files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from quadrille.algo.spec import InvalidInput

__all__ = ["FPGAS", "LIBRARIES", "CellLibrary", "Fpga", "find_target", "library"]


@dataclass(frozen=True)
class Fpga:
    """A family of FPGAs as Yosys knows it.

    `kinds` says what each type of cell counts as, by the start of its name, and how many: a carry cell of ECP5 takes
    two of its look-up tables.
    """

    name: str
    command: str
    without_multipliers: str
    kinds: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class CellLibrary:
    """A cell library: its Liberty files, read together, plain or compressed by gzip; areas are in um2.

    `dont_use` are cells that must not be taken, by shell pattern.
    """

    name: str
    files: tuple[Path, ...]
    dont_use: tuple[str, ...] = ()


FPGAS: Mapping[str, Fpga] = {
    fpga.name: fpga
    for fpga in (
        Fpga(
            "ultrascale+",
            "synth_xilinx -family xcup -noiopad -flatten",
            "-nodsp",
            {
                "LUT": {"luts": 1},
                "INV": {"luts": 1},
                "SRL": {"luts": 1},
                "FD": {"flip_flops": 1},
                "DSP": {"multipliers": 1},
                "CARRY": {"carries": 1},
                "RAM": {"memories": 1},
            },
        ),
        Fpga(
            "ecp5",
            "synth_ecp5 -noiopad",
            "-nodsp",
            {
                "LUT4": {"luts": 1},
                "CCU2C": {"luts": 2, "carries": 1},
                "TRELLIS_FF": {"flip_flops": 1},
                "MULT": {"multipliers": 1},
                "DP16": {"memories": 1},
                "PDP": {"memories": 1},
                "TRELLIS_DPR": {"memories": 1},
            },
        ),
    )
}

LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "nangate45": (),
    # Cells for isolation, level shifting and delay, and those whose pins are hard to reach in a layout.
    "sky130hd": ("*lpflow*", "*probe*", "*dlygate*", "*dlymetal*", "*clkdly*"),
    # As the platform of OpenROAD: the smallest drives fail in a layout.
    "asap7": ("*x1p*", "*xp*", "SDF*", "ICG*"),
    "ihp-sg13g2": ("*dlygate*", "*lgcp*", "*slgcp*"),
}
"""The libraries known by name, and what is not taken from each."""


def library(name: str, folder: Path | str | None = None) -> CellLibrary:
    """The library `name`, whose files lie in `folder`/liberty/`name`; by default `folder` is QUADRILLE_DATA.

    Raises
    ------
    InvalidInput
        If no library has this name, or its files are not there.
    """
    if name not in LIBRARIES:
        raise InvalidInput(f"Cell library must be one of {', '.join(LIBRARIES)}, not {name!r}")
    chosen = os.environ.get("QUADRILLE_DATA") if folder is None else folder
    if not chosen:
        raise InvalidInput(
            f"Files of cell library {name} must lie in QUADRILLE_DATA/liberty, and QUADRILLE_DATA is not set"
        )
    place = Path(chosen) / "liberty" / name
    files = sorted([*place.glob("*.lib"), *place.glob("*.lib.gz")])
    if not files:
        raise InvalidInput(f"Files of cell library {name} must lie in {place}, and none is there")
    return CellLibrary(name, tuple(files), LIBRARIES[name])


def find_target(name: str, files: Sequence[Path] = ()) -> Fpga | CellLibrary:
    """The FPGA family or cell library `name`; with `files`, a library of one's own.

    Raises
    ------
    InvalidInput
        If there is none of this name, or its files are not there.
    """
    if files:
        return CellLibrary(name, tuple(files))
    if name in FPGAS:
        return FPGAS[name]
    if name in LIBRARIES:
        return library(name)
    raise InvalidInput(f"Target must be one of {', '.join([*FPGAS, *LIBRARIES])}, not {name!r}")
