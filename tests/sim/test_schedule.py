"""Which images run in which mode, and what the data port is told of it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.spec.random_mode import draws
from quadrille.sim.schedule import Packet, Schedule


def test_one_mode() -> None:
    schedule = Schedule.constant(7, 2, 3, switches=True)
    assert schedule.packets == {0: Packet("mode", 2)}
    assert schedule.batches() == [(3, 2, 1), (3, 2, 0), (1, 2, 0)]
    assert schedule.constant_mode(3) == 2
    assert schedule.constant_mode(4) is None
    plain = Schedule.constant(7, 0, 4, switches=False)
    assert (plain.packets, plain.batches()) == ({}, [(4, 0, 0), (3, 0, 0)])


def test_modes_that_change() -> None:
    schedule = Schedule.sequence([1, 1, 0, 2, 2])
    assert schedule.packets == {0: Packet("mode", 1), 2: Packet("mode", 0), 3: Packet("mode", 2)}
    assert schedule.batches() == [(1, 1, 1), (1, 1, 0), (1, 0, 1), (1, 2, 1), (1, 2, 0)]
    assert schedule.constant_mode(1) is None


@given(seed=st.integers(1, 0xFFFF), modes=st.integers(2, 9), images=st.integers(1, 20), cut=st.integers(0, 20))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_modes_that_are_drawn(seed: int, modes: int, images: int, cut: int) -> None:
    """Two parts with a reset between them, the second with the register as the first left it, are the whole."""
    whole = Schedule.drawn(images, seed, modes)
    assert (whole.modes, whole.seed) == draws(seed, modes, images)
    assert whole.packets == {0: Packet("seed", seed)}
    first = Schedule.drawn(min(cut, images), seed, modes)
    second = Schedule.drawn(images - len(first.modes), first.seed, modes)
    assert first.modes + second.modes == whole.modes
    assert second.seed == whole.seed
