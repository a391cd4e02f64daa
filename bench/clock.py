"""The clock that chosen cuts reach on an ECP5, beside that without any; and the table that the choice is made from.

    python bench/clock.py [--rows 64] [--columns 32] [--clock 100e6]
    python bench/clock.py --table [--again]

The first chooses the cuts of a macro for a clock and places and routes it with and without them: minutes. The second
measures the runs of `boards.fpga.clock_runs` that the table has not, with --again all of them: about an hour.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

from quadrille.algo.spec import InvalidInput
from quadrille.boards.fpga.clock_choice import ClockModel
from quadrille.boards.fpga.clock_runs import RUNS, TABLE, Run, configuration_of, measure, read_table, table_text


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
    print("| design | rows x columns | cuts | step | look-up tables | flip-flops | MHz | model, MHz |")
    print("|---|---|---|---|---|---|---|---|")
    for each in model.table:
        run, configuration = each.run, configuration_of(each.run)
        macro = run.design == "macro"
        delay = model.macro_delay(configuration, run.cuts) if macro else model.step_delay(run.step)
        step = "" if macro else str(run.step)
        print(
            f"| {run.design} | {run.rows} x {run.columns} | {run.cuts} | {step} "
            f"| {each.luts:,} | {each.flip_flops:,} | {each.clock_hz / 1e6:.1f} | {1e3 / delay:.1f} |"
        )
    print(f"\nThe slowest against the model: {100 * model.error:.0f} %")


def compare(rows: int, columns: int, clock_hz: float) -> None:
    """A macro with the cuts that are chosen for a clock, and without."""
    plain = Run("macro", rows, columns, 0)
    choice = ClockModel(read_table()).choose(configuration_of(plain), clock_hz)
    chosen = replace(plain, cuts=choice.settings["cuts"])
    without, with_cuts = measure(plain)[0].clock_hz, measure(chosen)[0].clock_hz
    print(f"macro {rows} x {columns} for {clock_hz / 1e6:g} MHz: {chosen.cuts} cuts, {with_cuts / 1e6:.1f} MHz reached")
    print(f"without cuts {without / 1e6:.1f} MHz: {with_cuts / without:.2f} times the clock")


def main() -> None:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--table", action="store_true", help="measure what the table has not, and show it")
    parser.add_argument("--again", action="store_true", help="with --table, measure all of it")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--columns", type=int, default=32)
    parser.add_argument("--clock", type=float, default=100e6, help="Hz")
    options = parser.parse_args()
    if options.table:
        make_table(options.again)
        show_table()
    else:
        compare(options.rows, options.columns, options.clock)


if __name__ == "__main__":
    main()
