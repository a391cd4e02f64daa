"""A cell library small enough to compute with by hand."""

from pathlib import Path

import pytest

HEAD = """
library (small) {
  time_unit : "1ps";
  voltage_unit : "1V";
  leakage_power_unit : "1nW";
  capacitive_load_unit (1, ff);
  nom_voltage : 1.0
  lu_table_template (delay) { variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;
    index_1 ("0, 5"); index_2 ("0, 10"); }
  power_lut_template (energy) { variable_1 : total_output_net_capacitance; }
"""
ARC = """
      timing () {{
        related_pin : "{pin}"; timing_sense : {sense};{extra}
        cell_rise (delay) {{ index_1 ("0, 5"); index_2 ("0, 10"); values ("{delay}, {loaded}", \
          "{delay}, {loaded}"); }}
        cell_fall (delay) {{ index_1 ("0, 5"); index_2 ("0, 10"); values ("{delay}, {loaded}", "{delay}, {loaded}"); }}
        rise_transition (delay) {{ index_1 ("0, 5"); index_2 ("0, 10"); values ("1, 2", "1, 2"); }}
        fall_transition (delay) {{ index_1 ("0, 5"); index_2 ("0, 10"); values ("1, 2", "1, 2"); }}
      }}
      internal_power () {{
        related_pin : "{pin}";
        rise_power (energy) {{ index_1 ("0, 10"); values ("3, 3"); }}
        fall_power (energy) {{ index_1 ("0, 10"); values ("1, 1"); }}
      }}
"""


def cell(name: str, area: float, inputs: str, function: str, delay: float) -> str:
    """A gate with 1 fF at each input, `delay` ps and 1 ps more for each fF."""
    pins = "".join(f"    pin ({pin}) {{ direction : input; capacitance : 1; }}\n" for pin in inputs)
    arcs = "".join(
        ARC.format(
            pin=pin,
            sense="positive_unate" if function == "A" else "negative_unate",
            extra="",
            delay=delay,
            loaded=delay + 10,
        )
        for pin in inputs
    )
    output = f'    pin (Y) {{ direction : output; function : "{function}";{arcs}    }}\n'
    return f"  cell ({name}) {{\n    area : {area};\n    cell_leakage_power : 1;\n{pins}{output}  }}\n"


FLIP_FLOP = (
    """
  cell (DFF) {
    area : 4;
    ff (IQ, IQN) { clocked_on : "C"; next_state : "D"; }
    leakage_power () { when : "D"; value : 3; }
    leakage_power () { when : "!D"; value : 1; }
    pin (C) { direction : input; clock : true; capacitance : 1; }
    pin (D) { direction : input; capacitance : 2;
      timing () { related_pin : "C"; timing_type : setup_rising;
        rise_constraint (scalar) { values ("30"); }
        fall_constraint (scalar) { values ("30"); }
      }
    }
    pin (Q) { direction : output; function : "IQ";"""
    + ARC.format(pin="C", sense="non_unate", extra=" timing_type : rising_edge;", delay=50, loaded=60)
    + "    }\n  }\n"
)


@pytest.fixture(scope="session")
def small_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("library") / "small.lib"
    gates = [
        cell("INV", 1, "A", "!A", 10),
        cell("BUF", 2, "A", "A", 10),
        cell("NAND2", 2, "AB", "!(A & B)", 20),
        cell("NOR2", 2, "AB", "(A + B)'", 25),
    ]
    path.write_text(HEAD + "".join(gates) + FLIP_FLOP + "}\n")
    return path
