"""Studies whose trainings are done side by side find what they find one after the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from quadrille.algo.nn.study import StudyOptions
from quadrille.flow.robustness_tables import METHODS
from quadrille.flow.study_activation import ActivationOptions, study_activation
from quadrille.flow.study_grid import study
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


def test_checkpoints_stay_on_the_machine_of_their_folder(tmp_path: Path) -> None:
    assert kept_here(tmp_path / "checkpoint.pt") == tmp_path / "checkpoint.pt"
    assert kept_here(tmp_path / "elsewhere" / "checkpoint.pt") is None
