"""Checkpoints: whole or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from quadrille.algo.nn.checkpoint import load_checkpoint, save_checkpoint
from quadrille.algo.spec import InvalidInput


def test_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    assert load_checkpoint(path, {"seed": 1}) is None
    save_checkpoint(path, {"recipe": "tiny", "seed": 1}, {"epoch": 3})
    assert load_checkpoint(path, {"recipe": "tiny", "seed": 1}) == {"epoch": 3}
    with pytest.raises(InvalidInput, match=r"^Checkpoint '.*' must be of the same run \(seed 2\), not of seed 1$"):
        load_checkpoint(path, {"recipe": "tiny", "seed": 2})


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"^Checkpoint '.*' must be a file that training wrote, and is not$"):
        load_checkpoint(path, {})
    torch.save([1, 2], path)
    with pytest.raises(InvalidInput, match=r"^Checkpoint '.*' must be a file that training wrote, and is not$"):
        load_checkpoint(path, {})


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {}, {"model": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InvalidInput, match=r"^Checkpoint '.*' must be a file that training wrote, and is not$"):
        load_checkpoint(path, {})


def test_unwritable_checkpoint_is_refused_and_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {}, {"epoch": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InvalidInput, match=r"^Checkpoint '.*' must be writable: No space left on device$"):
        save_checkpoint(path, {}, {"epoch": 2})
    assert load_checkpoint(path, {}) == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=r"^Checkpoint '.*' must be writable: File exists$"):
        save_checkpoint(tmp_path / "file" / "checkpoint.pt", {}, {})
