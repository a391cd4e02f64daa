"""Where work is done: here, in processes, on a cluster; and what happens when workers die."""

from __future__ import annotations

import operator
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.integer import write_network
from quadrille.algo.nn.inr import PictureStudyOptions
from quadrille.algo.spec import InvalidInput, MissingTool, Network
from quadrille.flow.executors import InTurn, as_done, executor, workers_of
from quadrille.flow.explore import explore
from quadrille.flow.explore_grid import Grid
from quadrille.flow.generation import generate
from quadrille.flow.study_pictures import study_pictures
from quadrille.flow.verification import verify

TASKS = [(number, (number, 3)) for number in range(40)]


@contextmanager
def cluster(workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a Dask scheduler of this machine, and its worker processes."""
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = []

    def start(module: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{module}", *options, "--no-dashboard"]
        started.append(subprocess.Popen(command, **quiet))
        return started[-1]

    from distributed import Client
    from distributed.utils import open_port

    address = f"tcp://127.0.0.1:{open_port('127.0.0.1')}"
    try:
        start("scheduler", "--host", address, "--no-show")
        options = ("--nthreads", "1", "--no-nanny", "--memory-limit", "0")
        processes = [start("worker", address, *options) for _ in range(workers)]
        with Client(address, timeout=60, set_as_default=False) as client:
            if workers:
                client.wait_for_workers(workers, timeout=60)
        yield address, processes
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_is_done_once(jobs: int) -> None:
    with executor(jobs) as pool:
        assert isinstance(pool, InTurn) == (jobs == 1)
        assert workers_of(pool) == jobs
        assert sorted(as_done(pool, operator.mul, TASKS)) == [(number, 3 * number) for number in range(40)]


def test_one_job_does_a_task_when_the_one_before_has_been_taken() -> None:
    begun: list[int] = []
    with executor() as pool:
        for task, _ in as_done(pool, begun.append, ((number, (number,)) for number in range(5))):
            assert begun == list(range(task + 1))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exception_ends_it(jobs: int) -> None:
    with executor(jobs) as pool, pytest.raises(ZeroDivisionError):
        list(as_done(pool, operator.floordiv, [(n, (n, 5 - n)) for n in range(10)]))


@pytest.mark.parametrize("jobs", [0, True, 1.5])
def test_jobs_are_checked(jobs: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^Number of jobs must be a positive integer, not "), executor(jobs):
        pass


def test_a_cluster_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    message = r"^Package distributed is missing, which --scheduler needs: install quadrille\[cluster\]$"
    with pytest.raises(MissingTool, match=message), executor(1, "tcp://127.0.0.1:8786"):
        pass


@pytest.mark.parametrize("address", ["nowhere", "abacus://there:1", "tcp://127.0.0.1:1"])
def test_a_scheduler_must_answer(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quadrille.flow.executors.ANSWER_SECONDS", 0.5)
    with pytest.raises(InvalidInput, match=rf"^Scheduler must answer, and {address} does not: "), executor(1, address):
        pass


def test_a_scheduler_must_have_workers() -> None:
    with cluster(0) as (address, _):
        with pytest.raises(InvalidInput, match=r"^Scheduler must have workers, and .* has none$"), executor(1, address):
            pass


def test_workers_must_have_the_same_version(monkeypatch: pytest.MonkeyPatch) -> None:
    with cluster(1) as (address, _):
        monkeypatch.setattr("quadrille.flow.executors.version_here", lambda: "99")
        message = r"^Workers must have version 99 of quadrille installed, and tcp://.* has "
        with pytest.raises(InvalidInput, match=message), executor(1, address):
            pass


def test_a_cluster_whose_worker_is_killed_finds_the_same(
    make_perceptron: Callable[..., Network], tmp_path: Path
) -> None:
    path = write_network(make_perceptron(), tmp_path / "network.safetensors")
    grid = Grid(rows=tuple(range(40, 56)), columns=(8, 12, 16, 20, 24), lanes=(2, 4), settings=(("frames", (2, 4)),))
    target = "ultrascale+"
    with cluster(2) as (address, workers):
        with executor(1, address) as pool:
            assert workers_of(pool) == 2
            assert sorted(as_done(pool, operator.mul, TASKS)) == [(number, 3 * number) for number in range(40)]
            assert pool.submit(os.getpid).result() in {worker.pid for worker in workers}
            with pytest.raises(ZeroDivisionError):
                list(as_done(pool, operator.floordiv, [(n, (n, 5 - n)) for n in range(10)]))

        def kill(label: str, done: int = 0, total: int = 0) -> None:
            if label == "points" and 0 < done < total:
                workers[0].kill()

        shared = explore(path, tmp_path / "a", grid, target=target, images=20, scheduler=address, progress=kill)
        assert workers[0].wait() != 0 and workers[1].poll() is None
    alone = explore(path, tmp_path / "b", grid, target=target, images=20)
    assert shared.jobs == 2 and shared.points == len(grid) == 320
    lines = [sorted((tmp_path / name / "points.jsonl").read_text().splitlines()) for name in ("a", "b")]
    assert lines[0] == lines[1] and len(lines[0]) == len(set(lines[0])) == 321
    for name in ("points.csv", "pareto.csv", "exploration.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert alone.costed == shared.costed > 0


def test_a_study_on_a_cluster_finds_the_same(tmp_path: Path) -> None:
    tiny: dict[str, Any] = {"crop": 8, "hidden": 4, "steps": 4, "tuning_steps": 2, "batch": 16, "search_steps": 2}
    grid: dict[str, Any] = {"frequencies": (10.0, 20.0), "rates": (3e-3,), "kernel_size": 3, "bits": (8,)}
    options = PictureStudyOptions(pictures=("drawn",), methods=("quad",), **tiny, **grid)
    study_pictures(options, tmp_path / "alone")
    with cluster(1) as (address, _):
        shared = study_pictures(options, tmp_path / "shared", scheduler=address)
    assert len(shared.runs) == 1
    for name in ("results.json", "study.md", "pictures/drawn-quad.png"):
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


@pytest.mark.verilator
def test_a_verification_on_a_cluster_compares_as_much(make_perceptron: Callable[..., Network], tmp_path: Path) -> None:
    path = write_network(make_perceptron(), tmp_path / "network.safetensors")
    generate(path, tmp_path / "hw", rows=40, columns=16, settings={"lanes": 4, "frames": 8})
    alone = verify(tmp_path / "hw", 60)
    with cluster(2) as (address, _):
        shared = verify(tmp_path / "hw", 60, scheduler=address)
    assert shared.passed and shared.jobs == 2
    assert (shared.answers, shared.nodes) == (alone.answers, alone.nodes)
