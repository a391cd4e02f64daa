"""From an exported folder to a shared library: Verilator, the C++ compiler, and a cache in front of both."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from quadrille.algo.spec import InvalidInput, QuadrilleError

from .cache import cached, content_key
from .driver import TRACE_KINDS, driver_sources
from .manifest import Manifest, read_manifest
from .toolchain import Toolchain, find_toolchain, require_wave_headers

__all__ = ["SAIF_FLAGS", "BuildFailed", "Progress", "build", "is_built"]

Progress = Callable[[str], None]
"""Told in a few words what is being done."""

Driver = Callable[[Manifest, str | None], dict[str, str]]
"""The C++ around a design, by the names of its files, for waveforms of a kind or none."""

VERILATOR_FLAGS = (
    *("-O3", "--x-assign", "fast", "--x-initial", "fast", "--timescale", "1ns/1ps", "-Wno-fatal"),
    # The compiler's time grows faster than a function: an accelerator in pieces builds sooner and runs as fast.
    *("--output-split-cfuncs", "5000"),
)
TRACE_FLAGS = ("--no-trace-top", "--trace-max-width", "65536", "--trace-max-array", "1024")
SAIF_FLAGS = (*TRACE_FLAGS, "--trace-underscore", "-fno-gate")
"""Nets that a synthesizer named begin with an underscore; each is kept, or what made it would be worked out twice."""

COMMON = ("-std=gnu++17", "-march=native", "-fPIC", "-fvisibility=hidden")
FAST, SLOW, RUNTIME = ("-O3", *COMMON), ("-O0", *COMMON), ("-O1", *COMMON)
TRACED = ("-O0", *COMMON)
"""A model with waveforms plays a few images: what counts is how soon it is there. One that counts plays many."""

LIBRARY = "model.so"
WHOLE = 300_000
"""Bytes of generated C++ up to which its fast part and the driver are one unit, so that the compiler can inline it."""


class BuildFailed(QuadrilleError, RuntimeError):
    """A tool refused its input: the step, and the end of what the tool said."""


def build(
    folder: Path | str | Manifest,
    *,
    trace: str | None = None,
    driver: Driver = driver_sources,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """The shared library that simulates the design exported to `folder`, built if the cache has none.

    `driver` gives the C++ around the design, by default that of its streams; `jobs` compilers run side by side, by
    default one for each processor. `trace` is "vcd" or "fst" for a model that can write waveforms of that kind, at a
    cost in speed, or "saif" for one that counts how often each bit switches. The key of the cache is the Verilog, the
    driver, the flags, the versions of the tools and the processor's features.

    Raises
    ------
    InvalidInput
        If the folder is no exported design, or `trace` no kind of waveform.
    MissingTool
        If a program or header is missing.
    BuildFailed
        If a tool fails.
    """
    if trace is not None and trace not in TRACE_KINDS:
        raise InvalidInput(f"Waveform kind must be one of {', '.join(TRACE_KINDS)}, not {trace!r}")
    manifest = folder if isinstance(folder, Manifest) else read_manifest(folder)
    toolchain = find_toolchain()
    sources = _sources(manifest, trace, driver)
    key = _model_key(toolchain, sources, trace)

    def make(staging: Path) -> None:
        if trace is not None:
            require_wave_headers(toolchain, trace)
        runtimes = {"runtime": _runtime(toolchain, None, progress)}
        if trace is not None:
            runtimes["trace"] = _runtime(toolchain, trace, progress)
        # Not in the cache: make refuses folders with a blank in their path, and users may have such a home.
        with tempfile.TemporaryDirectory(prefix="quadrille-") as work:
            library = _compile(
                toolchain, manifest, sources, runtimes, trace, Path(work), jobs or os.cpu_count() or 2, progress
            )
            shutil.copyfile(library, staging / LIBRARY)

    return cached("models", key, make) / LIBRARY


def is_built(folder: Path | str, *, trace: str | None = None) -> bool:
    """Whether the cache has the model already, so that a caller can say what a start will take."""
    from .cache import cache_folder

    manifest = read_manifest(folder)
    key = _model_key(find_toolchain(), _sources(manifest, trace, driver_sources), trace)
    return (cache_folder() / "models" / key / LIBRARY).exists()


def _sources(manifest: Manifest, trace: str | None, driver: Driver) -> dict[str, str]:
    """Everything that is compiled, by the name it has in the build folder."""
    texts = {"design.v": manifest.verilog_text(), "design.vlt": manifest.control_text()}
    return texts | driver(manifest, trace)


def _fast(trace: str | None) -> tuple[str, ...]:
    """Flags of what runs in every cycle."""
    return FAST if trace is None else RUNTIME if trace == "saif" else TRACED


def _trace_flags(trace: str | None) -> tuple[str, ...]:
    if trace is None:
        return ()
    return (f"--trace-{trace}", *(SAIF_FLAGS if trace == "saif" else TRACE_FLAGS))


def _model_key(toolchain: Toolchain, sources: dict[str, str], trace: str | None) -> str:
    flags = [VERILATOR_FLAGS, _trace_flags(trace), _fast(trace), SLOW, RUNTIME, trace]
    return content_key([sources, flags, toolchain.versions])


def _compile(
    toolchain: Toolchain,
    manifest: Manifest,
    sources: dict[str, str],
    runtimes: dict[str, Path],
    trace: str | None,
    work: Path,
    jobs: int,
    progress: Progress | None,
) -> Path:
    """Verilate, compile and link in the folder `work`; the library."""
    for name, text in sources.items():
        (work / name).write_text(text, encoding="utf-8")
    flags = [*VERILATOR_FLAGS, *_trace_flags(trace)]
    design = ["--cc", "--top-module", manifest.top, "--prefix", "Model", "--Mdir", ".", "design.vlt", "design.v"]
    _tell(progress, f"translating {manifest.top} to C++")
    _call("Verilator", toolchain, [str(toolchain.verilator), *flags, *design], work)
    _follow_names(work)
    _tell(progress, f"compiling {manifest.top}")
    # By links, as make does not quote paths and these may hold blanks.
    (work / "verilator").symlink_to(toolchain.verilator_root)
    for name, folder in runtimes.items():
        (work / name).symlink_to(folder)
    (work / "Makefile").write_text(_makefile(work, trace), encoding="utf-8")
    _call("C++ compiler", toolchain, [str(toolchain.make), "--silent", f"-j{jobs}", f"CXX={toolchain.compiler}"], work)
    return work / LIBRARY


def _follow_names(work: Path) -> None:
    """Call ports in the driver as Verilator does: names that are words of C++, or common in it, get a prefix."""
    ports = (work / "ports.h").read_text(encoding="utf-8")
    for name in re.findall(r"&__SYM__(\w+)", (work / "Model.h").read_text(encoding="utf-8")):
        ports = re.sub(rf"\btop\.{name}\b", f"top.__SYM__{name}", ports)
    (work / "ports.h").write_text(ports, encoding="utf-8")


def _makefile(work: Path, trace: str | None) -> str:
    """A makefile for the C++ that Verilator wrote into `work` and the driver.

    Verilator's own would do, but compiles its headers anew in every build; here they are precompiled with the runtime.
    """
    slow = sorted(path.name for path in work.glob("Model*.cpp") if path.stem.endswith("Slow"))
    rest = [path for path in work.glob("Model*.cpp") if path.name not in slow]
    # The largest first: it then does not run alone at the end.
    fast = [path.name for path in sorted(rest, key=lambda path: (-path.stat().st_size, path.name))]
    units: dict[str, list[str]] = {}
    if sum((work / name).stat().st_size for name in fast) <= WHOLE:
        units["fast.cpp"] = [*fast, "driver.cpp"]
    else:
        units |= {f"fast-{index}.cpp": [name] for index, name in enumerate([*fast, "driver.cpp"])}
    units["slow.cpp"] = slow
    for unit, names in units.items():
        (work / unit).write_text("".join(f'#include "{name}"\n' for name in names), encoding="utf-8")
    objects = [unit.replace(".cpp", ".o") for unit in units]
    libraries = ["-pthread", *(["-llz4", "-lz"] if trace == "fst" else [])]
    rules = [f"{LIBRARY}: {' '.join(objects)}"]
    archives = ["runtime/runtime.a", *(["trace/runtime.a"] if trace else [])]
    flags = ["-Wl,-Bsymbolic", "-Wl,--start-group", *archives, "-Wl,--end-group", *libraries]
    rules += [f"\t$(CXX) -shared -o $@ $^ {' '.join(flags)}"]
    for unit, target in zip(units, objects, strict=True):
        kind, flags = ("slow", SLOW) if unit == "slow.cpp" else ("fast", _fast(trace))
        compiled = " ".join(_compile_flags(flags, trace))
        headers = f"-I{'trace' if trace else 'runtime'}/{kind} -include runtime.h"
        rules += [f"{target}: {unit}", f"\t$(CXX) {compiled} {headers} -c -o $@ $<"]
    return "\n".join(rules) + "\n"


def _compile_flags(flags: Sequence[str], trace: str | None) -> list[str]:
    """Flags of every compilation; those of a precompiled header and of its users must be the same."""
    defines = ["VERILATOR=1", "VM_COVERAGE=0", "VM_SC=0", "VM_TIMING=0", f"VM_TRACE={int(trace is not None)}"]
    defines += [f"VM_TRACE_{kind.upper()}={int(kind == trace)}" for kind in TRACE_KINDS]
    return [*flags, *(f"-D{define}" for define in defines), "-I.", "-Iverilator/include", "-Iverilator/include/vltstd"]


def _runtime(toolchain: Toolchain, trace: str | None, progress: Progress | None) -> Path:
    """A folder with Verilator's own runtime and precompiled headers; for waveforms, with what they need besides."""
    names = [f"verilated_{trace}_c"] if trace else ["verilated", "verilated_threads"]
    headers = ["verilated.h", *([TRACE_KINDS[trace][0]] if trace else []), "memory", "tuple", "utility"]
    header = "".join(f"#include <{name}>\n" for name in headers)
    # Unoptimised, both parts of a model have the same flags and share one header.
    kinds = {"fast": _fast(trace)} | ({"slow": SLOW} if _fast(trace) != SLOW else {})
    key = content_key([names, header, kinds, RUNTIME, toolchain.versions])

    def make(staging: Path) -> None:
        _tell(progress, "compiling Verilator's runtime, once")
        compiler = str(toolchain.compiler)
        (staging / "verilator").symlink_to(toolchain.verilator_root)
        commands: list[list[str]] = []
        for name in names:
            source = f"verilator/include/{name}.cpp"
            commands += [[compiler, *_compile_flags(RUNTIME, trace), "-c", source, "-o", f"{name}.o"]]
        for kind, flags in kinds.items():
            (staging / kind).mkdir()
            (staging / kind / "runtime.h").write_text(header, encoding="utf-8")
            target = ["-x", "c++-header", f"{kind}/runtime.h", "-o", f"{kind}/runtime.h.gch"]
            commands += [[compiler, *_compile_flags(flags, trace), *target]]
        _call_together("C++ compiler", toolchain, commands, staging)
        objects = [f"{name}.o" for name in names]
        _call("Archiver", toolchain, [str(toolchain.archiver), "rcs", "runtime.a", *objects], staging)
        for rest in [*objects, "verilator", *(path.name for path in staging.glob("log-*"))]:
            (staging / rest).unlink()
        if "slow" not in kinds:
            (staging / "slow").symlink_to("fast")

    return cached("runtimes", key, make)


def _call(step: str, toolchain: Toolchain, command: Sequence[str], work: Path) -> None:
    _call_together(step, toolchain, [command], work)


def _call_together(step: str, toolchain: Toolchain, commands: Sequence[Sequence[str]], work: Path) -> None:
    """Run `commands` side by side; BuildFailed with the end of the log of the first that fails."""
    running: list[tuple[subprocess.Popen[bytes], Path]] = []
    try:
        for index, command in enumerate(commands):
            log = work / f"log-{index}.txt"
            with log.open("wb") as sink:
                # A session of its own, so that an interrupt can end a whole tree of make and compilers.
                process = subprocess.Popen(
                    command,
                    cwd=work,
                    env=toolchain.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            running.append((process, log))
        for process, log in running:
            if process.wait() != 0:
                tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
                raise BuildFailed(f"{step} failed with status {process.returncode}:\n{tail}")
    finally:
        for process, _ in running:
            if process.poll() is None:
                os.killpg(process.pid, 15)
                process.wait()


def _tell(progress: Progress | None, message: str) -> None:
    if progress is not None:
        progress(message)
