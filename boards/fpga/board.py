"""A board: its device, where its clock comes from, its serial line, its lights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from amaranth.build import Platform

from quadrille.algo.spec import InvalidInput

from .clocks import Clock, Pll
from .devices import Device

__all__ = ["BOARDS", "Board", "Light", "divisor_of", "find_board"]

BOARDS = ("ulx3s", "orangecrab", "icebreaker", "arty_a7", "vcu128", "zcu104")
"""The boards, each the module of its name in this room."""

LEAST_DIVISOR = 4
MOST_DIVISOR = 1 << 16
BAUD_TOLERANCE = 0.02
"""By how much of itself a baud rate may be missed: receivers take samples in the middle of bits and bear 5 %."""


@dataclass(frozen=True)
class Light:
    """An LED: the resource that it is of the platform, its number, and its colour where it has several."""

    resource: str
    number: int = 0
    colour: str | None = None


@dataclass(frozen=True)
class Board:
    """A board that an accelerator runs on, behind its serial line.

    `platform` are its pins; `clock_hz`, `baud` what it runs at unless told otherwise; `lights` show, in this order,
    that the clock runs and that an answer waits; `depth` are the words of the edge's queues where its own default is
    too much; `nextpnr` are the package and speed grade in options of nextpnr, and
    `packer` options of what packs its bitstream; `program` is the command that brings a bitstream onto the board.
    """

    name: str
    title: str
    platform: Callable[[], Platform]
    device: Device
    pll: Pll
    clock_hz: float
    baud: int
    lights: tuple[Light, ...]
    program: str
    part: str
    nextpnr: tuple[str, ...] = ()
    packer: tuple[str, ...] = ()
    depth: int | None = None

    @property
    def source_hz(self) -> float:
        """The frequency of its crystal."""
        platform: Any = self.platform()
        return float(platform.default_clk_frequency)

    @property
    def is_open(self) -> bool:
        """Whether open tools make its bitstream."""
        return bool(self.device.nextpnr)

    def clock(self, hz: float | None = None) -> Clock:
        """The clock at `hz`, or at the board's own.

        Raises
        ------
        InvalidInput
            If its PLL cannot make that.
        """
        return self.pll.clock(self.name, self.source_hz, self.clock_hz if hz is None else hz)


def find_board(name: str) -> Board:
    """The board called `name`.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    if name not in BOARDS:
        raise InvalidInput(f"Board must be one of {', '.join(BOARDS)}, not {name!r}")
    return import_module(f".{name}", __package__).BOARD


def divisor_of(clock: Clock, baud: int) -> int:
    """Cycles of `clock` for each bit of a line of `baud` bits per second.

    Raises
    ------
    InvalidInput
        If no whole number of cycles comes within 2 % of it.
    """
    divisor = round(clock.hz / baud)
    if not LEAST_DIVISOR <= divisor <= MOST_DIVISOR or abs(clock.hz / divisor - baud) > BAUD_TOLERANCE * baud:
        most, least = clock.hz / LEAST_DIVISOR, clock.hz / MOST_DIVISOR
        raise InvalidInput(
            f"Baud rate must be one that whole cycles of {clock.hz / 1e6:g} MHz make to within 2 %, "
            f"from {least:.0f} to {most:.0f}, not {baud}"
        )
    return divisor


def boards() -> Mapping[str, Board]:
    """Every board by name."""
    return {name: find_board(name) for name in BOARDS}
