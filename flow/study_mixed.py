"""The verb `study mixed-precision`: bits of weights pruned by MSQ, beside a method that trains every bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import InvalidInput

from .cost_records import FILES, RESULTS, CostStudy, check_names, read_records, records_bytes, records_csv
from .executors import InTurn, as_done, executor
from .mixed_plot import mixed_png
from .mixed_tables import flat_record, mixed_findings, mixed_markdown
from .progress import Report, silent
from .results import percent
from .study_work import kept_here

if TYPE_CHECKING:
    from quadrille.algo.data import Dataset
    from quadrille.algo.nn import Progress
    from quadrille.algo.nn.footprint import Footprint

__all__ = ["MixedStudy", "study_mixed"]


@dataclass(frozen=True)
class MixedStudy(CostStudy):
    """A finished study: a record for each training, what they show, and its files."""

    title: ClassVar[str] = "Mixed-precision study"

    def measured(self) -> str:
        """Trainings and target."""
        return f"{len(self.records)} trainings of {self.options['recipe']}, target {self.options['target']:g} times"


def study_mixed(
    recipe: str,
    folder: Path | str,
    *,
    seeds: int = 3,
    epochs: int | None = None,
    methods: tuple[str, ...] = (),
    jobs: int = 1,
    scheduler: str | None = None,
    progress: Report = silent,
    on_run: Callable[[str], None] | None = None,
) -> MixedStudy:
    """Train `recipe`, which prunes bits by MSQ, in the ways of MIXED_METHODS (or `methods`), with seeds 0, 1, ...

    Of each training: the accuracy of the integer network on all held-out images, the bits of every layer, how often
    smaller than 32-bit weights it is, the parameters that were trained, the most bytes that tensors held at once, and
    the seconds of processor that it took, all in the same run on the same machine.

    results.json has a record for each, written when it is done: an interrupted study goes on where it was, a training
    in its midst from its checkpoint (its seconds are then those since), and a finished one takes further seeds and
    methods. The other files are study.md and study.csv (the tables), study.png, and the networks in networks/. `jobs`
    processes train, or the workers of the Dask cluster at `scheduler`; seconds are then those of processors that have
    other work beside.

    Raises
    ------
    InvalidInput
        If the recipe prunes no round-clamp weights, a method is unknown, a number is impossible, or the folder has
        another study or cannot be written.
    """
    from quadrille.algo.data import dataset
    from quadrille.algo.nn.mixed_precision import MIXED_METHODS, mixed_recipe
    from quadrille.hw.export import publish

    chosen = mixed_recipe(recipe, "MSQ")
    assert chosen.pruning is not None
    methods = methods or tuple(MIXED_METHODS)
    check_names("Methods", methods, tuple(MIXED_METHODS))
    if seeds < 1:
        raise InvalidInput(f"Seeds of the study must be a positive integer, not {seeds}")
    folder, data = Path(folder), dataset(chosen.data)
    options = {
        "recipe": chosen.name,
        "data": data.name,
        "epochs": chosen.epochs if epochs is None else epochs,
        "target": chosen.pruning.compression,
    }
    records = read_records(folder, options, runs=[])
    planned = [(method, seed) for seed in range(seeds) for method in methods]
    done = {(each["method"], each["seed"]) for each in records["runs"]}
    with executor(jobs, scheduler) as pool:
        publish(folder, {})  # says that the folder cannot be written before the work, not after it
        # Where nothing else works, progress can be told of within a training.
        work = _Work(recipe, data, options["epochs"], folder, progress if isinstance(pool, InTurn) else silent)
        tasks = (
            ((method, seed), (method, seed, _known(records["runs"], method), number, len(planned)))
            for number, (method, seed) in enumerate(planned)
            if (method, seed) not in done
        )
        for (method, seed), (record, contents) in as_done(pool, work.run, tasks):
            publish(folder / "networks", {f"{_slug(method, seed)}.safetensors": contents})
            records["runs"].append(record)
            publish(folder, {RESULTS: records_bytes(records)})
            work.checkpoint(method, seed).unlink(missing_ok=True)
            progress("study", 1000 * len(records["runs"]), 1000 * len(planned))
            if on_run is not None:
                times = f"{record['compression']:.1f} times smaller"
                on_run(f"{method}, seed {seed}: {percent(record['accuracy'])}, {times}, {record['seconds']:.0f} s")
    records["runs"].sort(key=lambda each: (each["seed"], list(MIXED_METHODS).index(each["method"])))
    found = tuple(mixed_findings(options, records["runs"]))
    publish(
        folder,
        {
            RESULTS: records_bytes(records),
            "study.md": mixed_markdown(options, records["runs"], found, MIXED_METHODS),
            "study.csv": records_csv([flat_record(each) for each in records["runs"]]),
            "study.png": mixed_png(options, records["runs"]),
        },
    )
    files = tuple(folder / name for name in FILES)
    return MixedStudy(options, tuple(records["runs"]), (), found, folder, files)


def _slug(method: str, seed: int) -> str:
    """A training in the names of its files."""
    return f"{method.replace(' ', '-').lower()}-{seed}"


@dataclass(frozen=True)
class _Work:
    """One training after the other."""

    recipe: str
    data: Dataset
    epochs: int
    folder: Path
    progress: Report

    def checkpoint(self, method: str, seed: int) -> Path:
        """Where a training stands."""
        return self.folder / f"checkpoint-{_slug(method, seed)}.pt"

    def run(
        self, method: str, seed: int, footprint: Footprint | None, number: int, total: int
    ) -> tuple[dict[str, Any], bytes]:
        """Train by `method`, as training `number` of `total`; the record, and the file of the network."""
        from quadrille.algo.integer.network_file import network_bytes
        from quadrille.algo.nn.mixed_precision import train_mixed

        def told(at: Progress) -> None:
            label = f"study, {method}, seed {seed}, {percent(at.latest.held_out_accuracy)}"
            self.progress(label, int(1000 * (number + at.done / at.total)), 1000 * total)

        outcome = train_mixed(
            self.recipe,
            method,
            self.data,
            seed=seed,
            epochs=self.epochs,
            footprint=footprint,
            checkpoint=kept_here(self.checkpoint(method, seed)),
            progress=told,
        )
        return _record(method, seed, outcome), network_bytes(outcome.network)


def _known(runs: Sequence[Mapping[str, Any]], method: str) -> Footprint | None:
    """The footprint of `method`, where a record has it."""
    from quadrille.algo.nn.footprint import Footprint

    return next(
        (
            Footprint(each["parameters"], each["step_bytes"], each["pruning_bytes"])
            for each in runs
            if each["method"] == method
        ),
        None,
    )


def _record(method: str, seed: int, outcome: Any) -> dict[str, Any]:
    """The numbers of a training as plain data."""
    return {
        "method": method,
        "seed": seed,
        "accuracy": outcome.accuracy,
        "model_accuracy": outcome.model_accuracy,
        "compression": round(outcome.compression, 4),
        "bits": dict(outcome.bits),
        "parameters": outcome.footprint.parameters,
        "step_bytes": outcome.footprint.step_bytes,
        "pruning_bytes": outcome.footprint.pruning_bytes,
        "seconds": round(outcome.seconds, 2),
        "unequal": outcome.unequal,
        "codes_equal": outcome.codes_equal,
        "events": [dict(event) for event in outcome.events],
    }
