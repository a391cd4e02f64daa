"""ZCU104: a Zynq UltraScale+, of which the programmable logic alone is used; an FT4232H is its line to the host."""

from amaranth.build import Attrs, Clock, DiffPairs, Resource
from amaranth.vendor import XilinxPlatform
from amaranth_boards.resources import LEDResources, UARTResource

from .board import Board, Light
from .clocks import MMCM_ULTRASCALE_PLUS
from .devices import DEVICES

__all__ = ["BOARD", "Zcu104"]


class Zcu104(XilinxPlatform):
    """The pins that an accelerator needs; UG1267 names them, LiteX's xilinx_zcu104.py has the same.

    The clock is CLK_125 of the SI5340B, which needs no processor to start it. Names of the line are the FPGA's: A20 is
    what the host sends to the second UART (UART2 of UG1267).
    """

    device = "xczu7ev"
    package = "ffvc1156"
    speed = "2-e"
    default_clk = "clk125"
    resources = [
        Resource("clk125", 0, DiffPairs("F23", "E23", dir="i"), Clock(125e6), Attrs(IOSTANDARD="LVDS")),
        UARTResource(0, rx="A20", tx="C19", attrs=Attrs(IOSTANDARD="LVCMOS18")),
        *LEDResources(pins="D5 D6 A5 B5", attrs=Attrs(IOSTANDARD="LVCMOS33")),
    ]
    connectors = []


BOARD = Board(
    name="zcu104",
    title="ZCU104 (AMD)",
    platform=Zcu104,
    device=DEVICES["xczu7ev"],
    pll=MMCM_ULTRASCALE_PLUS,
    clock_hz=200e6,
    baud=1_000_000,
    lights=(Light("led", 0), Light("led", 1)),
    program="vivado -mode batch -source program.tcl",
    part="xczu7ev-ffvc1156-2-e",
)
