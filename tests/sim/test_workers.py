"""Processes that call functions for this one: what they answer, and what happens when they die or are interrupted."""

from __future__ import annotations

import operator
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from quadrille.algo.spec import IntFormat, InvalidInput
from quadrille.sim.workers import Processes, WorkerFault


def test_calls_are_answered_by_few_processes() -> None:
    with Processes(2) as processes:
        numbers = list(processes.map(operator.mul, range(20), range(20)))
        others = {processes.submit(os.getpid).result() for _ in range(6)}
    assert numbers == [n * n for n in range(20)]
    assert len(others) <= 2 and os.getpid() not in others


def test_what_a_call_prints_comes_between_no_answers() -> None:
    with Processes(1) as processes:
        processes.submit(print, "a line that no pipe must take for an answer", file=None).result()
        processes.submit(os.write, 1, b"nor this one\n").result()
        assert processes.submit(abs, -3).result() == 3


def test_exceptions_are_those_of_the_call() -> None:
    with Processes(1) as processes:
        with pytest.raises(InvalidInput, match=r"^Format width must be from 1 to 64 bits, not 99"):
            processes.submit(IntFormat, 99).result()
        with pytest.raises(ZeroDivisionError):
            processes.submit(operator.truediv, 1, 0).result()
        with pytest.raises((TypeError, RuntimeError), match="pickle"):
            processes.submit(operator.attrgetter("stdin"), sys).result()


def test_a_process_that_is_killed_is_replaced_and_its_call_made_again(tmp_path: Path) -> None:
    with Processes(2) as processes:
        futures = [processes.submit(time.sleep, 0.02) for _ in range(30)]
        futures[3].result()
        for process in list(processes.processes):
            process.kill()
        assert [future.result() for future in futures] == [None] * 30
        assert len(processes.processes) == 4


def test_a_call_that_ends_its_process_is_no_endless_loop() -> None:
    with Processes(1) as processes:
        with pytest.raises(WorkerFault, match=r"^Worker process must go on to its end, and ended with status 3$"):
            processes.submit(os._exit, 3).result()
        assert processes.submit(abs, -3).result() == 3
    with pytest.raises(RuntimeError):
        processes.submit(abs, -3)


def test_an_exception_in_the_context_waits_for_nothing() -> None:
    begin = time.monotonic()
    futures: list[Any] = []
    with pytest.raises(KeyboardInterrupt), Processes(1) as processes:
        futures += [processes.submit(time.sleep, 600) for _ in range(3)]
        while not processes.processes:
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert time.monotonic() - begin < 300
    assert futures[2].cancelled()


def test_a_script_needs_no_guard_and_an_interrupt_ends_all(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import signal, time\nfrom quadrille.sim.workers import Processes\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it\n"
        "with Processes(2) as processes:\n"
        "    print(processes.submit(abs, -3).result(), flush=True)\n"
        "    processes.submit(time.sleep, 600).result()\n"
    )
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "3\n"
        Thread(target=started.send_signal, args=(signal.SIGINT,)).start()
        try:
            printed, complaints = started.communicate(timeout=120)
        finally:
            started.kill()
    assert printed == "" and complaints.rstrip().endswith("KeyboardInterrupt")
    assert started.returncode == -signal.SIGINT
