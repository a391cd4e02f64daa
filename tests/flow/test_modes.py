"""Networks of several modes through the verbs: generate, inspect, verify, report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from quadrille.algo.integer import read_modes, write_modes
from quadrille.algo.integer.variation import Variation
from quadrille.algo.spec import InvalidInput, Modes, Network
from quadrille.algo.spec.random_mode import draws
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.generation import generate
from quadrille.flow.inspection import inspect
from quadrille.flow.modes_verification import verify_modes
from quadrille.flow.page import report
from quadrille.flow.variation import vary
from quadrille.flow.verification import verify

SHAPE = {"rows": 40, "columns": 16, "settings": {"lanes": 4, "frames": 4}}


@pytest.fixture(scope="module")
def modes(small_network: Network, make_perceptron: Callable[..., Network]) -> Modes:
    wide = make_perceptron(seed=3, widths=(64, 16, 10))
    return Modes("several", {"8": small_network, "4": replace(wide, name="four"), "2": make_perceptron(seed=4)})


@pytest.fixture(scope="module")
def path(modes: Modes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_modes(modes, tmp_path_factory.mktemp("modes") / "network.safetensors")


@pytest.fixture(scope="module")
def folder(path: Path) -> Path:
    return generate(path, path.parent / "hw", **SHAPE).folder


def test_generate_writes_all_modes(path: Path, modes: Modes, tmp_path: Path) -> None:
    result = generate(path, tmp_path / "hw", **SHAPE)
    assert result.modes == ("8", "4", "2")
    assert len(result.mode_cycles) == 3 and result.mode_cycles[0] == result.cycles_per_image
    assert result.mode_cycles[1] > result.mode_cycles[0]
    assert "cycles per image" in str(result) and "mode 4" in str(result)
    assert read_modes(tmp_path / "hw" / "network.safetensors") == modes
    assert result.parameters["modes"] == 3
    program = json.loads((tmp_path / "hw" / "program.json").read_text())
    assert [entry["mode"] for entry in program["modes"]] == ["8", "4", "2"]
    assert program["schema"] == 3


def test_inspect_shows_modes(path: Path, modes: Modes) -> None:
    first, second = inspect(path), inspect(path, mode="4")
    assert first.mode == "8" and [each.mode for each in first.modes] == ["8", "4", "2"]
    assert "mode 8 (shown)" in str(first) and "mode 4 (shown)" in str(second)
    assert "weights of 1 bits, activations of 4 bits" in str(first)
    assert second.nodes[1].shape == (2, 1, 16)
    assert inspect(modes, mode="2").weights == inspect(modes.networks["2"]).weights
    with pytest.raises(InvalidInput, match=r"^Mode must be one of 8, 4, 2 of network 'several', not '3'$"):
        inspect(path, mode="3")


@pytest.mark.verilator
def test_every_mode_agrees(folder: Path) -> None:
    result = verify_modes(folder, 30)
    assert result.passed
    assert [each.mode for each in result.verifications] == ["8", "4", "2"]
    assert all(each.cycles_predicted == each.cycles_simulated for each in result.verifications)
    assert len({each.answers for each in result.verifications}) == 3
    assert json.loads((folder / "verification.json").read_text())["mode"] == "8"
    assert "mode 4" in report(folder).path.read_text()
    laid = inspect(folder, mode="2").layout
    assert laid is not None and laid.cycles > 0


@pytest.mark.verilator
def test_drawn_modes_agree(folder: Path, modes: Modes, capfd: pytest.CaptureFixture[str]) -> None:
    drawn, _ = draws(7, 3, 40)
    assert play(cli, ["verify", str(folder), "--images", "40", "--mode", "random", "--seed", "7", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["passed"] and found["cycles_predicted"] == found["cycles_simulated"]
    assert (found["mode"], found["seed"]) == ("random", 7)
    assert found["drawn"] == {mode: drawn.count(number) for number, mode in enumerate(modes.names)}
    assert found["nodes"][-1]["node"] == "mode register"
    # Each image has the answer of the mode that was drawn for it.
    alone = {mode: verify(folder, 40, mode=mode).answers for mode in modes.names}
    assert found["answers"] == [alone[modes.names[number]][image] for image, number in enumerate(drawn)]
    assert "drawn for each image from seed 7" in str(verify(folder, 3, mode="random", seed=7))


@pytest.mark.verilator
def test_modes_that_are_none(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidInput, match=r"^Mode must be one of 8, 4, 2 of network 'several', not '3'$"):
        verify(folder, 3, mode="3")
    for mode in (None, "4"):
        with pytest.raises(
            InvalidInput, match=rf"^Seed must be given for mode random alone, not for mode {mode or '8'}$"
        ):
            verify(folder, 3, mode=mode, seed=7)
    with pytest.raises(InvalidInput, match=r"^Seed must be from 1 to 65535, not 0$"):
        verify(folder, 3, mode="random", seed=0)
    for option in (["--seed", "3"], ["--wave", "all.vcd"]):
        assert play(cli, ["verify", str(folder), "--mode", "all", *option]) == 2
        sentence = f"option {option[0]} is for one mode, not for all (see quadrille verify --help)"
        assert capfd.readouterr().err == f"quadrille: {sentence}\n"
    assert play(cli, ["verify", str(folder), "--images", "3", "--mode", "5"]) == 2
    assert capfd.readouterr().err == "quadrille: Mode must be one of 8, 4, 2 of network 'several', not '5'\n"


def test_one_mode_can_be_varied_alone(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Network 'several' must have one mode to be varied, not 8, 4, 2$"):
        vary(path, tmp_path / "varied", Variation())


def test_what_is_rewritten_is_rewritten_in_every_mode(path: Path, modes: Modes, tmp_path: Path) -> None:
    result = generate(path, tmp_path / "hw", **SHAPE, retiled=True)
    assert result.retiled == ()  # ADCs stand in the way
    assert read_modes(tmp_path / "hw" / "network.safetensors") == modes
