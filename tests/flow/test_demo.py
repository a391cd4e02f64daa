import functools
from pathlib import Path

import pytest

from quadrille.flow import demo as module
from quadrille.flow.console import play
from quadrille.flow.training import train


def test_folder_without_network_is_not_trained(tmp_path: Path) -> None:
    assert not module.is_trained(tmp_path)
    (tmp_path / "network.safetensors").write_text("half")
    assert not module.is_trained(tmp_path)


@pytest.mark.slow
@pytest.mark.verilator
def test_demo_ends_with_the_table_and_reuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "train", functools.partial(train, epochs=2))
    assert play(module.demo, ["-o", str(tmp_path)]) == 0
    out, err = capfd.readouterr()
    assert [line.split()[0] for line in err.splitlines() if line[0] != " "] == ["train", "generate", "verify", "report"]
    for label in ("float accuracy", "integer accuracy", "RTL accuracy", "images compared", "mismatches         0"):
        assert label in out
    for line in out.splitlines():
        name, _, path = line.strip().rpartition("  ")
        if name.strip() in ("network", "Verilog file", "manifest", "report", "waveform"):
            assert Path(path).is_file(), line
    before = (tmp_path / "network.safetensors").stat().st_mtime_ns
    assert play(module.demo, ["-o", str(tmp_path)]) == 0
    assert "is there and is used" in capfd.readouterr().err
    assert (tmp_path / "network.safetensors").stat().st_mtime_ns == before
