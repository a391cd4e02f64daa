"""The verb `study activation-cost`: what activation functions take on FPGAs and in cell libraries, run by run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from quadrille.algo.spec import InvalidInput

from .activation_findings import findings
from .activation_plot import activation_png
from .activation_tables import activation_markdown
from .activation_work import ActivationOptions, ActivationWork
from .cost_records import FILES, RESULTS, CostStudy, read_records, records_bytes, records_csv
from .executors import InTurn, executor
from .progress import Report, silent

__all__ = ["ActivationOptions", "ActivationStudy", "study_activation"]


@dataclass(frozen=True)
class ActivationStudy(CostStudy):
    """A finished study: its records, what they show, and its files."""

    title: ClassVar[str] = "Cost of activation functions"

    def measured(self) -> str:
        """Functions, syntheses and formats."""
        count = len({record["name"] for record in self.records})
        formats = f"s{self.options['bits']} with {self.options['fraction']} fraction bits"
        return f"{count} functions in {len(self.records)} syntheses, {formats}"


def study_activation(
    options: ActivationOptions,
    folder: Path | str,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    progress: Report = silent,
    on_run: Callable[[str], None] | None = None,
) -> ActivationStudy:
    """Synthesize whatever of the study `options` is not yet in `folder`, and write there what it shows.

    Of each function's candidates the one of least area is taken, synthesized without cuts for the first target that
    is a cell library (or else in look-up tables for the first). results.json has a record for every synthesis, written
    when it is done: an interrupted study goes on where it was, and one of the same formats takes further functions,
    targets and cuts. The other files are study.md and study.csv (the tables) and study.png. A cell library whose files
    are not there is skipped. `jobs` processes synthesize, or the workers of the Dask cluster at `scheduler`, for which
    those files must be there too.

    Raises
    ------
    InvalidInput
        If nothing can be measured, or the folder has a study of other formats or cannot be written.
    MissingTool
        If pyosys is not installed.
    """
    from quadrille.hw.export import publish

    folder = Path(folder)
    wanted = {"bits": options.bits, "fraction": options.fraction, "error": options.error}
    records = read_records(folder, wanted, choices={}, records=[])
    work = ActivationWork(options, folder, records, on_run or (lambda line: None))
    with executor(jobs, scheduler) as pool:
        publish(folder, {})  # says that the folder cannot be written before the work, not after it
        if isinstance(pool, InTurn):
            runs = [(name, target) for target in work.targets for name in options.functions]
            for done, (name, target) in enumerate(runs):
                progress(f"synthesis, {name} for {target}", done, len(runs))
                work.measure(name, target)
        else:
            work.share(pool, progress)
    measured = work.wanted()
    if not measured:
        raise InvalidInput(f"Study must have something to measure, and has not: {'; '.join(work.skipped)}")
    found = tuple(findings(measured))
    settings = asdict(options) | {"targets": work.targets}
    publish(
        folder,
        {
            RESULTS: records_bytes(records),
            "study.md": activation_markdown(settings, measured, found, work.skipped),
            "study.csv": records_csv(measured),
            "study.png": activation_png(settings, measured),
        },
    )
    files = tuple(folder / name for name in FILES)
    return ActivationStudy(asdict(options), tuple(measured), tuple(work.skipped), found, folder, files)
