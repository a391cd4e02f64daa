"""The verb `study inr`: coordinate networks with different activations on the same pictures, run by run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import InvalidInput

from .executors import InTurn, as_done, executor
from .progress import Report, silent
from .results import Result, listed, read_json
from .study_pictures_findings import PictureFindings, picture_findings
from .study_pictures_plot import clip_png, kernel_png, pictures_png, quality_png, spectra_png
from .study_pictures_tables import picture_csv, picture_markdown
from .study_work import kept_here

if TYPE_CHECKING:
    from quadrille.algo.nn.inr import PictureProgress, PictureStudyOptions

__all__ = ["PictureStudy", "study_pictures"]

SCHEMA = 1
RESULTS = "results.json"
PICTURES = "pictures"
FILES = (RESULTS, "study.md", "study.csv", "quality.png", "spectra.png", "pictures.png", "kernel.png")


@dataclass(frozen=True)
class PictureStudy(Result):
    """A finished study: its records, what they show, and its files."""

    title: ClassVar[str] = "Study of coordinate networks"

    options: dict[str, Any]
    runs: tuple[dict[str, Any], ...]
    findings: PictureFindings
    folder: Path
    files: tuple[Path, ...]

    def summary(self) -> Sequence[tuple[str, str]]:
        """What was compared, and the findings."""
        options = self.options
        sizes = f"{options['layers']} hidden layers of {options['hidden']}, {options['steps']:,} steps"
        return [
            ("trained", f"{len(self.runs)} runs on {len(options['pictures'])} pictures: {sizes}"),
            *(("finding", sentence) for sentence in self.findings.sentences),
            ("files", listed(self.folder, self.files)),
        ]


def study_pictures(
    options: PictureStudyOptions,
    folder: Path | str,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    progress: Report = silent,
    on_run: Callable[[str], None] | None = None,
) -> PictureStudy:
    """Do whatever of the study `options` is not yet in `folder`, and write there what it shows.

    results.json has one record for each trial of the search, each run and each kernel, written when it is done: an
    interrupted study goes on where it was, a training in its midst from its checkpoint. A study takes further pictures
    at the end of its list. The other files are study.md and study.csv (the tables), quality.png, spectra.png (of the
    errors), pictures.png, kernel.png, clip.png where there is a clip, and what every run rendered in pictures/.
    `on_run` is given one line for each run. `jobs` processes train, or the workers of the Dask cluster at `scheduler`,
    which need the pictures but no files of `folder`.

    Raises
    ------
    InvalidInput
        If a picture is missing, or the folder has another study or cannot be written.
    """
    from quadrille.algo.nn.inr import study_picture
    from quadrille.hw.export import publish

    folder = Path(folder)
    shapes = {name: study_picture(options, name).shape for name in options.pictures}  # refuses a missing one now
    records = _recorded(folder, options)
    with executor(jobs, scheduler) as pool:
        publish(folder, {})  # says that the folder cannot be written before the work, not after it
        work = _Work(options, folder, records, pool, progress, on_run)
        work.search()
        chosen = best_settings(records["search"])
        work.run(chosen)
        work.kernels({method: chosen[options.pictures[0], method][0] for method in options.methods})
    found = picture_findings(options.as_dict(), records)
    files: dict[str, str | bytes] = {
        RESULTS: _text(records),
        "study.md": picture_markdown(options.as_dict(), records, found, shapes),
        "study.csv": picture_csv(options.as_dict(), records),
        "quality.png": quality_png(options.as_dict(), records),
        "spectra.png": spectra_png(options.as_dict(), records),
        "pictures.png": pictures_png(options, records, folder / PICTURES),
        "kernel.png": kernel_png(options.as_dict(), records),
    }
    if any(name.startswith("clip:") for name in options.pictures):
        files["clip.png"] = clip_png(options, records, folder / PICTURES)
    publish(folder, files)
    paths = tuple(folder / name for name in files)
    return PictureStudy(options.as_dict(), tuple(records["runs"]), found, folder, paths)


def best_settings(trials: Sequence[dict[str, Any]]) -> dict[tuple[str, str], tuple[float, float]]:
    """Frequency and rate of the best trial on each picture with each method."""
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for trial in trials:
        key = (trial["picture"], trial["method"])
        if key not in best or trial["psnr"] > best[key]["psnr"]:
            best[key] = trial
    return {key: (trial["frequency"], trial["rate"]) for key, trial in best.items()}


def picture_file(picture: str, method: str) -> str:
    """The name of the file with what `method` made of `picture`, at the greatest number of bits."""
    return f"{picture.replace(':', '-').replace('/', '-')}-{method}.png"


def _text(records: dict[str, Any]) -> str:
    return json.dumps(records) + "\n"


def _recorded(folder: Path, options: PictureStudyOptions) -> dict[str, Any]:
    """What `folder` has of this study already."""
    wanted = options.as_dict()
    if not (folder / RESULTS).exists():
        return {"schema": SCHEMA, "options": wanted, "search": [], "runs": [], "kernels": []}
    records = read_json(folder / RESULTS, "Results of the study")
    if records.get("schema") != SCHEMA or not {"options", "search", "runs", "kernels"} <= set(records):
        raise InvalidInput(f"Results of the study in {folder} must be those of coordinate networks, and are not")
    for key, value in wanted.items():
        found = records["options"].get(key)
        if found != value and not (key == "pictures" and value[: len(found)] == found):
            raise InvalidInput(
                f"Study in {folder} must have the options that it was begun with ({key} {found!r}), not {key} {value!r}"
            )
    return {**records, "options": wanted}


@dataclass(frozen=True)
class _Work:
    """What is to do, and what is done."""

    options: PictureStudyOptions
    folder: Path
    records: dict[str, Any]
    pool: Executor
    progress: Report
    on_run: Callable[[str], None] | None

    def _missing(self, kind: str, keys: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those of `keys` that no record has."""
        there = self.records[kind]
        return [key for key in keys if not any(key.items() <= record.items() for record in there)]

    def _keep(self, kind: str, record: dict[str, Any]) -> None:
        from quadrille.hw.export import publish

        self.records[kind].append(record)
        publish(self.folder, {RESULTS: _text(self.records)})

    def _in_order(self, kind: str, keys: Sequence[dict[str, Any]]) -> None:
        """Records in the order of `keys`, however they came about."""
        self.records[kind].sort(
            key=lambda record: next(n for n, key in enumerate(keys) if key.items() <= record.items())
        )

    def search(self) -> None:
        """All trials."""
        from quadrille.algo.nn.inr import search_psnr

        names = ("picture", "method", "frequency", "rate")
        keys: list[dict[str, Any]] = [dict(zip(names, trial, strict=True)) for trial in self.options.searches]
        tasks = ((key, (self.options, *key.values())) for key in self._missing("search", keys))
        for key, psnr in as_done(self.pool, search_psnr, tasks):
            self._keep("search", {**key, "psnr": round(psnr, 4)})
            at = f"{key['method']} {key['frequency']:g} on {key['picture']}"
            self.progress(f"search, {at}", len(self.records["search"]), len(keys))
        self._in_order("search", keys)

    def run(self, chosen: Mapping[tuple[str, str], tuple[float, float]]) -> None:
        """Every method on every picture, with the settings `chosen` for them, and their quantized trainings."""
        from quadrille.hw.export import publish

        keys = [{"picture": picture, "method": method} for picture, method in self.options.runs]
        training = _Training(self.options, self.folder, self.progress if isinstance(self.pool, InTurn) else silent)

        def settings(key: Mapping[str, Any]) -> tuple[float, float]:
            return chosen[self.options.searched(key["picture"]), key["method"]]

        tasks = (
            (key, (key["picture"], key["method"], *settings(key), len(self.records["runs"]), len(keys)))
            for key in self._missing("runs", keys)
        )
        for key, (record, picture) in as_done(self.pool, training.run, tasks):
            publish(self.folder / PICTURES, {picture_file(**key): picture})
            frequency, rate = settings(key)
            self._keep("runs", {**key, "frequency": frequency, "rate": rate, **record})
            training.checkpoint(**key).unlink(missing_ok=True)
            self.progress("study", 1000 * len(self.records["runs"]), 1000 * len(keys))
            if self.on_run is not None:
                shown = (f"{name} {found['psnr']:.2f} dB" for name, found in record.items() if isinstance(found, dict))
                self.on_run(f"{key['picture']} {key['method']}: {', '.join(shown)}")
        self._in_order("runs", keys)

    def kernels(self, frequencies: Mapping[str, float]) -> None:
        """The eigenvalues of every method at its frequency."""
        from quadrille.algo.nn.inr import kernel_eigenvalues

        keys = [{"method": method, "frequency": frequency} for method, frequency in frequencies.items()]
        tasks = ((key, (self.options, *key.values())) for key in self._missing("kernels", keys))
        for key, eigenvalues in as_done(self.pool, kernel_eigenvalues, tasks):
            self._keep("kernels", {**key, "eigenvalues": list(eigenvalues)})
            self.progress(f"tangent kernels, {key['method']}", len(self.records["kernels"]), len(keys))
        self._in_order("kernels", keys)


@dataclass(frozen=True)
class _Training:
    """One training after the other."""

    options: PictureStudyOptions
    folder: Path
    progress: Report

    def checkpoint(self, picture: str, method: str) -> Path:
        """Where a training stands."""
        return self.folder / f"{picture_file(picture, method)}.pt"

    def run(
        self, picture: str, method: str, frequency: float, rate: float, done: int, total: int
    ) -> tuple[dict[str, Any], bytes]:
        """Numbers of a training and of its quantized ones, and what the last of them rendered, as a PNG file."""
        from quadrille.algo.data import picture_png
        from quadrille.algo.nn.inr import study_case

        def told(at: PictureProgress) -> None:
            share = int(1000 * (done + at.done / at.total))
            self.progress(f"study, {method} on {picture}, {at.psnr:.2f} dB", share, 1000 * total)

        checkpoint = kept_here(self.checkpoint(picture, method))
        case = study_case(self.options, picture, method, frequency, rate, checkpoint=checkpoint, progress=told)
        rendered = list(case.pictures.values())[-1]
        upright = rendered.reshape(-1, *rendered.shape[-2:])
        return case.record, picture_png((upright + 0.5).astype("uint8"))
