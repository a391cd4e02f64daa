"""Networks on arrays of multiply-accumulate units: every integer, every cycle, every mode, on the exported Verilog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.integer.execution import execute
from quadrille.algo.spec import InvalidInput
from quadrille.hw.engine import Program, Target, compile_network
from quadrille.hw.engine.timing import Batch
from quadrille.sim.verification import verify
from quadrille.tb.networks import random_network, truncated_modes

Settings = dict[str, Any]

CASES: dict[str, tuple[Settings, Settings]] = {
    "4-bit weights, row tiles, argmax": (
        {"sizes": (40, 19, 9), "tile_rows": 16, "weight_bits": 4, "cell_bits": 4, "activation_bits": 4},
        {"rows": 4, "columns": 8, "lanes": 4, "frames": 4},
    ),
    "8-bit weights by signed activations, one weight plane, values leave": (
        {
            "sizes": (20, 13, 9),
            "tile_rows": 4,
            "weight_bits": 8,
            "cell_bits": 8,
            "activation_bits": 8,
            "signed": True,
            "argmax": False,
            "result_bits": 16,
        },
        {"rows": 4, "columns": 8, "lanes": 4, "frames": 4, "weight_planes": 1},
    ),
    "binary weights in cells of one bit": (
        {"sizes": (40, 19, 9), "tile_rows": 8, "activation_bits": 8},
        {"rows": 4, "columns": 8, "lanes": 4, "frames": 4, "cuts": 0},
    ),
    "residual blocks of 5-bit weights": (
        {
            "shape": (3, 6, 6),
            "channels": (4, 4, 8),
            "rows": 36,
            "residual": "subsample",
            "pool": "sum",
            "weight_bits": 5,
            "cell_bits": 5,
        },
        {"rows": 18, "columns": 16, "lanes": 4, "cuts": 2},
    ),
    "groups, stride, signed maps, a map leaves": (
        {
            "shape": (4, 7, 5),
            "channels": (6, 8),
            "rows": 20,
            "stride": 2,
            "groups": 2,
            "classes": None,
            "activation_bits": 2,
            "signed": True,
            "weight_bits": 2,
            "cell_bits": 2,
        },
        {"rows": 5, "columns": 8, "lanes": 2, "frames": 2},
    ),
}

UNITS: dict[str, Settings] = {
    "fusion": {"weight_bits": 4, "cell_bits": 4, "activation_bits": 4},
    "activation-serial": {"weight_bits": 6, "cell_bits": 6, "activation_bits": 3},
    "weight-serial": {"weight_bits": 4, "cell_bits": 4, "activation_bits": 6},
    "sub-word": {"weight_bits": 8, "cell_bits": 8, "activation_bits": 5, "signed": True},
    "carry-save": {"weight_bits": 4, "cell_bits": 4, "activation_bits": 8, "signed": True},
    "same-weight": {"weight_bits": 7, "cell_bits": 7, "activation_bits": 5},
    "plain-8": {"weight_bits": 1, "cell_bits": 1, "activation_bits": 8},
    "plain-16": {"weight_bits": 7, "cell_bits": 7, "activation_bits": 9},
}


def images_of(program: Program, count: int) -> np.ndarray:
    interval = program.network.input.format.interval
    return np.random.default_rng(1).integers(interval.lo, interval.hi + 1, (count, *program.network.input.shape))


def check(program: Program, folder: Path, images: np.ndarray, **options: Any) -> None:
    """No integer wrong, and not one cycle more or less than predicted."""
    result = verify(folder, images, **options)
    assert (result.first, result.mismatches) == (None, 0)
    for schedule, (_, cycles) in zip(result.schedules, result.spans, strict=True):
        assert cycles == program.timing.run(Batch(*batch) for batch in schedule.batches())


@pytest.mark.verilator
@pytest.mark.parametrize("name", CASES)
def test_every_integer_and_every_cycle(tmp_path: Path, name: str, write_program: Callable[[Any, Path], Path]) -> None:
    settings, hardware = CASES[name]
    program = compile_network(random_network(len(name), **settings), engine="mac", **hardware)
    check(program, write_program(program, tmp_path / "hw"), images_of(program, 5 if "shape" in settings else 13))


@pytest.mark.verilator
@pytest.mark.parametrize("unit", UNITS)
def test_every_unit(tmp_path: Path, unit: str, write_program: Callable[[Any, Path], Path]) -> None:
    network = random_network(len(unit), sizes=(9, 5), tile_rows=1, **UNITS[unit])
    program = compile_network(network, engine="mac", unit=unit, rows=1, columns=2, lanes=2, frames=4)
    check(program, write_program(program, tmp_path / "hw"), images_of(program, 9))


@pytest.mark.verilator
def test_truncated_modes_follow_one_another(tmp_path: Path, write_program: Callable[[Any, Path], Path]) -> None:
    network = random_network(5, sizes=(30, 10, 6), tile_rows=30, weight_bits=8, cell_bits=8, activation_bits=8)
    modes = truncated_modes(network, (8, 4, 2, 1))
    program = compile_network(modes, engine="mac", rows=8, columns=8, lanes=4, frames=2)
    folder, images = write_program(program, tmp_path / "hw"), images_of(program, 18)
    for mode in modes.names:
        check(program, folder, images[:4], mode=mode)
    walk = ["8", "8", "4", "4", "2", "2", "1", "1", "8", "2", "8", "4", "1", "4", "8", "1", "2", "4"]
    check(program, folder, images, mode=walk)
    check(program, folder, images, seed=7)


def test_truncated_weights_stand_once() -> None:
    network = random_network(5, sizes=(70, 19, 9), tile_rows=70, weight_bits=8, cell_bits=8, activation_bits=8)
    shape: Settings = {"engine": "mac", "rows": 8, "columns": 8, "lanes": 4}
    alone = compile_network(network, **shape)
    several = compile_network(truncated_modes(network, (8, 4, 2, 1)), **shape)
    assert several.configuration.weight_rows == alone.configuration.weight_rows == 3 * 70 + 2 * 19
    assert several.images[Target.WEIGHTS] == alone.images[Target.WEIGHTS]
    # Kernels that whole tiles hold as well: the channels of each tap, wherever a mode cuts them.
    shape |= {"rows": 36}
    settings: Settings = {"weight_bits": 8, "cell_bits": 8, "activation_bits": 8, "exact_first": True}
    maps = random_network(7, shape=(4, 6, 6), channels=(10, 12), rows=1000, **settings)
    alone, several = (compile_network(each, **shape) for each in (maps, truncated_modes(maps, (8, 4, 2))))
    assert several.images[Target.WEIGHTS] == alone.images[Target.WEIGHTS]


def test_the_array_changes_no_result_of_a_layer() -> None:
    network = random_network(5, sizes=(70, 19, 9), tile_rows=70, weight_bits=8, cell_bits=8, activation_bits=8)
    program = compile_network(network, engine="mac", rows=8, columns=8, lanes=4)
    before, after = (execute(each, images_of(program, 20)) for each in (network, program.network))
    shown = [node.name for node in network.nodes if node.kind not in ("linear", "row-sum")]
    assert all(np.array_equal(before[name], after[name]) for name in shown)


def refused(message: str) -> Any:
    return pytest.raises(InvalidInput, match=message)


def test_networks_that_do_not_fit() -> None:
    network = random_network(5, sizes=(20, 6), tile_rows=20, weight_bits=8, cell_bits=8, activation_bits=8)
    shape: Settings = {"rows": 8, "columns": 8, "lanes": 4}
    program = compile_network(network, engine="mac", **shape)
    narrow = truncated_modes(network, (4,)).default
    with refused(r"^Network 'random' must have precisions that the accelerator has, 8x8, and 4x8 is none of those$"):
        compile_network(narrow, configuration=program.configuration)
    with refused(r"^Node 'linear1': Precision of a plain multiplier of 8 bits must be at most that, not 9$"):
        wide = random_network(5, sizes=(20, 6), tile_rows=20, weight_bits=8, cell_bits=8, activation_bits=9)
        compile_network(wide, engine="mac", unit="plain-8", **shape)
    with refused(r"^Parameter unit of accelerator must be one of spatio-temporal, .*, not 'bar'$"):
        compile_network(network, engine="mac", unit="bar", **shape)
    with refused(r"^Banks of an engine of arrays must be 1, not 2$"):
        compile_network(network, engine="mac", banks=2, **shape)
    with refused(r"^Converter of an engine of arrays must be exact, not ladder$"):
        replace(program.configuration, converter="ladder")
