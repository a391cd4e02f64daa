"""The verb `regress`: the cocotb testbenches of tb on blocks that are exported for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from quadrille.algo.spec import InvalidInput

from .blocks import component
from .generation import TOP, generate
from .results import Result

__all__ = ["BlockTest", "Regression", "regress"]

FOLDER = Path("build/regress")
EDGES_OWN = ("depth", "divisor")
"""Parameters of an edge, beside those of the accelerator within."""


@dataclass(frozen=True)
class BlockTest:
    """One scenario on one configuration of a block."""

    block: str
    parameters: dict[str, Any]
    scenario: str
    seconds: float
    seed: int
    reason: str | None
    command: str
    log: Path | None
    wave: Path | None


@dataclass(frozen=True)
class Regression(Result):
    """All tests that were played."""

    title: ClassVar[str] = "Regression"

    tests: tuple[BlockTest, ...]
    seconds: float
    junit: Path

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return all(test.reason is None for test in self.tests)

    def summary(self) -> Sequence[tuple[str, str]]:
        """How many passed, which failed."""
        failed = [test for test in self.tests if test.reason is not None]
        return [
            ("tests", f"{len(self.tests)} in {self.seconds:.0f} s, {len(failed)} failed"),
            *(("failed", f"{test.block} {test.scenario}: {test.command}") for test in failed),
            ("JUnit XML", str(self.junit)),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Every field, and the verdict."""
        return {"passed": self.passed, **super().as_dict()}


def regress(
    blocks: Sequence[str] = (),
    folder: Path | str | None = None,
    *,
    on: Path | str | None = None,
    waves: bool = False,
    seed: int | None = None,
    jobs: int | None = None,
    on_test: Callable[[str], None] | None = None,
) -> Regression:
    """Play the testbenches of `blocks`, of all if there are none, and write results and logs into `folder`.

    With `on`, the testbench plays on the block that was exported to that folder, such as a netlist, instead. `folder`
    is build/regress by default. `on_test` is given one line for each test when it has ended.

    Raises
    ------
    InvalidInput
        If a block has no testbench, there is no design in `on`, or the folder cannot be written.
    MissingTool
        If a compiler is missing.
    """
    from quadrille.tb.regression import TestResult, regress_on
    from quadrille.tb.regression import regress as play

    started = time.perf_counter()
    folder = FOLDER if folder is None else Path(folder)

    def told(result: TestResult) -> None:
        if on_test is not None:
            on_test(str(result))

    if on is None:
        results = play(blocks, export_block, folder, waves=waves, seed=seed, jobs=jobs, on_result=told)
    elif blocks:
        raise InvalidInput(f"Blocks to test must be none where a folder is tested, not {', '.join(blocks)}")
    else:
        results = regress_on(on, folder, waves=waves, seed=seed, on_result=told)
    tests = tuple(
        BlockTest(
            block=result.block,
            parameters=dict(result.parameters),
            scenario=result.scenario,
            seconds=result.seconds,
            seed=result.seed,
            reason=result.reason,
            command=result.command,
            log=result.log,
            wave=result.wave,
        )
        for result in results
    )
    return Regression(tests, time.perf_counter() - started, folder / "junit.xml")


def export_block(name: str, parameters: Mapping[str, Any], folder: Path) -> None:
    """Write block `name` into `folder` for its testbench.

    With `network` among the parameters, the path of a Network file, it is the accelerator of that network with its
    program, or the edge called `name` around it; the other parameters are as of `generate`, and the edge's own. The
    sequencer and the patch reader, which are no blocks of the catalogue, take the parameters of an accelerator.
    """
    from quadrille.hw.engine.configuration import Configuration
    from quadrille.hw.engine.patches import PatchReader
    from quadrille.hw.engine.sequencer import Sequencer
    from quadrille.hw.export import export

    parts = {"sequencer": Sequencer, "patch-reader": PatchReader}
    if name in parts:
        values: dict[str, Any] = Configuration.defaults() | dict(parameters)
        export(parts[name](Configuration(**values)), folder)
        return
    if "network" not in parameters:
        component(name, folder, parameters)
        return
    shape = {key: value for key, value in parameters.items() if key in ("rows", "columns", "macros")}
    settings = {key: value for key, value in parameters.items() if key not in ("network", *EDGES_OWN, *shape)}
    inner = folder if name == TOP else folder.with_name("accelerator")
    generate(parameters["network"], inner, **shape, settings=settings)
    if name != TOP:
        component(name, folder, {key: parameters[key] for key in EDGES_OWN if key in parameters}, around=inner)
