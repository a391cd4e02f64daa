"""Stall generators: endless sequences of booleans, one for each cycle, true where a side of a stream holds back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, repeat
from random import Random

from quadrille.algo.spec import InvalidInput

__all__ = ["bursts", "mixed", "never", "pattern", "randomly"]


def never() -> Iterator[bool]:
    """No stall at all."""
    return repeat(False)


def pattern(text: str) -> Iterator[bool]:
    """The pattern `text` over and over: `-` is a cycle of work and `#` one of stall.

    Raises
    ------
    InvalidInput
        If the pattern holds something else, or no cycle of work.
    """
    if not set(text) <= set("-#") or "-" not in text:
        raise InvalidInput(f"Stall pattern must be made of - and # with at least one -, not {text!r}")
    return cycle([letter == "#" for letter in text])


def randomly(random: Random, probability: float) -> Iterator[bool]:
    """A stall with `probability` in each cycle, independent of the others.

    Raises
    ------
    InvalidInput
        If the probability is not at least 0 and below 1.
    """
    if not 0 <= probability < 1:
        raise InvalidInput(f"Stall probability must be at least 0 and below 1, not {probability}")
    return (random.random() < probability for _ in repeat(None))


def bursts(random: Random, work: int, stall: int) -> Iterator[bool]:
    """Runs of 1 to `work` cycles of work and 1 to `stall` cycles of stall in turn.

    Raises
    ------
    InvalidInput
        If either is below 1.
    """
    if work < 1 or stall < 1:
        raise InvalidInput(f"Stall bursts must be at least one cycle long, not {work} and {stall}")

    def runs() -> Iterator[bool]:
        while True:
            yield from repeat(False, random.randint(1, work))
            yield from repeat(True, random.randint(1, stall))

    return runs()


def mixed(random: Random) -> Iterator[bool]:
    """One of the above with random figures: over many streams and seeds, fast and slow sides meet in every way."""
    kind = random.randrange(4)
    if kind == 0:
        return never()
    if kind == 1:
        return randomly(random, random.choice([0.1, 0.3, 0.5, 0.8]))
    if kind == 2:
        return bursts(random, random.randint(1, 4), random.randint(1, 12))
    return bursts(random, random.randint(4, 24), random.randint(1, 4))
