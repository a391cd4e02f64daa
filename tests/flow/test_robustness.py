"""The study of random precisions under attack: resumable, the same again, and what its tables say."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from quadrille.algo.nn import ModesRecipe, modes_recipes, scalable_mlp
from quadrille.algo.spec import InvalidInput
from quadrille.flow import study_robustness as module
from quadrille.flow.command_line import cli
from quadrille.flow.robustness_tables import METHODS, RANDOM, STATIC, robustness_findings, transfer_of
from quadrille.flow.study_robustness import study_robustness

SMALL: dict[str, Any] = {"epochs": 1, "images": 64, "held_out": 10, "pgd_steps": 2, "rounds": 2}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    found = module._recipe  # pyright: ignore[reportPrivateUsage]

    def recipe(name: str) -> tuple[ModesRecipe, Any]:
        chosen, attack = found(name)
        return replace(chosen, network=partial(scalable_mlp, shape=(8, 8), widths=(12, 10)), bits=(4, 2)), attack

    monkeypatch.setattr(module, "_recipe", recipe)


def test_study_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = study_robustness("random-precision-digits", tmp_path / "whole", seeds=1, **SMALL)
    run, count = module._Work.run, 0  # pyright: ignore[reportPrivateUsage]

    def stopped(self: Any, *arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return run(self, *arguments)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(module._Work, "run", stopped)  # pyright: ignore[reportPrivateUsage]
        study_robustness("random-precision-digits", tmp_path / "part", seeds=1, **SMALL)
    assert len(json.loads((tmp_path / "part" / "results.json").read_text())["runs"]) == 2
    assert not (tmp_path / "part" / "study.md").exists()
    options = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]
    arguments = ["study", "robustness", "random-precision-digits", "--seeds=1", *options, "-o", str(tmp_path / "part")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0 and "4 trainings of random-precision-digits" in result.output, result.output
    assert result.output.count(" under PGD\n") == 2
    for name in ("results.json", "study.md", "study.csv", "study.png"):
        assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not list((tmp_path / "part").glob("checkpoint*"))
    page = (tmp_path / "whole" / "study.md").read_text()
    assert "Threat model: " in page and "PGD-2, *guess*" in page and "read at 2 bits" in page
    assert [record["method"] for record in whole.records] == list(METHODS)
    static, switched = whole.records[1], whole.records[3]
    assert static["pgd_mode"] == static["pgd_first"] == static["pgd_all"] and list(static["modes"]) == ["4"]
    assert len(switched["pgd_transfer"]) == 2 and list(switched["modes"]) == ["4", "2"]
    with pytest.raises(InvalidInput, match=r"^Study in .* must have the options "):
        study_robustness("random-precision-digits", tmp_path / "whole", seeds=1, **{**SMALL, "rounds": 3})


def test_findings_compare_seed_by_seed() -> None:
    def run(method: str, seed: int, accuracy: float) -> dict[str, Any]:
        names = ("clean", "pgd_first", "pgd_guess", "pgd_all", "pgd_mode")
        return {"method": method, "seed": seed, **dict.fromkeys(names, accuracy), "pgd_transfer": [[accuracy - 0.05]]}

    runs = [run(STATIC, 0, 0.6), run(STATIC, 1, 0.62), run(RANDOM, 0, 0.7), run(RANDOM, 1, 0.721)]
    found = robustness_findings({"modes": ["8", "4"], "pgd_steps": 20}, runs)
    assert "PGD-20, the maker guesses a mode for each image: +10.05 points" in found[2] and found[2].endswith(": wins")
    assert found[-2].startswith("Training alone: the random network read at 8 bits only, which the maker knows, has")
    assert "66.05 % under PGD-20; against the static one +5.05 points" in found[-2]
    assert found[-1].endswith("+5.00 points, standard error 0.00 over 2 seeds (95 % interval +5.00 to +5.00): wins")
    assert robustness_findings({"modes": ["8", "4"], "pgd_steps": 20}, runs[:2]) == []
    assert transfer_of(runs, RANDOM, "pgd")[0][0] == pytest.approx(0.6605)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"recipe": "digits-mlp"}, r"^Recipe of random precisions must be one of .*random-precision-digits.*, not 'di"),
        ({"images": 5000}, r"^Study must use from 2 to the 1347 training images of digits, not 5000$"),
        ({"held_out": 1}, r"^Study must use from 2 to the 450 held-out images of digits, not 1$"),
        ({"seeds": 0}, r"^Seeds of the study must be a positive integer, not 0$"),
        ({"methods": ["best"]}, r"^Methods of the study must be one of static, .*, random adversarial, not 'best'$"),
        ({"rounds": 0}, r"^Rounds of the study must be a positive integer, not 0$"),
    ],
)
def test_impossible_studies_are_refused(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=message):
        study_robustness(**{"recipe": "random-precision-digits", "folder": tmp_path / "s", **SMALL, **settings})
    assert not (tmp_path / "s").exists()


def test_recipes_that_are_attacked_are_those_of_random_precisions() -> None:
    from quadrille.algo.nn.random_precision import RandomPrecision

    found = [each.name for each in modes_recipes().values() if isinstance(each.objective, RandomPrecision)]
    assert "random-precision-digits" in found and "truncquant-digits" not in found
