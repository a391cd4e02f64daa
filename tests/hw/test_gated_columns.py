"""Columns whose clock can be gated: what is used is right, what is not stands still, and no cycle is spent on it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth import Module, Signal
from amaranth.sim import Simulator

from quadrille.algo.spec import InvalidInput
from quadrille.boards.cost import cost_of, energy_of
from quadrille.boards.cost.samples import sampled
from quadrille.hw.base.columns import ColumnGroup, gated_groups, gates_of
from quadrille.hw.cim import CimMacro, macro
from quadrille.hw.engine import Accelerator, Configuration, compile_network
from quadrille.hw.engine.macros import used_columns
from quadrille.sim.verification import verify
from quadrille.tb.networks import random_network

SAMPLES = sampled()
Settings = dict[str, Any]

LINEAR: Settings = {"sizes": (20, 19, 18, 9), "tile_rows": 8}
MAPS: Settings = {"shape": (3, 7, 6), "channels": (4, 8), "rows": 20, "adc_bits": 3, "residual": "projection"}
WEIGHTS: Settings = {"sizes": (20, 19, 5), "tile_rows": 8, "weight_bits": 4, "cell_bits": 4, "activation_bits": 4}
EVERYWHERE: Settings = {"cuts": 3, "memory_cuts": 1, "lane_cuts": 2, "walk_cuts": 2, "patch_cuts": 3, "buffers": 2}

QUICK: dict[str, tuple[Settings, Settings]] = {
    "banks, each with its share of the steps": (
        {"sizes": (12, 7, 3), "tile_rows": 6, "activation_bits": 2},
        {"rows": 6, "columns": 4, "banks": 2, "lanes": 1, "gated_columns": 2, "frames": 2},
    ),
}
CASES: dict[str, tuple[Settings, Settings]] = {
    "a group of lanes": (LINEAR, {"rows": 8, "columns": 12, "lanes": 4, "gated_columns": 4, "frames": 4}),
    "two macros, the last gate of fewer columns": (
        LINEAR,
        {"rows": 8, "columns": 6, "macros": 2, "lanes": 2, "gated_columns": 8, "frames": 4, "cuts": 0},
    ),
    "one weight plane, registered products": (
        LINEAR,
        {"rows": 8, "columns": 12, "lanes": 2, "gated_columns": 4, "weight_planes": 1, "compressor": "lut6", "cuts": 2},
    ),
    "registers everywhere": (MAPS, {"rows": 20, "columns": 16, "lanes": 4, "gated_columns": 4, **EVERYWHERE}),
    "spatio-temporal units": (
        WEIGHTS,
        {"engine": "mac", "rows": 4, "columns": 12, "lanes": 2, "gated_columns": 4, "frames": 4, "cuts": 2},
    ),
    "other units": (
        WEIGHTS,
        {"engine": "mac", "unit": "fusion", "rows": 2, "columns": 6, "lanes": 2, "gated_columns": 2, "frames": 2},
    ),
}


@pytest.mark.verilator
@pytest.mark.parametrize("name", QUICK)
def test_every_integer_and_every_cycle(tmp_path: Path, name: str, write_program: Callable[[Any, Path], Path]) -> None:
    check(tmp_path, write_program, *QUICK[name])


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("name", CASES)
def test_every_shape(tmp_path: Path, name: str, write_program: Callable[[Any, Path], Path]) -> None:
    check(tmp_path, write_program, *CASES[name])


def check(
    folder: Path, write_program: Callable[[Any, Path], Path], settings: Settings, hardware: Settings, count: int = 7
) -> None:
    """Nothing but the registers that move differs from an accelerator without gates, which takes as many cycles."""
    network = random_network(3, **settings)
    program, plain = (compile_network(network, **{**hardware, **other}) for other in ({}, {"gated_columns": 0}))
    used = {step for layout in program.plans for tile in layout.tiles for step in [len(tile.steps)]}
    assert len(used) > 1, "tiles of this network must differ in the columns that they use"
    allowed = network.input.format.interval
    images = np.random.default_rng(1).integers(allowed.lo, allowed.hi + 1, (count, *network.input.shape))
    result = verify(write_program(program, folder / "hw"), images)
    assert result.first is None and result.mismatches == 0
    assert [cycles for _, cycles in result.spans] == [plain.timing.cycles(count) for count, _ in result.spans]


@pytest.mark.parametrize(
    ("columns", "gated", "groups"),
    [
        (130, 0, [(64, 0), (64, 0), (2, 0)]),
        (8, 4, [(4, 0), (4, 1)]),
        (7, 3, [(3, 0), (3, 1), (1, 2)]),
        (5, 9, [(5, 0)]),
        (200, 100, [(64, 0), (36, 0), (64, 1), (36, 1)]),
    ],
)
def test_groups_end_where_gates_do(columns: int, gated: int, groups: list[tuple[int, int]]) -> None:
    assert gated_groups(columns, gated) == groups
    assert gates_of(columns, gated) == (len({gate for _, gate in groups}) if gated else 0)


@pytest.mark.parametrize(("cuts", "compressor"), [(0, "full-adders"), (2, "full-adders"), (1, "lut6")])
def test_columns_that_are_not_used_stand_still(monkeypatch: pytest.MonkeyPatch, cuts: int, compressor: str) -> None:
    """Groups move in the cycles in which a plane that uses them is at a stage before their registers, in no others."""
    dut = CimMacro(rows=4, columns=6, activation_bits=2, cuts=cuts, compressor=compressor, gated_columns=2)
    chance = random.Random(cuts)
    groups: list[ColumnGroup] = []

    class Known(ColumnGroup):
        def __init__(self, **parameters: Any) -> None:
            super().__init__(**parameters)
            groups.append(self)

    monkeypatch.setattr(macro, "ColumnGroup", Known)
    sent: list[int] = []  # what the plane of each cycle uses, 0 for none
    seen: list[tuple[list[int], list[int]]] = []

    async def sender(ctx: Any) -> None:
        ctx.set(dut.o.ready, 1)
        while len(sent) < 60:
            used = chance.choice([0, 0, 7, chance.getrandbits(3)])
            there = int(chance.random() < 0.7)
            for first in (1, 0):
                ctx.set(dut.i.payload, {"bits": 9, "first": first, "last": 1 - first, "used": used})
                ctx.set(dut.i.valid, there)
                sent.append(used * there)
                await ctx.tick()
                seen.append(([ctx.get(each.enable) for each in groups], [ctx.get(each.moves) for each in groups]))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(sender)
    simulator.run()
    stages = dut.stages
    assert len(groups) == dut.gates == 3
    for cycle, (enables, moves) in enumerate(seen):
        before = [sent[n] if n >= 0 else 0 for n in range(cycle, cycle - stages - 1, -1)]
        assert moves == [before[stages] >> gate & 1 for gate in range(3)]
        assert enables == [int(any(used >> gate & 1 for used in before[:stages])) for gate in range(3)]


def test_gates_are_of_whole_groups_of_lanes() -> None:
    with pytest.raises(InvalidInput, match=r"^Gated columns must be a multiple of the 32 lanes, not 48$"):
        Accelerator(gated_columns=48)


def test_records_hold_the_gates() -> None:
    accelerators = [Accelerator(), Accelerator(gated_columns=32)]
    plain, gated = (each.configuration for each in accelerators)
    for each in accelerators:
        each.inspected()
        assert each.parameter_values() == each.configuration.record()
        assert Configuration.from_record(each.parameter_values()) == each.configuration
    assert gated.record() == {**plain.record(), "gated_columns": 32}


def test_cost_of_gates_is_that_of_the_bits_that_open_them() -> None:
    configuration = replace(SAMPLES[0], gated_columns=SAMPLES[0].lanes)
    target, run = "nangate45", {"cycles": 100.0, "events": {}, "period": 1.0}
    plain, gated = (cost_of(each, target) for each in (SAMPLES[0], configuration))
    macros = [name for name in plain.components if name.startswith("macro")]
    bits = len(macros) * -(-configuration.all_columns // configuration.lanes) * (1 + configuration.cuts)
    assert gated.flip_flops - plain.flip_flops == pytest.approx(bits, rel=0.3)
    assert gated.area > plain.area
    assert energy_of(SAMPLES[0], target, **run) and energy_of(configuration, target, **run) is None


@pytest.mark.parametrize("banks", [1, 2, 4])
def test_steps_use_the_gates_that_they_read_from(banks: int) -> None:
    """Group n of the lanes is that of bank `n % banks`, and the `n // banks`-th of its macro."""
    accelerator = Accelerator(columns=10, lanes=2, gated_columns=4, banks=banks, steps=24)
    accelerator.inspected()
    configuration = accelerator.configuration
    tag: Any = Signal(configuration.tag)
    used = [used_columns(configuration, bank, tag.as_value()) for bank in range(banks)]

    async def check_all(ctx: Any) -> None:
        for steps in range(1, 5 * banks + 1):
            ctx.set(tag, {"steps": steps, "address": 3, "position": 1})
            read = {(n % banks, n // banks * 2 // 4) for n in range(steps)}
            for bank, bits in enumerate(used):
                assert ctx.get(bits) == sum(1 << gate for gate in range(3) if (bank, gate) in read)

    simulator = Simulator(Module())
    simulator.add_testbench(check_all)
    simulator.run()
