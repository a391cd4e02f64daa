"""The verb `power`: what it says of a block and of an accelerator, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from quadrille.algo.integer.network_file import write_network
from quadrille.algo.spec import InvalidInput, Network
from quadrille.boards.asic.saif import read_saif
from quadrille.flow.blocks import component
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.export_asic import export_asic
from quadrille.flow.generation import generate
from quadrille.flow.power import power_of
from quadrille.hw.export import mapped_manifest

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
    assert f"{report['reached']:.3f} ns" in text
    for path in ("power.json", "power.png", "switching.saif"):
        (macro / path).unlink()


def test_what_is_refused(macro: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInput, match=r"^Design must be a netlist with a clock that export --asic wrote, and .*design holds none$"
    ):
        power_of(macro.parent / "design", liberty=[SMALL])
    with pytest.raises(
        InvalidInput, match=r"^Liberty files of the netlist must be given, small\.lib, as library 'small' is not known$"
    ):
        power_of(macro)
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
    assert counted.keys() <= alone.keys()
    assert max(abs(alone[name] - count) for name, count in counted.items()) <= 2
    assert compiled.energy == pytest.approx(found.energy, rel=0.03)
