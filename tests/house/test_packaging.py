"""What is on disk is what is packaged."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("algo", "hw", "sim", "tb", "flow", "boards")
DATA = ("py.typed", ".j2", ".cpp", ".h", ".v")


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def packages_on_disk() -> set[str]:
    files = (path for room in ROOMS for path in (ROOT / room).rglob("__init__.py"))
    return {".".join(("quadrille", *path.parent.relative_to(ROOT).parts)) for path in files}


def test_packages_listed_are_packages_on_disk(project: dict) -> None:
    assert set(project["tool"]["setuptools"]["packages"]) == packages_on_disk()


def test_every_folder_with_sources_is_a_package() -> None:
    folders = {path.parent for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_rooms_are_typed() -> None:
    assert [room for room in ROOMS if not (ROOT / room / "py.typed").exists()] == []


def test_wheel_carries_every_module(project: dict, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    ignored = shutil.ignore_patterns("__pycache__")
    for room in ROOMS:
        shutil.copytree(ROOT / room, tree / room, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "-w", tmp_path, tree], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    carried = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f"quadrille/{path.relative_to(tree)}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if (path.suffix == ".py" or path.name.endswith(DATA)) and "__pycache__" not in path.parts
        for path in [tree / path.relative_to(ROOT)]
    }
    assert expected - carried == set()
    assert not any(name.startswith(("tests/", "bench/")) for name in carried)


def test_every_dependency_has_a_reason(project: dict) -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    named = [i for i, line in enumerate(lines) if line.startswith('    "') and any(c in line for c in "<>=")]
    # A comment stands over each dependency, or over the group of lines it belongs to.
    for index in named:
        above = index - 1
        while lines[above].startswith('    "'):
            above -= 1
        assert lines[above].lstrip().startswith("#"), lines[index]
    assert len(named) >= len(project["project"]["dependencies"])


def test_lock_pins_every_dependency_exactly(project: dict) -> None:
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert all(line.count("==") == 1 for line in lines)
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    groups = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    for requirement in (line for group in groups for line in group):
        name = requirement.lower().partition("[")[0].partition(">")[0].partition("=")[0]
        assert name in pinned, f"{name} is not in requirements.lock"
