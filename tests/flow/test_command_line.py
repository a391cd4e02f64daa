"""Commands as a user types them: what they print, and how they refuse."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quadrille.algo.integer.network_file import write_network
from quadrille.algo.spec import InvalidInput, Network
from quadrille.flow import component, components
from quadrille.flow.command_line import cli
from quadrille.flow.console import play

MAIN = "from quadrille.flow.command_line import main; main()"
MACRO = ("--set", "rows=8", "--set", "columns=4", "--set", "activation_bits=2")


def run(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    status = play(cli, [str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    return status, out, err


def test_components_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capfd, "component", "--list")
    assert status == 0
    assert "cim-macro" in out
    status, out, _ = run(capfd, "component", "--list", "--json")
    assert [entry["name"] for entry in json.loads(out)["components"]] == sorted(
        entry["name"] for entry in components().components
    )


def test_help_of_a_component_shows_every_parameter(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capfd, "component", "cim-macro", "--help")
    assert status == 0
    (described,) = components("cim-macro").components
    for parameter in described["parameters"]:
        line = next(line for line in out.splitlines() if line.startswith(f"{parameter['name']} "))
        assert f" {parameter['default']} " in line
        assert parameter["range"].split()[0] in line


def test_component_is_written(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, out, err = run(capfd, "component", "cim-macro", *MACRO, "-o", tmp_path / "macro", "--json")
    assert (status, err) == (0, "")
    result = json.loads(out)
    assert result["parameters"]["rows"] == 8
    assert all(Path(path).is_file() for path in result["files"])
    manifest = json.loads((tmp_path / "macro" / "cim_macro.json").read_text())
    assert manifest["content_hash"] == result["content_hash"]
    same = component("cim-macro", tmp_path / "again", {"rows": 8, "columns": 4, "activation_bits": 2})
    assert same.content_hash == result["content_hash"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["component", "cim-makro", "-o", "x"], "Component must be one of "),
        (["component", "cim-makro", "--help"], "Component must be one of "),
        (["component", "cim-macro", "--set", "row=3", "-o", "x"], "Parameter of cim-macro must be one of rows, "),
        (
            ["component", "cim-macro", "--set", "rows=0", "-o", "x"],
            "Parameter rows of cim-macro must be from 1 to 4096, not 0",
        ),
        (
            ["component", "cim-macro", "--set", "rows=x", "-o", "x"],
            "Parameter rows of cim-macro must be an integer, not 'x'",
        ),
        (["component", "cim-macro", "--set", "rows", "-o", "x"], "Setting must be written name=value, not 'rows'"),
        (["component", "cim-macro"], "Output folder must be given with -o"),
        (["component"], "Component must be named, and --list shows all names"),
        (["component", "cim-macro", *MACRO, "-o", "/proc/x"], "Output folder must be writable, and /proc/x is not: "),
        (["train", "mnist", "-o", "x"], "Recipe must be one of digits-mlp, "),
        (["inspect", "x"], "Network file x: must be a file, and does not exist"),
        (["generate", "x", "-o", "y"], "Network file x: must be a file, and does not exist"),
        (["verify", "x"], "Accelerator's description must be readable, and x/generation.json is not: "),
        (["report", "x"], "Accelerator's description must be readable, and x/generation.json is not: "),
        (["regress", "x"], "Block to test must be one of "),
        (["verify"], "Missing argument 'FOLDER' (see quadrille verify --help)"),
        (["verify", "x", "--images", "y"], "Invalid value for '--images': 'y' is not a valid integer (see quadrille "),
        (
            ["generate", "x", "--accelerator", "hw", "--set", "lanes=8", "-o", "y"],
            "option --set is for hardware that is written anew, not for --accelerator (see quadrille generate --help)",
        ),
        (
            ["explore", "x", "--clock", "0", "-o", "y"],
            "Invalid value for '--clock': '0' must be a positive frequency",
        ),
        (["fly"], "No such command 'fly' (see quadrille --help)"),
    ],
)
def test_fault_is_one_sentence_and_leaves_nothing(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capfd, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"quadrille: {sentence}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["component"], r"^Component must be named, and --list shows all names$"),
        (["component", "cim-macro"], r"^Output folder must be given with -o$"),
    ],
)
def test_incomplete_component_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        cli.main(arguments, standalone_mode=False)


def test_inspection_is_json(capfd: pytest.CaptureFixture[str], small_network: Network, tmp_path: Path) -> None:
    path = write_network(small_network, tmp_path / "network.safetensors")
    status, out, err = run(capfd, "inspect", path, "--json")
    assert (status, err) == (0, "")
    assert [node["name"] for node in json.loads(out)["nodes"]] == [node.name for node in small_network.nodes]


@pytest.mark.parametrize("cut", [0, 7, 100, -1])
def test_truncated_network_is_refused(
    capfd: pytest.CaptureFixture[str], small_network: Network, tmp_path: Path, cut: int
) -> None:
    path = write_network(small_network, tmp_path / "network.safetensors")
    path.write_bytes(path.read_bytes()[:cut])
    status, out, err = run(capfd, "generate", path, "-o", tmp_path / "hw")
    assert (status, out) == (2, "")
    assert err.startswith(f"quadrille: Network file {path}: must be a whole safetensors file, and is not")
    assert not (tmp_path / "hw").exists()


def test_reader_of_the_output_may_leave() -> None:
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(MAIN)} --help | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.stderr == ""


def test_interrupt_leaves_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "macro"
    component("cim-macro", folder, {"rows": 8, "columns": 4})
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    arguments = ["component", "cim-macro", "--set", "rows=512", "--set", "columns=512", "-o", str(folder)]
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    time.sleep(1.5)  # imports are done or not: both must end well
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    if process.returncode != 0:  # not already done
        assert process.returncode == 130
        assert "Traceback" not in err
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
