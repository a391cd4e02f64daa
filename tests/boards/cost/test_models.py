"""The models: what a fit is, that the committed ones are those of the committed table, and how far off they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.spec import InvalidInput
from quadrille.boards.cost import TARGETS, cost_of
from quadrille.boards.cost.components import parts_of
from quadrille.boards.cost.errors import MEAN, WORST, component_errors, errors_of, held_out, left_out
from quadrille.boards.cost.memories import BLOCKS
from quadrille.boards.cost.models import LIKE, features_of, fit, models_text, place, solve
from quadrille.boards.cost.samples import sampled
from quadrille.boards.cost.structure import MEMORY, STRUCTURE
from quadrille.boards.cost.table import FOLDER, WHOLE, Table
from quadrille.boards.cost.transfer import scaled

TABLE = Table.read()


def test_committed_models_are_those_of_the_committed_table() -> None:
    assert (FOLDER / "models.json").read_text(encoding="utf-8") == models_text(fit(TABLE))


def test_table_is_about_the_samples() -> None:
    assert TABLE.samples == sampled()
    assert {row.target for row in TABLE.rows.values()} | {*LIKE} == {*TARGETS}


def test_table_is_written_as_it_was_read(tmp_path) -> None:
    TABLE.write(tmp_path)
    for name in ("table.csv", "samples.json"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("target", TARGETS)
def test_held_out_accelerators_are_near(target: str) -> None:
    """Of samples that no fit has seen, synthesized as a whole: the numbers of the issue."""
    errors = [error for _, _, _, error in errors_of(TABLE, target, held_out(TABLE, target))]
    if not errors:
        pytest.skip(f"the table has no held-out accelerator of {target} yet")
    assert np.mean(np.abs(errors)) <= MEAN
    assert np.max(np.abs(errors)) <= WORST


@pytest.mark.parametrize("target", TARGETS)
def test_large_components_that_no_fit_has_seen_are_near(target: str) -> None:
    """Macros up to 128 x 32, 256 x 16 and 64 x 64, and what grows with them."""
    errors = [error for _, _, error in component_errors(TABLE, target)]
    if not errors:
        pytest.skip(f"the table has no held-out components of {target} yet")
    assert np.mean(np.abs(errors)) <= MEAN
    assert np.max(np.abs(errors)) <= WORST


@pytest.mark.parametrize("target", TARGETS)
def test_sample_that_is_left_out_is_near(target: str) -> None:
    """Fitted to all other samples, the sum of a sample's components."""
    for number, error, _ in left_out(TABLE, target):
        assert abs(error) <= WORST, number


@pytest.mark.parametrize("target", sorted(BLOCKS))
def test_memories_and_multipliers_are_counted_exactly(target: str) -> None:
    """By rule, not by fit: as Yosys places each."""
    wrong = []
    for row in TABLE.rows.values():
        if row.target == target and row.component != WHOLE:
            estimate = cost_of(TABLE.samples[row.sample], target).components[row.component or "top"]
            names = ("block_rams", "memory_luts", "multipliers")
            counted = [(name, getattr(estimate, name), row.figures[name]) for name in names]
            wrong += [(row.key, *each) for each in counted if each[1] != each[2]]
    assert not wrong


def test_memory_bits_are_counted_exactly() -> None:
    for row in TABLE.rows.values():
        if "memory_bits" in row.figures and row.component != WHOLE:
            estimate = cost_of(TABLE.samples[row.sample], row.target).components[row.component or "top"]
            assert estimate.memory_bits == row.figures["memory_bits"], row.key


def test_structure_knows_every_feature() -> None:
    for sample in sampled():
        for part in parts_of(sample):
            if part.model not in ("table", "activation memory"):
                for target in TARGETS:
                    assert {*features_of(target, part)} <= {*STRUCTURE[part.model]}, part.model
            for memory in part.memories:
                for target in TARGETS:
                    assert {*place(target, memory).features} <= {*STRUCTURE[MEMORY], "block bits"}


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.lists(st.floats(0.0, 5.0), min_size=3, max_size=3), st.integers(0, 99))
def test_solve_finds_what_is_there(truth: list[float], seed: int) -> None:
    draw = np.random.default_rng(seed)
    features = [dict(zip("abc", row, strict=True)) for row in draw.uniform(1, 9, (40, 3))]
    values = [sum(number * row[name] for name, number in zip("abc", truth, strict=True)) for row in features]
    found = solve(features, values, dict(zip("abc", truth, strict=True)))
    for name, number in zip("abc", truth, strict=True):
        assert found.get(name, 0.0) == pytest.approx(number, rel=1e-3, abs=1e-3)


def test_solve_goes_nowhere_without_need() -> None:
    # Two features that come only together: their sum is known, and the prior divides it.
    found = solve([{"a": n, "b": n} for n in range(1, 9)], [4.0 * n for n in range(1, 9)], {"a": 3.0, "b": 1.0})
    assert found["a"] == pytest.approx(3.0, rel=0.01)
    assert found["b"] == pytest.approx(1.0, rel=0.01)
    # A number that would have to be negative is 0.
    found = solve([{"a": 1.0, "b": n} for n in range(1, 9)], [9.0 - n for n in range(1, 9)], {})
    assert "b" not in found
    assert found["a"] > 0
    assert solve([], [], {"a": 2.0, "b": 0.0}) == {"a": 2.0}


def test_unknown_target_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^Target of a cost must be one with a table, .*, not 'mosis'$"):
        cost_of(sampled()[0], "mosis")


def test_few_syntheses_scale_the_numbers_of_another_target() -> None:
    numbers = {"a": {"x": 2.0, "one": 10.0}, "b": {"x": 1.0}}
    assert scaled(numbers, []) == numbers
    found = scaled(numbers, [("a", 100.0, 150.0), ("a", 100.0, 150.0)])
    assert found == {"a": {"x": 3.0, "one": 15.0}, "b": {"x": 1.5}}
    # A kind by itself weighs more than all together, and one that hardly takes anything says nothing.
    found = scaled(numbers, [("a", 1000.0, 1000.0), ("b", 1000.0, 2000.0)])
    assert found["a"]["x"] == pytest.approx(2.0 * 1.1154, rel=1e-3)
    assert scaled(numbers, [("a", 1000.0, 1000.0), ("b", 1.0, 50.0)])["b"]["x"] == pytest.approx(1.05, rel=0.01)
