"""Networks for tests of every room, which cannot import a neighbour."""

from __future__ import annotations

from collections.abc import Callable

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
