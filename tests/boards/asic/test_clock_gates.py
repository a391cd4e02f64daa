"""Registers that share a gated clock: fewer gates, the same numbers, and energy only where the clock runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.boards.asic.activity import activity, energy
from quadrille.boards.asic.replay import Traffic, replay
from quadrille.boards.synthesis import Synthesized, synthesize_netlist
from quadrille.boards.targets import CellLibrary

HELD = """
module top(input clk, input load, input [7:0] i, output reg [7:0] o);
  always @(posedge clk) if (load) o <= i;
endmodule
"""


@pytest.fixture(name="both", scope="module")
def both_fixture(
    tmp_path_factory: pytest.TempPathFactory, gated_library: tuple[Path, ...]
) -> tuple[Synthesized, Synthesized]:
    """Eight registers that hold, with and without a gated clock."""
    folder = tmp_path_factory.mktemp("gates")
    (folder / "top.v").write_text(HELD)
    target = CellLibrary("gated", gated_library)
    plain, gated = (synthesize_netlist(folder / "top.v", "top", target, clocked=clocked) for clocked in (False, True))
    return plain, gated


def loads(seen: list[int], every: int) -> Traffic:
    """A new number each cycle, taken once in `every`."""
    for cycle in range(24):
        outputs = yield {"load": [int(cycle % every == 0)], "i": [cycle * 37 & 255]}
        seen.append(outputs["o"][0])


def test_gated_registers_hold(both: tuple[Synthesized, Synthesized]) -> None:
    plain, gated = both
    assert len(gated.netlist.clock_gates) == 1 and not plain.netlist.clock_gates
    assert gated.resources.flip_flops == plain.resources.flip_flops == 8
    assert gated.netlist.area < plain.netlist.area
    seen: dict[str, list[int]] = {"plain": [], "gated": []}
    for name, found in zip(seen, both, strict=True):
        replay(found.netlist, loads(seen[name], 3), 1)
    assert seen["gated"] == seen["plain"] and seen["gated"][4] == 3 * 37 & 255


def test_energy_of_a_clock_that_rests(both: tuple[Synthesized, Synthesized]) -> None:
    _, gated = both
    clocks: list[float] = []
    for every in (1, 3):
        found = replay(gated.netlist, loads([], every), 1)
        (share,) = found.running.values()
        assert share == pytest.approx(1 / every)
        clocks.append(energy(gated.netlist, found, 1.0).clock)
    # The gate's own clock pin always runs, at 1 fF and 1 V; a third of the rest is left.
    assert clocks[1] - 1.0 == pytest.approx((clocks[0] - 1.0) / 3)


def test_gated_clock_does_not_feed_forward(both: tuple[Synthesized, Synthesized]) -> None:
    with pytest.raises(InvalidInput, match=r"^Netlist must have clocks that always run to be simulated so, and '.*'"):
        activity(both[1].netlist, {"load": [1, 0], "i": [1, 2]})
