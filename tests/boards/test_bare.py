"""Functions side by side as they are measured: what they share is made once, and results come `cuts` cycles later."""

from pathlib import Path

import pytest

from quadrille.algo.functions import quad_wave
from quadrille.algo.integer.activation import evaluate
from quadrille.algo.spec import IntFormat
from quadrille.boards.asic.activity import activity
from quadrille.boards.bare import BareFunctions
from quadrille.boards.synthesis import Synthesized, synthesize_netlist
from quadrille.boards.targets import CellLibrary
from quadrille.hw.export import export

S7 = IntFormat(7, signed=True)
WAVE = quad_wave(S7, S7, 4, 4)


def mapped(folder: Path, small_library: Path, count: int, cuts: int) -> Synthesized:
    component = BareFunctions([WAVE] * count, cuts)
    assert component.latency == cuts
    verilog = export(component, folder / f"{count}_{cuts}", "function") / "function.v"
    return synthesize_netlist(verilog, "function", CellLibrary("small", (small_library,)))


@pytest.mark.parametrize("cuts", [0, 1, 3, 5])
def test_netlist_gives_the_integers(tmp_path: Path, small_library: Path, cuts: int) -> None:
    codes = [*range(-64, 64)]
    found = activity(mapped(tmp_path, small_library, 1, cuts).netlist, {"i": [n & 127 for n in [*codes, *[0] * cuts]]})
    assert [n & 127 for n in evaluate(WAVE, codes).tolist()] == list(found.outputs["o_0"][cuts:])


def test_what_two_functions_share_is_made_once(tmp_path: Path, small_library: Path) -> None:
    one, two = (mapped(tmp_path, small_library, count, 0).resources.area or 0 for count in (1, 2))
    assert one < two < 1.3 * one or one == two
