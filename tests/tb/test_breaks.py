"""The testbench finds each kind of fault that a block can have: one line broken at a time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quadrille.tb.manifest import Manifest
from quadrille.tb.runner import build, simulate

MODULE = "bench_doubler"

BREAKS = [
    (0, "sound", None, None),
    (
        1,
        "wrong value",
        "flow",
        r"^Mismatch: doubler\[bits=6\]: stream o beat \d+ at cycle \d+: field value lane 2 expected 10, got 11$",
    ),
    (2, "drops valid", "stalls", r"^StreamFault: Stream o must keep valid until ready, not drop it in cycle \d+$"),
    (
        3,
        "changes payload",
        "stalls",
        r"^StreamFault: Stream o must keep its payload until ready, not change (value|tag)(, tag)? in cycle \d+$",
    ),
    (
        4,
        "valid waits for ready",
        "reluctance",
        r"^Stuck: doubler\[bits=6\]: no stream moved from cycle \d+ on; \d+ beats wait at i, \d+ beats are missing at",
    ),
    (
        5,
        "survives reset",
        "reset",
        r"^Mismatch: doubler\[bits=6\]: stream o beat 0 at cycle 0: field (value|tag).* expected -?\d+, got -?\d+",
    ),
    (
        6,
        "too slow",
        "flow",
        r"^TimingFault: doubler\[bits=6\]: 99 operations must take 99 cycles, not 198$",
    ),
    (7, "loses a beat", "flow", r"^Mismatch: doubler.*beat \d+ at cycle \d+: field value.* expected 10, got"),
]


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("fault", "scenario", "message"), [row[:1] + row[2:] for row in BREAKS], ids=[r[1] for r in BREAKS]
)
def test_a_fault_is_found_and_named(
    tmp_path: Path, doubler: Path, testbench_path: None, fault: int, scenario: str | None, message: str | None
) -> None:
    simulator = build(Manifest.read(doubler))
    outcomes = simulate(simulator, MODULE, seed=1, folder=tmp_path, settings={"DOUBLER_FAULT": str(fault)})
    reasons = {outcome.name.split("=")[1]: outcome.reason for outcome in outcomes}
    assert list(reasons) == ["flow", "stalls", "reluctance", "reset"]
    if scenario is None or message is None:
        assert not any(reasons.values())
    else:
        reason = reasons[scenario]
        assert reason is not None
        assert re.search(message, reason), reason
