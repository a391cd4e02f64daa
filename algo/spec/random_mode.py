"""Modes drawn at random by a shift register, the same in hardware and reference.

The register is a 16-bit Galois LFSR of the primitive polynomial x^16 + x^14 + x^13 + x^11 + 1, shifted right, whose
65,535 states are all but 0. A draw reads eight bits and takes eight shifts, so that no bit counts in two draws; as 8
and 65,535 have no common divisor, the draws too go through every state.

Source: random precision switch of Double-Win Quant (ICML 2021) and of the 2-in-1 Accelerator (arXiv 2109.05223), whose
text leaves the generator open: register and index are [INFERRED].
"""

from __future__ import annotations

from .errors import InvalidInput
from .modes import MOST_MODES

__all__ = ["POLYNOMIAL", "SHIFTS", "STATE_BITS", "draw", "draws", "shifted"]

STATE_BITS = 16
POLYNOMIAL = 0xB400
SHIFTS = 8
"""Shifts, and bits read, of one draw."""


def shifted(state: int) -> int:
    """The register after one shift: `state >> 1`, with the polynomial added where a 1 fell out."""
    return state >> 1 ^ (POLYNOMIAL if state & 1 else 0)


def draw(state: int, modes: int) -> tuple[int, int]:
    """The number of a mode, `(state mod 256) * modes >> 8`, and the register after it, eight shifts on.

    Each of `modes` modes has floor or ceil of 256/modes of the 256 values of eight bits.

    Raises
    ------
    InvalidInput
        If the state is none of a register that runs, or there are too many modes.
    """
    _check(state, modes)
    index = (state & ((1 << SHIFTS) - 1)) * modes >> SHIFTS
    for _ in range(SHIFTS):
        state = shifted(state)
    return index, state


def draws(seed: int, modes: int, count: int) -> tuple[tuple[int, ...], int]:
    """The numbers of the modes of `count` batches, drawn one after the other from the register that starts at `seed`,
    and the register after them.

    Raises
    ------
    InvalidInput
        As `draw`.
    """
    _check(seed, modes)
    state = seed
    drawn: list[int] = []
    for _ in range(count):
        index, state = draw(state, modes)
        drawn.append(index)
    return tuple(drawn), state


def _check(state: int, modes: int) -> None:
    if not 1 <= state < 1 << STATE_BITS:
        raise InvalidInput(f"Seed must be from 1 to {(1 << STATE_BITS) - 1}, not {state}")
    if not 1 <= modes <= MOST_MODES:
        raise InvalidInput(f"Modes to draw from must be 1 to {MOST_MODES}, not {modes}")
