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

    `with_multipliers` and `without_multipliers` are options of `command`: whether products take hard multipliers.
    `kinds` says what each type of cell counts as, by the start of its name, and how many: a carry cell of ECP5 takes
    two of its look-up tables. A memory counts as one of the `memories`, and beside that as what it takes of the device:
    `block_rams` (halves of one on Xilinx: of 18 kbit), `large_rams`, or the `memory_luts` of a distributed one.
    `word_cells` are the Verilog models of the family's cells, in Yosys' share, and the map that makes the word cells of
    hw.base.word_cells of them: without, they are gates like any others.
    """

    name: str
    command: str
    without_multipliers: str
    kinds: Mapping[str, Mapping[str, int]]
    with_multipliers: str = ""
    word_cells: tuple[str, str] | None = None

    @property
    def word_cell_file(self) -> Path | None:
        """The Verilog of the word cells in cells of the family, None where they are gates like any others."""
        return None if self.word_cells is None else Path(__file__).with_name(self.word_cells[1])

    def commands(self, top: str, *, multipliers: bool = True, early: Sequence[str] = ()) -> list[str]:
        """Yosys' commands that map the design that was read, whose top module is `top`; `early` ones before the rest.

        Word cells come first: nothing may have been flattened.
        """
        mapping: list[str] = []
        if self.word_cells is not None:
            mapping = [f"read_verilog -lib {self.word_cells[0]}", f'techmap -map "{self.word_cell_file}"']
        options = self.with_multipliers if multipliers else self.without_multipliers
        return [*mapping, *early, f"{self.command} {options} -top {top}"]


@dataclass(frozen=True)
class CellLibrary:
    """A cell library: its Liberty files, read together, plain or compressed by gzip; areas are in um2.

    `dont_use` are cells that must not be taken, by shell pattern.
    """

    name: str
    files: tuple[Path, ...]
    dont_use: tuple[str, ...] = ()


XILINX_WORD_CELLS = ("+/xilinx/cells_sim.v", "lut6.v")
XILINX_KINDS: Mapping[str, Mapping[str, int]] = {
    "LUT": {"luts": 1},
    "INV": {"luts": 1},
    "SRL": {"luts": 1},
    "FD": {"flip_flops": 1},
    "DSP": {"multipliers": 1},
    "CARRY": {"carries": 1},
    "RAMB36": {"memories": 1, "block_rams": 2},
    "RAMB18": {"memories": 1, "block_rams": 1},
    # Distributed ones by the look-up tables they stand in; the first name that fits counts, so longer ones come first.
    "RAM32M16": {"memories": 1, "memory_luts": 8},
    "RAM64M8": {"memories": 1, "memory_luts": 8},
    "RAM512X1S": {"memories": 1, "memory_luts": 8},
    "RAM256X1D": {"memories": 1, "memory_luts": 8},
    "RAM256X1S": {"memories": 1, "memory_luts": 4},
    "RAM128X1D": {"memories": 1, "memory_luts": 4},
    "RAM128X1S": {"memories": 1, "memory_luts": 2},
    "RAM32M": {"memories": 1, "memory_luts": 4},
    "RAM64M": {"memories": 1, "memory_luts": 4},
    "RAM64X1D": {"memories": 1, "memory_luts": 2},
    "RAM32X1D": {"memories": 1, "memory_luts": 2},
    "RAM": {"memories": 1, "memory_luts": 1},
}

FPGAS: Mapping[str, Fpga] = {
    fpga.name: fpga
    for fpga in (
        Fpga(
            "ultrascale+",
            "synth_xilinx -family xcup -noiopad -flatten",
            "-nodsp",
            XILINX_KINDS,
            word_cells=XILINX_WORD_CELLS,
        ),
        Fpga(
            "7-series",
            "synth_xilinx -family xc7 -noiopad -flatten",
            "-nodsp",
            XILINX_KINDS,
            word_cells=XILINX_WORD_CELLS,
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
                "DP16": {"memories": 1, "block_rams": 1},
                "PDP": {"memories": 1, "block_rams": 1},
                # Four tables hold the bits; the write port blocks two more.
                "TRELLIS_DPR": {"memories": 1, "memory_luts": 6},
            },
        ),
        Fpga(
            "ice40",
            "synth_ice40 -device u -spram",
            "",
            {
                "SB_LUT": {"luts": 1},
                # Beside the look-up table of the same bit, which Yosys keeps.
                "SB_CARRY": {"carries": 1},
                "SB_DFF": {"flip_flops": 1},
                "SB_MAC": {"multipliers": 1},
                "SB_RAM40": {"memories": 1, "block_rams": 1},
                "SB_SPRAM": {"memories": 1, "large_rams": 1},
            },
            with_multipliers="-dsp",
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
