"""Cuts that are chosen for a clock: from a table, as few as are needed, or refused."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.boards.fpga.clock_choice import ClockModel, choose_cuts
from quadrille.boards.fpga.clock_runs import FAST, Clocked, Run, configuration_of, measure, read_table, table_text
from quadrille.hw.engine.cuts import CUTS, MACRO_CUTS, STEPS, macro_levels, step_of

RUNS = (
    *(Run("macro", rows, columns, cuts, step=FAST) for rows in (16, 64) for columns in (4, 32) for cuts in (0, 2, 4)),
    *(Run("accelerator", rows, 8, 2, lanes=4, step=step) for rows in (16, 64) for step in range(4)),
)


def delay(run: Run) -> float:
    """In ns, of a family that does what the model says."""
    if run.design == "accelerator":
        return 16 - 3 * run.step + 0.25 * log2(run.rows * run.columns)
    return 1.5 + 0.5 * log2(run.rows) + 0.8 * macro_levels(configuration_of(run), run.cuts)


@pytest.fixture(name="model", scope="module")
def model_fixture() -> ClockModel:
    return ClockModel([Clocked(run, 1e9 / delay(run), 0, 0) for run in RUNS])


def test_the_model_finds_the_delays_of_its_table(model: ClockModel) -> None:
    assert model.luck == 0 and model.error < 1e-9
    assert model.macro == pytest.approx([1.5, 0.8, 0.5])
    assert model.others == pytest.approx([7, 0.25, 3, 3, 3])
    assert [model.delay(each.run) for each in model.table] == pytest.approx([delay(run) for run in RUNS])


def test_a_further_step_is_no_slower(model: ClockModel) -> None:
    """Of two steps of which the second was slower, both take the mean: it was luck."""
    times = {0: 20.0, 1: 10.0, 2: 14.0, 3: 9.0}
    runs = [Run("accelerator", 16, 8, 1, lanes=2, step=step) for step in times]
    unlucky = ClockModel([*model.table[:12], *(Clocked(run, 1e9 / times[run.step], 0, 0) for run in runs)])
    assert [unlucky.delay(run) for run in runs] == pytest.approx([20, 12, 12, 9])
    assert unlucky.error == pytest.approx(14 / 12 - 1)


@pytest.mark.parametrize("clock_hz", [50e6, 66e6, 80e6, 95e6])
def test_as_few_cuts_as_reach_the_clock(model: ClockModel, clock_hz: float) -> None:
    configuration = configuration_of(Run("accelerator", 64, 32, 0, lanes=8))
    choice = model.choose(configuration, clock_hz)
    cut = replace(configuration, **choice.settings)
    assert choice.expected_hz == (model.clock(cut) or 0) >= clock_hz
    assert set(choice.settings) == set(CUTS)
    if cut.cuts:
        assert (model.clock(replace(cut, cuts=cut.cuts - 1)) or 0) < clock_hz
    if step := step_of(cut):
        before = (replace(cut, cuts=cuts, **STEPS[step - 1]) for cuts in MACRO_CUTS)
        assert all((model.clock(each) or 0) < clock_hz for each in before)


def test_a_larger_accelerator_is_promised_less(model: ClockModel) -> None:
    clocks = [model.clock(configuration_of(Run("accelerator", rows, 8, 4, step=1))) or 0 for rows in (8, 64, 512)]
    assert clocks == sorted(clocks, reverse=True) and clocks[-1] < 0.95 * clocks[0]


def test_seeds_show_the_luck_of_a_placer(model: ClockModel) -> None:
    run = RUNS[0]
    others = [
        Clocked(replace(run, seed=seed), 1e9 / (share * delay(run)), 0, 0) for seed, share in ((2, 0.9), (3, 1.1))
    ]
    lucky = ClockModel([*model.table, *others])
    assert lucky.luck == pytest.approx(0.1) and lucky.error >= lucky.luck


def test_a_run_slower_than_the_model_makes_it_promise_less(model: ClockModel) -> None:
    slow = [replace(each, clock_hz=each.clock_hz * (0.8 if n == 3 else 1)) for n, each in enumerate(model.table)]
    careful, configuration = ClockModel(slow), configuration_of(RUNS[0])
    assert 0.05 < careful.error < 0.25
    assert (careful.clock(configuration) or 0) < (model.clock(configuration) or 0)


def test_a_clock_that_cannot_be_is_refused_with_the_one_that_can(model: ClockModel) -> None:
    configuration = configuration_of(Run("accelerator", 64, 32, 0, lanes=8))
    best = max(model.clock(replace(configuration, cuts=cuts, **STEPS[3])) or 0 for cuts in MACRO_CUTS)
    message = rf"^Clock of this accelerator must be at most {int(best / 1e6)} MHz on an ECP5, not 400$"
    with pytest.raises(InvalidInput, match=message):
        model.choose(configuration, 400e6)


@pytest.mark.parametrize(
    ("family", "clock_hz", "changes", "message"),
    [
        ("ice40", 50e6, {}, r"^Family that cuts are chosen for must be one of ecp5, not 'ice40'$"),
        ("ecp5", 0.0, {}, r"^Clock must be a positive number of Hz, not 0$"),
        ("ecp5", 5e7, {"engine": "mac"}, r"^Engine that cuts are chosen for must be cim, not mac$"),
        (
            "ecp5",
            5e7,
            {"compressor": "lut6"},
            r"^Compressor that cuts are chosen for must be full-adders, not lut6$",
        ),
    ],
)
def test_refused(family: str, clock_hz: float, changes: dict[str, str], message: str) -> None:
    configuration = configuration_of(RUNS[0])
    if "engine" in changes:
        changes = changes | {"converter": "exact"}
    with pytest.raises(InvalidInput, match=message):
        choose_cuts(replace(configuration, **changes), family, clock_hz)


def test_the_committed_table_is_as_it_is_written() -> None:
    table = read_table()
    assert table_text(table) == table_text([Clocked.of_record(each) for each in map(vars_of, table)])
    model = ClockModel(table)
    assert model.error < 0.25
    assert all(each.clock_hz > 0 and each.luts > 0 for each in table)


def vars_of(each: Clocked) -> dict[str, object]:
    return {**vars(each), "run": vars(each.run)}


@pytest.mark.parametrize("rows", [16, 64, 128])
def test_every_cut_makes_the_longest_part_no_longer(rows: int) -> None:
    configuration = configuration_of(Run("macro", rows, 8, 0))
    parts = [macro_levels(configuration, cuts) for cuts in MACRO_CUTS]
    assert parts == sorted(parts, reverse=True) and parts[-1] < parts[0] / 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_macro_of_64_x_32_reaches_100_mhz(seed: int) -> None:
    assert measure(Run("macro", 64, 32, 5, step=FAST, seed=seed))[0].clock_hz >= 100e6


@pytest.mark.slow
@pytest.mark.parametrize("run", [Run("accelerator", 8, 4, 0, lanes=1), Run("accelerator", 16, 8, 0, lanes=4)])
def test_place_and_route_reaches_the_fastest_clock_that_is_promised(run: Run) -> None:
    configuration = configuration_of(run)
    with pytest.raises(InvalidInput, match=r"^Clock of this accelerator must be at most ") as refused:
        choose_cuts(configuration, "ecp5", 1e9)
    clock_hz = 1e6 * int(str(refused.value).split(" MHz")[0].split()[-1])
    choice = choose_cuts(configuration, "ecp5", clock_hz)
    step = step_of(replace(configuration, **choice.settings))
    assert step is not None
    assert measure(replace(run, cuts=choice.settings["cuts"], step=step))[0].clock_hz >= clock_hz
