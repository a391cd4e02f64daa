"""The table of syntheses: a row for each component of each sample and target, keyed by what was synthesized."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput
from quadrille.hw.engine import Configuration

from ..targets import CellLibrary, find_target
from .components import parts_of
from .measurement import MEASURED, Design, design_of, gate_area, measure_components, measure_whole
from .samples import SAMPLES, WHOLE_SAMPLES, is_held_out, is_synthesized, sampled

__all__ = ["FOLDER", "WHOLE", "Row", "Table", "Task", "Work"]

FOLDER = Path(__file__).parent
WHOLE = "accelerator"
"""The component that is all of them, synthesized as one."""
FITTED_WHOLES = (0, 12)
"""Samples beside those that are held out whose whole is measured too, for what components have in common."""


@dataclass(frozen=True)
class Row:
    """What one component of sample number `sample` takes of `target`; `digest` is that of its Verilog."""

    target: str
    sample: int
    component: str
    digest: str
    figures: Mapping[str, float]

    @property
    def key(self) -> tuple[str, int, str]:
        """What there is one row for."""
        return self.target, self.sample, self.component


class Table:
    """The rows, and the configurations and targets that they are about."""

    def __init__(self, rows: Iterable[Row], samples: Sequence[Configuration], gates: Mapping[str, float]):
        self.rows = {row.key: row for row in rows}
        self.samples, self.gates = list(samples), dict(gates)

    @classmethod
    def read(cls, folder: Path = FOLDER) -> Table:
        """The table in `folder`; an empty one if there is none."""
        if not (folder / "table.csv").is_file():
            return cls((), (), {})
        with (folder / "table.csv").open(encoding="utf-8", newline="") as text:
            rows = [_row(record) for record in csv.DictReader(text)]
        record = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
        return cls(rows, [Configuration.from_record(each) for each in record["samples"]], record["gates"])

    def write(self, folder: Path = FOLDER) -> None:
        """Both files, each as a whole."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["target", "sample", "component", "digest", *MEASURED])
        for row in sorted(self.rows.values(), key=lambda row: row.key):
            figures = [_number(row.figures.get(name)) for name in MEASURED]
            writer.writerow([row.target, row.sample, row.component, row.digest, *figures])
        lines = ",\n".join(f"  {json.dumps(each.record(), sort_keys=True)}" for each in self.samples)
        samples = f'{{\n "gates": {json.dumps(self.gates)},\n "samples": [\n{lines}\n ]\n}}\n'
        for name, contents in (("table.csv", text.getvalue()), ("samples.json", samples)):
            (folder / f"{name}.new").write_text(contents, encoding="utf-8")
            (folder / f"{name}.new").replace(folder / name)

    def add(self, rows: Iterable[Row]) -> None:
        """Rows in the place of those that there are for the same."""
        self.rows.update((row.key, row) for row in rows)

    def without_others(self, wanted: Iterable[tuple[str, int, str]]) -> None:
        """Forget rows that are not `wanted`, of targets and samples that are."""
        kept = set(wanted)
        about = {key[:2] for key in kept}
        self.rows = {key: row for key, row in self.rows.items() if key in kept or key[:2] not in about}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _row(record: Mapping[str, str]) -> Row:
    figures = {name: float(record[name]) for name in MEASURED if record[name]}
    return Row(record["target"], int(record["sample"]), record["component"], record["digest"], figures)


@dataclass(frozen=True)
class Task:
    """Components of a sample that are to be synthesized for a target; none: the whole."""

    target: str
    sample: int
    design: Design
    components: tuple[str, ...]

    @property
    def name(self) -> str:
        """For a reader."""
        what = f"{len(self.components)} components" if self.components else "the whole"
        return f"{what} of sample {self.sample} for {self.target}"

    def rows(self, timeout: float) -> list[Row]:
        """Synthesize."""
        target = find_target(self.target)
        if not self.components:
            figures = measure_whole(self.design, target, timeout=timeout)
            return [Row(self.target, self.sample, WHOLE, self.design.digest(None), figures)]
        found = measure_components(self.design, self.components, target, timeout=timeout)
        return [
            Row(self.target, self.sample, name, self.design.digest(name), figures) for name, figures in found.items()
        ]


@dataclass
class Work:
    """What `table` lacks of the samples `numbers` for `targets`; a synthesis may take `timeout` seconds.

    Of a kind of component as many as `most` small samples are synthesized, the first in the order of `numbers`, beside
    those of large samples; of small ones that are held out, the whole, but where `wholes` are left out. What the table
    has of equal Verilog it is given under the new keys too; not so `anew`, when the tools or their commands are others.
    """

    targets: Sequence[str]
    table: Table
    timeout: float
    numbers: Sequence[int] = tuple(range(SAMPLES))
    most: int = 4
    wholes: bool = True
    anew: bool = False

    def __post_init__(self) -> None:
        for name in self.targets:
            target = find_target(name)
            if isinstance(target, CellLibrary):
                self.table.gates[name] = gate_area(target)
        rows = () if self.anew else self.table.rows.values()
        self.known = {(row.target, row.component, row.digest): row.figures for row in rows}
        before, self.table.samples = self.table.samples, sampled()
        # Of samples that are others now, rows are kept where the Verilog of the component turns out to be the same.
        same = {number for number, sample in enumerate(self.table.samples) if before[number : number + 1] == [sample]}
        self.table.rows = {key: row for key, row in self.table.rows.items() if row.sample in same}
        self.rows: list[tuple[str, int, str]] = []

    def tasks(self) -> Iterator[Task]:
        """Sample by sample; each is elaborated first."""
        taken: Counter[tuple[str, str]] = Counter()
        for number in self.numbers:
            sample = self.table.samples[number]
            parts = {part.module: part.model for part in parts_of(sample)}
            small, apart = number < WHOLE_SAMPLES, is_held_out(number)
            design = design_of(sample, parts)
            digests = {} if small and apart else {name: design.digest(name) for name in parts}
            if small and (apart or number in FITTED_WHOLES):
                if self.wholes:
                    digests[WHOLE] = design.digest(None)
                else:
                    self.rows += [(target, number, WHOLE) for target in self.targets]
            for target in self.targets:
                wanted = {name: each for name, each in digests.items() if is_synthesized(number, sample, name, target)}
                found = {name: self.known.get((target, name, digest)) for name, digest in wanted.items()}
                missing: list[str] = []
                for name, figures in found.items():
                    if small and name != WHOLE:
                        enough = taken[target, parts[name]] >= self.most
                        taken[target, parts[name]] += not enough or figures is not None
                        if enough and figures is None:
                            continue
                    self.rows.append((target, number, name))
                    if figures is not None:
                        self.table.add([Row(target, number, name, digests[name], figures)])
                    elif name != WHOLE:
                        missing.append(name)
                if missing:
                    yield Task(target, number, design, tuple(missing))
                if WHOLE in found and found[WHOLE] is None:
                    yield Task(target, number, design, ())

    def run(self, jobs: int) -> Iterator[tuple[Task, list[Row] | InvalidInput]]:
        """What comes of each task, in the order in which they are done."""
        if jobs == 1:
            yield from ((task, _done(task, self.timeout)) for task in self.tasks())
            return
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as executor:
            futures: dict[Any, Task] = {executor.submit(_done, task, self.timeout): task for task in self.tasks()}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            finally:
                executor.shutdown(cancel_futures=True)


def _done(task: Task, timeout: float) -> list[Row] | InvalidInput:
    """A fault is given back, not raised: the others go on."""
    try:
        return task.rows(timeout)
    except InvalidInput as fault:
        return fault
