"""An edge around an accelerator that was generated: its shape, its program, and what cannot be."""

import json
from pathlib import Path

import pytest

from quadrille.algo.integer import write_network
from quadrille.algo.spec import InvalidInput
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.generation import generate
from quadrille.tb.networks import random_network


@pytest.fixture(scope="module")
def accelerator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("accelerator")
    write_network(random_network(1, sizes=(13, 7, 4), adc_bits=3), folder / "network.safetensors")
    for name, baked in (("hw", False), ("baked", True)):
        settings = {"lanes": 2, "frames": 2}
        generate(folder / "network.safetensors", folder / name, rows=8, columns=6, settings=settings, baked=baked)
    return folder


def run(*words: object) -> int:
    return play(cli, ["component", *map(str, words)])


def test_an_edge_has_the_shape_and_the_program(accelerator: Path, tmp_path: Path) -> None:
    assert run("wishbone-accelerator", "--around", accelerator / "hw", "--set", "depth=5", "-o", tmp_path) == 0
    manifest = json.loads((tmp_path / "wishbone_accelerator.json").read_text())
    shape = json.loads((accelerator / "hw" / "accelerator.json").read_text())["parameters"]
    assert manifest["parameters"] == {**shape, "depth": 5}
    for name in ("network.safetensors", "program.bin", "program.json"):
        assert (tmp_path / name).read_bytes() == (accelerator / "hw" / name).read_bytes()


def test_what_is_baked_in_stays_baked_in(accelerator: Path, tmp_path: Path) -> None:
    assert run("axi-accelerator", "--around", accelerator / "baked", "--top", "edge", "-o", tmp_path) == 0
    registers = json.loads((tmp_path / "edge.json").read_text())["registers"]["registers"]
    (length,) = [register["reset"] for register in registers if register["name"] == "program_length"]
    assert length > 0 and (tmp_path / "program.bin").read_bytes() == b""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["cim-macro"],
            r"^Component around an accelerator must be one of axi-.*, uart-.*, wishbone-accelerator, not 'cim-macro'$",
        ),
        (
            ["wishbone-accelerator", "rows=4"],
            r"^Parameter of wishbone-accelerator around an accelerator must be one of depth, not 'rows'$",
        ),
        (
            ["axi-accelerator", "depth=4"],
            r"^Parameter of axi-accelerator around an accelerator must be one of none, not 'depth'$",
        ),
    ],
)
def test_other_edges_are_refused(accelerator: Path, tmp_path: Path, words: list[str], message: str) -> None:
    from quadrille.flow.blocks import component

    name, *rest = words
    settings = dict(setting.split("=") for setting in rest)
    with pytest.raises(InvalidInput, match=message):
        component(name, tmp_path / "edge", settings, around=accelerator / "hw")
    assert not (tmp_path / "edge").exists()


def test_half_an_accelerator_is_refused(accelerator: Path, tmp_path: Path) -> None:
    from quadrille.flow.blocks import component

    (tmp_path / "accelerator.json").write_bytes((accelerator / "hw" / "accelerator.json").read_bytes())
    with pytest.raises(InvalidInput, match=r"^Accelerator's files must be readable, and .*safetensors is not: No such"):
        component("axi-accelerator", tmp_path / "edge", around=tmp_path)
