"""Networks of devices that differ, on the simulated hardware: their conductances are what the macro is loaded with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.integer import execute, write_network
from quadrille.algo.integer.variation import Variation, perturb
from quadrille.hw.engine import compile_network
from quadrille.sim.verification import verify
from quadrille.tb.networks import random_network

ALL = Variation(log_normal=0.25, gaussian=0.05, stuck_at_zero=0.03, stuck_at_one=0.02, offset=0.6, gain=0.05)

NETWORKS: dict[str, dict[str, Any]] = {
    "linear": {"sizes": (9, 7, 4), "tile_rows": 8, "adc_bits": 3},
    "slices": {
        "shape": (2, 5, 5),
        "channels": (3, 4),
        "weight_bits": 3,
        "cell_bits": 2,
        "adc_bits": 3,
        "rows": 20,
        "exact_last": True,
    },
}
SIZES: dict[str, dict[str, Any]] = {
    "linear": {"rows": 8, "columns": 8, "lanes": 4, "frames": 4},
    "slices": {"rows": 20, "columns": 8, "lanes": 4, "frames": 2},
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.verilator
def test_a_noisy_network_agrees(name: str, tmp_path: Path, write_program: Callable[[Any, Path], Path]) -> None:
    network = random_network(4, **NETWORKS[name])
    varied = perturb(network, ALL, 1)
    interval = network.input.format.interval
    images = np.random.default_rng(2).integers(interval.lo, interval.hi, (6, *network.input.shape), endpoint=True)
    before, after = execute(network, images), execute(varied, images)
    changed = sum(int((before[node.name] != after[node.name]).sum()) for node in network.nodes)
    assert changed > 0
    result = verify(write_program(compile_network(varied, **SIZES[name]), tmp_path), images)
    assert (result.images, result.mismatches, result.first) == (6, 0, None)
    np.testing.assert_array_equal(result.values, after[network.result.name])


@pytest.mark.verilator
def test_other_devices_are_told_apart(tmp_path: Path, write_program: Callable[[Any, Path], Path]) -> None:
    network = random_network(4, **NETWORKS["linear"])
    one, other = (perturb(network, ALL, seed) for seed in (1, 2))
    folder = write_program(compile_network(one, **SIZES["linear"]), tmp_path)
    write_network(other, folder / "network.safetensors")
    images = np.random.default_rng(2).integers(0, 8, (6, 9))
    result = verify(folder, images)
    assert result.mismatches > 0
    assert result.first is not None
    assert result.first.node == "linear1"
