import json
import re
from pathlib import Path
from typing import Any

import pytest

from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.regression import regress
from quadrille.tb import regression as testbenches
from quadrille.tb.regression import TestResult


def played(reason: str | None) -> Any:
    """A stand-in for the testbenches: one block is exported, one test is told of."""

    def regress_(
        blocks: Any, export_block: Any, folder: Path, *, on_result: Any, seed: Any, **_: Any
    ) -> list[TestResult]:
        export_block("column-reader", {"columns": 4, "lanes": 2}, folder / "design")
        result = TestResult("column-reader", {"columns": 4}, "random", 0.5, seed or 1, reason)
        if on_result is not None:
            on_result(result)
        return [result]

    return regress_


def test_verdicts_are_told_and_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testbenches, "regress", played(None))
    lines: list[str] = []
    result = regress(("column-reader",), tmp_path, on_test=lines.append)
    assert result.passed
    assert len(lines) == 1 and lines[0].startswith("pass ")
    assert "1 in " in str(result)
    assert (tmp_path / "design" / "column_reader.v").is_file()


@pytest.mark.parametrize(("reason", "status"), [(None, 0), ("expected 1, got 2", 1)])
def test_status_says_whether_all_passed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    reason: str | None,
    status: int,
) -> None:
    monkeypatch.setattr(testbenches, "regress", played(reason))
    assert play(cli, ["regress", "--seed", "7", "-o", str(tmp_path), "--json"]) == status
    out, err = capfd.readouterr()
    result = json.loads(out)
    assert result["passed"] is (status == 0)
    assert result["tests"][0]["seed"] == 7
    assert "column-reader" in err
    assert play(cli, ["regress", "-o", str(tmp_path)]) == status
    failed = re.search(r"failed +column-reader random: quadrille regress", capfd.readouterr().out)
    assert bool(failed) is (status == 1)
