"""Progress of long work on standard error: a bar on a terminal, nothing anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["Report", "shown", "silent"]


class Report(Protocol):
    """Called as work goes on: what is being done, how much of it is done, and of how much (0: not known).

    What follows the first comma of the label may change from call to call; what is before it names the work.
    """

    def __call__(self, label: str, done: int = 0, total: int = 0) -> None:
        """Say that `done` of `total` parts of the work called `label` are done."""


def silent(label: str, done: int = 0, total: int = 0) -> None:
    """Report nothing."""


@contextmanager
def shown(quiet: bool = False) -> Iterator[Report]:
    """A Report that draws one line per label on standard error, if that is a terminal and `quiet` is not asked for."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield silent
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def report(label: str, done: int = 0, total: int = 0) -> None:
            work = label.partition(",")[0]
            if work not in tasks:
                # Work follows on work: what came before is done, also where nobody knew how much it was.
                for task in progress.tasks:
                    known = task.total or 1
                    progress.update(task.id, total=known, completed=known)
                tasks[work] = progress.add_task(label, total=total or None)
            progress.update(tasks[work], description=label, completed=done, total=total or None)

        yield report
