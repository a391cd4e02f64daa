"""The study of activation costs: what it measures, how it resumes, what it says and refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.functions.baselines import BASELINES
from quadrille.algo.integer.activation import evaluate
from quadrille.algo.spec import InvalidInput
from quadrille.boards import targets
from quadrille.boards.targets import CellLibrary
from quadrille.flow import activation_work
from quadrille.flow.activation_findings import comparisons, findings
from quadrille.flow.activation_subjects import SUBJECTS, Subject, variable_period
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.study_activation import ActivationOptions, study_activation

LIBRARY = Path(__file__).parents[1] / "boards" / "small.lib"
TINY: dict[str, Any] = {
    "bits": 8,
    "fraction": 4,
    "functions": ("quad", "sine-table"),
    "targets": ("nangate45",),
    "cuts": ("0", "3"),
}


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small library stands for nangate45."""
    real = targets.find_target
    small = CellLibrary("nangate45", (LIBRARY,))
    monkeypatch.setattr(targets, "find_target", lambda name: small if name == "nangate45" else real(name))


@pytest.mark.usefixtures("_small")
def test_study_measures_and_writes_what_it_found(tmp_path: Path) -> None:
    lines: list[str] = []
    result = study_activation(ActivationOptions(**TINY), tmp_path / "study", on_run=lines.append)
    assert [(r["name"], r["cuts"], r["latency"]) for r in result.records] == [
        ("quad", "0", 0),
        ("quad", "3", 3),
        ("sine-table", "0", 0),
        ("sine-table", "3", 3),
    ]
    for record in result.records:
        assert record["area"] > 0 and record["critical_path"] > 0 and record["error"] <= 1
        assert record["latency_ns"] == pytest.approx(record["critical_path"] * max(1, record["latency"]))
        assert record["energy"] >= record["energy_settled"] > record["energy_clock"]
        assert (record["flip_flops"] > 0) is (record["cuts"] == "3")
    assert sorted(path.name for path in result.files) == ["results.json", "study.csv", "study.md", "study.png"]
    text = (tmp_path / "study" / "study.md").read_text()
    assert "| **quad** | one quadratic | 0.44 | 1 |" in text and "## Findings" in text
    assert (tmp_path / "study" / "study.png").read_bytes()[:4] == b"\x89PNG"
    rows = list(csv.DictReader((tmp_path / "study" / "study.csv").read_text().splitlines()))
    assert len(rows) == 4 and float(rows[0]["area"]) == pytest.approx(result.records[0]["area"], rel=1e-5)
    assert any("quad takes" in sentence for sentence in result.findings) and "| nangate45 | area | 0 cuts |" in text
    assert len(lines) == 6 and "measured" in str(result)


@pytest.mark.usefixtures("_small")
def test_study_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Exception):
        pass

    counted: list[str] = []

    def stop(line: str) -> None:
        counted.append(line)
        if len(counted) == 3:
            raise Interrupted

    options = ActivationOptions(**TINY)
    with pytest.raises(Interrupted):
        study_activation(options, tmp_path / "cut", on_run=stop)
    study_activation(options, tmp_path / "cut", on_run=counted.append)
    study_activation(options, tmp_path / "whole")
    assert len(counted) == 6
    for name in ("results.json", "study.md", "study.csv", "study.png"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    further = ActivationOptions(**{**TINY, "functions": ("quad", "relu"), "cuts": ("0",)})
    result = study_activation(further, tmp_path / "cut", on_run=counted.append)
    assert [record["name"] for record in result.records] == ["quad", "relu"] and len(counted) == 8


def test_look_up_tables_and_a_library_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUADRILLE_DATA", str(tmp_path))
    options = ActivationOptions(**{**TINY, "targets": ("ecp5", "asap7")})
    result = study_activation(options, tmp_path / "study")
    (sentence,) = result.skipped
    assert sentence.startswith("asap7 was left out: Files of cell library asap7 must lie in ")
    assert [(r["target"], r["cuts"]) for r in result.records] == [("ecp5", "3")] * 2
    quad, table = result.records
    assert quad["multipliers"] == 1 and quad["luts_alone"] > quad["luts"] and table["multipliers"] == 0
    text = (tmp_path / "study" / "study.md").read_text()
    assert sentence in text and "LUT alone" in text


def test_nothing_to_measure_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUADRILLE_DATA", str(tmp_path))
    options = ActivationOptions(**{**TINY, "targets": ("asap7",)})
    with pytest.raises(InvalidInput, match=r"^Study must have something to measure, and has not: asap7 was left out: "):
        study_activation(options, tmp_path / "study")


@pytest.mark.usefixtures("_small")
def test_function_that_cannot_be_had_is_left_out(tmp_path: Path) -> None:
    options = ActivationOptions(
        **{**TINY, "bits": 16, "fraction": 12, "functions": ("quad", "sine-table"), "cuts": ("0",)}
    )
    result = study_activation(options, tmp_path / "study")
    assert [record["name"] for record in result.records] == ["quad"]
    assert result.skipped == ("sine-table was left out: Plain table must have at most 1500 rows, not 4097",)


@pytest.mark.usefixtures("_small")
def test_netlist_that_differs_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activation_work, "evaluate", lambda function, codes: 1 - evaluate(function, codes))
    with pytest.raises(AssertionError, match=r"netlist of quad differs"):
        study_activation(ActivationOptions(**TINY), tmp_path / "study")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"functions": ("quod",)}, r"^Function of the study must be one of quad, .*, not 'quod'$"),
        ({"functions": ()}, r"^Function of the study must be one or more of quad, .*, not none$"),
        ({"targets": ("ice40",)}, r"^Target of the study must be one of ultrascale\+, .*, not 'ice40'$"),
        ({"cuts": ("2",)}, r"^Cuts of the study must be one of 0, 3, full, not '2'$"),
        ({"bits": 40}, r"^Formats of the study must have 4 to 20 bits and 3 before the point or more, not 40 with 4"),
        ({"error": 0.1}, r"^Error of the study must be 0.5 units or more, which rounding costs, not 0.1$"),
    ],
)
def test_options_are_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        ActivationOptions(**{**TINY, **changes})


def test_other_study_in_the_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"schema": 9}))
    with pytest.raises(InvalidInput, match=r"^Results of the study in .* must be of schema 1, and are not$"):
        study_activation(ActivationOptions(**TINY), tmp_path)
    path.write_text(json.dumps({"schema": 1, "options": {"bits": 9}, "choices": {}, "records": []}))
    with pytest.raises(InvalidInput, match=r"^Study in .* must have the options .* to go on, not \{'bits': 9\}$"):
        study_activation(ActivationOptions(**TINY), tmp_path)


def test_nothing_within_the_error_is_refused() -> None:
    options = ActivationOptions(**{**TINY, "error": 0.5})
    with pytest.raises(
        InvalidInput, match=r"^Function 'quad-finer' must be within 0.3 units in the last place, and is not$"
    ):
        variable_period(options.formats, 0.3)
    with pytest.raises(InvalidInput, match=r"^Subject none must be within 0.5 units in the last place, and is not$"):
        Empty("none", "none", "none", False).candidates(options.formats, 0.5)


class Empty(Subject):
    def _candidates(self, formats: object, target: float) -> Any:
        return iter(())


def test_every_baseline_is_a_row() -> None:
    assert set(BASELINES) < set(SUBJECTS)
    assert {name for name, subject in SUBJECTS.items() if not subject.ours} >= set(BASELINES)


def record(name: str, area: float, **changes: Any) -> dict[str, Any]:
    subject = SUBJECTS[name]
    figures = {"area": area, "latency_ns": area / 100, "energy": area * 2, "leakage": 1e4, "critical_path": 1.0}
    known = {"name": name, "function": subject.function, "method": subject.method, "ours": subject.ours}
    return {**known, "target": "nangate45", "cuts": "0", **figures, **changes}


def test_findings_are_the_numbers() -> None:
    records = [record("quad", 100.0), record("sine-table", 80.0), record("sine-cordic", 1001.0)]
    found = list(findings(records))
    assert found[0] == (
        "nangate45, area without registers: quad takes 100 um2; beside the cheapest method for each function: "
        "sine +25 % (plain table); beside the dearest: sine -90 % (CORDIC)"
    )
    assert found[3] == (
        "area, the aim of 90 % less: of 1 comparisons (targets, cuts, functions) reached against the cheapest method "
        "in 0, against the dearest in 1"
    )
    assert "100 um2; the aim of under 1,200 um2 is reached" in found[-1]
    (area, *_) = comparisons([*records, record("quad-finer", 10.0), record("finer-table", 40.0)])
    assert (area.cheapest, area.dearest) == (pytest.approx(-0.25), pytest.approx(1 - 100 / 1001))
    better = list(findings([record("quad", 100.0), record("gauss-square", 1001.0), record("quad", 130.0, cuts="3")]))
    assert (
        "Gauss -90 % (square and linear pieces of exp)" in better[0] and "in 1, against the dearest in 1" in better[3]
    )
    assert "1,000 MHz: about 0.27 mW" in better[-1]


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--functions", "relu", "--targets", "ecp5", "--bits", "6", "--fraction", "3", "-o", str(tmp_path / "s")]
    assert play(cli, ["study", "activation-cost", *given]) == 0
    assert "Cost of activation functions" in capsys.readouterr().out
    assert play(cli, ["study", "activation-cost", "--functions", "none", "-o", str(tmp_path / "t")]) == 2
    assert "Function of the study must be one of" in capsys.readouterr().err
