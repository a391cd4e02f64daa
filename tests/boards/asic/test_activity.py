"""Mapped netlists simulated bit by bit: equal to what the Verilog says; toggles and energy by hand."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.boards.asic.activity import activity, energy
from quadrille.boards.asic.boolean import rule
from quadrille.boards.asic.liberty import Library
from quadrille.boards.asic.netlist import Instance, Netlist
from quadrille.boards.synthesis import synthesize_netlist
from quadrille.boards.targets import CellLibrary

MASK = 0b1111
A, B = 0b0011, 0b0101


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A", A),
        ("!A", ~A & MASK),
        ("A'", ~A & MASK),
        ("(A B)'", ~(A & B) & MASK),
        ("A * !B + !A & B", A ^ B),
        ("A ^ B", A ^ B),
        ("!A ^ B | A", (~A & MASK ^ B) | A),
        ("((A))''", A),
        ("1", MASK),
        ("0 + A", A),
    ],
)
def test_function_of_a_cell(text: str, expected: int) -> None:
    assert rule(text, ("A", "B"))(MASK, A, B) == expected


@pytest.mark.parametrize("text", ["A &", "C", "(A", "A)", "A $ B", "", "__import__"])
def test_function_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^Function of a cell must be one of A, B, not '"):
        rule(text, ("A", "B"))


def chain(library: Path, *cells: str) -> Netlist:
    """Cells one after the other, from port i to port o."""
    found = Library([library])
    instances = []
    for n, name in enumerate(cells):
        pins = {"C": 0, "D": n + 1, "Q": n + 2} if name == "DFF" else {"A": n + 1, "Y": n + 2}
        instances.append(Instance(f"cell_{n}", found[name], pins))
    return Netlist(tuple(instances), {"clk": (0,), "i": (1,)}, {"o": (len(cells) + 1,)})


def test_register_gives_what_it_got_a_cycle_before(small_library: Path) -> None:
    found = activity(chain(small_library, "INV", "DFF", "DFF"), {"i": [1, 0, 0, 1, 0]})
    assert found.outputs == {"o": (0, 0, 0, 1, 1)}
    assert found.settled[1] == 3 and found.settled[4] == 1


def test_energy_by_hand(small_library: Path) -> None:
    netlist = chain(small_library, "INV", "DFF")
    found = activity(netlist, {"i": [0, 1, 0, 1, 1]})
    cost = energy(netlist, found, voltage=1.0)
    # Three toggles of the input move 1 fF, and the inverter's output 2 fF at 2 fJ inside; four of Q cost 2 fJ inside.
    assert found.toggles[1] == found.toggles[2] == 3 and found.toggles[3] == 4
    assert cost.switching == cost.settled == pytest.approx((3 * 0.5 + 3 * (1.0 + 2.0) + 4 * 2.0) / 4)
    assert cost.clock == pytest.approx(1.0)
    assert cost.total == cost.switching + cost.clock
    assert netlist.leakage == pytest.approx(1 + 2)


def test_unequal_ways_glitch(small_library: Path) -> None:
    # NAND(i, !i) is 1 always, but the inverter is late: it falls when i rises, and not when i falls.
    library = Library([small_library])
    late = Instance("late", library["INV"], {"A": 1, "Y": 2})
    gate = Instance("gate", library["NAND2"], {"A": 1, "B": 2, "Y": 3})
    netlist = Netlist((late, gate), {"i": (1,)}, {"o": (3,)})
    found = activity(netlist, {"i": [0, 1, 0, 1]})
    assert found.outputs == {"o": (1, 1, 1, 1)}
    assert found.settled[3] == 0 and found.toggles[3] == 4
    cost = energy(netlist, found, 1.0)
    assert cost.settled < cost.switching and cost.clock == 0


VERILOG = """
module top(input clk, input signed [5:0] a, input signed [5:0] b, output reg [11:0] p);
  reg signed [5:0] x, y;
  always @(posedge clk) begin x <= a; y <= b; p <= {}; end
endmodule
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x * y", lambda a, b: a * b),
        ("x * x", lambda a, b: a * a),
        ("x * x - y * y", lambda a, b: a * a - b * b),
        ("{6'b0, x} * {6'b0, x}", lambda a, b: (a & 63) ** 2),
    ],
)
def test_netlist_computes_what_the_verilog_says(
    tmp_path: Path, small_library: Path, text: str, expected: Callable[[int, int], int]
) -> None:
    path = tmp_path / "top.v"
    path.write_text(VERILOG.replace("{}", text, 1))
    found = synthesize_netlist(path, "top", CellLibrary("small", (small_library,)))
    draw = random.Random(5)
    numbers = [(draw.randrange(-32, 32), draw.randrange(-32, 32)) for _ in range(500)] + [(-32, -32)] * 3
    stimulus = {"a": [a & 63 for a, _ in numbers], "b": [b & 63 for _, b in numbers]}
    outputs = activity(found.netlist, stimulus).outputs["p"]
    assert list(outputs[2:]) == [expected(a, b) & 0xFFF for a, b in numbers[:-2]]


def test_square_takes_far_less_than_a_product(tmp_path: Path, small_library: Path) -> None:
    areas = []
    for text in ("x * y", "x * x"):
        path = tmp_path / "top.v"
        path.write_text(VERILOG.replace("{}", text, 1))
        found = synthesize_netlist(path, "top", CellLibrary("small", (small_library,))).resources
        areas.append((found.area or 0) - 4 * found.flip_flops)
    assert areas[1] < 0.75 * areas[0]


def test_stimulus_must_fit(small_library: Path) -> None:
    netlist = chain(small_library, "INV")
    with pytest.raises(InvalidInput, match=r"^Stimulus must name inputs, clk, i, not 'x'$"):
        activity(netlist, {"x": [0]})
    with pytest.raises(InvalidInput, match=r"^Stimulus of input 'clk' must have 2 numbers, not 1$"):
        activity(netlist, {"i": [0, 1], "clk": [0]})


def test_what_feeds_back_is_refused(small_library: Path) -> None:
    library = Library([small_library])
    ring = Instance("ring", library["INV"], {"A": 1, "Y": 1})
    with pytest.raises(InvalidInput, match=r"^Netlist must have no loop without a register, and 'ring' is in one$"):
        _ = Netlist((ring,), {}, {"o": (1,)}).logic
    toggle = (
        Instance("turn", library["INV"], {"A": 2, "Y": 3}),
        Instance("hold", library["DFF"], {"C": 0, "D": 3, "Q": 2}),
    )
    netlist = Netlist(toggle, {"clk": (0,)}, {"o": (2,)})
    with pytest.raises(
        InvalidInput, match=r"^Netlist must feed forward to be simulated so, and 'hold' waits for itself$"
    ):
        activity(netlist, {"clk": [0, 0]})


def test_cell_that_the_library_lacks_is_refused(small_library: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Library of small\.lib must have the cell 'XOR9', and has it not$"):
        Library([small_library])["XOR9"]
