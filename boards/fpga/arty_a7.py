"""Arty A7-100T: an Artix-7; an FT2232H is its line to the host."""

from amaranth_boards.arty_a7 import ArtyA7_100Platform

from .board import Board, Light
from .clocks import MMCM_7_SERIES
from .devices import DEVICES

__all__ = ["BOARD"]


class ArtyA7(ArtyA7_100Platform):
    """With the part that is on the boards that are sold: XC7A100TCSG324-1 (Digilent's reference manual)."""

    device = "xc7a100t"
    speed = "1"
    # The button is no reset of the clock: the PLL's lock is.
    default_rst = None


BOARD = Board(
    name="arty_a7",
    title="Arty A7-100T (Digilent)",
    platform=ArtyA7,
    device=DEVICES["xc7a100t"],
    pll=MMCM_7_SERIES,
    clock_hz=100e6,
    baud=1_000_000,
    lights=(Light("led", 0), Light("led", 1)),
    program="openFPGALoader -b arty_a7_100t {bitstream}",
    part="xc7a100tcsg324-1",
)
