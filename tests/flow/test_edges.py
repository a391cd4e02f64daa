"""An edge around an accelerator that was generated: its shape, its program, and what cannot be."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from quadrille.algo.integer import Executor, write_network
from quadrille.algo.spec import InvalidInput
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.generation import generate
from quadrille.sim.accelerator import read_accelerator
from quadrille.sim.pins import PinModel
from quadrille.sim.schedule import Schedule
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


def through_axi(model: PinModel, words: list[int], images: int) -> list[int]:
    """Words in on `s_axis`, results out on `m_axis`; then as many results have been sent, by the register."""
    results: list[int] = []
    sent = seen = 0
    for _ in range(10_000):
        if seen == images:
            break
        word = words[sent] if sent < len(words) else 0
        shown = model.cycle(s_axis_tvalid=sent < len(words), s_axis_tdata=word, m_axis_tready=1)
        sent += sent < len(words) and shown["s_axis_tready"]
        if shown["m_axis_tvalid"]:
            results.append(shown["m_axis_tdata"])
            seen += shown["m_axis_tlast"]
    model.cycle(s_axi_arvalid=1, s_axi_araddr=offset_of(model, "results_sent"), s_axi_rready=1)
    shown = model.cycle(s_axi_rready=1)
    assert (shown["s_axi_rvalid"], shown["s_axi_rresp"], shown["s_axi_rdata"]) == (1, 0, images)
    return results


def through_wishbone(model: PinModel, words: list[int], images: int) -> list[int]:
    """Everything by registers: two writes for a word, two reads for one of a result."""

    def access(name: str, value: int | None = None) -> int:
        pins = {"wb_adr_i": offset_of(model, name) >> 2, "wb_sel_i": 15, "wb_dat_i": value or 0}
        for _ in range(8):
            shown = model.cycle(wb_cyc_i=1, wb_stb_i=1, wb_we_i=value is not None, **pins)
            if shown["wb_ack_o"]:
                return shown["wb_dat_o"]
        raise AssertionError(f"access to {name} was not answered")

    waiting, results, seen = list(words), [], 0
    while seen < images:
        queues = access("queues")
        for _ in range(min(queues & 0xFF, len(waiting))):
            word = waiting.pop(0)
            access("input_low", word & 0xFFFF_FFFF)
            access("input_high", word >> 32)
        for _ in range(queues >> 8 & 0xFF):
            seen += access("queues") >> 16 & 1
            results.append(access("output_low") | access("output_high") << 32)
    assert access("results_sent") == images
    return results


def offset_of(model: PinModel, name: str) -> int:
    registers = model.manifest.entries["registers"]["registers"]
    return next(register["offset"] for register in registers if register["name"] == name)


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("edge", "hardware", "through"),
    [
        ("axi-accelerator", "hw", through_axi),
        ("axi-accelerator", "baked", through_axi),
        ("wishbone-accelerator", "hw", through_wishbone),
    ],
)
def test_images_go_through_the_simulated_bus(
    edge: str, hardware: str, through: Callable[..., list[int]], accelerator: Path, tmp_path: Path
) -> None:
    assert run(edge, "--around", accelerator / hardware, "-o", tmp_path) == 0
    loaded = read_accelerator(tmp_path)
    images = np.random.default_rng(2).integers(0, 8, (5, *loaded.network.input.shape))
    words = [*loaded.program.tolist(), *loaded.input_words(images).tolist()]
    results = through(PinModel(tmp_path), words, len(images))
    schedule = Schedule.constant(len(images), 0, loaded.frames, switches=loaded.switches)
    found = loaded.results(np.array(results, np.uint64), schedule)
    assert np.array_equal(found, Executor(loaded.network).run(images)[loaded.network.result.name])
