"""Functions as blocks: a core of lanes behind streams."""

from __future__ import annotations

from typing import ClassVar

from amaranth import Module
from amaranth.lib import stream
from amaranth.lib.data import ArrayLayout, StructLayout
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec import (
    Clamp,
    Function,
    IntFormat,
    InvalidInput,
    Polynomial,
    Reflection,
    Round,
    Segment,
    Stage,
    Warp,
    Wrap,
)
from quadrille.hw.base import Block, Parameter, Record, Stalled, shape_of

from .core import FunctionCore

__all__ = ["ActivationPipeline", "PiecewiseQuadratic"]

WAVE = Function(
    "quad",
    IntFormat(16, signed=True),
    (
        Wrap(10),
        Polynomial((Segment(0, 0, 1 << 9, -1),), reflection=Reflection(-1)),
        Round(8, IntFormat(10, signed=True)),
    ),
    input_fraction=8,
    output_fraction=8,
)
"""The periodic wave phi(u) = u (2 - |u|) of QuadINR at 8 fraction bits."""


def numbers_layout(form: IntFormat, lanes: int) -> StructLayout:
    """A beat of `lanes` numbers."""
    return StructLayout({"values": ArrayLayout(shape_of(form), lanes)})


class ActivationPipeline(Block):
    """Applies a scalar function to each of its lanes, one beat in every cycle.

    `y = function(v)` for each lane, each stage of the function by its equation in algo.spec, as constants in hardware.
    Its steps stand on levels; registers cut between them so that the longest way is as short as can be.

    Parameters
    ----------
    function : the function, whose formats are those of the streams
    lanes : numbers in a beat
    cuts : registers in each lane, from 0, where the streams pass straight through, to one after every level

    Members
    -------
    i, o : streams of {values}

    Attributes
    ----------
    latency : `cuts` cycles; interval : 1

    Raises
    ------
    InvalidInput
        For a parameter out of range, or more cuts than the function has places for.
    """

    block_name = "activation-pipeline"
    parameters = (
        Record("function", WAVE, "the function"),
        Parameter("lanes", 1, 1, 4096, "numbers in a beat"),
        Parameter("cuts", 3, 0, 99, "registers in each lane"),
    )

    function: Function
    lanes: int
    cuts: int

    i: stream.Interface
    o: stream.Interface

    def __init__(self, *, function: Function = WAVE, lanes: int = 1, cuts: int = 3):
        self.take(function=function, lanes=lanes, cuts=cuts)
        try:
            self.check_stages()
            self.core = FunctionCore(self.function, lanes, cuts)
        except InvalidInput:
            self.inspected()
            raise
        super().__init__(
            {
                "i": In(stream.Signature(numbers_layout(self.function.input, lanes))),
                "o": Out(stream.Signature(numbers_layout(self.function.output, lanes))),
            }
        )

    def check_stages(self) -> None:
        """Refuse a function that this block does not compute."""

    @property
    def latency(self) -> int:
        """Cycles from a beat to its result."""
        return self.core.latency

    def elaborate(self, platform: object) -> Module:
        """The core, stalled as a whole; without registers there is nothing to stall."""
        m = Module()
        core = self.core
        if core.latency == 0:
            m.submodules.lanes = core
            m.d.comb += [
                core.i.eq(self.i.payload.values),
                self.o.payload.values.eq(core.o),
                self.o.valid.eq(self.i.valid),
                self.i.ready.eq(self.o.ready),
            ]
            return m
        m.submodules.lanes = stalled = Stalled(core)
        m.d.comb += [
            stalled.i.payload.eq(self.i.payload.values),
            stalled.i.valid.eq(self.i.valid),
            self.i.ready.eq(stalled.i.ready),
            self.o.payload.values.eq(stalled.o.payload),
            self.o.valid.eq(stalled.o.valid),
            stalled.o.ready.eq(self.o.ready),
        ]
        return m


class PiecewiseQuadratic(ActivationPipeline):
    """Applies a function of quadratic pieces to each of its lanes, one beat in every cycle.

    `a = |u|` with a reflection, else u; j the last segment with `start[j] <= a`; `d = a - start[j]`;
    `p = c0[j] + (c1[j] + round_shift(c2[j]*d, inner_shift)) * d`; reflected where u < 0; rounded and saturated. What
    comes before, u from a value, may be warped, wrapped and clamped (see algo.spec). A single segment needs no table:
    of the periodic wave, phi(u) = u (2 - |u|), there remain a wrap and one square.

    Parameters
    ----------
    function : a function of the stages warp, wrap, clamp, polynomial and round
    lanes, cuts : as those of activation-pipeline

    Members
    -------
    i, o : streams of {values}

    Attributes
    ----------
    latency : `cuts` cycles; interval : 1

    Raises
    ------
    InvalidInput
        For a parameter out of range, other stages, or more cuts than the function has places for.
    """

    block_name = "piecewise-quadratic"
    stages: ClassVar[tuple[type[Stage], ...]] = (Warp, Wrap, Clamp, Polynomial, Round)

    def check_stages(self) -> None:
        """Refuse stages that are no pieces of a quadratic, nor what comes before and after."""
        kinds = [type(stage) for stage in self.function.stages]
        if not set(kinds) <= set(self.stages) or kinds.count(Polynomial) != 1:
            allowed, found = (", ".join(kind.kind for kind in listed) for listed in (self.stages, kinds))
            raise InvalidInput(f"Stages of {self.block_name} must be of {allowed}, one a polynomial, not {found}")
