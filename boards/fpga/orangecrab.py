"""OrangeCrab r0.2: an ECP5 with 24,000 look-up tables. Its USB has no serial chip: the line is on its header."""

from amaranth.build import Attrs
from amaranth_boards.orangecrab_r0_2 import OrangeCrabR0_2_25FPlatform
from amaranth_boards.resources import UARTResource

from .board import Board, Light
from .clocks import ECP5_PLL
from .devices import DEVICES

__all__ = ["BOARD"]


class OrangeCrab(OrangeCrabR0_2_25FPlatform):
    """With the serial line of a Feather: RX is its pin 0 and TX its pin 1, as LiteX has them (`feather_serial`)."""

    resources = [
        *OrangeCrabR0_2_25FPlatform.resources,
        UARTResource(0, rx="0", tx="1", conn=("io", 0), attrs=Attrs(IO_TYPE="LVCMOS33")),
    ]


BOARD = Board(
    name="orangecrab",
    title="OrangeCrab r0.2 25F (Good Stuff Department)",
    platform=OrangeCrab,
    device=DEVICES["LFE5U-25F"],
    pll=ECP5_PLL,
    clock_hz=48e6,
    baud=1_000_000,
    lights=(Light("rgb_led", 0, "g"), Light("rgb_led", 0, "b")),
    program="dfu-util -a 0 -D {bitstream}",
    part="LFE5U-25F-8MG285C",
    nextpnr=("--package", "CSFBGA285", "--speed", "8"),
    packer=("--compress", "--freq", "38.8"),
)
