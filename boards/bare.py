"""Functions as they are measured: their cores alone, moving every cycle, without handshake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec import Function
from quadrille.hw.activation import FunctionCore
from quadrille.hw.base import shape_of

__all__ = ["BareFunctions"]


class BareFunctions(wiring.Component):
    """`o_n = functions[n](i)`, `cuts` cycles later, for functions of the same input format; a result every cycle.

    Synthesis merges what the functions share.

    Members
    -------
    i : a code
    o_0, o_1, ... : the result of each function
    """

    i: Any

    def __init__(self, functions: Sequence[Function], cuts: int):
        self.cores = [FunctionCore(function, 1, cuts, pad=True) for function in functions]
        self.cuts = cuts
        outputs = {f"o_{n}": Out(shape_of(function.output)) for n, function in enumerate(functions)}
        super().__init__({"i": In(shape_of(functions[0].input)), **outputs})

    @property
    def latency(self) -> int:
        """Cycles from `i` to the outputs."""
        return self.cuts

    def elaborate(self, platform: object) -> Module:
        """The cores side by side, every stage of them always on."""
        m = Module()
        for n, core in enumerate(self.cores):
            m.submodules[f"core_{n}"] = core
            m.d.comb += [
                core.i[0].eq(self.i),
                core.i_valid.eq(1),
                core.valid.eq(-1),
                getattr(self, f"o_{n}").eq(core.o[0]),
            ]
        return m
