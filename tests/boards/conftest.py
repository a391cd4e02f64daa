"""A cell library small enough to compute with by hand, and more cells for it."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def small_library() -> Path:
    """Gates of 10, 20 and 25 ps and 1 ps for each fF, a flip-flop of 50 ps and 30 ps of set-up; 1 to 3 fJ an edge."""
    return Path(__file__).parent / "small.lib"


@pytest.fixture(scope="session")
def gated_library(small_library: Path) -> tuple[Path, ...]:
    """The same in two files, the second with a cell that gates a clock, and constants."""
    return (small_library, small_library.with_name("gates.lib"))
