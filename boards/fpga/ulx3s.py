"""ULX3S 85F: an ECP5 with 84,000 look-up tables; an FT231X is its line to the host."""

from amaranth_boards.ulx3s import ULX3S_85F_Platform

from .board import Board, Light
from .clocks import ECP5_PLL
from .devices import DEVICES

__all__ = ["BOARD"]

BOARD = Board(
    name="ulx3s",
    title="ULX3S 85F (Radiona)",
    platform=ULX3S_85F_Platform,
    device=DEVICES["LFE5U-85F"],
    pll=ECP5_PLL,
    clock_hz=50e6,
    # The FT231X divides 3 MHz; 1 MHz is exact on both sides.
    baud=1_000_000,
    lights=(Light("led", 0), Light("led", 1)),
    program="openFPGALoader -b ulx3s {bitstream}",
    part="LFE5U-85F-6BG381C",
    nextpnr=("--package", "CABGA381", "--speed", "6"),
    packer=("--compress",),
)
