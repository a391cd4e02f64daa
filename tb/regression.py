"""The regression: which testbench plays on which block with which parameters, and the run of all of them."""

from __future__ import annotations

import os
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput, QuadrilleError
from quadrille.sim.toolchain import find_toolchain

from .cases import CASES, Case
from .manifest import Manifest, label
from .runner import Simulator, build, simulate

__all__ = ["DEFAULT_SEED", "ExportBlock", "TestResult", "module_of", "regress", "regress_on", "write_junit"]

#: Fixed, so that two runs of the same sources play the same stimuli.
DEFAULT_SEED = 1

_exporting = threading.Lock()

ExportBlock = Callable[[str, Mapping[str, Any], Path], object]
"""`export_block(name, parameters, folder)` writes Verilog and manifest of a block into `folder`."""


@dataclass(frozen=True)
class TestResult:
    """One scenario on one configuration of a block: passed if `reason` is None.

    `command` replays it with a waveform; `log` is the simulator's output and `wave` the waveform, if there is one;
    `design` is the folder that was tested, where it was there before.
    """

    __test__ = False  # no test class, whatever its name looks like to pytest

    block: str
    parameters: Mapping[str, Any]
    scenario: str
    seconds: float
    seed: int
    reason: str | None
    log: Path | None = field(default=None, compare=False)
    wave: Path | None = field(default=None, compare=False)
    design: Path | None = None

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return self.reason is None

    @property
    def name(self) -> str:
        """Block, parameters or folder, and scenario."""
        what = label(self.block, self.parameters) if self.design is None else f"{self.block}[{self.design}]"
        return f"{what}.{self.scenario}"

    @property
    def command(self) -> str:
        """What plays this test again, with a waveform."""
        what = self.block if self.design is None else f"--on {self.design}"
        return f"quadrille regress {what} --seed {self.seed} --waves"

    def __str__(self) -> str:
        verdict = "pass" if self.passed else "FAIL"
        line = f"{verdict}  {self.seconds:6.2f} s  seed {self.seed}  {self.name}"
        if self.passed:
            return line
        places = [f"log: {self.log}"] if self.log else []
        places += [f"waveform: {self.wave}"] if self.wave else []
        return "\n".join(
            [line, f"      {self.reason}", *(f"      {place}" for place in [f"replay: {self.command}", *places])]
        )


def regress(
    blocks: Sequence[str],
    export_block: ExportBlock,
    folder: Path | str,
    *,
    waves: bool = False,
    seed: int | None = None,
    jobs: int | None = None,
    on_result: Callable[[TestResult], None] | None = None,
    cases: Sequence[Case] = CASES,
) -> list[TestResult]:
    """Export, build and play every case of `blocks` (all, if empty), and return each test's result in their order.

    `folder` receives a folder for each configuration with its design, log and waveform, and `junit.xml`. `on_result`
    is told of each test as soon as its configuration has been played. Configurations are played `jobs` at a time,
    which is the number of processors unless given.

    Raises
    ------
    InvalidInput
        If a block has no testbench, or the folder cannot be written.
    MissingTool
        If the machine lacks g++, make or perl.
    """
    find_toolchain()
    for block in blocks:
        module_of(block, cases)
    folder = _made(folder)
    seed = DEFAULT_SEED if seed is None else seed
    chosen = [case for case in cases if not blocks or case.block in blocks]

    def play(case: Case) -> list[TestResult]:
        results = _play(case, export_block, folder, waves, seed)
        if on_result is not None:
            for result in results:
                on_result(result)
        return results

    # Threads suffice: the work is done by compilers and simulators in processes of their own.
    pool = ThreadPoolExecutor(jobs or os.cpu_count() or 1)
    try:
        results = [result for played in pool.map(play, chosen) for result in played]
    finally:
        # After an interrupt, what runs is awaited and the rest is not begun.
        pool.shutdown(cancel_futures=True)
    write_junit(results, folder / "junit.xml")
    return results


def regress_on(
    design: Path | str,
    folder: Path | str,
    *,
    waves: bool = False,
    seed: int | None = None,
    on_result: Callable[[TestResult], None] | None = None,
    cases: Sequence[Case] = CASES,
) -> list[TestResult]:
    """Build and play the block that was exported to the folder `design`, a netlist of it for example.

    `folder` and `on_result` are as of `regress`.

    Raises
    ------
    InvalidInput
        If there is no such design, its block has no testbench, or the folder cannot be written.
    MissingTool
        If the machine lacks g++, make or perl.
    """
    find_toolchain()
    manifest = Manifest.read(design)
    module = module_of(manifest.block, cases)
    folder = _made(folder)
    results = _tested(
        manifest.block,
        manifest.parameters,
        folder / f"{manifest.block}-{manifest.content_hash[:8]}",
        DEFAULT_SEED if seed is None else seed,
        lambda: build(manifest, waves=waves),
        module,
        Path(design),
    )
    if on_result is not None:
        for result in results:
            on_result(result)
    write_junit(results, folder / "junit.xml")
    return results


def module_of(block: str, cases: Sequence[Case] = CASES) -> str:
    """The testbench of a block; InvalidInput if it has none."""
    known = {case.block: case.module for case in cases}
    if block not in known:
        raise InvalidInput(f"Block to test must be one of {', '.join(known)}, not {block!r}")
    return known[block]


def _made(folder: Path | str) -> Path:
    """The folder of the results, which is made if it is not there."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidInput(f"Results folder must be writable, and {folder} is not: {reason}") from None
    return folder


def _play(case: Case, export_block: ExportBlock, folder: Path, waves: bool, seed: int) -> list[TestResult]:
    """All scenarios of one case."""
    place = folder / _file_name(label(case.block, case.parameters))
    design = place / "design"

    def built() -> Simulator:
        # One at a time: elaboration is not made for threads, and gains nothing from them.
        with _exporting:
            export_block(case.block, case.prepare(place), design)
        return build(Manifest.read(design), waves=waves)

    return _tested(case.block, case.parameters, place, seed, built, case.module)


def _tested(
    block: str,
    parameters: Mapping[str, Any],
    place: Path,
    seed: int,
    built: Callable[[], Simulator],
    module: str,
    design: Path | None = None,
) -> list[TestResult]:
    """All scenarios of a testbench; a fault before the first of them is the result of a test called `build`."""
    started = time.monotonic()
    try:
        place.mkdir(parents=True, exist_ok=True)
        outcomes = simulate(built(), module, seed=seed, folder=place)
    except (QuadrilleError, OSError) as error:
        seconds = time.monotonic() - started
        return [TestResult(block, parameters, "build", seconds, seed, str(error), design=design)]
    log, wave = place / "simulation.log", place / "dump.vcd"
    return [
        TestResult(
            block=block,
            parameters=parameters,
            scenario=outcome.name.rpartition("=")[2],
            seconds=outcome.seconds,
            seed=seed,
            reason=outcome.reason,
            log=log,
            wave=wave if wave.exists() else None,
            design=design,
        )
        for outcome in outcomes
    ]


def write_junit(results: Sequence[TestResult], path: Path) -> None:
    """Write the results as JUnit XML, one suite for each block; the file appears whole or not at all."""
    root = ElementTree.Element("testsuites", name="quadrille regress")
    for block in dict.fromkeys(result.block for result in results):
        members = [result for result in results if result.block == block]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=block,
            tests=str(len(members)),
            failures=str(sum(not result.passed for result in members)),
            errors="0",
            time=f"{sum(result.seconds for result in members):.3f}",
        )
        for result in members:
            case = ElementTree.SubElement(
                suite, "testcase", classname=block, name=result.name, time=f"{result.seconds:.3f}"
            )
            properties = ElementTree.SubElement(case, "properties")
            ElementTree.SubElement(properties, "property", name="seed", value=str(result.seed))
            ElementTree.SubElement(properties, "property", name="command", value=result.command)
            if result.reason is not None:
                failure = ElementTree.SubElement(case, "failure", message=_printable(result.reason.splitlines()[0]))
                failure.text = _printable(result.reason)
    ElementTree.indent(root)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    beside.replace(path)


def _printable(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")


def _file_name(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-=." else "_" for letter in text).strip("_")
