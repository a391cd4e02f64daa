"""Networks of devices that differ, on the simulated hardware: their conductances are what the macro is loaded with."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.integer import execute, write_network
from quadrille.algo.integer.variation import Variation, perturb
from quadrille.algo.spec import Network
from quadrille.hw.engine import compile_network
from quadrille.hw.export import design_files, publish
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


def written(network: Network, folder: Path, sizes: dict[str, Any]) -> Path:
    """The accelerator of `network` in `folder`, as `quadrille generate` leaves it."""
    program = compile_network(network, **sizes)
    files: dict[str, str | bytes] = dict(design_files(program.accelerator(), "accelerator"))
    files["program.bin"] = program.data
    files["program.json"] = json.dumps(program.description())
    publish(folder, files)
    write_network(network, folder / "network.safetensors")
    return folder


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.verilator
def test_a_noisy_network_agrees(name: str, tmp_path: Path) -> None:
    network = random_network(4, **NETWORKS[name])
    varied = perturb(network, ALL, 1)
    interval = network.input.format.interval
    images = np.random.default_rng(2).integers(interval.lo, interval.hi, (6, *network.input.shape), endpoint=True)
    before, after = execute(network, images), execute(varied, images)
    changed = sum(int((before[node.name] != after[node.name]).sum()) for node in network.nodes)
    assert changed > 0
    result = verify(written(varied, tmp_path, SIZES[name]), images)
    assert (result.images, result.mismatches, result.first) == (6, 0, None)
    np.testing.assert_array_equal(result.values, after[network.result.name])


@pytest.mark.verilator
def test_other_devices_are_told_apart(tmp_path: Path) -> None:
    network = random_network(4, **NETWORKS["linear"])
    one, other = (perturb(network, ALL, seed) for seed in (1, 2))
    folder = written(one, tmp_path, SIZES["linear"])
    write_network(other, folder / "network.safetensors")
    images = np.random.default_rng(2).integers(0, 8, (6, 9))
    result = verify(folder, images)
    assert result.mismatches > 0
    assert result.first is not None
    assert result.first.node == "linear1"
