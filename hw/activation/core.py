"""A function as a core of fixed latency: any number of lanes of one pipeline, without handshake."""

from __future__ import annotations

from amaranth import Module
from amaranth.lib.data import ArrayLayout

from quadrille.algo.spec import Function, InvalidInput
from quadrille.hw.base import Core, shape_of

from .stages import dataflow_of

__all__ = ["FunctionCore"]


class FunctionCore(Core):
    """`o[n] = function(i[n])` for every lane n, `cuts` cycles later.

    Parameters
    ----------
    function : what is computed, as constants.
    lanes : numbers in a beat.
    cuts : registers that cut each lane, from 0 for none to `full`: one after the input, one after each level of steps.
    pad : allow more cuts than `full`; the others stand at the end, so that several functions have the same latency.

    Members
    -------
    i, o : arrays of `lanes` numbers in the function's formats

    Attributes
    ----------
    full : the number of places for cuts
    latency : `cuts`

    Raises
    ------
    InvalidInput
        If there are more cuts than places.
    """

    def __init__(self, function: Function, lanes: int = 1, cuts: int = 3, *, pad: bool = False):
        self.function, self.lanes, self.cuts = function, lanes, cuts
        self.flow = dataflow_of(function)
        self.full = self.flow.full
        if cuts > self.full and not pad:
            vars(self)["_MustUse__used"] = True  # refused: Amaranth need not warn that it was never elaborated
            raise InvalidInput(f"Cuts of function {function.name!r} must be from 0 to {self.full}, not {cuts}")
        super().__init__(
            ArrayLayout(shape_of(function.input), lanes),
            ArrayLayout(shape_of(function.output), lanes),
        )

    @property
    def latency(self) -> int:
        """One cycle for each cut."""
        return self.cuts

    def elaborate(self, platform: object) -> Module:
        """The lanes, each by itself: a table of constants is gates and not memory."""
        m = Module()
        cuts = self.flow.cuts(self.cuts)
        for lane in range(self.lanes):
            result = self.flow.lane(m, self.i[lane], cuts, self.valid, f"_{lane}")
            m.d.comb += self.o[lane].eq(result)
        return m
