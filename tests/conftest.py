"""Networks and data sets for tests of every room, which cannot import a neighbour."""

from __future__ import annotations

import json
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


@pytest.fixture(scope="session")
def write_program() -> Callable[[Any, Path], Path]:
    """Writes a Program with its accelerator and networks into a folder, as `generate` leaves it."""
    from quadrille.algo.integer import write_modes
    from quadrille.hw.export import design_files, publish

    def write(program: Any, folder: Path) -> Path:
        files: dict[str, str | bytes] = dict(design_files(program.accelerator(), "accelerator"))
        files["program.bin"] = program.data
        files["program.json"] = json.dumps(program.description())
        publish(folder, files)
        write_modes(program.modes, folder / "network.safetensors")
        return folder

    return write


@pytest.fixture
def data_set() -> Callable[[str], Any]:
    """`dataset` for real data in files: the test is skipped where the folder of data sets has none of that name."""

    def load(name: str) -> Any:
        if not (Path(os.environ.get("QUADRILLE_DATA") or os.devnull) / name).is_dir():
            pytest.skip(f"real data set {name} is not here: QUADRILLE_DATA names no folder that has it")
        from quadrille.algo.data import dataset  # takes seconds, which few tests need

        return dataset(name)

    return load
