"""The top of a board: pins, clock and reset around the exported Verilog of an accelerator's edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amaranth import ClockDomain, ClockSignal, Const, Elaboratable, Instance, Module, ResetSignal, Signal, Value
from amaranth.build import Platform
from amaranth.lib import io
from amaranth.lib.cdc import ResetSynchronizer

from quadrille.algo.spec import InvalidInput

from .board import Board
from .clocks import Clock

__all__ = ["BoardTop", "check_edge"]

INPUT, OUTPUT = io.Direction.Input, io.Direction.Output
POWER_ON_CYCLES = 1 << 12
"""Of reset where no PLL tells that the clock is steady: at 12 MHz 340 us, and block memories of iCE40 need 3."""


def check_edge(manifest: Mapping[str, Any]) -> None:
    """Refuse an edge that is not one of a serial line.

    Raises
    ------
    InvalidInput
        If it has another input than `rx`, or no output `tx`.
    """
    ports = {port["name"]: port["direction"] for port in manifest["ports"]}
    inputs = {name for name, direction in ports.items() if direction == "in"}
    if inputs != {"rx"} or ports.get("tx") != "out":
        raise InvalidInput(f"Edge of a board must have the input rx and the output tx, not {', '.join(ports)}")


class BoardTop(Elaboratable):
    """The edge that `manifest` describes, on `board` at `clock`: it is instantiated as a module, not made again.

    Its line is the board's UART; its reset is held until the PLL has locked. The first light blinks while the clock
    runs, the second shows the edge's interrupt, if it has one.
    """

    def __init__(self, board: Board, clock: Clock, manifest: Mapping[str, Any]):
        self.board = board
        self.clock = clock
        self.module = manifest["top"]
        self.ports = {port["name"]: port for port in manifest["ports"]}

    def elaborate(self, platform: Platform | None) -> Module:
        """Clock, reset, line, lights."""
        m = Module()
        board: Any = platform
        self.elaborate_clock(m, board)
        uart = board.request("uart", 0, dir="-")
        m.submodules.receive = receive = io.Buffer(INPUT, uart.rx)
        m.submodules.send = send = io.Buffer(OUTPUT, uart.tx)
        outputs = {name: Signal(port["width"], name=name) for name, port in self.ports.items() if name != "rx"}
        m.submodules.edge = Instance(
            self.module,
            i_clk=ClockSignal(),
            i_rst=ResetSignal(),
            i_rx=receive.i,
            **{f"o_{name}": signal for name, signal in outputs.items()},
        )
        m.d.comb += send.o.eq(outputs["tx"])
        blink = Signal(range(int(self.clock.hz)))
        m.d.sync += blink.eq(blink + 1)
        self.elaborate_lights(m, board, (blink[-1], outputs.get("interrupt", Const(0))))
        return m

    def elaborate_lights(self, m: Module, board: Any, shown: Sequence[Value]) -> None:
        """A light for each of what is `shown`, as far as the board has them."""
        requested: dict[tuple[str, int], Any] = {}
        for number, (light, value) in enumerate(zip(self.board.lights, shown, strict=False)):
            place = (light.resource, light.number)
            if place not in requested:
                requested[place] = board.request(*place, dir="-")
            port = getattr(requested[place], light.colour) if light.colour else requested[place]
            m.submodules[f"light_{number}"] = lamp = io.Buffer(OUTPUT, port)
            m.d.comb += lamp.o.eq(value)

    def elaborate_clock(self, m: Module, board: Any) -> None:
        """The domain `sync` at the clock, in reset until that is steady."""
        sync: Any = ClockDomain("sync")
        m.domains.sync = sync
        m.submodules.source = source = io.Buffer(INPUT, board.request(board.default_clk, 0, dir="-"))
        if self.clock.pll is None:
            raw: Any = ClockDomain("raw", reset_less=True)
            m.domains.raw = raw
            waited = Signal(range(POWER_ON_CYCLES + 1))
            held = Signal(init=1)
            m.d.comb += [sync.clk.eq(source.i), raw.clk.eq(source.i), sync.rst.eq(held)]
            m.d.raw += [waited.eq(waited + ~waited[-1]), held.eq(~waited[-1])]
            return
        locked = Signal()
        for name, instance in self.clock.pll.instance(self.clock, source.i, sync.clk, locked).items():
            m.submodules[name] = instance
        m.submodules.reset = ResetSynchronizer(~locked)
        if self.board.is_open:  # Vivado derives it from the source's
            board.add_clock_constraint(sync.clk, self.clock.hz)
