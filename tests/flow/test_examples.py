"""The committed networks: valid, as accurate as their README says, and exact on the hardware."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.integer import execute, read_network
from quadrille.algo.integer.network_file import read_modes
from quadrille.algo.spec import Conv2d
from quadrille.flow.generation import generate
from quadrille.sim.verification import verify

EXAMPLES = Path(__file__).parents[2] / "examples"
NETWORKS = sorted(path.parent.name for path in EXAMPLES.glob("*/network.safetensors"))


@pytest.mark.parametrize("name", NETWORKS)
def test_network_is_valid_and_described(name: str) -> None:
    network = read_network(EXAMPLES / name / "network.safetensors")
    assert network.name == name
    assert f"| `{name}` | `quadrille train {network.notes['recipe']} " in (EXAMPLES / "README.md").read_text()


# The first held-out images are not all of them, so that the bounds are loose; all of them are for `quadrille verify`.
@pytest.mark.parametrize(
    "name, data, least",
    [
        ("resnet20-cifar10-w1a4", "cifar10", 0.74),
        ("lenet-fashion-mnist", "fashion-mnist", 0.86),
        ("lenet-fashion-mnist-w4a4", "fashion-mnist", 0.86),
        ("digits-mlp", "digits", 0.9),
    ],
)
def test_network_knows_its_data(name: str, data: str, least: float, data_set: Callable[[str], Any]) -> None:
    if data == "digits":
        from quadrille.algo.data import dataset

        images = dataset(data)
    else:
        images = data_set(data)
    network = read_network(EXAMPLES / name / "network.safetensors")
    answers = execute(network, images.held_out_images[:300], keep=["class"])["class"]
    assert np.mean(answers == images.held_out_labels[:300]) >= least


def test_truncated_weights_are_stored_once(data_set: Callable[[str], Any]) -> None:
    modes = read_modes(EXAMPLES / "truncquant-fashion-mnist" / "network.safetensors")
    assert modes.names == ("8", "4", "2")
    stored = {node.name: node.weight for node in modes.default.of_kind(Conv2d)}
    for mode, network in modes.networks.items():
        for node in network.of_kind(Conv2d):
            assert node.weight_bits == (8 if node.name == "conv1_codes" else int(mode))
            assert node.weight.flat.tolist() == [q >> (8 - node.weight_bits) for q in stored[node.name].flat]
    images = data_set("fashion-mnist")
    for network in modes.networks.values():
        answers = execute(network, images.held_out_images[:300], keep=["class"])["class"]
        assert np.mean(answers == images.held_out_labels[:300]) >= 0.86


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("banks", [1, 2])
def test_resnet20_on_the_hardware(banks: int, tmp_path: Path) -> None:
    source = EXAMPLES / "resnet20-cifar10-w1a4" / "network.safetensors"
    settings = {"lanes": 16, "banks": banks}
    made = generate(source, tmp_path / "hw", columns=64, settings=settings)
    images = np.random.default_rng(1).integers(0, 256, (3, 3, 32, 32))
    result = verify(made.folder, images)
    assert result.mismatches == 0 and result.integers > 3_000_000
