"""The study of multiply-accumulate units: a tiny one as a whole, and its findings from numbers."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.boards import targets
from quadrille.boards.targets import CellLibrary
from quadrille.flow import mac_energy, mac_work
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.mac_designs import DESIGNS
from quadrille.flow.mac_findings import findings, geometric_mean, throughput
from quadrille.flow.study_mac import MacCostOptions, study_mac
from quadrille.hw.export.catalogue import CATALOGUE

LIBRARY = Path(__file__).parents[1] / "boards" / "small.lib"
TINY: dict[str, Any] = {
    "units": 1,
    "designs": ("spatio-temporal", "activation-serial", "plain-8"),
    "targets": ("nangate45",),
}


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small library stands for nangate45."""
    real = targets.find_target
    small = CellLibrary("nangate45", (LIBRARY,))
    monkeypatch.setattr(targets, "find_target", lambda name: small if name == "nangate45" else real(name))


@pytest.mark.usefixtures("_small")
def test_study_measures_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mac_work, "ENERGY_BITS", (2, 16))
    lines: list[str] = []
    first = MacCostOptions(**{**TINY, "designs": TINY["designs"][:2]})
    study_mac(first, tmp_path / "study", on_run=lines.append)
    assert len(lines) == 2 and lines[0].startswith("spatio-temporal, nangate45: ")
    result = study_mac(MacCostOptions(**TINY), tmp_path / "study", on_run=lines.append)
    assert len(lines) == 3 and "3 designs in 3 syntheses, 1 units each" in str(result)
    assert [record["name"] for record in result.records] == list(TINY["designs"])
    ours, serial, plain = result.records
    for record in result.records:
        assert record["area"] > 0 and record["critical_path"] > 0 and record["energy_2"] > 0
    assert ours["energy_16"] > ours["energy_2"] and serial["energy_16"] > serial["energy_2"]
    assert "energy_16" not in plain
    text = (tmp_path / "study" / "study.md").read_text()
    assert "| **spatio-temporal** |" in text and "all at one clock that all reach" in text and "## Findings" in text
    assert (tmp_path / "study" / "study.png").read_bytes()[:4] == b"\x89PNG"
    rows = list(csv.DictReader((tmp_path / "study" / "study.csv").read_text().splitlines()))
    assert [row["products_8"] for row in rows] == ["0.25", "0.125", "2"]
    assert json.loads((tmp_path / "study" / "results.json").read_text())["options"] == {"units": 1}
    with pytest.raises(InvalidInput, match=r"^Study in .* must have the options \{'units': 2\} to go on, not "):
        study_mac(MacCostOptions(**{**TINY, "units": 2}), tmp_path / "study")


@pytest.mark.usefixtures("_small")
def test_netlist_that_differs_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = mac_energy.pack
    monkeypatch.setattr(mac_energy, "pack", lambda a, b, **settings: real(a, b // 2, **settings))
    with pytest.raises(AssertionError, match=r"netlist of activation-serial-mac differs"):
        study_mac(MacCostOptions(**{**TINY, "designs": ("activation-serial",)}), tmp_path / "study")


def test_look_up_tables_by_two_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUADRILLE_DATA", str(tmp_path))
    options = MacCostOptions(**{**TINY, "designs": ("activation-serial", "plain-8"), "targets": ("ecp5", "asap7")})
    result = study_mac(options, tmp_path / "study", jobs=2)
    (sentence,) = result.skipped
    assert sentence.startswith("asap7 was left out: Files of cell library asap7 must lie in ")
    serial, plain = result.records
    assert serial["multipliers"] == 0 and serial["luts_alone"] == serial["luts"]
    assert plain["multipliers"] == 2 and plain["luts_alone"] > plain["luts"]
    assert "Throughput per look-up table" in (tmp_path / "study" / "study.md").read_text()


def test_nothing_to_measure_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUADRILLE_DATA", str(tmp_path))
    with pytest.raises(InvalidInput, match=r"^Study must have something to measure, and has not: asap7 was left out: "):
        study_mac(MacCostOptions(**{**TINY, "targets": ("asap7",)}), tmp_path / "study")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"designs": ("wallace",)}, r"^Design of the study must be one of spatio-temporal, .*, not 'wallace'$"),
        ({"designs": ()}, r"^Design of the study must be one or more of spatio-temporal, .*, not none$"),
        ({"targets": ("ice40",)}, r"^Target of the study must be one of ultrascale\+, .*, not 'ice40'$"),
        ({"units": 0}, r"^Units of the study must be from 1 to 256, not 0$"),
    ],
)
def test_options_are_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        MacCostOptions(**{**TINY, **changes})


def test_jobs_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Number of jobs must be a positive integer, not 0$"):
        study_mac(MacCostOptions(**TINY), tmp_path, jobs=0)


def test_designs_are_units() -> None:
    units = {name for name in CATALOGUE if name.endswith("-mac")}
    assert {design.block for design in DESIGNS.values()} <= units


def record(name: str, area: float, **changes: Any) -> dict[str, Any]:
    return {"name": name, "target": "nangate45", "units": 8, "area": area, "critical_path": 2.0, **changes}


def test_findings_are_the_numbers() -> None:
    ours, fusion = record("spatio-temporal", 1000.0), record("fusion", 4000.0, critical_path=1.0)
    plain = record("plain-8", 2000.0)
    assert throughput(ours, 2) == 2 * 8 / 1000 and throughput(fusion, 8, clocked=True) == 8 / 4000
    assert throughput(plain, 16) is None and geometric_mean([1, 2, 4]) == pytest.approx(2)
    found = list(findings([ours, fusion, plain]))
    # 2, 1 and 1/4 products of a quarter of the area beside 8, 4 and 1.
    assert "the best by the mean over 2, 4 and 8 bits is fusion; spatio-temporal has 1.00 times its mean" in found[0]
    assert "(aim 1.3: missed) and by bits 2: 1.00, 3: 1.33, 4: 1.00, 5: 1.33, 6: 1.33, 8: 1.00, 16: 1.00" in found[0]
    assert "(aim 0.8: reached)" in found[0]
    assert "given operands once" in found[0] and "precision-scalable designs: the best" in found[1]
    assert "all designs" in found[2] and "8: 0.25 (plain-8), 16: 1.00 (fusion)" in found[2]
    assert "at the clock that each reaches" in found[3] and "has 0.50 times its mean" in found[3] and len(found) == 6
    # A redundant sum at twice the clock.
    (*_, last) = findings([plain, record("carry-save", 2500.0, critical_path=1.0)])
    assert "1,000 MHz against 500, 2,500 um2 against 2,000: 1.60 times" in last
    assert DESIGNS["serial-serial"].operand_bits(8) == 128 and DESIGNS["spatio-temporal"].operand_bits(8) == 32


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--designs", "activation-serial", "--targets", "ecp5", "--units", "1", "-o", str(tmp_path / "s")]
    assert play(cli, ["study", "mac-cost", *given]) == 0
    assert "Cost of multiply-accumulate units" in capsys.readouterr().out
