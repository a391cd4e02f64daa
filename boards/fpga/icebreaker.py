"""iCEBreaker: an iCE40 UltraPlus with 5,280 logic cells; an FT2232H is its line to the host."""

from amaranth_boards.icebreaker import ICEBreakerPlatform

from .board import Board, Light
from .clocks import ICE40_PLL
from .devices import DEVICES

__all__ = ["BOARD"]

BOARD = Board(
    name="icebreaker",
    title="iCEBreaker 1.0 (1BitSquared)",
    platform=ICEBreakerPlatform,
    device=DEVICES["iCE40UP5K"],
    pll=ICE40_PLL,
    # The crystal itself: its PLL makes 16 MHz and more, which few designs reach on this device.
    clock_hz=12e6,
    baud=1_000_000,
    lights=(Light("led_g", 0), Light("led_r", 0)),
    program="iceprog {bitstream}",
    part="iCE40UP5K-SG48",
    nextpnr=("--package", "sg48"),
    depth=32,
)
