"""The verb `study activation-cost`: what activation functions take on FPGAs and in cell libraries, run by run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from quadrille.algo.spec import InvalidInput

from .activation_findings import findings
from .activation_plot import activation_png
from .activation_tables import activation_csv, activation_markdown
from .activation_work import RESULTS, ActivationOptions, ActivationWork, results_bytes
from .progress import Report, silent
from .results import Result, listed, read_json

__all__ = ["ActivationOptions", "ActivationStudy", "study_activation"]

SCHEMA = 1
FILES = (RESULTS, "study.md", "study.csv", "study.png")


@dataclass(frozen=True)
class ActivationStudy(Result):
    """A finished study: its records, what they show, and its files."""

    title: ClassVar[str] = "Cost of activation functions"

    options: dict[str, Any]
    records: tuple[dict[str, Any], ...]
    skipped: tuple[str, ...]
    findings: tuple[str, ...]
    folder: Path
    files: tuple[Path, ...]

    def summary(self) -> Sequence[tuple[str, str]]:
        """What was measured, and what it shows."""
        count = len({record["name"] for record in self.records})
        formats = f"s{self.options['bits']} with {self.options['fraction']} fraction bits"
        return [
            ("measured", f"{count} functions in {len(self.records)} syntheses, {formats}"),
            *(("skipped", sentence) for sentence in self.skipped),
            *(("finding", sentence) for sentence in self.findings),
            ("files", listed(self.folder, self.files)),
        ]


def study_activation(
    options: ActivationOptions,
    folder: Path | str,
    *,
    progress: Report = silent,
    on_run: Callable[[str], None] | None = None,
) -> ActivationStudy:
    """Synthesize whatever of the study `options` is not yet in `folder`, and write there what it shows.

    Of each function's candidates the one of least area is taken, synthesized without cuts for the first target that
    is a cell library (or else in look-up tables for the first). results.json has a record for every synthesis, written
    when it is done: an interrupted study goes on where it was, and one of the same formats takes further functions,
    targets and cuts. The other files are study.md and study.csv (the tables) and study.png. A cell library whose files
    are not there is skipped.

    Raises
    ------
    InvalidInput
        If nothing can be measured, or the folder has a study of other formats or cannot be written.
    MissingTool
        If pyosys is not installed.
    """
    from quadrille.hw.export import publish

    folder = Path(folder)
    records = _recorded(folder, options)
    publish(folder, {})  # says that the folder cannot be written before the work, not after it
    work = ActivationWork(options, folder, records, on_run or (lambda line: None))
    runs = [(name, target) for target in work.targets for name in options.functions]
    for done, (name, target) in enumerate(runs):
        progress(f"synthesis, {name} for {target}", done, len(runs))
        work.measure(name, target)
    measured = work.wanted()
    if not measured:
        raise InvalidInput(f"Study must have something to measure, and has not: {'; '.join(work.skipped)}")
    found = tuple(findings(measured))
    settings = asdict(options) | {"targets": work.targets}
    publish(
        folder,
        {
            RESULTS: results_bytes(records),
            "study.md": activation_markdown(settings, measured, found, work.skipped),
            "study.csv": activation_csv(measured),
            "study.png": activation_png(settings, measured),
        },
    )
    files = tuple(folder / name for name in FILES)
    return ActivationStudy(asdict(options), tuple(measured), tuple(work.skipped), found, folder, files)


def _recorded(folder: Path, options: ActivationOptions) -> dict[str, Any]:
    """What `folder` has of this study already."""
    wanted = {"bits": options.bits, "fraction": options.fraction, "error": options.error}
    if not (folder / RESULTS).exists():
        return {"schema": SCHEMA, "options": wanted, "choices": {}, "records": []}
    records = read_json(folder / RESULTS, "Results of the study")
    if records.get("schema") != SCHEMA or not {"options", "choices", "records"} <= set(records):
        raise InvalidInput(f"Results of the study in {folder} must be of schema {SCHEMA}, and are not")
    if records["options"] != wanted:
        raise InvalidInput(f"Study in {folder} must have the options {wanted} to go on, not {records['options']}")
    return records
