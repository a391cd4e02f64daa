"""The delays that accelerators share are those of the datapath of each."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from quadrille.hw.engine import Configuration
from quadrille.hw.engine.delays import Delays, delays_of
from quadrille.hw.engine.once import Known
from quadrille.hw.engine.tables import datapath

UNITS: dict[str, dict[str, Any]] = {
    "nothing behind": {},
    "pooling": {"pooling": True},
    "residual, pooling, requantizing": {"residual": True, "pooling": True, "requantizing": True},
}


@pytest.mark.parametrize("units", UNITS)
def test_delays_are_those_of_the_datapath(units: str) -> None:
    known = Known()
    ways: list[dict[str, Any]] = [
        {"converter": "ladder", "adc_bits": 3},
        {"converter": "multiply-shift"},
        {"converter": "exact", "engine": "mac", "unit": "plain-8", "cell_bits": 8},
    ]
    cuts: list[dict[str, Any]] = [{}, {"memory_cuts": 1}, {"lane_cuts": 2, "cuts": 3}]
    for way, cut, (rows, columns) in product(ways, cuts, ((16, 32), (200, 48))):
        shape = {"rows": rows, "columns": columns, "lanes": 8, "word": 16}
        values: dict[str, Any] = Configuration.defaults() | UNITS[units] | shape | way | cut
        configuration = Configuration(**values)
        assert delays_of(configuration, known) == Delays.of(datapath(configuration, {}).inspected())
