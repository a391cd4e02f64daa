"""The verb `cost`: exact cycles, and what the models say of an accelerator that is there or would be."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from quadrille.algo.integer import write_network
from quadrille.algo.spec import InvalidInput, Network
from quadrille.boards.cost import TARGETS, cost_of
from quadrille.flow.command_line import cli
from quadrille.flow.configurations import configuration_of
from quadrille.flow.console import play
from quadrille.flow.cost import PICTURE, cost
from quadrille.flow.cost_result import CostEstimate
from quadrille.flow.generation import generate

SHAPE: dict[str, Any] = {"rows": 40, "columns": 16, "macros": 1, "settings": {"lanes": 4, "frames": 8}}


@pytest.fixture(scope="module")
def network_path(small_network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_network(small_network, tmp_path_factory.mktemp("network") / "network.safetensors")


@pytest.fixture(scope="module")
def folder(network_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("generated") / "hw"
    generate(network_path, place, **SHAPE)
    return place


@pytest.fixture(scope="module")
def found(network_path: Path) -> CostEstimate:
    return cost(network_path, **SHAPE)


def test_cycles_are_those_of_the_program(found: CostEstimate, folder: Path) -> None:
    generated = json.loads((folder / "generation.json").read_text())
    assert found.cycles_per_image[0] == generated["cycles_per_image"]
    assert found.latency == generated["latency"]
    assert found.images_per_second == found.clock / found.cycles_per_image[0]
    assert found.modes == ("default",)


def test_cycles_of_convolutions_are_those_of_the_program(
    make_convolutional_network: Callable[..., Network], tmp_path: Path
) -> None:
    network = make_convolutional_network(
        Random(3), shape=(4, 9, 9), channels=(4, 8), stride=2, groups=2, residual="subsample", rows=16
    )
    path = write_network(network, tmp_path / "network.safetensors")
    shape: dict[str, Any] = {"rows": 16, "columns": 16, "settings": {"lanes": 4}}
    result = cost(path, **shape)
    generated = generate(path, tmp_path / "hw", **shape)
    assert (result.cycles_per_image[0], result.latency) == (generated.cycles_per_image, generated.latency)
    assert {"path.added", "path.requantized", "path.residual_store"} <= {*result.targets[0].components}


def test_accelerator_that_is_there_is_the_one_it_would_be(found: CostEstimate, folder: Path) -> None:
    assert cost(folder).as_dict() == found.as_dict()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (["--rows", "7"], "rows"),
        (["--columns", "5"], "columns"),
        (["--macros", "1"], "macros"),
        (["--engine", "cim"], "engine"),
        (["--unit", "fusion"], "unit"),
        (["--set", "lanes=4"], "lanes"),
    ],
)
def test_shape_of_an_accelerator_that_is_there_is_its_own(
    folder: Path, given: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = f"Option {name} must be left out for an accelerator that is there, and is {given[1].split('=')[-1]}"
    assert play(cli, ["cost", str(folder), *given]) == 2
    assert sentence in capsys.readouterr().err


def test_option_of_an_accelerator_that_is_there_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="^Option rows must be left out for an accelerator that is there, and is 7$"):
        cost(folder, rows=7)


def test_figures_are_those_of_the_models(found: CostEstimate, folder: Path) -> None:
    configuration = configuration_of(folder)
    assert tuple(each.target for each in found.targets) == TARGETS
    for each in found.targets:
        whole = cost_of(configuration, each.target)
        for name in each.columns:
            assert each.total[name] == pytest.approx(getattr(whole.total, name), rel=1e-5)
            assert sum(part[name] for part in each.components.values()) == pytest.approx(each.total[name], rel=1e-4)
        assert {"macro", "reader", "converter", "dequantizer", "patches", "weights", "top"} <= {*each.components}


def test_larger_accelerator_takes_more_and_is_not_slower(network_path: Path, found: CostEstimate) -> None:
    larger = cost(network_path, **{**SHAPE, "columns": 32}, targets=TARGETS[:1])
    first = found.targets[0].columns[0]
    assert larger.targets[0].total[first] > found.targets[0].total[first]
    assert larger.cycles_per_image[0] <= found.cycles_per_image[0]


def test_picture_is_drawn_and_the_same_again(network_path: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        result = cost(network_path, **SHAPE, output=tmp_path / name)
        assert result.picture == tmp_path / name / PICTURE
    data = (tmp_path / "a" / PICTURE).read_bytes()
    assert data.startswith(b"\x89PNG")
    assert data == (tmp_path / "b" / PICTURE).read_bytes()


def test_command_prints_a_table_and_json(network_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--rows", "40", "--columns", "16", "--set", "lanes=4", "--target", TARGETS[0], "--clock", "50e6"]
    assert play(cli, ["cost", str(network_path), *options]) == 0
    text = capsys.readouterr().out
    assert "images a second at 50 MHz" in text
    assert "dequantizer" in text
    assert play(cli, ["cost", str(network_path), *options, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["targets"][0]["target"] == TARGETS[0]
    assert record["targets"][0]["total"]["flip_flops"] > 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"targets": ("mosis",)}, r"^Target of a cost must be one with a table, .*, not 'mosis'$"),
        ({"clock": 0.0}, "^Clock of a cost must be above 0 Hz, not 0$"),
        ({"rows": 8}, "^Node 'linear1': row tiles must have at most the 8 rows of a macro, not 40$"),
        ({"settings": {"colour": "red"}}, "^Setting of an accelerator must be one of"),
        (
            {"engine": "mac", "unit": "fusion", "rows": 4, "columns": 4, "settings": {}},
            "^Node .*",
        ),
    ],
)
def test_what_cannot_be_is_refused(network_path: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        cost(network_path, **{**SHAPE, **options})
