"""The regression: blocks that are right pass, one broken gate is found, and results are written whole."""

from __future__ import annotations

import hashlib
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.flow.regression import export_block
from quadrille.tb.case import Case
from quadrille.tb.cases import CASES
from quadrille.tb.regression import DEFAULT_SEED, TestResult, regress, write_junit
from quadrille.tb.scenarios import SCENARIOS

DOUBLER = Case("doubler", "bench_doubler", {"bits": 6})

# One configuration of each block that computes: the whole table is `quadrille regress`.
SMALL = [
    next(case for case in reversed(CASES) if case.block == block) for block in dict.fromkeys(c.block for c in CASES)
]


@pytest.mark.verilator
def test_blocks_pass(tmp_path: Path) -> None:
    told: list[TestResult] = []
    results = regress([], export_block, tmp_path, cases=SMALL, on_result=told.append)
    assert [result.name for result in results if not result.passed] == []
    assert [(result.block, result.scenario) for result in results] == [
        (case.block, scenario) for case in SMALL for scenario in SCENARIOS
    ]
    assert sorted(map(str, told)) == sorted(map(str, results))
    suites = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert [suite.get("name") for suite in suites] == [case.block for case in SMALL]
    assert sum(int(suite.get("failures", "1")) for suite in suites) == 0


@pytest.mark.verilator
def test_one_broken_gate_is_found(tmp_path: Path) -> None:
    def export_broken(name: str, parameters: Mapping[str, Any], folder: Path) -> None:
        export_block(name, parameters, folder)
        verilog, manifest = folder / "cim_macro.v", folder / "cim_macro.json"
        text = verilog.read_text()
        place = text.rindex(" ^ ")
        broken = f"{text[:place]} | {text[place + 3 :]}"
        verilog.write_text(broken)
        data = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(data | {"content_hash": hashlib.sha256(broken.encode()).hexdigest()}))

    case = Case("cim-macro", "quadrille.tb.test_cim_macro", {"rows": 9, "columns": 5})
    results = regress(["cim-macro"], export_broken, tmp_path, cases=[case], waves=True, seed=7)
    assert len(results) == len(SCENARIOS)
    failed = [result for result in results if not result.passed]
    assert failed
    for result in failed:
        assert result.reason is not None
        assert result.reason.startswith("Mismatch: cim-macro[activation_bits=4 ")
        assert result.command == "quadrille regress cim-macro --seed 7 --waves"
        assert result.wave is not None and result.wave.stat().st_size > 1000
        assert result.log is not None and "cocotb" in result.log.read_text()
        assert str(result).startswith("FAIL ")
        assert result.command in str(result)
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]
    assert suite.get("failures") == str(len(failed))
    assert [case.find("failure") is None for case in suite] == [result.passed for result in results]


@pytest.mark.verilator
def test_a_seed_replays_the_same_failure(
    tmp_path: Path, block_writer: Callable[..., Path], testbench_path: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOUBLER_FAULT", "1")

    def export(name: str, parameters: Mapping[str, Any], folder: Path) -> None:
        block_writer(folder)

    def reasons(seed: int | None, folder: str) -> list[str | None]:
        return [result.reason for result in regress([], export, tmp_path / folder, cases=[DOUBLER], seed=seed)]

    first = reasons(None, "first")
    assert any(first)
    assert reasons(DEFAULT_SEED, "again") == first
    assert reasons(5, "other") != first


def test_what_cannot_be_exported_is_a_failed_build(tmp_path: Path) -> None:
    def export(name: str, parameters: Mapping[str, Any], folder: Path) -> None:
        raise InvalidInput("Parameter rows of cim-macro must be from 1 to 4096, not 0")

    (result,) = regress([], export, tmp_path, cases=[DOUBLER])
    assert (result.scenario, result.passed) == ("build", False)
    assert "must be from 1 to 4096" in str(result)
    assert (tmp_path / "junit.xml").exists()


@pytest.mark.verilator
def test_verilog_that_does_not_compile_is_a_failed_build(
    tmp_path: Path, block_writer: Callable[..., Path], testbench_path: None
) -> None:
    def export(name: str, parameters: Mapping[str, Any], folder: Path) -> None:
        block_writer(folder, "module doubler(input clk; endmodule\n")

    (result,) = regress([], export, tmp_path, cases=[DOUBLER])
    assert result.reason is not None
    assert result.reason.startswith("Simulator of doubler[bits=6] failed to build:\n")
    assert "doubler.v:1" in result.reason


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Block to test must be one of cim-macro, .*, not 'nonsense'$"):
        regress(["nonsense"], export_block, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=r"^Results folder must be writable, and .*file is not: "):
        regress([], export_block, tmp_path / "file")


def test_results_are_written_for_any_reason(tmp_path: Path) -> None:
    result = TestResult("block", {"a": 1}, "flow", 0.5, 3, "Mismatch: <got> \x00\x1b[1m & more\nsecond line")
    write_junit([result], tmp_path / "junit.xml")
    case = ElementTree.parse(tmp_path / "junit.xml").getroot()[0][0]
    assert (case.get("classname"), case.get("name")) == ("block", "block[a=1].flow")
    failure = case.find("failure")
    assert failure is not None and (failure.get("message") or "").startswith("Mismatch: <got>")
    assert [path.name for path in tmp_path.iterdir()] == ["junit.xml"]
