"""Columns that nobody reads, in gates: each group of them on a clock of its own, which rests when it is not used."""

from __future__ import annotations

from pathlib import Path

import pytest

from quadrille.boards.asic.activity import energy
from quadrille.boards.asic.replay import Traffic, replay
from quadrille.boards.synthesis import Synthesized, synthesize_netlist
from quadrille.boards.targets import CellLibrary
from quadrille.hw.cim import CimMacro
from quadrille.hw.export import export

ROWS, COLUMNS, CYCLES = 3, 8, 40


@pytest.fixture(name="macros", scope="module")
def macros_fixture(tmp_path_factory: pytest.TempPathFactory, gated_library: tuple[Path, ...]) -> list[Synthesized]:
    """A macro without gates of columns, and one with a gate for four columns."""
    folder, target = tmp_path_factory.mktemp("columns"), CellLibrary("gated", gated_library)
    return [
        synthesize_netlist(export_of(gated, folder) / "cim_macro.v", "cim_macro", target, clocked=True)
        for gated in (0, 4)
    ]


def export_of(gated: int, folder: Path) -> Path:
    dut = CimMacro(rows=ROWS, columns=COLUMNS, activation_bits=2, cuts=1, gated_columns=gated)
    return export(dut, folder / str(gated))


def vectors(sums: list[tuple[int, ...]], used: int, gates: bool) -> Traffic:
    """Weights, then vectors of two planes in half of the cycles; the words that leave."""
    for row in range(ROWS):
        word = row | 1 << 2 | (0xB2D >> row & 0xFF) << 3
        yield {"i_weights__valid": [1], "i_weights__payload": [word], "o__ready": [1]}
    for cycle in range(CYCLES):
        payload = [5, 7, 2, 3][cycle % 4] | (1 << cycle % 2) << ROWS | (used << ROWS + 2 if gates else 0)
        outputs = yield {"i__valid": [int(cycle % 4 < 2)], "i__payload": [payload], "o__ready": [1]}
        if outputs["o__valid"][0]:
            sums.append(columns_of(outputs["o__payload"][0]))


def columns_of(payload: int) -> tuple[int, ...]:
    """S of each column, of four bits."""
    words = [payload >> COLUMNS * k for k in range(8)]
    totals = [[sum((words[half + k] >> c & 1) << k for k in range(4)) for half in (0, 4)] for c in range(COLUMNS)]
    return tuple(sum(pair) % 16 for pair in totals)


@pytest.mark.parametrize("used", [0b11, 0b01, 0b10, 0b00])
def test_a_group_of_columns_runs_where_it_is_used(macros: list[Synthesized], used: int) -> None:
    sums: list[list[tuple[int, ...]]] = [[], []]
    plain, gated = (
        replay(made.netlist, vectors(each, used, made is macros[1]), 1, skip=ROWS)
        for made, each in zip(macros, sums, strict=True)
    )
    assert len(sums[0]) == len(sums[1]) == CYCLES // 4 - 1, "the last is still under way"
    for group in range(2):
        own = slice(4 * group, 4 * group + 4)
        if used >> group & 1:
            assert [each[own] for each in sums[1]] == [each[own] for each in sums[0]]
    netlist = macros[1].netlist
    assert clocks_of(netlist, 0).isdisjoint(clocks_of(netlist, 1)), "each group must have gates of its own"
    for group in range(2):
        # Two planes of every four cycles.
        expected = 0.5 if used >> group & 1 else 0.0
        for clock in clocks_of(netlist, group):
            assert gated.running[clock] == pytest.approx(expected, abs=0.05 * expected)
    saved = energy(macros[0].netlist, plain, 1.0).clock - energy(netlist, gated, 1.0).clock
    assert saved > 0


def clocks_of(netlist, group: int) -> set[int | str]:
    """The gated clocks of the registers that hold the sums of a group."""
    nets = {net for k in range(8) for net in netlist.outputs["o__payload"][COLUMNS * k + 4 * group :][:4]}
    registers = [each for each in netlist.registers if nets & {net for _, net in each.pins("output")}]
    assert len(registers) > 4
    found = {register.nets[pin] for register in registers for pin in register.cell.clock_pins}
    assert found <= {*netlist.clock_gates}, "sums must be on gated clocks"
    return found
