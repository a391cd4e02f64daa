"""The verb `study`: a grid of trainings and their variation sweeps, run by run, and what they show."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import InvalidInput, Network

from .executors import InTurn, as_done, executor
from .progress import Report, silent
from .results import Result, listed, percent, read_json
from .study_findings import Findings, findings
from .study_plot import study_png
from .study_tables import study_csv, study_markdown
from .study_work import sweep_points, swept_points, train_point

if TYPE_CHECKING:
    from quadrille.algo.integer.sweep import SweepPoint
    from quadrille.algo.nn import Progress
    from quadrille.algo.nn.study import Grain, Outcome, StudyOptions

    Train = Callable[..., Outcome]
    Sweep = Callable[..., Sequence[SweepPoint]]

__all__ = ["Study", "study"]

SCHEMA = 1
RESULTS = "results.json"
FILES = (RESULTS, "study.md", "study.csv", "study.png")
NETWORKS = "networks"


@dataclass(frozen=True)
class Study(Result):
    """A finished study: its records, what they show, and its files."""

    title: ClassVar[str] = "Granularity study"

    options: dict[str, Any]
    runs: tuple[dict[str, Any], ...]
    variation: tuple[dict[str, Any], ...]
    findings: Findings
    folder: Path
    files: tuple[Path, ...]

    def summary(self) -> Sequence[tuple[str, str]]:
        """What was compared, and the verdicts."""
        options = self.options
        bits = f"{options['weight_bits']}-bit weights, {options['adc_bits']}-bit ADC, {options['rows']} rows"
        best = max(self.findings.grains, key=lambda grain: grain.accuracy)
        return [
            ("trained", f"{len(self.runs)} runs: {options['model']} on {options['data']}, {bits}"),
            ("best", f"{best.weights} weights, {best.sums} partial sums: {percent(best.accuracy)}"),
            *(("finding", sentence) for sentence in self.findings.sentences),
            ("files", listed(self.folder, self.files)),
        ]


def study(
    options: StudyOptions,
    folder: Path | str,
    *,
    progress: Report = silent,
    on_run: Callable[[str], None] | None = None,
    train: Train | None = None,
    sweep: Sweep | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
) -> Study:
    """Train and sweep whatever of the study `options` is not yet in `folder`, and write there what it shows.

    results.json has one record for each run and one for each sweep, written when it is done: an interrupted study goes
    on where it was, a training in its midst from its checkpoint, and ends in the same bytes. A finished study takes
    further seeds. The other files are study.md and study.csv (the tables), study.png, and the trained networks in
    networks/. `on_run` is given one line for each run. `train` and `sweep` take the place of `train_grain` and
    `algo.integer.sweep.sweep`, where one job does all. `jobs` processes train, or the workers of the Dask cluster at
    `scheduler`, which need the data set but no files of `folder`.

    Raises
    ------
    InvalidInput
        If the options do not make a model, data are missing, or the folder has another study or cannot be written.
    """
    from quadrille.algo.integer.sweep import sweep as sweep_network
    from quadrille.algo.nn.study import train_grain
    from quadrille.hw.export import publish

    folder = Path(folder)
    _check(options)
    records = _recorded(folder, options)
    work = _Work(options, folder, records, progress, on_run, train or train_grain, sweep or sweep_network)
    with executor(jobs, scheduler) as pool:
        publish(folder, {})  # says that the folder cannot be written before the work, not after it
        if isinstance(pool, InTurn):
            for seed, grain in options.runs:
                work.run(seed, grain)
        else:
            work.share(pool)
    work.in_order()
    found = findings(options.as_dict(), records["runs"], records["variation"])
    publish(
        folder,
        {
            RESULTS: _bytes(records),
            "study.md": study_markdown(options.as_dict(), found),
            "study.csv": study_csv(found),
            "study.png": study_png(options.as_dict(), found),
        },
    )
    runs, variation = tuple(records["runs"]), tuple(records["variation"])
    return Study(options.as_dict(), runs, variation, found, folder, tuple(folder / name for name in FILES))


def _check(options: StudyOptions) -> None:
    """Whether every model of the study can be built and its images are there."""
    from quadrille.algo.nn.study import scale_costs, study_data, study_recipe

    data = study_data(options)
    for grain in options.grains:
        scale_costs(study_recipe(options, data, grain).network())


def _recorded(folder: Path, options: StudyOptions) -> dict[str, Any]:
    """What `folder` has of this study already."""
    wanted = options.as_dict()
    if not (folder / RESULTS).exists():
        return {"schema": SCHEMA, "options": wanted, "runs": [], "variation": []}
    records = read_json(folder / RESULTS, "Results of the study")
    if records.get("schema") != SCHEMA or not {"options", "runs", "variation"} <= set(records):
        raise InvalidInput(f"Results of the study in {folder} must be of schema {SCHEMA}, and are not")
    for key, value in wanted.items():
        found = records["options"].get(key)
        if found != value and not (key == "seeds" and found < value):
            raise InvalidInput(
                f"Study in {folder} must have the options that it was begun with ({key} {found!r}), not {key} {value!r}"
            )
    return {**records, "options": wanted}


def _bytes(records: dict[str, Any]) -> str:
    return json.dumps(records, indent=1) + "\n"


@dataclass(frozen=True)
class _Work:
    """What is to do, and what is done."""

    options: StudyOptions
    folder: Path
    records: dict[str, Any]
    progress: Report
    on_run: Callable[[str], None] | None
    train: Train
    sweep: Sweep

    def run(self, seed: int, grain: Grain) -> None:
        """Train and sweep one grain with one seed, unless that is done."""
        key, path = self._place(seed, grain)
        network = self._trained(seed, grain, key, path) if self._untrained(seed, grain) else None
        if self._unswept(seed, grain):
            self._swept(seed, grain, key, network, path)

    def share(self, pool: Executor) -> None:
        """The same for all runs, by the workers of `pool`: trainings first, then sweeps."""
        from quadrille.algo.integer import read_network

        runs = [run for run in self.options.runs if self._untrained(*run)]
        trainings = [
            ((seed, grain), (self.options, grain, seed, self.folder / f"checkpoint-{'-'.join(grain)}-{seed}.pt"))
            for seed, grain in runs
        ]
        for (seed, grain), outcome in as_done(pool, train_point, trainings):
            key, path = self._place(seed, grain)
            self._finish(seed, grain, key, path, outcome)
            (self.folder / f"checkpoint-{'-'.join(grain)}-{seed}.pt").unlink(missing_ok=True)
            self._tell(f"{grain} seed {seed}", 0)
        left = [run for run in self.options.runs if self._unswept(*run)]
        sweeps = ((run, (self.options, read_network(self._place(*run)[1]))) for run in left)
        for (seed, grain), points in as_done(pool, sweep_points, sweeps):
            self._keep("variation", {**self._place(seed, grain)[0], "points": points})
            self._tell(f"{grain} seed {seed} under variation", 0)

    def _place(self, seed: int, grain: Grain) -> tuple[dict[str, Any], Path]:
        """What tells the records of a run from others, and where its network is."""
        path = self.folder / NETWORKS / f"{grain.weights}-{grain.sums}-{seed}.safetensors"
        return {"weights": grain.weights, "sums": grain.sums, "seed": seed}, path

    def _unswept(self, seed: int, grain: Grain) -> bool:
        limit = self.options.swept_seeds
        spared = not self.options.sigmas or (limit is not None and seed >= limit)
        return not spared and not self._has("variation", self._place(seed, grain)[0])

    def _untrained(self, seed: int, grain: Grain) -> bool:
        key, path = self._place(seed, grain)
        return not self._has("runs", key) or (self._unswept(seed, grain) and not path.is_file())

    def _has(self, kind: str, key: dict[str, Any]) -> bool:
        return any(key.items() <= record.items() for record in self.records[kind])

    def _keep(self, kind: str, record: dict[str, Any]) -> None:
        """Add a record to the file, whole or not at all."""
        from quadrille.hw.export import publish

        self.records[kind].append(record)
        publish(self.folder, {RESULTS: _bytes(self.records)})

    def _tell(self, what: str, share: float) -> None:
        """Progress in thousandths of a run's training."""
        done = 1000 * len(self.records["runs"]) + int(1000 * share)
        self.progress(f"study, {what}", done, 1000 * self.options.seeds * len(self.options.grains))

    def _trained(self, seed: int, grain: Grain, key: dict[str, Any], path: Path) -> Network:
        from quadrille.hw.export import publish

        def told(at: Progress) -> None:
            self._tell(f"{grain} seed {seed}, {percent(at.latest.held_out_accuracy)}", at.done / at.total)

        self._tell(f"{grain} seed {seed}", 0)
        checkpoint = self.folder / "checkpoint.pt"
        marker = self.folder / "checkpoint.json"
        # A checkpoint of another run, left by a study that was changed by hand, would be refused: it is not ours.
        if marker.exists() and read_json(marker, "Checkpoint's name") != key:
            checkpoint.unlink(missing_ok=True)
        publish(self.folder, {marker.name: json.dumps(key) + "\n"})
        outcome = self.train(self.options, grain, seed, checkpoint=checkpoint, progress=told)
        self._finish(seed, grain, key, path, outcome)
        checkpoint.unlink(missing_ok=True)
        marker.unlink(missing_ok=True)
        return outcome.network

    def _finish(self, seed: int, grain: Grain, key: dict[str, Any], path: Path, outcome: Outcome) -> None:
        """Keep what came of a training: its network, then its record."""
        from quadrille.algo.integer.network_file import network_bytes
        from quadrille.hw.export import publish

        publish(path.parent, {path.name: network_bytes(outcome.network)})
        if not self._has("runs", key):
            self._keep("runs", {**key, **_record(outcome)})
        if self.on_run is not None:
            self.on_run(f"{grain} seed {seed}: {percent(outcome.accuracy)}")

    def _swept(self, seed: int, grain: Grain, key: dict[str, Any], network: Network | None, path: Path) -> None:
        from quadrille.algo.integer import read_network

        what = f"{grain} seed {seed} under variation"
        self._tell(what, 0)
        network = read_network(path) if network is None else network
        points = swept_points(self.options, network, self.sweep, progress=partial(self._tell_sweep, what))
        self._keep("variation", {**key, "points": points})

    def _tell_sweep(self, what: str, done: int, total: int) -> None:
        self._tell(f"{what}, {done} of {total}", 0)

    def in_order(self) -> None:
        """Records in the order of the grid, however they came about."""
        grains = [tuple(grain) for grain in self.options.grains]
        for kind in ("runs", "variation"):
            self.records[kind].sort(
                key=lambda record: (record["seed"], grains.index((record["weights"], record["sums"])))
            )


def _record(outcome: Outcome) -> dict[str, Any]:
    """The numbers of a training as plain data."""
    from .results import plain

    costs = outcome.costs
    return {
        "accuracy": outcome.accuracy,
        "model_accuracy": outcome.model_accuracy,
        "float_accuracy": outcome.float_accuracy,
        "multiplications_per_pixel": costs.multiplications_per_pixel,
        "multiplications_per_image": costs.multiplications_per_image,
        "storage": costs.storage,
        "layers": plain(costs.layers),
    }
