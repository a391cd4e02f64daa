"""VCU128: a Virtex UltraScale+ HBM, whose HBM is not used; an FT4232H is its line to the host."""

from amaranth.build import Attrs, Clock, DiffPairs, Resource
from amaranth.vendor import XilinxPlatform
from amaranth_boards.resources import LEDResources, UARTResource

from .board import Board, Light
from .clocks import MMCM_ULTRASCALE_PLUS
from .devices import DEVICES

__all__ = ["BOARD", "Vcu128"]


class Vcu128(XilinxPlatform):
    """The pins that an accelerator needs; UG1302 names them, LiteX's xilinx_vcu128.py and Occamy's vcu128.xdc agree.

    The clock is the DDR4 interface's, always on, in a bank of 1.2 V. Names of the line are the FPGA's: UG1302's
    UART0_TXD is what the FT4232H sends, BP26.
    """

    device = "xcvu37p"
    package = "fsvh2892"
    speed = "2L-e"
    default_clk = "clk100"
    resources = [
        Resource("clk100", 0, DiffPairs("BH51", "BJ51", dir="i"), Clock(100e6), Attrs(IOSTANDARD="DIFF_SSTL12")),
        UARTResource(0, rx="BP26", tx="BN26", attrs=Attrs(IOSTANDARD="LVCMOS18")),
        *LEDResources(pins="BH24 BG24 BG25 BF25 BF26 BF27 BG27 BG28", attrs=Attrs(IOSTANDARD="LVCMOS18")),
    ]
    connectors = []


BOARD = Board(
    name="vcu128",
    title="VCU128 (AMD)",
    platform=Vcu128,
    device=DEVICES["xcvu37p"],
    pll=MMCM_ULTRASCALE_PLUS,
    clock_hz=200e6,
    baud=1_000_000,
    lights=(Light("led", 0), Light("led", 1)),
    program="vivado -mode batch -source program.tcl",
    part="xcvu37p-fsvh2892-2L-e",
)
