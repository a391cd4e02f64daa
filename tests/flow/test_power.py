"""The verb `power`: what it says of a block and of an accelerator, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from quadrille.algo.integer.execution import Executor
from quadrille.algo.integer.network_file import write_network
from quadrille.algo.spec import InvalidInput, Network
from quadrille.boards.asic.liberty import open_library
from quadrille.boards.asic.power import read_netlist
from quadrille.boards.asic.saif import read_saif
from quadrille.flow.blocks import component
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.export_asic import export_asic
from quadrille.flow.generation import generate
from quadrille.flow.netlist_run import run_netlist
from quadrille.flow.power import check_results, power_of
from quadrille.hw.export import export, mapped_manifest
from quadrille.sim.manifest import read_manifest
from quadrille.sim.schedule import Schedule

SMALL = Path(__file__).parents[1] / "boards" / "small.lib"


@pytest.fixture(name="macro", scope="module")
def macro_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny macro in the cells of the small library."""
    folder = tmp_path_factory.mktemp("macro")
    component("cim-macro", folder / "design", {"rows": 2, "columns": 2, "activation_bits": 1})
    export_asic(folder / "design", folder / "netlist", liberty=[SMALL])
    return folder / "netlist"


@pytest.mark.verilator
def test_a_block_plays_its_testbench(macro: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["power", str(macro), "--liberty", str(SMALL), "--clock", "100MHz"]
    assert play(cli, [*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["period"] == pytest.approx(10.0) and found["images"] is None and found["unseen"] == 0
    parts = [sum(module[part] for part in ("clock", "switching", "internal")) for module in found["modules"]]
    assert sum(parts) / 10.0 * 1e-3 == pytest.approx(found["dynamic"])
    leakage = sum(module["leakage"] for module in found["modules"]) * 1e-6
    assert leakage == pytest.approx(found["leakage"]) and found["power"] == pytest.approx(found["dynamic"] + leakage)
    assert {module["place"] for module in found["modules"]} == {".", "columns_0"}
    energies = [part + module["leakage"] * 10.0e-3 for part, module in zip(parts, found["modules"], strict=True)]
    assert energies == sorted(energies, reverse=True)
    # Half of C V^2 at the clock pin of every flip-flop, twice a cycle: 1 fF at 1 V.
    report = json.loads((macro / "report.json").read_text())
    assert sum(module["clock"] for module in found["modules"]) == pytest.approx(report["flip_flops"] * 1.0, rel=0.01)
    assert json.loads((macro / "power.json").read_text()) == found
    assert (macro / "power.png").read_bytes()[:4] == b"\x89PNG"
    assert "(INSTANCE cim_macro" in (macro / "switching.saif").read_text()
    # At the clock that the netlist was made for, the same energy.
    assert play(cli, words[:-2]) == 0
    text = capsys.readouterr().out
    assert "scenario flow of test_cim_macro" in text and "without wires" in text
    assert f"{report['reached']:.3f} ns" in text and "pJ/cycle" in text
    for path in ("power.json", "power.png", "switching.saif"):
        (macro / path).unlink()


def test_what_is_refused(macro: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        InvalidInput, match=r"^Design must be a netlist with a clock that export --asic wrote, and .*design holds none$"
    ):
        power_of(macro.parent / "design", liberty=[SMALL])
    with pytest.raises(
        InvalidInput, match=r"^Liberty files of the netlist must be given, small\.lib, as library 'small' is not known$"
    ):
        power_of(macro)
    known = json.loads((macro / "cim_macro.json").read_text())
    known["mapping"]["library"] = "nangate45"
    for path in macro.glob("*.v*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "cim_macro.json").write_text(json.dumps(known))
    monkeypatch.delenv("QUADRILLE_DATA", raising=False)
    with pytest.raises(
        InvalidInput, match=r"^Liberty files of the netlist must be given, small\.lib, or be found: .* is not set$"
    ):
        power_of(tmp_path)
    with pytest.raises(InvalidInput, match=r"^Images must be given for an accelerator, and cim_macro is none$"):
        power_of(macro, images=5, liberty=[SMALL])


@pytest.mark.verilator
def test_a_netlist_that_is_wrong_has_no_power(macro: Path, tmp_path: Path) -> None:
    for path in macro.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    wrong = (macro / "cells.v").read_text().replace("(~(A & B))", "(~(A | B))")
    manifest = json.loads((macro / "cim_macro.json").read_text())
    changed = mapped_manifest(manifest, (macro / "cim_macro.v").read_text(), {"cells.v": wrong}, manifest["mapping"])
    (tmp_path / "cells.v").write_text(wrong)
    (tmp_path / "cim_macro.json").write_text(json.dumps(changed))
    with pytest.raises(InvalidInput, match=r"^Netlist cim-macro\[.*\] must pass its testbench, and does not: "):
        power_of(tmp_path, liberty=[SMALL])
    assert not (tmp_path / "power.json").exists()


class Silent(wiring.Component):
    """Takes words as an accelerator does, and gives none."""

    i: Any
    o: Any

    def __init__(self) -> None:
        self.held = Signal(64)
        result = stream.Signature(data.StructLayout({"data": 64}))
        super().__init__({"i": In(stream.Signature(64)), "o": Out(result)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [self.i.ready.eq(self.o.ready), self.o.payload.data.eq(self.held)]
        with m.If(self.i.valid):
            m.d.sync += self.held.eq(self.i.payload)
        return m


def test_a_netlist_that_stops_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_asic(export(Silent(), tmp_path / "design", "silent"), tmp_path, liberty=[SMALL])
    accelerator: Any = SimpleNamespace(
        manifest=read_manifest(tmp_path),
        program=np.zeros(3, np.uint64),
        input_words=lambda images, schedule: np.zeros(2, np.uint64),
        expected=lambda schedule: {"o": 5},
    )
    mapped = read_netlist(tmp_path / "silent.v", "silent", open_library([SMALL]))
    monkeypatch.setattr("quadrille.flow.netlist_run.IDLE_CYCLES", 3)
    with pytest.raises(InvalidInput, match=r"^Netlist of silent must give 5 words, and stopped after 0 of them$"):
        run_netlist(accelerator, mapped, np.zeros(0), Schedule.constant(1, 0, 1, switches=False))


def test_what_a_netlist_gives_is_compared(make_network: Callable[..., Network]) -> None:
    network: Any = make_network(Random(3), (4, 3, 2), tile_rows=4)
    accelerator: Any = SimpleNamespace(network=network, manifest=SimpleNamespace(top="accelerator"))
    pictures = np.zeros((3, 4), np.int64)
    results = Executor(network).run(pictures)[network.result.name]
    check_results(accelerator, results, pictures)
    results[1] += 1
    with pytest.raises(InvalidInput, match=r"^Netlist accelerator must give what .* gives, and does not for image 1$"):
        check_results(accelerator, results, pictures)


@pytest.mark.slow
@pytest.mark.verilator
def test_an_accelerator_runs_images(
    make_network: Callable[..., Network], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network: Any = make_network(Random(3), (4, 3, 2), tile_rows=4)
    write_network(network, tmp_path / "network.safetensors")
    source, folder = tmp_path / "source", tmp_path / "netlist"
    generate(tmp_path / "network.safetensors", source, rows=4, columns=3, settings={"lanes": 1, "frames": 1})
    export_asic(source, folder, liberty=[SMALL])
    found = power_of(folder, images=20, liberty=[SMALL])
    assert found.images == 20 and found.energy_per_image is not None
    assert found.energy_per_image == pytest.approx(found.energy * found.cycles / 20)
    assert {"macro", "converter", "dequantizer", "."} <= {module.place for module in found.modules}
    # Reset and the program are not counted: some cycles for each image, and those until the last has left.
    assert 20 <= found.cycles < 20 * 200
    assert str(found).count("\n") > len(found.modules)
    # Verilator counts a change of each net that begins with 1, and a gated clock's last pulse in the next cycle.
    alone = read_saif(folder / "switching.saif", "accelerator").changes
    monkeypatch.setattr("quadrille.flow.power.COMPILED", 0)
    compiled = power_of(folder, images=20, liberty=[SMALL])
    assert compiled.cycles == found.cycles and compiled.unseen == found.unseen == 0
    counted = read_saif(folder / "switching.saif", "accelerator").changes
    # A net that nothing drives rests, and Verilator alone names it.
    assert max(abs(alone.get(name, 0) - count) for name, count in counted.items()) <= 2
    assert compiled.energy == pytest.approx(found.energy, rel=0.03)
