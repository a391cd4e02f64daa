"""The energy of an image: counts of events, the fit, and netlists that no fit has seen."""

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from quadrille.algo.spec import Network
from quadrille.boards.cost import energy_of
from quadrille.boards.cost.components import parts_of
from quadrille.boards.cost.energy import energy_models, errors_of
from quadrille.boards.cost.energy_table import FOLDER, EnergyTable
from quadrille.boards.cost.errors import MEAN, WORST
from quadrille.boards.cost.events import EVENTS, events_of, group_of
from quadrille.boards.cost.samples import sampled
from quadrille.hw.engine import compile_network

TABLE = EnergyTable.read()
WITHIN = 0.20
"""What is asked of the energy of netlists that are held out."""


@pytest.mark.parametrize("planes", [1, 2])
def test_events_are_those_of_the_program(make_network: Callable[..., Network], planes: int) -> None:
    network = make_network(Random(5), sizes=(20, 12, 6), tile_rows=10)
    program = compile_network(network, rows=10, columns=16, lanes=4, frames=8, weight_planes=planes)
    plan, events = program.plans[0], events_of(program.timing)
    windows = sum(plan.positions(tile) for tile in plan.tiles)
    assert events["windows"] * 8 == windows
    assert events["planes"] * 8 == windows * program.configuration.activation_bits
    assert events["steps"] * 8 == sum(plan.positions(tile) * len(tile.steps) for tile in plan.tiles)
    assert events["instructions"] * 8 == len(plan.tiles)
    assert events["weight rows"] * 8 == 10 * len(plan.tiles)
    assert events["slots"] * 8 == sum(plan.positions(tile) * sum(s.last for s in tile.steps) for tile in plan.tiles)


def test_every_component_has_events() -> None:
    for sample in sampled():
        assert {group_of(part.module) for part in parts_of(sample)} <= {*EVENTS}
    assert [group_of(name) for name in ("", "macro_1", "macro.columns_0", "path.argmax", "program_")] == [
        *("top", "macro", "macro", "path", "program")
    ]


def test_table_is_written_as_it_was_read(tmp_path) -> None:
    TABLE.write(tmp_path)
    assert (tmp_path / "energy.json").read_bytes() == (FOLDER / "energy.json").read_bytes()


def test_held_out_netlists_are_near() -> None:
    """Of accelerators that no fit has seen, exported and simulated as a whole: the numbers of the issue."""
    errors = errors_of(TABLE, TABLE.held_out)
    assert len(errors) >= 2
    for name, energy, area in errors:
        assert abs(energy) <= WITHIN, name
        assert abs(area) <= WORST, name
    assert np.mean([abs(area) for _, _, area in errors]) <= MEAN


def test_energy_is_the_sum_of_components_and_leakage() -> None:
    for row in TABLE.held_out:
        run = {"cycles": row.cycles, "events": row.events}
        fast, slow = (energy_of(row.configuration, row.target, **run, period=period) for period in (1.0, 10.0))
        assert fast is not None and slow is not None
        assert fast.total == pytest.approx(sum(fast.components.values()) + fast.leakage)
        assert slow.components == fast.components
        assert slow.leakage == pytest.approx(10 * fast.leakage)
        assert {*fast.components} == {part.module or "top" for part in parts_of(row.configuration)}
        assert fast.rows == energy_models()[row.target].rows == len(TABLE.fitted)


def test_targets_without_netlists_have_no_energy() -> None:
    assert energy_of(sampled()[0], "ecp5", cycles=1.0, events={}, period=1.0) is None


def test_more_events_take_more() -> None:
    draw = Random(1)
    for row in TABLE.rows.values():
        name = draw.choice(sorted(row.events))
        more = {**row.events, name: 2 * row.events[name] + 1}
        run = {"cycles": row.cycles, "period": 1.0}
        before, after = (energy_of(row.configuration, row.target, events=each, **run) for each in (row.events, more))
        assert before is not None and after is not None
        assert after.total >= before.total
