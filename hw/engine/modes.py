"""Which mode a batch runs in: chosen by a packet, or drawn from a shift register."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec.random_mode import POLYNOMIAL, SHIFTS, STATE_BITS
from quadrille.hw.base.table import Table, table_write

from .configuration import Configuration
from .loader import HEADER
from .targets import Target

__all__ = ["ModeRegister"]


class ModeRegister(wiring.Component):
    """The mode of each batch whose header arrives, and the instruction that it begins with.

    A MODE packet gives the mode of all batches after it; a SEED packet gives the register from which they are drawn
    (algo.spec.random_mode): `mode = (register mod 256) * modes >> 8`, and eight shifts. The first mode until then.

    Members
    -------
    i_table : stream {address, row} of `Configuration.mode_row`
    header, accepted : a packet's header word, and that it has been taken
    fills : for each half of the input memory, whether the batch that has arrived goes there and it is free
    release : for each half, whether its batch has been read
    known, first : for each half, whether the mode of the batch that is there or on its way is known, and where that
        begins in the program
    mode : of the batch that arrived last; seed : the register
    """

    i_table: stream.Interface
    header: Any
    accepted: Signal
    fills: Signal
    release: Signal
    known: Signal
    first: Any
    mode: Signal
    seed: Signal

    def __init__(self, configuration: Configuration, table: tuple[int, ...] = ()):
        self.configuration, self.table = configuration, table
        row = configuration.mode_row
        super().__init__(
            {
                "i_table": In(stream.Signature(table_write(row, configuration.modes), always_ready=True)),
                "header": In(HEADER),
                "accepted": In(1),
                "fills": In(2),
                "release": In(2),
                "known": Out(2),
                "first": Out(row["first"].shape).array(2),
                "mode": Out(range(max(2, configuration.modes))),
                "seed": Out(STATE_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """The choice is made with the header; its row of the table is there while the batch's words come."""
        m = Module()
        header: Any = self.header
        m.submodules.table = table = Table(self.configuration.mode_row, self.configuration.modes, self.table)
        drawing = Signal()
        state = Signal(STATE_BITS, init=1)  # never 0, from where there is no way on
        modes = Signal(range(self.configuration.modes + 1), init=max(1, len(self.table)))
        chosen = Signal.like(self.mode)
        mode = Signal.like(self.mode)
        drawn = (state[:SHIFTS] * modes)[SHIFTS:]
        m.d.comb += [
            table.i.valid.eq(self.i_table.valid),
            table.i.payload.eq(self.i_table.payload),
            table.address.eq(mode),
            table.enable.eq(self.accepted),
            mode.eq(Mux(drawing, drawn, chosen)),
            self.seed.eq(state),
        ]
        with m.If(self.accepted):
            with m.Switch(header.target):
                with m.Case(Target.MODES):
                    m.d.sync += modes.eq(header.count)
                with m.Case(Target.MODE):
                    m.d.sync += [chosen.eq(header.address), drawing.eq(0)]
                with m.Case(Target.SEED):
                    m.d.sync += [state.eq(header.address), drawing.eq(1)]
                with m.Case(Target.FRAMES):
                    m.d.sync += self.mode.eq(mode)
                    with m.If(drawing):
                        m.d.sync += state.eq(shifted(state))
        m.d.sync += self.known.eq((self.known | self.fills) & ~self.release)
        for half in range(2):
            with m.If(self.fills[half]):
                m.d.sync += self.first[half].eq(table.row)
        return m


def shifted(state: Value) -> Value:
    """The register after a draw."""
    for _ in range(SHIFTS):
        state = state[1:] ^ Mux(state[0], POLYNOMIAL, 0)
    return state
