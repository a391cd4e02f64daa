"""The runner: one build for each content, ports alone visible, and failures that say what happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cocotb
import pytest

from quadrille.algo.spec import MissingTool
from quadrille.sim.build import BuildFailed
from quadrille.tb.manifest import Manifest
from quadrille.tb.regression import regress
from quadrille.tb.runner import build, simulate


@cocotb.test()
async def sees_ports_only(dut: Any) -> None:
    assert dut.o__payload is not None
    assert not hasattr(dut, "full")


@pytest.mark.verilator
def test_a_design_is_built_once_and_shows_its_ports_only(
    doubler: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = Manifest.read(doubler)
    simulator = build(manifest)
    executable = simulator.folder / "doubler"
    stamp = executable.stat().st_mtime_ns
    assert build(manifest).folder == simulator.folder
    assert executable.stat().st_mtime_ns == stamp
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    (outcome,) = simulate(simulator, "test_runner", seed=1, folder=tmp_path / "run")
    assert (outcome.name, outcome.reason) == ("sees_ports_only", None)
    assert not (tmp_path / "run" / "dump.vcd").exists()


@pytest.mark.verilator
def test_a_simulation_without_result_is_an_error(doubler: Path, tmp_path: Path) -> None:
    simulator = build(Manifest.read(doubler))
    message = r"^Simulation of doubler\[bits=6\] must end with a result, not without one after "
    with pytest.raises(BuildFailed, match=message) as failure:
        simulate(simulator, "no_such_module", seed=1, folder=tmp_path)
    assert "no_such_module" in str(failure.value)


def test_a_missing_compiler_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match=r"^Program .* must be installed: install the Debian package "):
        regress([], lambda name, parameters, folder: None, tmp_path / "out")
