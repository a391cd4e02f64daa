"""Networks and data sets for tests of every room, which cannot import a neighbour."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.spec import Network
from quadrille.tb.networks import random_convolutional_network, random_linear_network


@pytest.fixture(scope="session")
def make_network() -> Callable[..., Network]:
    """`random_linear_network` of tb.networks."""
    return random_linear_network


@pytest.fixture(scope="session")
def make_convolutional_network() -> Callable[..., Network]:
    """`random_convolutional_network` of tb.networks."""
    return random_convolutional_network


@pytest.fixture
def data_set() -> Callable[[str], Any]:
    """`dataset` for real data in files: the test is skipped where the folder of data sets has none of that name."""

    def load(name: str) -> Any:
        if not (Path(os.environ.get("QUADRILLE_DATA") or os.devnull) / name).is_dir():
            pytest.skip(f"real data set {name} is not here: QUADRILLE_DATA names no folder that has it")
        from quadrille.algo.data import dataset  # takes seconds, which few tests need

        return dataset(name)

    return load
