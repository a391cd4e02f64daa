"""The verb `study precision`: what each mode of a network is worth, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from quadrille.algo.spec import InvalidInput, Modes

from .cost_records import FILES, RESULTS, CostStudy, check_names, read_records, records_bytes, records_csv
from .executors import InTurn, as_done, executor
from .precision_plot import precision_png
from .precision_tables import findings, precision_markdown
from .precision_work import TRAININGS, TRUNCATED, Comparison, measure_mode, mode_accuracy
from .progress import Report, silent
from .results import digest, percent

__all__ = ["PrecisionStudy", "study_precision"]


@dataclass(frozen=True)
class PrecisionStudy(CostStudy):
    """A finished study: a record for each mode and for each training, what they show, and its files."""

    title: ClassVar[str] = "Precision study"

    trainings: tuple[dict[str, Any], ...]

    def measured(self) -> str:
        """Network, modes and images."""
        modes = ", ".join(record["mode"] for record in self.records)
        return f"modes {modes} of {self.options['network']} on {self.options['images']:,} held-out images"


def study_precision(
    network: Path | str,
    folder: Path | str,
    *,
    engine: str | None = None,
    unit: str | None = None,
    rows: int | None = None,
    columns: int | None = None,
    macros: int | None = None,
    settings: Mapping[str, object] | None = None,
    images: int | None = None,
    seeds: int = 0,
    trainings: Sequence[str] = TRAININGS,
    jobs: int = 1,
    scheduler: str | None = None,
    progress: Report = silent,
    on_run: Callable[[str], None] | None = None,
) -> PrecisionStudy:
    """Measure every mode in the Network file `network` and write into `folder` what comes of it.

    Of each mode: the accuracy of its integers on the first `images` held-out images (None: all), the exact cycles that
    it takes of the accelerator that holds all modes (`engine`, `unit`, `rows`, `columns`, `macros` and `settings` as in
    `generate`), and its products of single bits, which stand for energy. With `seeds` above 0 the network is compared
    with other trainings of its recipe, with as many epochs, and seeds from its own on: the `trainings` "alone" and
    "together" (`precision_work`), which take as long as it takes to train. results.json has a record for each mode and
    each training, written when it is done: an interrupted study goes on where it was, and a finished one takes further
    seeds and trainings. The other files are study.md and study.csv (the tables) and study.png. `jobs` processes work,
    or the workers of the Dask cluster at `scheduler`, which need the data set but no files of `folder`.

    Raises
    ------
    InvalidInput
        If the file is no Network file, its data set or recipe is not known, a number is impossible, or the folder has
        another study or cannot be written.
    """
    from quadrille.algo.data import dataset
    from quadrille.algo.integer.network_file import read_modes
    from quadrille.hw.engine.sizing import Sizing
    from quadrille.hw.export import publish

    from .configurations import checked_settings
    from .inspection import network_file

    source, folder = network_file(network), Path(folder)
    modes = read_modes(source)
    notes = modes.default.notes
    if "dataset" not in notes:
        raise InvalidInput(f"Network {modes.name!r} must note the data set that it was trained on, and does not")
    if seeds < 0:
        raise InvalidInput(f"Seeds of the comparison must be 0 or more, not {seeds}")
    check_names("Trainings", trainings, TRAININGS)
    data = dataset(notes["dataset"])
    count = len(data.held_out_images) if images is None else images
    if not 1 <= count <= len(data.held_out_images):
        most = len(data.held_out_images)
        raise InvalidInput(f"Images of the study must be from 1 to the {most} held out of {data.name}, not {count}")
    chosen = checked_settings(settings, engine=engine, unit=unit)
    size = Sizing(modes).size(rows=rows, columns=columns, macros=1 if macros is None else macros, **chosen)
    shape = ("engine", *(("unit",) if size.configuration.engine == "mac" else ()), "rows", "columns", "macros")
    options = {
        "network": modes.name,
        "hash": digest(source.read_bytes()),
        "notes": dict(notes),
        "images": count,
        **{name: getattr(size.configuration, name) for name in shape},
        "settings": {name: str(value) for name, value in (settings or {}).items()},
    }
    records = read_records(folder, options, modes=[], trainings=[])
    missing = [mode for mode in modes.names if all(record["mode"] != mode for record in records["modes"])]
    compared = comparison(modes, folder, count, trainings) if seeds else None
    with executor(jobs, scheduler) as pool:
        publish(folder, {})  # says that the folder cannot be written before the work, not after it
        tasks = ((mode, (modes.network(mode), data.name, count)) for mode in missing)
        for mode, share in as_done(pool, mode_accuracy, tasks):
            number = modes.index(mode)
            records["modes"].append(measure_mode(mode, number, modes.network(mode), size.timing, share))
            publish(folder, {RESULTS: records_bytes(records)})
            progress("modes", len(records["modes"]), len(modes.names))
        records["modes"].sort(key=lambda each: modes.index(each["mode"]))
        if compared is not None:
            first = int(notes.get("seed", 0))
            train(compared, range(first, first + seeds), records, pool, progress, on_run or (lambda line: None))
    found = tuple(findings(records))
    publish(
        folder,
        {
            RESULTS: records_bytes(records),
            "study.md": precision_markdown(options, records, found),
            "study.csv": records_csv([_flat(each) for each in records["modes"]]),
            "study.png": precision_png(options, records),
        },
    )
    files = tuple(folder / name for name in FILES)
    return PrecisionStudy(
        options, tuple(records["modes"]), (), found, folder, files, trainings=tuple(records["trainings"])
    )


def comparison(modes: Modes, folder: Path, images: int, trainings: Sequence[str]) -> Comparison:
    """The trainings that belong beside `modes`, by what its notes say of its own.

    Raises
    ------
    InvalidInput
        If there is no such recipe.
    """
    from quadrille.algo.nn import modes_recipes

    notes, known = modes.default.notes, modes_recipes()
    if notes.get("recipe") not in known or not all(mode.isdigit() for mode in modes.names):
        raise InvalidInput(
            f"Network {modes.name!r} must be of a recipe of several precisions to be compared, one of "
            f"{', '.join(known)}, not {notes.get('recipe')!r}"
        )
    recipe = known[notes["recipe"]]
    return Comparison(
        recipe=recipe,
        bits=tuple(int(mode) for mode in modes.names),
        epochs=int(notes.get("epochs", recipe.epochs)),
        images=images,
        folder=folder,
        kinds=tuple(trainings),
    )


def train(
    compared: Comparison,
    seeds: Sequence[int],
    records: dict[str, Any],
    pool: Executor,
    progress: Report,
    tell: Callable[[str], None],
) -> None:
    """Train whatever of `seeds` is not there yet. The network itself is its own training with the first of them."""
    from quadrille.hw.export import publish

    def keep(found: Sequence[dict[str, Any]]) -> None:
        """Add records to the file, whole or not at all."""
        new = [record for record in found if not _has(records, record)]
        records["trainings"].extend(new)
        publish(compared.folder, {RESULTS: records_bytes(records)})
        for record in new:
            tell(f"{record['method']}, mode {record['mode']}, seed {record['seed']}: {percent(record['accuracy'])}")

    planned = [training for seed in seeds for training in compared.trainings(seed)]
    own = {record["mode"]: record["accuracy"] for record in records["modes"]}
    itself = next(training for training in planned if training.methods == (TRUNCATED,))
    keep([{**key, "accuracy": own[key["mode"]]} for key in compared.wanted(itself)])
    missing = [each for each in planned if not all(_has(records, key) for key in compared.wanted(each))]
    # Where nothing else works, progress can be told of within a training.
    within = progress if isinstance(pool, InTurn) else silent
    for training, found in as_done(pool, compared.run, ((each, (each, within)) for each in missing)):
        keep(found)
        compared.checkpoint(training).unlink(missing_ok=True)
        progress(f"training {training.what}", 1, 1)
    everything = replace(compared, kinds=TRAININGS)
    order = {
        tuple(key.values()): number
        for number, key in enumerate(
            key
            for seed in sorted({record["seed"] for record in records["trainings"]})
            for training in everything.trainings(seed)
            for key in everything.wanted(training)
        )
    }
    records["trainings"].sort(key=lambda record: order[record["method"], record["mode"], record["seed"]])


def _has(records: Mapping[str, Any], key: Mapping[str, Any]) -> bool:
    """Whether there is a record of that method, mode and seed."""
    return any(all(each[name] == key[name] for name in ("method", "mode", "seed")) for each in records["trainings"])


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without its layers."""
    return {name: value for name, value in record.items() if name != "layers"}
