"""Studies whose trainings are done side by side find what they find one after the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.nn.study import StudyOptions
from quadrille.algo.spec import InvalidInput
from quadrille.flow.modes_training import train_modes
from quadrille.flow.robustness_tables import METHODS
from quadrille.flow.study_activation import ActivationOptions, study_activation
from quadrille.flow.study_grid import study
from quadrille.flow.study_mixed import study_mixed
from quadrille.flow.study_precision import study_precision
from quadrille.flow.study_robustness import study_robustness
from quadrille.flow.study_work import kept_here

TINY: dict[str, Any] = {
    "model": "mlp",
    "data": "digits",
    "images": 60,
    "held_out": 40,
    "variation_images": 20,
    "epochs": 1,
    "rows": 64,
    "seeds": 1,
    "weights": ("layer",),
    "sums": ("layer", "column"),
    "sigmas": (0.2,),
    "draws": 10,
}
FILES = ("results.json", "study.md", "study.csv", "study.png")


def test_granularity_by_two_processes(tmp_path: Path) -> None:
    options, told = StudyOptions(**TINY), []
    alone = study(options, tmp_path / "alone")
    shared = study(options, tmp_path / "shared", jobs=2, on_run=told.append)
    for name in FILES:
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    networks = [sorted(path.name for path in (tmp_path / name / "networks").iterdir()) for name in ("alone", "shared")]
    assert networks[0] == networks[1] and len(networks[0]) == 2
    assert len(told) == len(shared.runs) == len(alone.runs) == 2
    assert not list((tmp_path / "shared").glob("checkpoint*"))
    # A sweep that is missing needs no training, and a finished study nothing.
    records = json.loads((tmp_path / "shared" / "results.json").read_text())
    lost = records["variation"].pop()
    (tmp_path / "shared" / "results.json").write_text(json.dumps(records))
    again = study(options, tmp_path / "shared", jobs=2, on_run=told.append)
    assert again.variation[-1] == lost and len(told) == 2


def test_robustness_by_two_processes(tmp_path: Path) -> None:
    few: dict[str, Any] = {"seeds": 1, "epochs": 1, "images": 60, "held_out": 20, "pgd_steps": 1, "rounds": 1}
    recipe, few["methods"] = "random-precision-digits", list(METHODS)[:2]
    study_robustness(recipe, tmp_path / "alone", **few)
    shared = study_robustness(recipe, tmp_path / "shared", jobs=2, **few)
    for name in FILES:
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    assert len(shared.records) == 2


def test_mixed_precision_by_two_processes(tmp_path: Path) -> None:
    few: dict[str, Any] = {"seeds": 1, "epochs": 2, "methods": ("all bits", "uniform")}
    alone = study_mixed("msq-digits", tmp_path / "alone", **few)
    shared = study_mixed("msq-digits", tmp_path / "shared", jobs=2, **few)
    # All but the time that it took is the same.
    records = [[{**each, "seconds": 0} for each in study.records] for study in (alone, shared)]
    assert records[0] == records[1] and len(records[0]) == 2
    for path in (tmp_path / "alone" / "networks").iterdir():
        assert (tmp_path / "shared" / "networks" / path.name).read_bytes() == path.read_bytes()
    assert not list((tmp_path / "shared").glob("checkpoint*"))


def test_precision_by_two_processes(tmp_path: Path) -> None:
    train_modes("truncquant-digits", tmp_path / "modes", epochs=1, modes=(4, 2))
    network = tmp_path / "modes" / "network.safetensors"
    given: dict[str, Any] = {"rows": 64, "columns": 64, "images": 60, "seeds": 1}
    alone = study_precision(network, tmp_path / "alone", **given)
    lines: list[str] = []
    shared = study_precision(network, tmp_path / "shared", **given, jobs=2, on_run=lines.append)
    for name in FILES:
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    assert len(lines) == len(shared.trainings) == len(alone.trainings) == 10
    assert not list((tmp_path / "shared").glob("checkpoint*"))


def test_activation_cost_by_two_processes(tmp_path: Path) -> None:
    given: dict[str, Any] = {"bits": 6, "fraction": 3, "targets": ("ecp5",), "cuts": ("3",)}
    options, told = ActivationOptions(**given, functions=("quad", "relu")), []
    study_activation(options, tmp_path / "alone")
    shared = study_activation(options, tmp_path / "shared", jobs=2, on_run=told.append)
    for name in ("study.md", "study.csv", "study.png"):
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    assert len(shared.records) == len(told) == 2
    again = study_activation(options, tmp_path / "shared", jobs=2, on_run=told.append)
    assert again.records == shared.records and len(told) == 2


def test_work_that_nobody_does_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Number of jobs must be a positive integer, not 0$"):
        study(StudyOptions(**TINY), tmp_path / "a", jobs=0)
    with pytest.raises(InvalidInput, match=r"^Number of jobs must be a positive integer, not 0$"):
        study_mixed("msq-digits", tmp_path / "b", seeds=1, epochs=2, jobs=0)
    assert not list(tmp_path.iterdir())


def test_checkpoints_stay_on_the_machine_of_their_folder(tmp_path: Path) -> None:
    assert kept_here(tmp_path / "checkpoint.pt") == tmp_path / "checkpoint.pt"
    assert kept_here(tmp_path / "elsewhere" / "checkpoint.pt") is None
