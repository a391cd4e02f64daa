"""The verb `explore`: every accelerator of a grid costed, and those that no other beats."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from quadrille.algo.spec import Argmax, InvalidInput, Network

from .cost_records import records_csv
from .executors import as_done, executor, workers_of
from .explore_front import USUAL, front_of, objectives_in
from .explore_grid import EXACT, Grid, Point, Variant, variant_of
from .explore_journal import JOURNAL, Journal
from .explore_plot import exploration_png
from .explore_result import Exploration
from .explore_work import clocked, cost_points, make_variant
from .inspection import network_file
from .progress import Report, silent
from .results import digest

__all__ = ["Exploration", "explore"]

NETWORKS = "networks"
FILES = (JOURNAL, "points.csv", "pareto.csv", "exploration.png")
CALIBRATION = 256
"""Images of the training set that converters are calibrated with."""

TASK = 100
"""Points of a task: a fraction of a second's work."""


def explore(
    network: Path | str,
    folder: Path | str,
    grid: Grid,
    *,
    target: str = "ecp5",
    clock: float | None = None,
    images: int | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
    energy: bool = False,
    progress: Report = silent,
) -> Exploration:
    """Cost every point of `grid` for the Network in the file `network`, and write into `folder` what comes of it.

    A point that `generate` would refuse is skipped, with the reason. Of every other: its exact cycles per image, in
    batches back to back; what it takes of `target` by `boards.cost`, and the energy of an image where that is known;
    the accuracy of its integers on the first `images` held-out images (None: all) of the data set that the network
    notes, no accuracy without one; at a `clock` in hertz, images per second: with the registers that `generate` chooses
    for it where the clocks of the target are known, elsewhere the clock is taken at its word.

    Exact sums are cut anew for each accelerator, which changes no accuracy. Other bits of converters, and rows that are
    fewer than those of a converter's tile, make another network: its converters are calibrated with images of the
    training set, nothing is trained (`algo.nn.resolution`), and it is kept in networks/.

    points.jsonl has a line for each point as soon as it is costed; with `resume` an exploration that was interrupted
    goes on, and ends in the same files: points.csv, pareto.csv (those that no other beats in cycles, area, accuracy
    and, with `energy`, in the energy of an image, with the command that generates each), exploration.png. Without
    `resume` it begins anew. `jobs` processes work, or the workers of the Dask cluster at `scheduler`, which need no
    files of this machine.

    Raises
    ------
    InvalidInput
        If the network cannot be read or has several modes, there is no cost model for the target, or none of energy
        where that is asked for, there are not so many images, no point can be built, `folder` has another exploration
        to go on with or cannot be written.
    MissingTool
        As `executor`.
    """
    from quadrille.algo.integer.network_file import read_modes
    from quadrille.boards.cost import TARGETS
    from quadrille.boards.cost.energy import energy_models
    from quadrille.hw.export import publish

    source, folder = network_file(network), Path(folder)
    modes, contents = read_modes(source), source.read_bytes()
    if len(modes.names) > 1:
        raise InvalidInput(f"Network {modes.name!r} must have one mode to be explored, not {', '.join(modes.names)}")
    if target not in TARGETS:
        raise InvalidInput(f"Target of the exploration must be one of {', '.join(TARGETS)}, not {target!r}")
    if energy and target not in energy_models():
        known = ", ".join(energy_models()) or "none"
        raise InvalidInput(f"Target of an exploration by energy must have a table of energies, {known}, not {target!r}")
    if clock is not None and clock <= 0:
        raise InvalidInput(f"Clock of the exploration must be a positive number of hertz, not {clock:g}")
    held_out, labels, training = _images(modes.default, images)
    options = {
        "network": digest(contents),
        "target": target,
        "clock": clock,
        "images": None if labels is None else len(labels),
        "grid": grid.as_dict(),
    }
    with executor(jobs, scheduler) as pool:
        journal = Journal(folder, options, resume)
        started = time.perf_counter()
        work = _Work(modes.default, contents, grid, target, clock, folder, journal, progress)
        work.make(pool, training, held_out, labels)
        work.cost(pool)
        seconds = time.perf_counter() - started
        workers = workers_of(pool)
    records = [work.record(point, source) for point in grid.points()]
    costed = [record for record in records if "skipped" not in record]
    if not costed:
        raise InvalidInput(f"Grid must have a point that can be built, and has none: {records[0]['skipped']}")
    asked = (*USUAL, "energy") if energy else USUAL
    front = front_of(costed, asked)
    publish(
        folder,
        {
            "points.csv": records_csv(records),
            "pareto.csv": records_csv(front),
            "exploration.png": exploration_png(modes.name, target, costed, front),
        },
    )
    skipped: dict[str, int] = {}
    for record in records:
        if "skipped" in record:
            skipped[record["skipped"]] = skipped.get(record["skipped"], 0) + 1
    return Exploration(
        network=modes.name,
        target=target,
        clock=clock,
        points=len(records),
        costed=len(costed),
        skipped=dict(sorted(skipped.items(), key=lambda each: -each[1])),
        variants=tuple(journal.variants.values()),
        objectives=objectives_in(costed, asked),
        front=tuple(dict(record) for record in front),
        seconds=seconds,
        jobs=workers,
        folder=folder,
        files=tuple(folder / name for name in FILES),
    )


def _images(network: Network, count: int | None) -> tuple[Any, Any, Any]:
    """Held-out images and labels, and some training images; None where there are none."""
    if "dataset" not in network.notes or not isinstance(network.result, Argmax):
        return None, None, None
    from quadrille.algo.data import dataset

    data = dataset(network.notes["dataset"])
    most = len(data.held_out_images)
    number = most if count is None else count
    if not 1 <= number <= most:
        raise InvalidInput(f"Number of images must be from 1 to the {most} held out of {data.name}, not {number}")
    return data.held_out_images[:number], data.held_out_labels[:number], data.train_images[:CALIBRATION]


@dataclass(frozen=True)
class _Work:
    """What is to do, and what is done."""

    network: Network
    contents: bytes
    grid: Grid
    target: str
    clock: float | None
    folder: Path
    journal: Journal
    progress: Report

    def path(self, variant: Variant) -> Path:
        """Where the network of another arithmetic is kept."""
        return self.folder / NETWORKS / f"{variant.name}.safetensors"

    def make(self, pool: Executor, training: Any, held_out: Any, labels: Any) -> None:
        """The networks of all arithmetics that the grid asks for, and their accuracies."""
        from quadrille.hw.export import publish

        wanted = dict.fromkeys(variant_of(self.network, point) for point in self.grid.points())
        missing = [each for each in wanted if each.name not in self.journal.variants]
        if training is None and any(each != Variant() for each in missing):
            raise InvalidInput(
                f"Network {self.network.name!r} must end in a class and note its data set for its converters to be "
                "calibrated anew, and does not"
            )
        self.progress("arithmetics", 0, len(missing))
        tasks = ((each, (self.contents, each, training, held_out, labels)) for each in missing)
        for done, (variant, made) in enumerate(as_done(pool, make_variant, tasks), 1):
            record: dict[str, Any] = {"variant": variant.name, "adc_bits": variant.adc_bits, "rows": variant.rows}
            if isinstance(made, str):
                record["skipped"] = made
            else:
                contents, changed, accuracy = made
                record |= {"layers": list(changed), "accuracy": accuracy, "hash": digest(contents)}
                if variant != Variant():
                    publish(self.path(variant).parent, {self.path(variant).name: contents})
            self.journal.add([record])
            self.progress("arithmetics", done, len(missing))

    def cost(self, pool: Executor) -> None:
        """The points that have no record yet."""
        total, done = len(self.grid), len(self.journal.points)
        label = "points"
        self.progress(label, done, total)
        for _, records in as_done(pool, cost_points, self.tasks()):
            self.journal.add(records)
            done += len(records)
            self.progress(label, done, total)

    def tasks(self) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Points that run one network, so many at a time."""
        groups: dict[Variant, list[Point]] = {}
        for point in self.grid.points():
            if point.number not in self.journal.points:
                groups.setdefault(variant_of(self.network, point), []).append(point)
        for variant, points in groups.items():
            reason = self.journal.variants[variant.name].get("skipped")
            if reason is not None:
                self.journal.add([{"point": point.number, "skipped": reason} for point in points])
                continue
            contents = self.contents if variant == Variant() else self.path(variant).read_bytes()
            left = iter(points)
            while part := list(islice(left, TASK)):
                yield part[0].number, (contents, part, self.target, self.clock)

    def record(self, point: Point, source: Path) -> dict[str, Any]:
        """All that is known of a point, in one line."""
        found = dict(self.journal.points[point.number])
        variant = variant_of(self.network, point)
        made = self.journal.variants[variant.name]
        asked: dict[str, Any] = {
            "point": point.number,
            "engine": point.engine,
            "unit": point.unit or "",
            "rows": point.rows,
            "columns": point.columns,
            "macros": point.macros,
            "lanes": point.lanes,
            "adc_bits": EXACT if point.adc_bits == 0 else point.adc_bits,
            **dict(point.settings),
        }
        if "skipped" in found:
            return asked | {"skipped": found["skipped"]}
        speed = {} if self.clock is None else {"images_per_second": round(self.clock / found["cycles"], 1)}
        file = source if variant == Variant() else self.path(variant)
        return asked | found | speed | {"accuracy": made["accuracy"], "command": self.command(file, point, found)}

    def command(self, file: Path, point: Point, found: Mapping[str, Any]) -> str:
        """What generates a point."""
        settings = {"lanes": found["lanes"], **dict(point.settings)}
        words = ["quadrille", "generate", str(file), "--rows", str(point.rows), "--columns", str(point.columns)]
        words += ["--macros", str(point.macros)]
        words += ["--retile"] if point.engine == "cim" else ["--engine", "mac", "--unit", str(point.unit)]
        for name, value in settings.items():
            words += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
        if self.clock is not None and clocked(self.target):
            words += ["--clock", f"{self.clock:g}", "--family", self.target]
        return " ".join(map(shlex.quote, [*words, "-o", "build/explored"]))
