"""Arithmetic and handshake are two classes: fixed-latency cores, and the one wrapper that stalls them."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, EnableInserter, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Core", "Stalled"]


class Core(wiring.Component):
    """A fixed-latency pipeline without handshake: `o` belongs to the `i` of `latency` cycles before.

    Members `i` and `o` carry payloads of the shapes given. State that outlives a beat (memories, accumulators) is
    allowed: `Stalled` freezes all of it together, and `i_valid` says which beats are real. Bit k of `valid` says the
    same of the beat before stage k: a stage that does nothing without one saves power, and a simulator its time.
    """

    i: Any
    i_valid: Signal
    valid: Signal
    o: Any

    def __init__(self, i_shape: Any, o_shape: Any, members: dict[str, Any] | None = None):
        own = {"i": In(i_shape), "i_valid": In(1), "valid": In(self.latency), "o": Out(o_shape)}
        super().__init__(own | (members or {}))

    @property
    def latency(self) -> int:
        """Cycles from `i` to `o`."""
        return 1


class Stalled(wiring.Component):
    """A core with valid/ready streams: while `o` waits, the whole core stands still.

    One enable for all stages is the cheapest stall there is and keeps the core free of handshakes; beats stay in
    order, bubbles are not squeezed out. Members of the core other than `i`, `i_valid` and `o` stay its own.

    Members
    -------
    i : stream of the core's input payload
    o : stream of the core's output payload, `core.latency` cycles later when nothing stalls
    enable : high in the cycles in which the core moves, for memories that stand beside it
    """

    i: stream.Interface
    o: stream.Interface
    enable: Signal

    def __init__(self, core: Core):
        self.core = core
        shapes = core.signature.members
        super().__init__(
            {
                "i": In(stream.Signature(shapes["i"].shape)),
                "o": Out(stream.Signature(shapes["o"].shape)),
                "enable": Out(1),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from the acceptance of an input beat to the validity of its output beat."""
        return self.core.latency

    def elaborate(self, platform: object) -> Module:
        """A chain of valid bits beside the core, both under one enable."""
        m = Module()
        enable = self.enable
        m.submodules.core = EnableInserter(enable)(self.core)
        valid = Signal(self.core.latency)
        with m.If(enable):
            m.d.sync += valid.eq(Cat(self.i.valid, valid))
        m.d.comb += [
            enable.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(enable),
            self.core.i.eq(self.i.payload),
            self.core.i_valid.eq(self.i.valid),
            self.core.valid.eq(Cat(self.i.valid, valid)),
            self.o.valid.eq(valid[-1]),
            self.o.payload.eq(self.core.o),
        ]
        return m
