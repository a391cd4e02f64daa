"""Networks of several precisions from the command line: training them, and the study of what precisions are worth."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.integer import read_network, write_network
from quadrille.algo.integer.network_file import read_modes
from quadrille.algo.spec import InvalidInput, layer_workloads
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.modes_training import ModesTraining, is_modes_recipe, train_modes
from quadrille.flow.precision_tables import findings
from quadrille.flow.precision_work import ALONE, METHODS, PLAIN_CUT, ROUNDED, ROUNDED_CUT, TRUNCATED
from quadrille.flow.study_precision import PrecisionStudy, study_precision

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits-mlp" / "network.safetensors"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> ModesTraining:
    return train_modes("truncquant-digits", tmp_path_factory.mktemp("modes"), epochs=2, seed=5)


# Training ------------------------------------------------------------------------------------------------------------


def test_one_file_holds_every_mode(trained: ModesTraining) -> None:
    assert {path.name for path in trained.folder.iterdir()} == {"network.safetensors", "metrics.json", "curves.png"}
    modes = read_modes(trained.folder / "network.safetensors")
    assert modes.names == ("8", "4", "2", "1") == tuple(trained.integer_accuracies)
    assert modes == trained.modes
    notes = modes.default.notes
    assert [notes[key] for key in ("dataset", "recipe", "rule", "epochs")] == [
        "digits",
        "truncquant-digits",
        "truncated",
        "2",
    ]
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    assert metrics["conversion"]["2"]["integer_accuracy"] == trained.integer_accuracies["2"]
    assert len(metrics["history"]["network"]) == 2


def test_weights_are_stored_once(trained: ModesTraining, tmp_path: Path) -> None:
    rounded = train_modes("truncquant-digits", tmp_path, epochs=1, rule="rounded")
    weights = sum(layer.weights for layer in layer_workloads(trained.modes.default))
    # Signs are the same either way; codes of 4 and of 2 bits, a byte each, are not.
    assert rounded.stored - trained.stored > 1.5 * weights


def test_result_is_readable(trained: ModesTraining) -> None:
    assert "truncquant-digits, seed 5, 2 epochs" in str(trained) and "mode 1" in str(trained)
    assert "2/hidden1_codes" in str(trained) and "2/hidden1_codes" in trained._repr_html_()
    assert json.loads(json.dumps(trained.as_dict()))["integer_accuracies"]["8"] > 0.5


def test_interrupted_training_resumes_to_the_same_bytes(trained: ModesTraining, tmp_path: Path) -> None:
    def interrupt(label: str, done: int = 0, total: int = 0) -> None:
        if done == 1:
            assert re.match(r"training truncquant-digits, 8: [\d.]+ %, 4: ", label)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_modes("truncquant-digits", tmp_path, epochs=2, seed=5, progress=interrupt)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.pt"}
    train_modes("truncquant-digits", tmp_path, epochs=2, seed=5, resume=True)
    for name in ("network.safetensors", "metrics.json", "curves.png"):
        assert (tmp_path / name).read_bytes() == (trained.folder / name).read_bytes()


def test_other_recipes_are_refused(tmp_path: Path) -> None:
    assert is_modes_recipe("truncquant-digits") and not is_modes_recipe("digits-mlp")
    with pytest.raises(InvalidInput, match=r"^Recipe of several precisions must be one of .*, not 'digits-mlp'$"):
        train_modes("digits-mlp", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_command_trains_chosen_modes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["train", "truncquant-digits", "-o", str(tmp_path), "--epochs", "1", "--modes", "4,2", "--rule", "rounded"]
    assert play(cli, words) == 0
    out = capfd.readouterr().out
    assert "mode 4" in out and "mode 2" in out and "mode 8" not in out
    assert read_modes(tmp_path / "network.safetensors").names == ("4", "2")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["digits-mlp", "--modes", "8"], "option --modes is for recipes of several precisions, and digits-mlp is none"),
        (["quadinr", "--rule", "rounded"], "option --rule is for recipes of several precisions, and quadinr is none"),
        (["truncquant-digits", "--no-twin"], "recipe truncquant-digits has no twin"),
    ],
)
def test_options_of_other_recipes_are_refused(
    words: list[str], sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert play(cli, ["train", *words, "-o", str(tmp_path / "none")]) == 2
    assert sentence in capfd.readouterr().err
    assert not (tmp_path / "none").exists()


# Study ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def studied(trained: ModesTraining, tmp_path_factory: pytest.TempPathFactory) -> PrecisionStudy:
    return study_precision(
        trained.folder / "network.safetensors", tmp_path_factory.mktemp("study"), seeds=1, rows=64, columns=64
    )


def test_modes_are_measured(trained: ModesTraining, studied: PrecisionStudy) -> None:
    from quadrille.hw.engine import compile_network

    assert [record["mode"] for record in studied.records] == ["8", "4", "2", "1"]
    timing = compile_network(trained.modes, rows=64, columns=64).timing
    for number, record in enumerate(studied.records):
        bits = int(record["mode"])
        assert record["accuracy"] == trained.integer_accuracies[record["mode"]]
        # 64 x 64 products with images of 4 bits, and 64 x 10.
        assert record["bit_products"] == 64 * 64 * bits * 4 + 64 * 10 * bits * bits
        assert record["weight_bits"] == bits * (64 * 64 + 64 * 10)
        cycles = timing.cycles(4 * timing.frames, number) - timing.cycles(3 * timing.frames, number)
        assert record["cycles_per_image"] == cycles / timing.frames
        assert record["latency"] == timing.batch_cycles(1, number)
    assert "1 macro of 64 x 64." in (studied.folder / "study.md").read_text()


def test_arrays_of_units_are_measured_too(trained: ModesTraining, tmp_path: Path) -> None:
    network = trained.folder / "network.safetensors"
    study = study_precision(network, tmp_path, engine="mac", rows=8, columns=8, images=20)
    cycles = [record["cycles_per_image"] for record in study.records]
    assert cycles == sorted(cycles, reverse=True) and cycles[0] > 2 * cycles[1]
    assert "an array of 8 x 8 spatio-temporal units." in (tmp_path / "study.md").read_text()
    assert not study.trainings and len(study.findings) == 3


def test_every_training_is_compared(trained: ModesTraining, studied: PrecisionStudy) -> None:
    found = {(each["method"], each["mode"]): each["accuracy"] for each in studied.trainings}
    assert set(found) == {(method, mode) for method in METHODS for mode in ("8", "4", "2", "1")}
    assert found[TRUNCATED, "2"] == trained.integer_accuracies["2"]
    assert found[PLAIN_CUT, "8"] == found[ALONE, "8"]
    assert {each["seed"] for each in studied.trainings} == {5}


def test_files_say_what_was_found(studied: PrecisionStudy) -> None:
    assert {path.name for path in studied.folder.iterdir()} == {path.name for path in studied.files}
    page = (studied.folder / "study.md").read_text()
    for method, what in METHODS.items():
        assert f"| {method} |" in page and what in page
    assert all(f"- {sentence}." in page for sentence in studied.findings)
    rows = list(csv.DictReader((studied.folder / "study.csv").read_text().splitlines()))
    assert [row["mode"] for row in rows] == ["8", "4", "2", "1"] and "layers" not in rows[0]
    assert (studied.folder / "study.png").read_bytes().startswith(b"\x89PNG")
    assert "modes 8, 4, 2, 1 of truncquant-digits on 450 held-out images" in str(studied)


class Interrupted(Exception):
    pass


def test_an_interrupted_study_goes_on_where_it_was(
    trained: ModesTraining, studied: PrecisionStudy, tmp_path: Path
) -> None:
    network = trained.folder / "network.safetensors"
    settings: dict[str, Any] = {"seeds": 1, "rows": 64, "columns": 64}
    labels: list[str] = []

    def interrupt(label: str, done: int = 0, total: int = 0) -> None:
        labels.append(label)
        if label.startswith("training 4 bits, seed 5") and done == 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        study_precision(network, tmp_path, progress=interrupt, **settings)
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "checkpoint-4-rounded-5.pt"}
    told: list[str] = []

    def tell(label: str, done: int = 0, total: int = 0) -> None:
        told.append(label)

    again = study_precision(network, tmp_path, progress=tell, **settings)
    assert not [label for label in told if label.startswith(("mode", "training 8 bits"))]
    assert again.records == studied.records
    for path in studied.files:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_further_seeds_train_the_network_too(trained: ModesTraining, studied: PrecisionStudy, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_bytes((studied.folder / "results.json").read_bytes())
    lines: list[str] = []
    settings: dict[str, Any] = {"seeds": 2, "rows": 64, "columns": 64, "trainings": ("together",)}
    again = study_precision(trained.folder / "network.safetensors", tmp_path, on_run=lines.append, **settings)
    new = again.trainings[len(studied.trainings) :]
    assert {(each["method"], each["seed"]) for each in new} == {(TRUNCATED, 6), (ROUNDED, 6), (ROUNDED_CUT, 6)}
    assert len(lines) == len(new) == 12
    assert "2 seeds" in (tmp_path / "study.md").read_text()


def test_findings_are_of_the_numbers() -> None:
    def cost(mode: str, accuracy: float, factor: int) -> dict[str, Any]:
        return {"mode": mode, "accuracy": accuracy, "bit_products": 1000 // factor, "cycles_per_image": 80.0 / factor}

    def training(method: str, mode: str, accuracy: float) -> dict[str, Any]:
        return {"method": method, "mode": mode, "seed": 0, "accuracy": accuracy}

    trainings = [
        training(ALONE, "8", 0.9),
        training(ALONE, "2", 0.88),
        training(TRUNCATED, "8", 0.905),
        training(TRUNCATED, "2", 0.872),
        training(ROUNDED_CUT, "2", 0.6),
    ]
    records = {"modes": [cost("8", 0.905, 1), cost("2", 0.872, 8)], "trainings": trainings}
    costs, gaps, cut = findings(records)
    assert "-3.30 points of accuracy, 8.0 times fewer bit products, 8.00 times fewer cycles" in costs
    assert "+0.50 points in mode 8, -0.80 points in mode 2: within a point" in gaps
    assert "60.00 % in mode 2, where TruncQuant has 87.20 %" in cut
    records["trainings"][3]["accuracy"] = 0.86
    assert "not within a point" in findings(records)[1]
    assert len(findings({"modes": records["modes"], "trainings": []})) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"images": 0}, r"^Images of the study must be from 1 to the 450 held out of digits, not 0$"),
        ({"images": 451}, r"^Images of the study must be from 1 to the 450 held out of digits, not 451$"),
        ({"trainings": ("apart",)}, r"^Trainings of the study must be one of alone, together, not 'apart'$"),
        ({"seeds": -1}, r"^Seeds of the comparison must be 0 or more, not -1$"),
    ],
)
def test_impossible_studies_are_refused(
    settings: dict[str, Any], message: str, trained: ModesTraining, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=message):
        study_precision(trained.folder / "network.safetensors", tmp_path / "none", **settings)
    assert not (tmp_path / "none").exists()


def test_a_plain_network_has_one_mode_and_no_comparison(tmp_path: Path) -> None:
    study = study_precision(EXAMPLE, tmp_path / "study", images=50)
    assert [record["mode"] for record in study.records] == ["default"] and not study.findings
    with pytest.raises(InvalidInput, match=r"^Network 'digits-mlp' must be of a recipe of several precisions to"):
        study_precision(EXAMPLE, tmp_path / "study", images=50, seeds=1)
    network = read_network(EXAMPLE)
    network.notes.clear()
    with pytest.raises(InvalidInput, match=r"^Network 'digits-mlp' must note the data set that it was trained on, and"):
        study_precision(write_network(network, tmp_path / "bare.safetensors"), tmp_path / "bare")


def test_command_studies(trained: ModesTraining, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["study", "precision", str(trained.folder / "network.safetensors"), "-o", str(tmp_path), "--images", "30"]
    assert play(cli, [*words, "--set", "lanes=8"]) == 0
    assert "modes 8, 4, 2, 1 of truncquant-digits on 30 held-out images" in capfd.readouterr().out
    assert play(cli, words) == 2  # the same folder, other settings
    assert re.search(r"Study in .* must have the options", capfd.readouterr().err)
