"""Synthesize the table that the models of `boards.cost` are fitted to; what is in it and has not changed is kept.

    python bench/cost_table.py [--targets ultrascale+,ecp5,nangate45] [--jobs 1] [--components] [--anew]

Half an hour of one core for each target where all is new. Cell libraries lie in QUADRILLE_DATA/liberty.
"""

from __future__ import annotations

import argparse
import time

from quadrille.algo.spec import InvalidInput
from quadrille.boards.cost.models import fit, models_text
from quadrille.boards.cost.samples import SAMPLES
from quadrille.boards.cost.table import FOLDER, Table, Work

TARGETS = "nangate45,ultrascale+,ecp5"


def main() -> None:
    """Every sample for every target, in `--jobs` processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--targets", default=TARGETS, help="families and libraries, with commas")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--rows", type=int, default=4, help="most samples of a kind of component")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds of a synthesis")
    parser.add_argument("--samples", default="", help="numbers of samples, with commas; all by default")
    parser.add_argument("--components", action="store_true", help="no accelerator as a whole")
    parser.add_argument("--anew", action="store_true", help="also what has not changed")
    options = parser.parse_args()
    numbers = [int(number) for number in options.samples.split(",") if number]
    table, start = Table.read(), time.monotonic()
    chosen, wholes = numbers or tuple(range(SAMPLES)), not options.components
    work = Work(options.targets.split(","), table, options.timeout, chosen, options.rows, wholes, options.anew)
    for done, (task, outcome) in enumerate(work.run(options.jobs), 1):
        said = str(outcome) if isinstance(outcome, InvalidInput) else f"{len(outcome)} rows"
        print(f"{time.monotonic() - start:6.0f} s  {done:3}  {task.name}: {said}", flush=True)
        if not isinstance(outcome, InvalidInput):
            table.add(outcome)
            write(table)
    table.without_others(work.rows)
    write(table)


def write(table: Table) -> None:
    """The table, and the models that it gives."""
    table.write()
    (FOLDER / "models.json").write_text(models_text(fit(table)), encoding="utf-8")


if __name__ == "__main__":
    main()
