"""Static timing by hand, tables between their entries and beyond, and what the Liberty reader makes of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from quadrille.boards.asic.liberty import Library
from quadrille.boards.asic.netlist import Instance, Netlist
from quadrille.boards.asic.tables import Table
from quadrille.boards.asic.timing import timing


def test_path_from_register_to_register(small_library: Path) -> None:
    library = Library([small_library])
    instances = (
        Instance("first", library["DFF"], {"C": 0, "D": 1, "Q": 2}),
        Instance("one", library["INV"], {"A": 2, "Y": 3}),
        Instance("other", library["INV"], {"A": 3, "Y": 4}),
        Instance("last", library["DFF"], {"C": 0, "D": 4, "Q": 5}),
    )
    found = timing(Netlist(instances, {"clk": (0,), "i": (1,)}, {"o": (5,)}))
    # 50 ps and 1 fF, 10 ps and 1 fF, 10 ps and 2 fF, 30 ps of set-up.
    assert found.critical_path == pytest.approx(0.051 + 0.011 + 0.012 + 0.030)


def test_path_from_port_to_port(small_library: Path) -> None:
    library = Library([small_library])
    instances = (
        Instance("late", library["INV"], {"A": 1, "Y": 3}),
        Instance("gate", library["NAND2"], {"A": 3, "B": 2, "Y": 4}),
    )
    netlist = Netlist(instances, {"a": (1,), "b": (2,)}, {"y": (4,), "z": ("1",)})
    assert timing(netlist).critical_path == pytest.approx(0.011 + 0.020)


TURNED = """
library (turned) {
  time_unit : "1ns";
  capacitive_load_unit (2, pf);
  lu_table_template (by_load) { variable_1 : total_output_net_capacitance; variable_2 : input_net_transition; }
  cell ("UP") {
    area : 1.5
    pin ("A") { direction : input; capacitance : 0.001; }
    pin ("Y") { direction : output; function : "A";
      timing () { related_pin : "A"; timing_sense : positive_unate;
        cell_rise (by_load) { index_1 ("0, 1"); index_2 ("0, 1, 2"); values ("1, 2, 3", "4, 5, 6"); }
        cell_fall (scalar) { values ("7"); }
      }
    }
  }
}
"""


def test_units_and_turned_tables(tmp_path: Path) -> None:
    path = tmp_path / "turned.lib"
    path.write_text(TURNED)
    cell = Library([path])["UP"]
    assert cell.area == 1.5 and cell.leakage == 0 and cell.flip_flop is None
    assert cell.pins["A"].capacitance == pytest.approx(2.0)
    (arc,) = cell.pins["Y"].arcs
    # Slew first, in ns, then load, in fF: the file has load first, in units of 2 pF.
    assert arc.rise.at(1.0, 0.0) == 2 and arc.rise.at(0.0, 2000.0) == 4 and arc.rise.at(2.0, 1000.0) == 4.5
    assert arc.fall.at(0.3, 5.0) == 7 and arc.rise_slew.at(0.3, 5.0) == 0
    netlist = Netlist((Instance("up", cell, {"A": 1, "Y": 2}),), {"i": (1,)}, {"o": (2,)})
    assert timing(netlist).critical_path == 7


@pytest.mark.parametrize(
    ("x", "y", "expected"), [(0, 0, 0), (1, 10, 11), (0.5, 5, 5.5), (2, 0, 2), (0, 20, 20), (-1, 0, -1)]
)
def test_table_between_and_beyond_its_entries(x: float, y: float, expected: float) -> None:
    assert Table((0.0, 1.0), (0.0, 10.0), (0.0, 10.0, 1.0, 11.0)).at(x, y) == pytest.approx(expected)


def test_table_of_one_axis_or_none() -> None:
    assert Table((0.0, 2.0), (), (1.0, 3.0)).at(1.0, 99.0) == 2.0
    assert Table((), (0.0, 2.0), (1.0, 3.0)).at(99.0, 1.0) == 2.0
    assert Table((), (), (4.0,)).at(1.0, 2.0) == 4.0
    assert Table().at(1.0, 2.0) == 0.0 and not Table()
