"""The README is followed word by word: its commands are run and its code is executed."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

import quadrille.flow
from quadrille.flow.command_line import cli
from quadrille.flow.console import play

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CHAIN = ("train", "inspect", "generate", "verify", "report")
FAST = ("fit", "component-list", "component")


def blocks() -> dict[str, tuple[str, str]]:
    """Command and shown output of each console block, by its mark."""
    found = re.findall(r"<!-- ([a-z-]+) -->\n```console\n\$ (.*?)\n(.*?)```", README, re.DOTALL)
    return {name: (command, output) for name, command, output in found}


def commands() -> list[str]:
    """Every `quadrille ...` that the README shows, in blocks and within sentences."""
    shown = [command for command, _ in blocks().values()]
    shown += re.findall(r"`(quadrille [a-z][^`]*)`", README)
    return [command for command in shown if "..." not in command and "NAME" not in command]


def masked(text: str) -> list[str]:
    """Lines with every number hidden, for output that depends on the machine."""
    hidden = (re.sub(r"[-+]?\d[\d.,]*( [kM]?B)?", "#", line) for line in text.strip().splitlines())
    return [re.sub(r"-{2,}", "-", re.sub(r"\s+", " ", line)).strip() for line in hidden]


def test_all_blocks_are_there() -> None:
    assert set(blocks()) == {*CHAIN, *FAST}


@pytest.mark.parametrize("command", commands())
def test_command_is_accepted(command: str) -> None:
    arguments = shlex.split(command)[1:]
    with click.Context(cli, info_name="quadrille") as context:
        name, verb, rest = cli.resolve_command(context, arguments)
        assert verb is not None
        try:
            verb.make_context(name, rest, parent=context)
        except click.MissingParameter:
            pass  # a verb named in a sentence, without its arguments
        except click.exceptions.Exit:
            pass  # --help


@pytest.mark.parametrize("name", FAST)
def test_output_is_the_one_shown(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command, shown = blocks()[name]
    assert play(cli, shlex.split(command)[1:]) == 0
    assert capfd.readouterr().out.strip() == shown.strip()


@pytest.mark.slow
@pytest.mark.verilator
def test_chain_is_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for name in CHAIN:
        command, shown = blocks()[name]
        assert play(cli, shlex.split(command)[1:]) == 0
        assert masked(capfd.readouterr().out) == masked(shown)
    # The same from Python, but for the training, which has just been done.
    (code,) = re.findall(r"```python\n(from quadrille\.flow import .*?)```", README, re.DOTALL)
    monkeypatch.setattr(quadrille.flow, "train", lambda recipe, folder: None, raising=False)
    exec(compile(code, "README.md, from Python", "exec"), {})
    assert re.match(r"0\.\d+ 0 \{'predicted': ([\d.]+), 'simulated': \1\}$", capfd.readouterr().out)


@pytest.mark.verilator
def test_component_of_the_readme_agrees_with_its_twin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    parts = re.findall(r"<!-- file: (\w+) -->\n```python\n(.*?)```", README, re.DOTALL)
    assert [name for name, _ in parts] == ["twin", "hardware", "comparison"]
    names: dict[str, Any] = {}
    for name, code in parts:
        exec(compile(code, f"README.md, {name}", "exec"), names)
    assert capfd.readouterr().out == "65536 values agree, latency 1\n"


def test_make_goals_exist() -> None:
    shown = re.findall(r"(?:`|^    )make ([a-z][a-z -]*)", README, re.MULTILINE)
    goals = {goal for goals in shown for goal in goals.split("  ")[0].split()}
    assert "demo" in goals
    makefile = (ROOT / "Makefile").read_text()
    assert [goal for goal in goals if not re.search(rf"^{goal}:", makefile, re.MULTILINE)] == []


def test_files_named_exist() -> None:
    named = re.findall(r"`((?:algo|hw|sim|tb|boards|flow|bench|tests)/[\w/.]*)`", README)
    invented = {"hw/dequant/narrower.py"}
    assert [name for name in named if name not in invented and not (ROOT / name).exists()] == []


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert [target for target in targets if "://" not in target and not (ROOT / target).exists()] == []
