"""The verb `study precision`: what each mode of a network is worth, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import InvalidInput, Modes, Network

from .cost_records import FILES, RESULTS, CostStudy, check_names, read_records, records_bytes, records_csv
from .precision_plot import precision_png
from .precision_tables import findings, precision_markdown
from .precision_work import TRAININGS, Comparison, measure_mode
from .progress import Report, silent
from .results import digest

if TYPE_CHECKING:
    from quadrille.algo.data import Dataset

__all__ = ["PrecisionStudy", "study_precision"]

CHUNK = 1000  # images that are executed at a time


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
    engine: str = "cim",
    unit: str = "spatio-temporal",
    rows: int = 128,
    columns: int = 128,
    macros: int = 1,
    settings: Mapping[str, object] | None = None,
    images: int | None = None,
    seeds: int = 0,
    trainings: Sequence[str] = TRAININGS,
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
    seeds and trainings. The other files are study.md and study.csv (the tables) and study.png.

    Raises
    ------
    InvalidInput
        If the file is no Network file, its data set or recipe is not known, a number is impossible, or the folder has
        another study or cannot be written.
    """
    from quadrille.algo.data import dataset
    from quadrille.algo.integer.network_file import read_modes
    from quadrille.hw.engine import compile_network
    from quadrille.hw.export import publish

    from .generation import checked_settings, network_file

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
    shape = {"rows": rows, "columns": columns, "macros": macros}
    options = {
        "network": modes.name,
        "hash": digest(source.read_bytes()),
        "notes": dict(notes),
        "images": count,
        "engine": engine,
        **({"unit": unit} if engine == "mac" else {}),
        **shape,
        "settings": {name: str(value) for name, value in (settings or {}).items()},
    }
    records = read_records(folder, options, modes=[], trainings=[])
    missing = [mode for mode in modes.names if all(record["mode"] != mode for record in records["modes"])]
    chosen = checked_settings(settings or {})
    timing = compile_network(modes, engine=engine, unit=unit, **shape, **chosen).timing if missing else None
    compared = None
    if seeds:
        compared = comparison(modes, folder, records, trainings, progress, on_run or (lambda line: None))
    publish(folder, {})  # says that the folder cannot be written before the work, not after it

    def accuracy(each: Network) -> float:
        return integer_accuracy(each, data, count)

    for mode in missing:
        assert timing is not None
        progress(f"mode {mode}", modes.index(mode), len(modes.names))
        each = modes.network(mode)
        records["modes"].append(measure_mode(mode, modes.index(mode), each, timing, accuracy(each)))
        publish(folder, {RESULTS: records_bytes(records)})
    if compared is not None:
        first = int(notes.get("seed", 0))
        for seed in range(first, first + seeds):
            compared.run(modes if seed == first else None, seed, accuracy)
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


def comparison(
    modes: Modes,
    folder: Path,
    records: dict[str, Any],
    trainings: Sequence[str],
    progress: Report,
    tell: Callable[[str], None],
) -> Comparison:
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
        folder=folder,
        records=records,
        tell=tell,
        progress=progress,
        trainings=tuple(trainings),
    )


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without its layers."""
    return {name: value for name, value in record.items() if name != "layers"}


def integer_accuracy(network: Network, data: Dataset, count: int) -> float:
    """The share of the first `count` held-out images that the integers of `network` put in their class."""
    from quadrille.algo.integer import execute

    images, labels, result = data.held_out_images[:count], data.held_out_labels[:count], network.result.name
    right = 0
    for at in range(0, count, CHUNK):
        answers = execute(network, images[at : at + CHUNK], keep={result})[result]
        right += int((answers.reshape(-1) == labels[at : at + CHUNK]).sum())
    return right / count
