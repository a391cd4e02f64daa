"""What `cost_of` gives: totals, resources of devices, and what it refuses."""

import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.array_precision import precisions_of
from quadrille.boards.cost import TARGETS, Estimate, cost_of
from quadrille.boards.cost.samples import sampled
from quadrille.boards.fpga.devices import find_device
from quadrille.hw.engine import Configuration


@pytest.mark.parametrize("target", TARGETS)
def test_total_is_the_sum_of_the_components(target: str) -> None:
    cost = cost_of(sampled()[3], target)
    for name in Estimate._fields:
        whole = sum(getattr(part, name) for part in cost.components.values())
        assert getattr(cost.total, name) == pytest.approx(whole)
    assert (cost.luts, cost.flip_flops) == (cost.total.luts, cost.total.flip_flops)
    assert (cost.area, cost.gates) == (cost.total.area, cost.total.gates)


def test_fpga_has_tables_and_library_has_area() -> None:
    fpga, cells = cost_of(sampled()[3], "ultrascale+"), cost_of(sampled()[3], "nangate45")
    assert fpga.luts > 0
    assert fpga.area == 0
    assert fpga.resources.area is None
    assert cells.area > 0
    assert cells.luts == 0
    assert cells.gates == pytest.approx(cells.area / 0.798)


def test_resources_are_what_devices_ask_for() -> None:
    needs = find_device("xczu7ev").needs(cost_of(sampled()[3], "ultrascale+").resources)
    assert [need.missing for need in needs] == [0] * len(needs)
    assert needs[0].used > 0


def test_more_of_everything_takes_no_less() -> None:
    base = sampled()[2]
    for target in TARGETS:
        before = cost_of(base, target).total
        for name in ("rows", "columns", "lanes", "mantissa_bits", "accumulator_bits"):
            after = cost_of(Configuration(**{**base.values, name: 2 * getattr(base, name)}), target).total
            # A memory that grows may become a macro, or a block: then its flip-flops are gone.
            assert weighed(after) >= weighed(before), (target, name)
            assert stored(after) > stored(before), (target, name)


def weighed(total: Estimate) -> float:
    return total.luts + total.area + 20 * total.memory_bits + 500 * total.block_rams


def stored(total: Estimate) -> float:
    return total.flip_flops + total.memory_bits + 500 * total.block_rams


def test_component_without_a_model_is_refused() -> None:
    arrays = {"engine": "mac", "unit": "fusion", "precisions": precisions_of("8x8"), "cell_bits": 8}
    values = sampled()[-1].values | arrays | {"signed": False, "activation_bits": 8}
    with pytest.raises(InvalidInput, match="^Cost of array of fusion must have rows in the table of .*, and has none$"):
        cost_of(Configuration(**values), TARGETS[0])
