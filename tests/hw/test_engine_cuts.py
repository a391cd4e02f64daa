"""Accelerators with registers where a fast clock wants them: every integer equal, every cycle predicted."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from quadrille.hw.engine import compile_network
from quadrille.sim.accelerator import read_accelerator
from quadrille.sim.model import Model, Stall
from quadrille.sim.verification import verify
from quadrille.tb.networks import random_linear_network, random_network

Settings = dict[str, Any]

EVERYWHERE = {"cuts": 3, "memory_cuts": 1, "lane_cuts": 2, "walk_cuts": 2, "patch_cuts": 3, "buffers": 2}
NETWORKS: dict[str, tuple[Settings, Settings]] = {
    "results that wait for the port": (
        {"sizes": (6, 5, 20), "tile_rows": 6, "argmax": False, "result_bits": 16},
        {"rows": 6, "columns": 10, "lanes": 4, "frames": 4},
    ),
    "an index, several words to a tap": (
        {"sizes": (40, 19, 9), "tile_rows": 20, "adc_bits": 3},
        {"rows": 24, "columns": 8, "lanes": 4, "word": 16, "frames": 3},
    ),
    "kernels that slide, shortcuts, pools": (
        {"shape": (3, 7, 6), "channels": (4, 8), "rows": 40, "adc_bits": 3, "residual": "projection", "pool": "max"},
        {"rows": 40, "columns": 24, "lanes": 4, "frames": 2},
    ),
    "pooled sums, packed, wider than the word": (
        {"shape": (20, 6, 6), "channels": (20, 6), "kernel": 1, "rows": 16, "argmax": False, "pool": "sum"},
        {"rows": 16, "columns": 16, "lanes": 4, "word": 16},
    ),
}
CUTS: dict[str, Settings] = {
    "memories": {"memory_cuts": 1},
    "lanes": {"lane_cuts": 1},
    "walk": {"walk_cuts": 1},
    "patch": {"patch_cuts": 1},
    "buffers": {"buffers": 1},
    "buffers and patch": {"buffers": 1, "patch_cuts": 2},
    "buffers at the port too": {"buffers": 2, "cuts": 2},
    "products": {"compressor": "lut6"},
    "everywhere": EVERYWHERE,
    "everywhere, one weight plane": EVERYWHERE | {"weight_planes": 1},
    "everywhere, and products": EVERYWHERE | {"compressor": "lut6"},
}
PACKED, _, SLIDING, _ = NETWORKS


@pytest.mark.verilator
@pytest.mark.parametrize(("network", "cuts"), [(PACKED, "everywhere"), (SLIDING, "everywhere, and products")])
def test_every_integer_and_every_cycle(tmp_path: Any, write_program: Any, network: str, cuts: str) -> None:
    settings, hardware = NETWORKS[network]
    check(tmp_path, write_program, random_network(3, **settings), hardware | CUTS[cuts])


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("cuts", CUTS)
def test_every_cut_alone(tmp_path: Any, write_program: Any, network: str, cuts: str) -> None:
    settings, hardware = NETWORKS[network]
    check(tmp_path, write_program, random_network(3, **settings), hardware | CUTS[cuts])


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("cuts", ["everywhere", "walk", "buffers and patch"])
def test_arrays_too(tmp_path: Any, write_program: Any, cuts: str) -> None:
    network = random_linear_network(Random(5), sizes=(12, 9, 6), argmax=False)
    hardware = {"engine": "mac", "rows": 4, "columns": 8, "lanes": 4, "word": 16, "frames": 3}
    check(tmp_path, write_program, network, hardware | CUTS[cuts])


def check(folder: Any, write_program: Any, network: Any, hardware: Settings) -> None:
    program = compile_network(network, **hardware)
    allowed = network.input.format.interval
    images = np.random.default_rng(1).integers(allowed.lo, allowed.hi + 1, (7, *network.input.shape))
    result = verify(write_program(program, folder / "hw"), images)
    assert result.first is None and result.mismatches == 0
    assert [cycles for _, cycles in result.spans] == [program.timing.cycles(count) for count, _ in result.spans]

    # With random stalls, the same integers.
    accelerator = read_accelerator(folder / "hw")
    words = np.concatenate([accelerator.program, accelerator.input_words(images)])[:, np.newaxis]
    with Model(folder / "hw") as model:
        expected = {name: beats.per_image * len(images) for name, beats in accelerator.delivered.items()}
        smooth = model.run({"i": words}, expected)
        stalled = model.run({"i": words}, expected, stall=Stall(0.5, seed=3))
    for stream, capture in smooth.streams.items():
        for field, values in capture.fields.items():
            assert np.array_equal(values, stalled.streams[stream].fields[field])
