"""Syntheses of now against the committed table and its models: minutes long."""

import os

import pytest

from quadrille.boards.cost import TARGETS
from quadrille.boards.cost.components import parts_of
from quadrille.boards.cost.errors import WORST, resource_of
from quadrille.boards.cost.estimate import cost_of
from quadrille.boards.cost.measurement import design_of, measure_components, measure_whole
from quadrille.boards.cost.samples import sampled
from quadrille.boards.cost.table import Table
from quadrille.boards.targets import FPGAS, find_target

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "QUADRILLE_DATA" not in os.environ, reason="cell libraries lie in QUADRILLE_DATA, which is not set"
    ),
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("number", [1, 13])
def test_accelerator_that_no_fit_has_seen_is_near(number: int, target: str) -> None:
    sample, resource = sampled()[number], resource_of(target, Table.read())
    true = measure_whole(design_of(sample, [part.module for part in parts_of(sample)]), find_target(target))[resource]
    assert getattr(cost_of(sample, target).total, resource) == pytest.approx(true, rel=WORST)


@pytest.mark.parametrize("target", TARGETS)
def test_components_are_those_of_the_table_where_the_hardware_is(target: str) -> None:
    """Of what has not changed since, a synthesis gives what stands in the table: nothing in it is random."""
    sample, table = sampled()[0], Table.read()
    design = design_of(sample, [part.module for part in parts_of(sample)])
    names = [name for name in ("sequencer", "tiles", "path.packer") if (target, 0, name) in table.rows]
    same = [name for name in names if table.rows[target, 0, name].digest == design.digest(name)]
    found = measure_components(design, same, find_target(target)) if same else {}
    for name, figures in found.items():
        expected = table.rows[target, 0, name].figures
        for figure, value in figures.items():
            assert value == pytest.approx(expected[figure], rel=1e-4 if target in FPGAS else 0.02), (name, figure)
