"""Netlists that feed back, replayed cycle by cycle: outputs, and what switches, by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from quadrille.boards.asic.activity import activity
from quadrille.boards.asic.replay import Traffic, replay
from quadrille.boards.synthesis import synthesize_netlist
from quadrille.boards.targets import CellLibrary

TOTAL = """
module top(input clk, input [3:0] a, input first, output reg [7:0] o);
  reg [3:0] x; reg begins;
  always @(posedge clk) begin x <= a; begins <= first; o <= (begins ? 0 : o) + x; end
endmodule
"""


@pytest.fixture(name="top")
def top_fixture(tmp_path: Path, small_library: Path) -> tuple[Path, CellLibrary]:
    path = tmp_path / "top.v"
    path.write_text(TOTAL)
    return path, CellLibrary("small", (small_library,))


def played(numbers: Sequence[Sequence[int]], seen: list[tuple[int, ...]]) -> Traffic:
    """Numbers of each sequence, the first of which begins a sum."""
    for place, column in enumerate(zip(*numbers, strict=True)):
        outputs = yield {"a": column, "first": [int(place == 0)] * len(column)}
        seen.append(outputs["o"])


def test_sums_of_several_sequences(top: tuple[Path, CellLibrary]) -> None:
    netlist = synthesize_netlist(top[0], "top", top[1]).netlist
    draw = random.Random(3)
    numbers = [[draw.randrange(16) for _ in range(12)] for _ in range(5)]
    seen: list[tuple[int, ...]] = []
    found = replay(netlist, played(numbers, seen), 5)
    for lane, row in enumerate(numbers):
        assert [values[lane] for values in seen[2:]] == [sum(row[:n]) for n in range(1, 11)]
    assert found.cycles == 5 * 11 + 1
    # One sequence after the other switches as often.
    ones = [replay(netlist, played([row], []), 1) for row in numbers]
    for net in found.toggles:
        assert found.toggles[net] == sum(one.toggles[net] for one in ones)
        assert found.settled[net] == sum(one.settled[net] for one in ones) <= found.toggles[net]


def test_skipped_cycles_do_not_count(top: tuple[Path, CellLibrary]) -> None:
    netlist = synthesize_netlist(top[0], "top", top[1]).netlist
    found = replay(netlist, played([[0, 15, 7, 7, 7]], []), 1, skip=3)
    assert found.cycles == 2
    assert not any(found.toggles[net] for net in netlist.inputs["a"])


def test_without_feedback_it_is_activity(tmp_path: Path, small_library: Path) -> None:
    path = tmp_path / "top.v"
    path.write_text(TOTAL.replace("(begins ? 0 : o) + x", "{begins, x}"))
    netlist = synthesize_netlist(path, "top", CellLibrary("small", (small_library,))).netlist
    numbers = [3, 9, 9, 4, 15, 0]
    other = activity(netlist, {"a": numbers, "first": [1, 0, 0, 0, 0, 0]})
    seen: list[tuple[int, ...]] = []
    found = replay(netlist, played([numbers], seen), 1)
    assert [values[0] for values in seen] == list(other.outputs["o"])
    assert (found.toggles, found.settled, found.cycles) == (other.toggles, other.settled, other.cycles)
