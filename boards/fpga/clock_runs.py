"""What clocks are predicted from: macros and accelerators that were placed and routed, in a table."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quadrille.hw.cim import CimMacro
from quadrille.hw.engine import Accelerator, Configuration
from quadrille.hw.engine.cuts import STEPS
from quadrille.hw.export import export

from .devices import find_device
from .place_and_route import Placed, place_and_route
from .registered_ports import registered_ports

__all__ = ["FAST", "RUNS", "TABLE", "Clocked", "Run", "configuration_of", "measure", "read_table", "table_text"]

TABLE = Path(__file__).with_name("clock_table.json")
DEVICE = "LFE5U-85F"
AIM = 200e6
"""Hz that place and route works towards: more than it reaches."""
TAG_BITS = 16
TOP = "clocked"

SMALL = {
    "frames": 8,
    "input_words": 16,
    "feature_words": 16,
    "accumulators": 16,
    "steps": 4,
    "table_rows": 16,
    "bias_rows": 8,
    "weight_tiles": 4,
    "weight_rows": 64,
    "accumulator_bits": 24,
    "bias_bits": 24,
}
"""Of an accelerator: memories so small that they do not matter, numbers as they usually are."""


@dataclass(frozen=True)
class Run:
    """A design to place and route: an `accelerator` or its `macro`, cut by a step of `STEPS`; `seed`: the placer's."""

    design: str
    rows: int
    columns: int
    cuts: int
    lanes: int = 0
    step: int = 0
    seed: int = 1


@dataclass(frozen=True)
class Clocked:
    """A run and what came of it: the clock reached in Hz, and what was taken."""

    run: Run
    clock_hz: float
    luts: int
    flip_flops: int

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Clocked:
        """What `table_text` wrote."""
        return cls(**{**record, "run": Run(**record["run"])})


FAST = len(STEPS) - 1
"""The step of macros: that with a flip-flop for each row of cells."""

RUNS: tuple[Run, ...] = (
    *(Run("macro", 16, 4, 1, step=FAST, seed=seed) for seed in (1, 2, 3)),
    *(Run("macro", 16, 4, cuts, step=FAST) for cuts in (0, 3)),
    *(Run("accelerator", 8, 4, 1, lanes=1, step=step) for step in (3, 0, 1, 2)),
    *(Run("accelerator", 8, 4, 0, lanes=1, step=3, seed=seed) for seed in (1, 2)),
    *(Run("accelerator", 8, 4, 1, lanes=1, step=step, seed=2) for step in (1, 2)),
    Run("macro", 64, 4, 5, step=FAST),
    *(Run("macro", 64, 32, 5, step=FAST, seed=seed) for seed in (1, 2)),
    Run("macro", 64, 4, 1, step=FAST),
    Run("accelerator", 32, 8, 3, lanes=2, step=3),
)
"""What the table holds when it is complete, in the order in which it is made; macros have two weight planes."""


def configuration_of(run: Run) -> Configuration:
    """The configuration of the run's accelerator, or of one that has its macro."""
    values = {"rows": run.rows, "columns": run.columns, "cuts": run.cuts, "lanes": max(1, run.lanes)}
    return Configuration(
        **{**Configuration.defaults(), **SMALL, **STEPS[run.step], "word": max(16, run.rows), **values}
    )


def measure(run: Run, timeout: float = 7200.0) -> tuple[Clocked, Placed]:
    """Place and route a run on an LFE5U-85F of the slowest grade, alone, between registers.

    Raises
    ------
    InvalidInput, MissingTool
        As `place_and_route`.
    """
    configuration = configuration_of(run)
    if run.design == "macro":
        block: Any = CimMacro(
            rows=run.rows,
            columns=run.columns,
            cuts=run.cuts,
            planes=configuration.weight_planes,
            tag_bits=TAG_BITS,
            row_enables=configuration.row_enables,
        )
    else:
        block = Accelerator(**configuration.values)
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        folder = Path(name)
        verilog = export(block, folder) / f"{block.block_name.replace('-', '_')}.v"
        manifest = json.loads(verilog.with_suffix(".json").read_text(encoding="utf-8"))
        around = folder / f"{TOP}.v"
        around.write_text(registered_ports(manifest, verilog.stem, TOP), encoding="utf-8")
        placed = place_and_route([verilog, around], TOP, find_device(DEVICE), AIM, seed=run.seed, timeout=timeout)
    assert placed.clock_hz is not None
    taken = placed.resources
    return Clocked(run, placed.clock_hz, taken.luts or 0, taken.flip_flops), placed


def read_table(path: Path = TABLE) -> tuple[Clocked, ...]:
    """The runs that are there."""
    return tuple(Clocked.of_record(record) for record in json.loads(path.read_text(encoding="utf-8")))


def table_text(table: Sequence[Clocked]) -> str:
    """The file of a table: a line for each run."""
    lines = ",\n".join(json.dumps(asdict(each), sort_keys=True) for each in table)
    return f"[\n{lines}\n]\n"
