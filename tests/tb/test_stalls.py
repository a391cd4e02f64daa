"""Stall generators: what they promise, for every seed alike."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby, islice
from random import Random

import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.tb.stalls import bursts, mixed, never, pattern, randomly


def test_never_and_pattern() -> None:
    assert not any(islice(never(), 100))
    assert list(islice(pattern("--#"), 7)) == [False, False, True, False, False, True, False]


@pytest.mark.parametrize("probability", [0.0, 0.2, 0.9])
def test_random_stalls_come_as_often_as_asked(probability: float) -> None:
    stalls = sum(islice(randomly(Random(1), probability), 10_000))
    assert abs(stalls / 10_000 - probability) < 0.02


def test_bursts_are_no_longer_than_asked() -> None:
    runs = [(stall, len(list(run))) for stall, run in groupby(islice(bursts(Random(1), 3, 5), 1000))]
    assert {length for stall, length in runs[:-1] if stall} == {1, 2, 3, 4, 5}
    assert {length for stall, length in runs[:-1] if not stall} == {1, 2, 3}


def test_mixed_is_a_function_of_its_seed_and_always_works_again() -> None:
    for seed in range(50):
        first, second = (list(islice(mixed(Random(seed)), 300)) for _ in range(2))
        assert first == second
        assert not all(first)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pattern("###"), "^Stall pattern must be made of - and # with at least one -, not '###'$"),
        (lambda: pattern("-x"), "^Stall pattern must be made of - and # with at least one -, not '-x'$"),
        (lambda: randomly(Random(1), 1.0), r"^Stall probability must be at least 0 and below 1, not 1\.0$"),
        (lambda: bursts(Random(1), 0, 2), "^Stall bursts must be at least one cycle long, not 0 and 2$"),
    ],
)
def test_impossible_stalls_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
