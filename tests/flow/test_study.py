"""The granularity study: what it asks for, how it resumes, what it says. Most tests train nothing: a fake does."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.integer.sweep import SweepPoint
from quadrille.algo.nn.study import Grain, LayerCosts, Outcome, ScaleCosts, StudyOptions
from quadrille.algo.spec import InvalidInput, Network
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.study_findings import findings
from quadrille.flow.study_grid import Study, study
from quadrille.flow.study_plot import study_png

TINY: dict[str, Any] = {
    "model": "mlp",
    "data": "digits",
    "images": 60,
    "held_out": 40,
    "variation_images": 20,
    "epochs": 1,
    "rows": 32,
    "seeds": 2,
    "sigmas": (0.0, 0.2),
}
GAIN = {"layer": 0.0, "array": 0.01, "column": 0.04}


class Interrupted(Exception):
    pass


class Fake:
    """Trains nothing: what each grain and seed comes to is a formula; counts its calls and can fail at one."""

    def __init__(self, network: Network, fail_at: int = -1) -> None:
        self.network, self.fail_at = network, fail_at
        self.trained: list[tuple[Grain, int]] = []
        self.swept = 0

    def train(
        self, options: StudyOptions, grain: Grain, seed: int, *, checkpoint: Path, progress: Callable[..., None]
    ) -> Outcome:
        if len(self.trained) == self.fail_at:
            raise Interrupted
        self.trained.append((grain, seed))
        accuracy = 0.7 + GAIN[grain.weights] + 2 * GAIN[grain.sums] + 0.003 * seed * (1 + GAIN[grain.sums])
        costs = ScaleCosts((LayerCosts("only", 4, 30, 10 + int(100 * GAIN[grain.sums]), 5),), 16)
        twin = 0.95 if grain == options.grains[0] else None
        return Outcome(self.network, accuracy, accuracy + 0.001, twin, costs)

    def sweep(self, network: Network, images: Any, labels: Any, **options: Any) -> list[SweepPoint]:
        assert network == self.network and len(images) == len(labels) == 20
        self.swept += 1
        seeds = tuple(options["seeds"])
        return [
            SweepPoint(value, seeds, tuple(0.7 - value - 0.001 * (seed if value else 0) for seed in seeds))
            for value in options["values"]
        ]


@pytest.fixture(autouse=True)
def _plain_picture(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than all else: most tests make do with the picture's numbers."""
    if request.function is not test_files_hold_the_grid:
        monkeypatch.setattr("quadrille.flow.study_grid.study_png", lambda options, found: repr(found).encode())


def run(folder: Path, fake: Fake, **changes: Any) -> Study:
    return study(StudyOptions(**{**TINY, **changes}), folder, train=fake.train, sweep=fake.sweep)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_files_hold_the_grid(tmp_path: Path, small_network: Network) -> None:
    fake = Fake(small_network)
    done = run(tmp_path, fake)
    assert len(fake.trained) == fake.swept == 18 and len(set(fake.trained)) == 18
    assert fake.trained[0] == (Grain("layer", "layer"), 0) and fake.trained[9] == (Grain("layer", "layer"), 1)
    assert set(files(tmp_path)) == {"results.json", "study.md", "study.csv", "study.png"}
    assert len(list((tmp_path / "networks").iterdir())) == 18
    records = json.loads((tmp_path / "results.json").read_text())
    assert [len(records[kind]) for kind in ("runs", "variation")] == [18, 18]
    assert records["runs"][0]["float_accuracy"] == 0.95 and records["runs"][1]["float_accuracy"] is None
    assert (tmp_path / "study.png").read_bytes().startswith(b"\x89PNG")
    lines = list(csv.DictReader((tmp_path / "study.csv").read_text().splitlines()))
    assert [(line["weight_scales"], line["partial_sum_scales"]) for line in lines[:4]] == [
        ("layer", "layer"),
        ("layer", "array"),
        ("layer", "column"),
        ("array", "layer"),
    ]
    assert float(lines[-1]["accuracy_mean"]) == pytest.approx(0.7 + 0.12 + 0.0015 * 1.04, abs=1e-6)
    assert float(lines[0]["sigma_0.2_mean"]) == pytest.approx(0.5 - 0.0045, abs=1e-6)
    assert lines[0]["multiplications_per_image"] == "40" and lines[2]["multiplications_per_image"] == "56"
    page = (tmp_path / "study.md").read_text()
    assert "| column | column | 82.16 ± 0.22 |" in page and "| 50.00 ± 0.00 |" not in page
    assert "The float twin with the same budget: 95.00 ± 0.00." in page
    assert page.count("|\n") == 2 * 11
    assert json.loads(json.dumps(done.as_dict()))["options"]["rows"] == 32
    assert "best     column weights, column partial sums: 82.16 %" in str(done)


@pytest.mark.parametrize("after", [0, 13])
def test_an_interrupted_study_goes_on_where_it_was(tmp_path: Path, small_network: Network, after: int) -> None:
    run(tmp_path / "whole", Fake(small_network))
    fake = Fake(small_network, fail_at=after)
    with pytest.raises(Interrupted):
        run(tmp_path / "cut", fake)
    assert not (tmp_path / "cut" / "study.md").exists()
    rest = Fake(small_network)
    run(tmp_path / "cut", rest)
    assert len(rest.trained) == 18 - after and not set(rest.trained) & set(fake.trained)
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    again = Fake(small_network)
    run(tmp_path / "cut", again)
    assert again.trained == [] and again.swept == 0


def test_a_sweep_may_spare_seeds(tmp_path: Path, small_network: Network) -> None:
    fake = Fake(small_network)
    done = run(tmp_path, fake, weights=("column",), swept_seeds=1)
    assert len(fake.trained) == 6 and fake.swept == 3 and {record["seed"] for record in done.variation} == {0}
    assert "over 1 of the seeds x 10 draws" in (tmp_path / "study.md").read_text()


def test_an_interrupted_sweep_does_not_train_again(tmp_path: Path, small_network: Network) -> None:
    fake = Fake(small_network)

    def interrupt(*arguments: Any, **options: Any) -> list[SweepPoint]:
        raise Interrupted

    options = StudyOptions(**{**TINY, "weights": ("layer",), "seeds": 1})
    with pytest.raises(Interrupted):
        study(options, tmp_path, train=fake.train, sweep=interrupt)
    assert len(fake.trained) == 1
    rest = Fake(small_network)
    study(options, tmp_path, train=rest.train, sweep=rest.sweep)
    assert len(rest.trained) == 2 and rest.swept == 3


def test_a_lost_network_is_trained_again_and_recorded_once(tmp_path: Path, small_network: Network) -> None:
    fake = Fake(small_network)

    def interrupt(*arguments: Any, **options: Any) -> list[SweepPoint]:
        raise Interrupted

    options = StudyOptions(**{**TINY, "weights": ("layer",), "sums": ("layer",), "seeds": 1})
    with pytest.raises(Interrupted):
        study(options, tmp_path, train=fake.train, sweep=interrupt)
    (tmp_path / "networks" / "layer-layer-0.safetensors").unlink()
    done = study(options, tmp_path, train=fake.train, sweep=fake.sweep)
    assert len(fake.trained) == 2 and len(done.runs) == len(done.variation) == 1


def test_a_finished_study_takes_more_seeds(tmp_path: Path, small_network: Network) -> None:
    run(tmp_path / "all", Fake(small_network), seeds=3)
    run(tmp_path / "grown", Fake(small_network), seeds=2)
    fake = Fake(small_network)
    run(tmp_path / "grown", fake, seeds=3)
    assert {seed for _, seed in fake.trained} == {2}
    assert files(tmp_path / "grown") == files(tmp_path / "all")
    with pytest.raises(
        InvalidInput, match=r"^Study in .* must have the options that it was begun with \(seeds 3\), not"
    ):
        run(tmp_path / "grown", fake, seeds=2)


def test_another_study_is_refused(tmp_path: Path, small_network: Network) -> None:
    run(tmp_path, Fake(small_network))
    before = files(tmp_path)
    with pytest.raises(
        InvalidInput,
        match=r"^Study in .* must have the options that it was begun with \(adc_bits 3\), not adc_bits 4$",
    ):
        run(tmp_path, Fake(small_network), adc_bits=4)
    assert files(tmp_path) == before
    (tmp_path / "results.json").write_text('{"schema": 0}')
    with pytest.raises(InvalidInput, match=r"^Results of the study in .* must be of schema 1, and are not$"):
        run(tmp_path, Fake(small_network))


def test_a_study_without_sweep_or_grid(tmp_path: Path, small_network: Network) -> None:
    fake = Fake(small_network)
    done = run(tmp_path, fake, sigmas=(), weights=("column",), sums=("layer", "column"), seeds=1)
    assert fake.swept == 0 and len(done.runs) == 2 and done.variation == ()
    assert "## Variation" not in (tmp_path / "study.md").read_text()
    assert done.findings.sentences == [
        "Column-wise partial-sum scales against layer-wise: +8.00 points with one seed: one seed cannot tell"
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "vgg-1000"}, r"^Model of a study must be one of mlp, .*not 'vgg-1000'$"),
        ({"data": "letters"}, r"^Data set must be one of .*, not 'letters'$"),
        ({"images": 5000}, r"^Study must use at most the 1347 training images of digits, not 5000$"),
        ({"held_out": 451}, r"^Study must use at most the 450 held-out images of digits, not 451$"),
        (
            {"weights": ("channel",)},
            r"^Granularity of weight scales must be one of layer, array, column, not 'channel'$",
        ),
        ({"sums": ()}, r"^Granularities of partial-sum scales must be one or more, each once, not \[\]$"),
        ({"sums": ("array", "array")}, r"^Granularities of partial-sum scales must be one or more, each once, not \["),
        ({"adc_bits": 9}, r"^ADC bits of a study must be from 1 to 8, not 9$"),
        ({"weight_bits": 0}, r"^Weight bits of a study must be from 1 to 8, not 0$"),
        ({"swept_seeds": 3}, r"^Swept seeds of a study must be from 1 to 2, not 3$"),
        ({"seeds": 0}, r"^Seeds of a study must be 1 or more, not 0$"),
        ({"draws": 9}, r"^Draws of devices of a study must be 10 or more, not 9$"),
        ({"variation_images": 41}, r"^Images of the variation sweep of a study must be from 1 to 40, not 41$"),
        ({"learning_rate": 0.0}, r"^Learning rate of a study must be positive, not 0\.0$"),
        ({"learning_rate": float("nan")}, r"^Learning rate of a study must be positive, not nan$"),
        ({"sigmas": (0.0, 2.0)}, r"^Deviation of a variation sweep must be from 0 to 1, not 2\.0$"),
        ({"sigmas": (0.2, 0.1)}, r"^Deviations of a variation sweep must rise, and \[0\.2, 0\.1\] do not$"),
    ],
)
def test_impossible_study_leaves_nothing(
    tmp_path: Path, small_network: Network, changes: dict[str, Any], message: str
) -> None:
    fake = Fake(small_network)
    with pytest.raises(InvalidInput, match=message):
        run(tmp_path / "x", fake, **changes)
    assert fake.trained == [] and not (tmp_path / "x").exists()


def test_findings_are_those_of_the_numbers() -> None:
    options = {"weights": ["layer", "column"], "sums": ["layer", "column"], "sigmas": [0.0, 0.1], "seeds": 3}
    table = {
        ("layer", "layer"): [0.70, 0.71, 0.69],
        ("layer", "column"): [0.80, 0.81, 0.79],
        ("column", "layer"): [0.70, 0.69, 0.71],
        ("column", "column"): [0.82, 0.80, 0.81],
    }
    runs, variation = [], []
    for (weights, sums), values in table.items():
        for seed, value in enumerate(values):
            key = {"weights": weights, "sums": sums, "seed": seed}
            costs = {"multiplications_per_pixel": 1.0, "multiplications_per_image": 10, "storage": 16}
            runs.append({**key, "accuracy": value, "model_accuracy": value, "float_accuracy": None, **costs})
            lower = [value - 0.3, value - (0.3 if sums == "layer" else 0.5)]
            points = [{"sigma": 0.0, "accuracies": [value] * 2}, {"sigma": 0.1, "accuracies": lower}]
            variation.append({**key, "points": points})
    found = findings(options, runs, variation)
    assert found.float_twin is None
    corner = found.comparisons["Column-wise weights and partial sums against layer-wise"]
    assert corner.mean == pytest.approx(0.11) and corner.standard_error == pytest.approx(0.01)
    assert corner.verdict == "wins"
    sums = found.comparisons["Column-wise partial-sum scales against layer-wise (mean over the other)"]
    assert sums.mean == pytest.approx(0.105) and sums.verdict == "wins"
    weights = found.comparisons["Column-wise weight scales against layer-wise (mean over the other)"]
    assert weights.mean == pytest.approx(0.005) and weights.verdict == "within noise"
    under = found.comparisons["Column-wise weights and partial sums against layer-wise under variation of sigma 0.1"]
    assert under.mean == pytest.approx(0.01) and under.verdict == "within noise"
    assert found.sentences[0].endswith(": the finer wins") and "+11.00 points, standard error" in found.sentences[0]
    assert found.grains[3].variation[0.1].count == 6
    bare = findings({**options, "sigmas": []}, runs, [])
    # The third panel, of variation, is there only where something was varied: the width is in the header of a PNG.
    assert [int.from_bytes(study_png(options, each)[16:20]) for each in (found, bare)] == [1800, 1200]


SMALL = "--images 40 --held-out 30 --epochs 1 --rows 32 --seeds 1 --sigmas 0,0.1 --variation-images 9"


def test_command_trains_and_resumes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["study", "granularity", "mlp", *SMALL.split(), "--sums", "layer, column", "--weights", "column"]
    arguments += ["-o", str(tmp_path / "out")]
    assert play(cli, arguments) == 0
    out, err = capfd.readouterr()
    assert "Granularity study" in out and "one seed cannot tell" in out
    assert [line.partition(":")[0] for line in err.splitlines()] == ["column/layer seed 0", "column/column seed 0"]
    before = files(tmp_path / "out")
    assert play(cli, [*arguments, "--json"]) == 0
    out, err = capfd.readouterr()
    assert err == "" and files(tmp_path / "out") == before
    shown = json.loads(out)
    assert shown["options"]["data"] == "digits" and shown["options"]["sigmas"] == [0.0, 0.1]
    layers = shown["runs"][1]["layers"]
    assert [layer["columns"] for layer in layers] == [2 * 3 * 64, 2 * 3 * 64, 2 * 3 * 10]
    assert [layer["multiplications"] for layer in layers] == [layer["columns"] for layer in layers]
    assert [layer["multiplications"] for layer in shown["runs"][0]["layers"]] == [2 * 64, 2 * 64, 2 * 10]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["mpl"], r"^Model of a study must be one of mlp, "),
        (["mlp", "--data", "letters"], r"^Data set must be one of cifar10, digits, "),
        (["mlp", "--sigmas", "0,x"], r"^Option --sigmas must be numbers with commas between them, not '0,x'$"),
        (["mlp", "--weights", "row"], r"^Granularity of weight scales must be one of layer, array, column, not 'row'$"),
        (["mlp", "--epochs", "0"], r"^Epochs of a study must be 1 or more, not 0$"),
    ],
)
def test_command_refuses(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert play(cli, ["study", "granularity", *arguments, "-o", str(tmp_path / "x")]) == 2
    said = capfd.readouterr().err
    assert said.startswith("quadrille: ") and re.search(sentence, said.removeprefix("quadrille: ").rstrip())
    assert not (tmp_path / "x").exists()
