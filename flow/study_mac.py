"""The verb `study mac-cost`: what multiply-accumulate units take, and what they do for it at each precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from quadrille.algo.spec import InvalidInput

from .cost_records import FILES, RESULTS, CostStudy, read_records, records_bytes, records_csv
from .executors import executor
from .mac_designs import DESIGNS
from .mac_findings import PRECISIONS, findings
from .mac_plot import mac_png
from .mac_tables import mac_markdown
from .mac_work import MacCostOptions, MacWork
from .progress import Report, silent

__all__ = ["MacCostOptions", "MacCostStudy", "study_mac"]


@dataclass(frozen=True)
class MacCostStudy(CostStudy):
    """A finished study: its records, what they show, and its files."""

    title: ClassVar[str] = "Cost of multiply-accumulate units"

    def measured(self) -> str:
        """Designs, syntheses and units."""
        count = len({record["name"] for record in self.records})
        return f"{count} designs in {len(self.records)} syntheses, {self.options['units']} units each"


def study_mac(
    options: MacCostOptions,
    folder: Path | str,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    progress: Report = silent,
    on_run: Callable[[str], None] | None = None,
) -> MacCostStudy:
    """Synthesize whatever of the study `options` is not yet in `folder`, and write there what it shows.

    results.json has a record for every synthesis, written when it is done: an interrupted study goes on where it was,
    and one of as many units takes further designs and targets. The other files are study.md and study.csv (the tables)
    and study.png. A cell library whose files are not there, and a design that does not go through, is left out. `jobs`
    processes synthesize, or the workers of the Dask cluster at `scheduler`, for which those files must be there too.

    Raises
    ------
    InvalidInput
        If nothing can be measured, or the folder has a study of other options or cannot be written.
    MissingTool
        If pyosys is not installed.
    """
    from quadrille.hw.export import publish

    folder = Path(folder)
    with executor(jobs, scheduler) as pool:
        records = read_records(folder, {"units": options.units}, records=[])
        publish(folder, {})  # says that the folder cannot be written before the work, not after it
        work = MacWork(options, folder, records, on_run or (lambda line: None))
        work.measure(pool, progress)
    measured = work.wanted()
    if not measured:
        raise InvalidInput(f"Study must have something to measure, and has not: {'; '.join(work.skipped)}")
    found = tuple(findings(measured))
    settings = asdict(options) | {"targets": work.targets}
    rates = [
        {
            f"products_{bits}": rate
            for bits in PRECISIONS
            if (rate := DESIGNS[record["name"]].products(bits, record["units"]))
        }
        for record in measured
    ]
    publish(
        folder,
        {
            RESULTS: records_bytes(records),
            "study.md": mac_markdown(settings, measured, found, work.skipped),
            "study.csv": records_csv([record | rate for record, rate in zip(measured, rates, strict=True)]),
            "study.png": mac_png(measured),
        },
    )
    files = tuple(folder / name for name in FILES)
    return MacCostStudy(asdict(options), tuple(measured), tuple(work.skipped), found, folder, files)
