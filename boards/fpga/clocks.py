"""Clocks: how a board's PLL makes a frequency from that of its crystal, and the PLL itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from amaranth import Const, Instance, Signal

from quadrille.algo.spec import InvalidInput

__all__ = ["ECP5_PLL", "ICE40_PLL", "MMCM_7_SERIES", "MMCM_ULTRASCALE_PLUS", "Clock", "Pll"]

TOLERANCE = 0.01
"""By how much of itself a frequency may be missed."""


@dataclass(frozen=True)
class Clock:
    """A frequency that a PLL makes: `source_hz * multiply / (divide * output_divide)`.

    Without a PLL, where the source itself is wanted, all three are 1.
    """

    source_hz: float
    divide: float = 1
    multiply: float = 1
    output_divide: float = 1
    pll: Pll | None = None

    @property
    def hz(self) -> float:
        """The frequency itself."""
        return self.source_hz * self.multiply / (self.divide * self.output_divide)

    @property
    def phase_hz(self) -> float:
        """What the PLL compares."""
        return self.source_hz / self.divide

    @property
    def oscillator_hz(self) -> float:
        """What the PLL's oscillator runs at."""
        return self.source_hz * self.multiply / self.divide


@dataclass(frozen=True)
class Pll:
    """A kind of PLL by its ranges, in Hz and as factors.

    The output divider takes the values of `output_divides`, the multiplier steps of 1 / `fraction` where the board can
    do no better with whole ones.
    """

    name: str
    source_hz: tuple[float, float]
    phase_hz: tuple[float, float]
    oscillator_hz: tuple[float, float]
    divides: range
    multiplies: range
    output_divides: tuple[int, ...]
    # The feedback comes from the output, as on ECP5, and not from the oscillator.
    feedback_of_output: bool = False

    def clock(self, board: str, source_hz: float, hz: float) -> Clock:
        """The clock nearest to `hz` that can be made of `source_hz`: the source itself if that is it.

        Of equal ones, that with the fastest comparison, which makes the least jitter.

        Raises
        ------
        InvalidInput
            If `hz` cannot be made to within one percent; `board` names whose clock it is.
        """
        if abs(source_hz - hz) < 1e-9 * hz:
            return Clock(source_hz)
        found = min(self._clocks(source_hz, hz), key=lambda clock: (abs(clock.hz - hz), clock.divide), default=None)
        if found is None or abs(found.hz - hz) > TOLERANCE * hz:
            nearest = "" if found is None else f", {found.hz / 1e6:g} MHz being the nearest"
            raise InvalidInput(
                f"Clock of {board} must be one that its PLL makes of {source_hz / 1e6:g} MHz{nearest}, "
                f"not {hz / 1e6:g} MHz"
            )
        return found

    def _clocks(self, source_hz: float, hz: float) -> Iterable[Clock]:
        """For each pair of dividers the multiplier that comes nearest, if all is in range."""
        for divide in self.divides:
            if not _within(source_hz / divide, self.phase_hz):
                continue
            for output_divide in self.output_divides:
                # Of the output: what is fed back is divided already.
                factor = divide if self.feedback_of_output else divide * output_divide
                multiply = round(hz * factor / source_hz)
                if multiply not in self.multiplies:
                    continue
                whole = multiply * output_divide if self.feedback_of_output else multiply
                clock = Clock(source_hz, divide, whole, output_divide, self)
                if _within(clock.oscillator_hz, self.oscillator_hz):
                    yield clock

    def instance(self, clock: Clock, source: Signal, output: Signal, locked: Signal) -> Mapping[str, Instance]:
        """The cells that make `clock` of `source`, by the names they get."""
        return _INSTANCES[self.name](clock, source, output, locked)


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


ECP5_PLL = Pll(
    # FPGA-TN-02200, and the ranges of Trellis' own calculator, ecppll.
    "EHXPLLL",
    source_hz=(8e6, 400e6),
    phase_hz=(3.125e6, 400e6),
    oscillator_hz=(400e6, 800e6),
    divides=range(1, 129),
    multiplies=range(1, 81),
    output_divides=tuple(range(1, 129)),
    feedback_of_output=True,
)
ICE40_PLL = Pll(
    # FPGA-TN-02052, and the ranges of icepll; the output is divided by powers of two.
    "SB_PLL40_PAD",
    source_hz=(10e6, 133e6),
    phase_hz=(10e6, 133e6),
    oscillator_hz=(533e6, 1066e6),
    divides=range(1, 17),
    multiplies=range(1, 129),
    output_divides=(2, 4, 8, 16, 32, 64),
)
MMCM_7_SERIES = Pll(
    # DS181, speed grade -1.
    "MMCME2_BASE",
    source_hz=(10e6, 800e6),
    phase_hz=(10e6, 450e6),
    oscillator_hz=(600e6, 1200e6),
    divides=range(1, 107),
    multiplies=range(2, 65),
    output_divides=tuple(range(1, 129)),
)
MMCM_ULTRASCALE_PLUS = Pll(
    # DS923 and DS925, speed grades -2.
    "MMCME4_BASE",
    source_hz=(10e6, 933e6),
    phase_hz=(10e6, 500e6),
    oscillator_hz=(800e6, 1600e6),
    divides=range(1, 107),
    multiplies=range(2, 129),
    output_divides=tuple(range(1, 129)),
)


def _ehxplll(clock: Clock, source: Signal, output: Signal, locked: Signal) -> Mapping[str, Instance]:
    output_divide = round(clock.output_divide)
    pll = Instance(
        "EHXPLLL",
        a_FREQUENCY_PIN_CLKI=f"{clock.source_hz / 1e6:g}",
        a_FREQUENCY_PIN_CLKOP=f"{clock.hz / 1e6:g}",
        # What the vendor's own tool says of loop filter and charge pump; ecppack wants to be told.
        a_ICP_CURRENT="12",
        a_LPF_RESISTOR="8",
        a_MFG_ENABLE_FILTEROPAMP="1",
        a_MFG_GMCREF_SEL="2",
        p_CLKI_DIV=round(clock.divide),
        p_CLKFB_DIV=round(clock.multiply / clock.output_divide),
        p_CLKOP_DIV=output_divide,
        p_CLKOP_CPHASE=output_divide - 1,
        p_CLKOP_FPHASE=0,
        p_CLKOP_ENABLE="ENABLED",
        p_FEEDBK_PATH="CLKOP",
        p_INTFB_WAKE="DISABLED",
        p_STDBY_ENABLE="DISABLED",
        p_DPHASE_SOURCE="DISABLED",
        p_PLLRST_ENA="DISABLED",
        i_CLKI=source,
        i_CLKFB=output,
        i_RST=Const(0),
        i_STDBY=Const(0),
        i_PHASESEL0=Const(0),
        i_PHASESEL1=Const(0),
        i_PHASEDIR=Const(0),
        i_PHASESTEP=Const(0),
        i_PHASELOADREG=Const(0),
        i_PLLWAKESYNC=Const(0),
        i_ENCLKOP=Const(0),
        o_CLKOP=output,
        o_LOCK=locked,
    )
    return {"pll": pll}


def _sb_pll40(clock: Clock, source: Signal, output: Signal, locked: Signal) -> Mapping[str, Instance]:
    # The filter's range by the frequency that is compared, as icepll chooses it.
    bounds = (17e6, 26e6, 44e6, 66e6, 101e6)
    filter_range = 1 + sum(clock.phase_hz >= bound for bound in bounds)
    pll = Instance(
        "SB_PLL40_PAD",
        p_FEEDBACK_PATH="SIMPLE",
        p_DIVR=Const(round(clock.divide) - 1, 4),
        p_DIVF=Const(round(clock.multiply) - 1, 7),
        p_DIVQ=Const(round(clock.output_divide).bit_length() - 1, 3),
        p_FILTER_RANGE=Const(filter_range, 3),
        i_PACKAGEPIN=source,
        i_RESETB=Const(1),
        i_BYPASS=Const(0),
        o_PLLOUTGLOBAL=output,
        o_LOCK=locked,
    )
    return {"pll": pll}


def _mmcm(cell: str) -> Any:
    def build(clock: Clock, source: Signal, output: Signal, locked: Signal) -> Mapping[str, Instance]:
        feedback, unbuffered = Signal(name="pll_feedback"), Signal(name="pll_output")
        pll = Instance(
            cell,
            p_BANDWIDTH="OPTIMIZED",
            p_CLKIN1_PERIOD=1e9 / clock.source_hz,
            p_DIVCLK_DIVIDE=round(clock.divide),
            p_CLKFBOUT_MULT_F=float(clock.multiply),
            p_CLKOUT0_DIVIDE_F=float(clock.output_divide),
            i_CLKIN1=source,
            i_CLKFBIN=feedback,
            i_RST=Const(0),
            i_PWRDWN=Const(0),
            o_CLKFBOUT=feedback,
            o_CLKOUT0=unbuffered,
            o_LOCKED=locked,
        )
        return {"pll": pll, "clock_buffer": Instance("BUFG", i_I=unbuffered, o_O=output)}

    return build


_INSTANCES = {
    "EHXPLLL": _ehxplll,
    "SB_PLL40_PAD": _sb_pll40,
    "MMCME2_BASE": _mmcm("MMCME2_BASE"),
    "MMCME4_BASE": _mmcm("MMCME4_BASE"),
}
