"""What goes with a netlist: memories as macros, constraints, and the files of a layout flow."""

from __future__ import annotations

from typing import Any

import pytest

from quadrille.boards.asic.memories import MemoryShape, blackbox_text, memory_of, model_text, starts_with_contents
from quadrille.boards.asic.openroad import openroad_files
from quadrille.boards.asic.sdc import constraints


def memory_cell(**changes: Any) -> dict[str, Any]:
    parameters = {
        "SIZE": 64,
        "WIDTH": 32,
        "OFFSET": 0,
        "RD_PORTS": 1,
        "WR_PORTS": 1,
        "RD_CLK_ENABLE": 1,
        "RD_CLK_POLARITY": 1,
        "WR_CLK_ENABLE": 1,
        "WR_CLK_POLARITY": 1,
        "RD_TRANSPARENCY_MASK": 0,
        "RD_COLLISION_X_MASK": 0,
    }
    nets = {
        "RD_CLK": [2],
        "WR_CLK": [2],
        "RD_ARST": ["0"],
        "RD_SRST": ["0"],
        "RD_EN": [3],
        "RD_ADDR": [10, 11, 12, 13, 14, 15],
        "WR_ADDR": [20, 21, 22, 23, 24, 25],
        "WR_EN": [4] * 16 + [5] * 16,
        "WR_DATA": list(range(100, 132)),
        "RD_DATA": list(range(200, 232)),
    }
    values = {name: f"{changes.get(name, value):b}" for name, value in parameters.items()}
    return {
        "parameters": {**values, "INIT": changes.get("INIT", "x" * 2048)},
        "connections": {name: changes.get(name, value) for name, value in nets.items()},
    }


def test_memories_that_can_be_macros() -> None:
    found = memory_of(memory_cell(), {})
    assert found is not None and found.shape == MemoryShape(64, 32, 16, old_on_collision=True)
    assert found.shape.name == "memory_64x32_m16_1r1w_old" and found.nets["w_mask"] == [4, 5]
    forwarding = memory_of(memory_cell(RD_TRANSPARENCY_MASK=1), {})
    assert forwarding is not None and not forwarding.shape.old_on_collision and forwarding.transparent
    assert forwarding.adapter != found.adapter and "past" in forwarding.adapter_text
    assert list(found.shape.ports) == ["clk", "w_en", "w_mask", "w_addr", "w_data", "r_en", "r_addr", "r_data"]
    texts = blackbox_text([found.shape]), model_text([found.shape])
    assert all(f"module {found.shape.name} (" in text and "output" in text for text in texts)
    assert "reg [31:0] memory [0:63];" in texts[1] and "memory [0" not in texts[0]
    assert found.shape.record(3)["read_during_write"] == "old word" and found.shape.record(3)["instances"] == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"SIZE": 15, "WIDTH": 512},
        {"SIZE": 63},
        {"RD_PORTS": 2},
        {"WR_PORTS": 0},
        {"RD_CLK_ENABLE": 0},
        {"WR_CLK_POLARITY": 0},
        {"RD_CLK": [9]},
        {"RD_SRST": [9]},
    ],
    ids=str,
)
def test_memories_that_stay_flip_flops(changes: dict[str, Any]) -> None:
    assert memory_of(memory_cell(**changes), {}) is None


def test_memories_with_contents() -> None:
    assert not starts_with_contents(memory_cell()) and not starts_with_contents(memory_cell(INIT="0" * 2048))
    assert starts_with_contents(memory_cell(INIT="0" * 2047 + "1"))
    assert not starts_with_contents(memory_cell(INIT="1" * 2048, WR_PORTS=0))


def test_constraints_are_in_the_units_of_the_library() -> None:
    text = constraints("top", "clk", period=1.23456, io_delay=0.24691, time_unit=1e-3, driver="INV", load=0.5)
    assert "set clock_period 1235\n" in text and "set io_delay 246.9\n" in text and "Times are in ps." in text
    assert "set_driving_cell -lib_cell INV [all_inputs -no_clocks]" in text and "set_load 0.5 [all_outputs]" in text
    free = constraints("top", None, period=2.0, io_delay=0.4, time_unit=1.0)
    assert "create_clock -name virtual_clock -period $clock_period\n" in free and "set clock_period 2\n" in free
    assert "driving" not in free and "set_load" not in free


def test_layout_files_name_what_is_there() -> None:
    shape = MemoryShape(64, 32, 32, old_on_collision=False)
    given: dict[str, Any] = {"rtl": "module", "memories": {shape: 2}, "largest_memory": 5000, "io_delay": 0.2}
    files = openroad_files("top", "clk", **given, period=1.0, library="nangate45", period_given=False)
    assert files["openroad/top.v"] == "module" and len(files) == 7
    mapped, other = (files[f"openroad/{name}/config.mk"] for name in ("nangate45", "asap7"))
    assert "export SYNTH_NETLIST_FILES = $(HERE)../../top.v" in mapped and "SYNTH_NETLIST_FILES" not in other
    for text in (mapped, other):
        assert "export SYNTH_MEMORY_MAX_BITS = 5000" in text and f"#   {shape.name}: 2 of them" in text
        assert "export VERILOG_FILES = $(HERE)../top.v $(HERE)../../memories.blackbox.v" in text
        assert f"#export ADDITIONAL_LIBS = $(HERE){shape.name}.lib" in text
    periods = {
        name: float(files[f"openroad/{name}/constraint.sdc"].split("set clock_period ")[1].split()[0])
        for name in ("nangate45", "sky130hd", "asap7")
    }
    assert periods["nangate45"] == 1.0 and periods["sky130hd"] > 3 and 500 < periods["asap7"] < 1000
    fixed = openroad_files("top", "clk", **given, period=1.0, library="other", period_given=True)
    assert "set clock_period 1000\n" in fixed["openroad/asap7/constraint.sdc"]
    assert "SYNTH_NETLIST_FILES" not in fixed["openroad/nangate45/config.mk"]
