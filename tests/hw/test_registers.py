"""Registers as one clocked block: what is merged, and what is left alone."""

from __future__ import annotations

import pytest
from amaranth import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from quadrille.hw.export.registers import merge_registers
from quadrille.hw.export.verilog import verilog_text

TRIGGER = "    if (\\$auto$verilog_backend.cc:2355:dump_module$1 ) begin end\n"
HOLDING = f"""module top(clk, en, d, q);
  reg [3:0] \\$2 ;
  reg [3:0] held = 4'h0;
  always @(posedge clk)
    held <= \\$2 ;
  always @* begin
{TRIGGER}    \\$2  = held;
    if (en) begin
      \\$2 [1:0] = d;
    end
  end
endmodule
"""
MERGED = """module top(clk, en, d, q);
  reg [3:0] held = 4'h0;
  always @(posedge clk) begin
    if (en) begin
      held[1:0] <= d;
    end
  end
endmodule
"""


def test_a_register_and_its_next_value_become_one_block():
    assert merge_registers(HOLDING) == MERGED


@pytest.mark.parametrize("default", ["4'h7", "\\$1 [3:0]", "{ d, 2'h0 }"])
def test_a_default_other_than_the_register_is_kept(default):
    merged = merge_registers(HOLDING.replace("= held;", f"= {default};"))
    assert merged == MERGED.replace("    if (en)", f"    held <= {default};\n    if (en)")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("endmodule", "  assign q = \\$2 ;\nendmodule"),  # read by another
        ("      \\$2 [1:0] = d;\n", "      \\$2 [1:0] = \\$2 [3:2];\n"),  # read by itself
        ("      \\$2 [1:0] = d;\n", "      other = d;\n"),  # assigns something else
        ("posedge clk)\n", "posedge clk, posedge rst)\n"),
    ],
)
def test_what_has_another_form_is_left_alone(old, new):
    text = HOLDING.replace(old, new)
    assert text != HOLDING
    assert merge_registers(text) == text


def test_modules_are_merged_apart():
    reader = "module other(q);\n  reg \\$2 ;\n  assign q = \\$2 ;\nendmodule\n"
    assert merge_registers(HOLDING + reader) == MERGED + reader


class Counter(wiring.Component):
    """A register of every form: held, reset, assigned in parts and by cases."""

    step: Signal
    kind: Signal
    value: Signal

    def __init__(self):
        super().__init__({"step": In(4), "kind": In(2), "value": Out(8)})

    def elaborate(self, platform):
        m = Module()
        value = Signal(8, init=3)
        with m.Switch(self.kind):
            with m.Case(1):
                m.d.sync += value.eq(value + self.step)
            with m.Case(2):
                m.d.sync += value[:4].eq(self.step)
        m.d.comb += self.value.eq(value)
        return m


def test_every_register_that_amaranth_writes_is_merged():
    """Should a new version of the tools write another form, the simulator would quietly become slow."""
    text = verilog_text(Counter(), "counter")
    assert "always @*" not in text
    assert text.count("always @(posedge clk) begin\n    casez (kind)") == 1


class Decided(wiring.Component):
    """A choice that a constant decides, and that leaves the register `high` with nothing to do, in a case and alone."""

    load: Signal
    kind: Signal
    value: Signal

    def __init__(self):
        super().__init__({"load": In(1), "kind": In(2), "value": Out(8)})

    def elaborate(self, platform):
        m = Module()
        low, high = Signal(4), Signal(4)

        def choose():
            with m.If(self.load):
                m.d.sync += low.eq(1)
            with m.Elif(Const(1)):
                m.d.sync += low.eq(2)
            with m.Else():
                m.d.sync += high.eq(3)

        with m.Switch(self.kind):
            with m.Case(1):
                choose()
            with m.Case(2):
                m.d.sync += high.eq(4)
        choose()
        m.d.comb += self.value.eq(Cat(low, high))
        return m


def test_a_choice_that_a_constant_decides_is_a_statement():
    """Yosys writes its attribute and then nothing: no Verilog in a case, elsewhere the attribute of what comes next."""
    text = verilog_text(Decided(), "decided")
    lines = text.splitlines()
    after = [lines[place + 1].strip() for place, line in enumerate(lines) if line.strip().startswith("(* full_case")]
    assert "/* empty */;" in after and "" not in after
