"""The clock of a macro with cuts on an ECP5, beside that without any; and the table that cuts are chosen from.

    python bench/clock.py [--rows 64] [--columns 32] [--cuts 5] [--seeds 1,2]
    python bench/clock.py --table [--again]

The first places and routes a macro with cuts, by each seed, and without: minutes each. The second
measures the runs of `boards.fpga.clock_runs` that the table has not, with --again all of them: about half an hour.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace

from quadrille.algo.spec import InvalidInput
from quadrille.boards.fpga.clock_choice import ClockModel
from quadrille.boards.fpga.clock_runs import FAST, RUNS, TABLE, Run, measure, read_table, table_text


def make_table(again: bool) -> None:
    """Measure what is missing, a run at a time; what is there is written after each."""
    known = {each.run: each for each in (read_table() if TABLE.is_file() and not again else ())}
    known = {run: each for run, each in known.items() if run in RUNS}
    for run in RUNS:
        if run in known:
            continue
        started = time.perf_counter()
        try:
            known[run], placed = measure(run)
        except InvalidInput as error:
            print(f"{run}: {error}", flush=True)
            continue
        path = placed.critical_path
        ends = f"{path.start} to {path.end}" if path else ""
        seconds = time.perf_counter() - started
        print(f"{run}: {known[run].clock_hz / 1e6:.1f} MHz, {ends}, {seconds:.0f} s", flush=True)
        TABLE.write_text(table_text([known[each] for each in RUNS if each in known]), encoding="utf-8")


def show_table() -> None:
    """The table and what the model says of each of its runs."""
    model = ClockModel(read_table())
    print("| design | rows x columns | cuts | step | seed | look-up tables | flip-flops | MHz | model, MHz |")
    print("|---|---|---|---|---|---|---|---|---|")
    for each in model.table:
        run, delay = each.run, model.delay(each.run)
        print(
            f"| {run.design} | {run.rows} x {run.columns} | {run.cuts} | {run.step} | {run.seed} "
            f"| {each.luts:,} | {each.flip_flops:,} | {each.clock_hz / 1e6:.1f} | {1e3 / delay:.1f} |"
        )
    print(f"\nThe slowest against the model: {100 * model.error:.0f} %; among seeds: {100 * model.luck:.0f} %")


def compare(rows: int, columns: int, cuts: int, seeds: Sequence[int]) -> None:
    """A macro with cuts, by several seeds of the placer, and without."""
    fast = Run("macro", rows, columns, cuts, step=FAST)
    print(f"macro {rows} x {columns}, {cuts} cuts", flush=True)
    for seed in seeds:
        print(f"seed {seed}: {measure(replace(fast, seed=seed))[0].clock_hz / 1e6:.1f} MHz", flush=True)
    print(f"without cuts: {measure(Run('macro', rows, columns, 0))[0].clock_hz / 1e6:.1f} MHz")


def main() -> None:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--table", action="store_true", help="measure what the table has not, and show it")
    parser.add_argument("--again", action="store_true", help="with --table, measure all of it")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--columns", type=int, default=32)
    parser.add_argument("--cuts", type=int, default=5)
    parser.add_argument("--seeds", default="1,2", help="of the placer, with commas")
    options = parser.parse_args()
    if options.table:
        make_table(options.again)
        show_table()
    else:
        compare(options.rows, options.columns, options.cuts, [int(seed) for seed in options.seeds.split(",")])


if __name__ == "__main__":
    main()
