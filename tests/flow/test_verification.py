import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from quadrille.algo.integer import write_network
from quadrille.algo.spec import InvalidInput, Network
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.generation import generate
from quadrille.flow.page import report
from quadrille.flow.verification import held_out, verify

pytestmark = pytest.mark.verilator


@pytest.fixture(scope="module")
def hardware(small_network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The accelerator of the small network; its model is built once for all tests."""
    folder = tmp_path_factory.mktemp("flow")
    path = write_network(small_network, folder / "network.safetensors")
    return generate(path, folder / "hw", rows=40, columns=16, settings={"lanes": 4, "frames": 8}).folder


@pytest.fixture
def folder(hardware: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(hardware, tmp_path / "hw"))


def test_all_held_out_images_agree(folder: Path) -> None:
    result = verify(folder)
    assert result.passed
    assert (result.images, result.mismatches) == (450, 0)
    assert result.cycles_predicted == result.cycles_simulated > 0
    assert result.rtl_accuracy == result.integer_accuracy
    assert result.float_accuracy is None
    assert len(result.answers) == 450
    stored = json.loads((folder / "verification.json").read_text())
    assert stored["integers"] == result.integers
    assert "450 of digits" in str(result)
    assert f"All {result.integers:,} integers of 450 images agree" in report(folder).path.read_text()


def test_first_images_and_images_given_agree(folder: Path, small_network: Network) -> None:
    _, images, labels = held_out(small_network, 11)
    first, given = verify(folder, 11), verify(folder, images, labels=labels)
    assert first.images == given.images == 11
    assert first.passed and given.passed
    assert first.answers == given.answers
    assert (first.dataset, given.dataset) == ("digits", "images given")


def test_mismatch_is_named_and_shown(
    folder: Path, make_perceptron: Callable[..., Network], capfd: pytest.CaptureFixture[str]
) -> None:
    """The reference is another network than the one that the hardware is loaded with."""
    write_network(make_perceptron(seed=2), folder / "network.safetensors")
    assert play(cli, ["verify", str(folder), "--images", "3", "--json"]) == 1
    result = json.loads(capfd.readouterr().out)
    assert not result["passed"]
    assert result["mismatches"] > 0
    assert result["first_mismatch"]["node"] == "linear1"
    assert Path(result["wave"]).stat().st_size > 1000
    assert "integers differ" in report(folder).path.read_text()


@pytest.mark.parametrize("count", [0, 451, -3])
def test_number_of_images_is_checked(folder: Path, count: int) -> None:
    with pytest.raises(
        InvalidInput, match=rf"^Number of images must be from 1 to the 450 held out of digits, not {count}$"
    ):
        verify(folder, count)


def test_network_without_data_gets_random_images(small_network: Network) -> None:
    bare = Network("bare", small_network.nodes)
    name, images, labels = held_out(bare, None)
    assert (name, images.shape, labels) == ("random", (256, 8, 8), None)
    assert (images.min(), images.max()) == (0, 15)
    assert np.array_equal(images[:5], held_out(bare, 5)[1])
    with pytest.raises(InvalidInput, match=r"^Number of images must be a positive integer, not 0$"):
        held_out(bare, 0)


@pytest.mark.parametrize(
    "name", ["generation.json", "network.safetensors", "program.json", "program.bin", "accelerator.v"]
)
def test_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InvalidInput, match=rf"^.*({name}|hw must hold one manifest beside its Verilog, not none)"):
        verify(folder, 1)
