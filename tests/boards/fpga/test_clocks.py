"""Clocks of boards: what PLLs make, within their ranges, and what they cannot."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.spec import InvalidInput
from quadrille.boards.fpga.board import boards, divisor_of
from quadrille.boards.fpga.clocks import ECP5_PLL, ICE40_PLL, MMCM_7_SERIES, MMCM_ULTRASCALE_PLUS, Clock, Pll

PLLS = [
    (ECP5_PLL, 25e6, 16e6),
    (ECP5_PLL, 48e6, 16e6),
    (ICE40_PLL, 12e6, 16e6),
    (MMCM_7_SERIES, 100e6, 10e6),
    (MMCM_ULTRASCALE_PLUS, 125e6, 10e6),
]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.sampled_from(PLLS), st.floats(0, 1))
def test_a_clock_is_near_and_within_the_ranges(case: tuple[Pll, float, float], position: float) -> None:
    pll, source, least = case
    wanted = least * (200e6 / least) ** position
    try:
        clock = pll.clock("board", source, wanted)
    except InvalidInput as error:
        assert str(error).startswith("Clock of board must be one that its PLL makes")
        return
    assert abs(clock.hz - wanted) <= 0.01 * wanted
    if clock.pll is None:
        assert clock.hz == source
        return
    assert pll.phase_hz[0] <= clock.phase_hz <= pll.phase_hz[1]
    assert pll.oscillator_hz[0] <= clock.oscillator_hz <= pll.oscillator_hz[1]
    assert clock.divide in pll.divides and clock.output_divide in pll.output_divides
    factor = clock.multiply / clock.output_divide if pll.feedback_of_output else clock.multiply
    assert factor in pll.multiplies


@pytest.mark.parametrize(
    ("pll", "source", "wanted", "divide", "multiply", "output"),
    [
        (ECP5_PLL, 25e6, 50e6, 1, 16, 8),  # ecppll -i 25 -o 50: feedback 2, output 12 or 8; the slowest oscillator
        (ICE40_PLL, 12e6, 48e6, 1, 64, 16),  # icepll -i 12 -o 48: DIVR 0, DIVF 63, DIVQ 4
        (MMCM_7_SERIES, 100e6, 50e6, 1, 6, 12),
    ],
)
def test_known_settings(pll: Pll, source: float, wanted: float, divide: int, multiply: int, output: int) -> None:
    clock = pll.clock("board", source, wanted)
    assert (clock.divide, clock.multiply, clock.output_divide) == (divide, multiply, output)


def test_the_source_itself_takes_no_pll() -> None:
    assert ICE40_PLL.clock("icebreaker", 12e6, 12e6) == Clock(12e6)


def test_a_clock_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(
        InvalidInput,
        match=r"^Clock of b must be one that its PLL makes of 25 MHz, 12.5 MHz being the nearest, not 12 MHz$",
    ):
        ECP5_PLL.clock("b", 25e6, 12e6)
    with pytest.raises(InvalidInput, match=r"^Clock of b must be one that its PLL makes of 12 MHz, not 1 MHz$"):
        ICE40_PLL.clock("b", 12e6, 1e6)


@pytest.mark.parametrize("name", sorted(boards()))
def test_every_board_has_a_clock_and_a_line_of_its_own(name: str) -> None:
    board = boards()[name]
    clock = board.clock()
    assert clock.hz == board.clock_hz
    assert abs(clock.hz / divisor_of(clock, board.baud) - board.baud) < 0.005 * board.baud


@pytest.mark.parametrize("baud", [100, 4_000_000, 8_900_000])
def test_a_baud_rate_that_cycles_do_not_make_is_refused(baud: int) -> None:
    with pytest.raises(
        InvalidInput,
        match=r"^Baud rate must be one that whole cycles of 12.5 MHz make to within 2 %, from 191 to 3125000, not ",
    ):
        divisor_of(Clock(12.5e6), baud)
    assert divisor_of(Clock(12e6), 115200) == 104
