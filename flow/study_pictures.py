"""The verb `study inr`: coordinate networks with different activations on the same pictures, run by run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import InvalidInput

from .progress import Report, silent
from .results import Result, listed, read_json
from .study_pictures_findings import PictureFindings, picture_findings
from .study_pictures_plot import clip_png, kernel_png, pictures_png, quality_png, spectra_png
from .study_pictures_tables import picture_csv, picture_markdown

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
    progress: Report = silent,
    on_run: Callable[[str], None] | None = None,
) -> PictureStudy:
    """Do whatever of the study `options` is not yet in `folder`, and write there what it shows.

    results.json has one record for each trial of the search, each run and each kernel, written when it is done: an
    interrupted study goes on where it was, a training in its midst from its checkpoint. A study takes further pictures
    at the end of its list. The other files are study.md and study.csv (the tables), quality.png, spectra.png (of the
    errors), pictures.png, kernel.png, clip.png where there is a clip, and what every run rendered in pictures/.
    `on_run` is given one line for each run.

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
    publish(folder, {})  # says that the folder cannot be written before the work, not after it
    work = _Work(options, folder, records, progress, on_run)
    for trial in options.searches:
        work.search(*trial)
    chosen = best_settings(records["search"])
    for picture, method in options.runs:
        work.run(picture, method, *chosen[options.searched(picture), method])
    for method in options.methods:
        work.kernel(method, chosen[options.pictures[0], method][0])
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
    progress: Report
    on_run: Callable[[str], None] | None

    def _has(self, kind: str, key: dict[str, Any]) -> bool:
        return any(key.items() <= record.items() for record in self.records[kind])

    def _keep(self, kind: str, record: dict[str, Any], files: dict[str, str | bytes] | None = None) -> None:
        from quadrille.hw.export import publish

        if files:
            publish(self.folder / PICTURES, files)
        self.records[kind].append(record)
        publish(self.folder, {RESULTS: _text(self.records)})

    def search(self, picture: str, method: str, frequency: float, rate: float) -> None:
        """One trial, unless it is done."""
        from quadrille.algo.nn.inr import search_psnr

        key = {"picture": picture, "method": method, "frequency": frequency, "rate": rate}
        if not self._has("search", key):
            done, total = len(self.records["search"]), len(list(self.options.searches))
            self.progress(f"search, {method} {frequency:g} on {picture}", done, total)
            found = search_psnr(self.options, picture, method, frequency, rate)
            self._keep("search", {**key, "psnr": round(found, 4)})

    def run(self, picture: str, method: str, frequency: float, rate: float) -> None:
        """One training and its quantized ones, unless they are done."""
        from quadrille.algo.data import picture_png
        from quadrille.algo.nn.inr import study_case

        key = {"picture": picture, "method": method}
        if self._has("runs", key):
            return
        done, total = len(self.records["runs"]), len(self.options.pictures) * len(self.options.methods)

        def told(at: PictureProgress) -> None:
            share = int(1000 * (done + at.done / at.total))
            self.progress(f"study, {method} on {picture}, {at.psnr:.2f} dB", share, 1000 * total)

        checkpoint = self.folder / f"{picture_file(picture, method)}.pt"
        case = study_case(self.options, picture, method, frequency, rate, checkpoint=checkpoint, progress=told)
        rendered = list(case.pictures.values())[-1]
        upright = rendered.reshape(-1, *rendered.shape[-2:])
        record = {**key, "frequency": frequency, "rate": rate, **case.record}
        self._keep("runs", record, {picture_file(picture, method): picture_png((upright + 0.5).astype("uint8"))})
        checkpoint.unlink(missing_ok=True)
        if self.on_run is not None:
            numbers = ", ".join(f"{name} {case.record[name]['psnr']:.2f} dB" for name in case.pictures)
            self.on_run(f"{picture} {method}: {numbers}")

    def kernel(self, method: str, frequency: float) -> None:
        """The eigenvalues of one method, unless they are there."""
        from quadrille.algo.nn.inr import kernel_eigenvalues

        key = {"method": method, "frequency": frequency}
        if not self._has("kernels", key):
            self.progress(f"tangent kernels, {method}", 0, 0)
            self._keep("kernels", {**key, "eigenvalues": list(kernel_eigenvalues(self.options, method, frequency))})
