"""Power from what Verilator counts against the same energy from the netlist simulated in Python, net by net."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth import Cat, Module, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec import InvalidInput
from quadrille.boards.asic.activity import activity, energy
from quadrille.boards.asic.levels import Simulation
from quadrille.boards.asic.liberty import Library
from quadrille.boards.asic.netlist import Bit
from quadrille.boards.asic.power import ModulePower, Power, power, read_netlist
from quadrille.boards.asic.replay import Traffic, replay
from quadrille.boards.asic.saif import Switching, read_saif, saif_text
from quadrille.flow.export_asic import export_asic
from quadrille.hw.export import export
from quadrille.sim.model import Model

CYCLES = 200


class Sum(wiring.Component):
    """Two registers and a product between them; in a cycle without `load` they hold, if it `holds`."""

    i: Any
    o: Any

    def __init__(self, *, holds: bool) -> None:
        self.holds = holds
        beat = data.StructLayout({"load": 1, "a": signed(4), "b": unsigned(3)})
        super().__init__(
            {
                "i": In(stream.Signature(beat, always_valid=True, always_ready=True)),
                "o": Out(stream.Signature(signed(9), always_valid=True, always_ready=True)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beat: Any = self.i.payload
        m.submodules.first = first = Register(7, self.holds)
        m.submodules.second = second = Register(9, self.holds)
        m.d.comb += [
            first.i.eq(Cat(beat.a, beat.b)),
            second.i.eq(first.o[:4].as_signed() * first.o[4:7] + beat.a),
            self.o.payload.eq(second.o.as_signed() ^ beat.b),
            *(register.load.eq(beat.load) for register in (first, second)),
        ]
        return m


class Register(wiring.Component):
    """`o` is `i` of the cycle before, or of the last one with `load`."""

    i: Any
    load: Any
    o: Any

    def __init__(self, bits: int, holds: bool) -> None:
        self.holds = holds
        super().__init__({"i": In(bits), "load": In(1), "o": Out(bits)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        held = Signal.like(self.o, reset_less=True)
        m.d.comb += self.o.eq(held)
        with m.If(self.load if self.holds else 1):
            m.d.sync += held.eq(self.i)
        return m


class Counted:
    """A netlist, the same numbers on it in Verilator and in Python, and what switched in each."""

    def __init__(self, folder: Path, liberty: Sequence[Path], *, holds: bool) -> None:
        export_asic(export(Sum(holds=holds), folder / "source", "sum"), folder, liberty=liberty)
        cells = Library(liberty)
        self.voltage = cells.voltage
        self.mapped = read_netlist(folder / "sum.v", "sum", cells)
        draw = random.Random(4)
        beats = {
            "load": [int(not holds or cycle % 3 == 0) for cycle in range(CYCLES)],
            "a": [draw.randrange(-8, 8) for _ in range(CYCLES)],
            "b": [draw.randrange(8) for _ in range(CYCLES)],
        }
        # A net that begins with 1 counts a change from nothing: what a run of one cycle counts is not switching.
        first, whole = (self.run(folder, {name: each[:n] for name, each in beats.items()}) for n in (1, CYCLES))
        self.switching = Switching(0, {name: whole[name] - first[name] for name in whole})
        payloads = [load | (a & 15) << 1 | b << 5 for load, a, b in zip(*beats.values(), strict=True)]
        self.payloads = payloads
        if holds:
            self.found = replay(self.mapped.netlist, traffic(payloads), 1)
        else:
            self.found = activity(self.mapped.netlist, {"i__payload": payloads})

    @staticmethod
    def run(folder: Path, beats: dict[str, list[int]]) -> Mapping[str, int]:
        numbers = {name: np.array(each) for name, each in beats.items()}
        with Model(folder, trace="saif") as model:
            model.run({"i": numbers}, {"o": len(beats["a"])}, reset=False, wave=folder / "a.saif")
        return read_saif(folder / "a.saif", "sum").changes

    @property
    def power(self) -> Power:
        return power(self.mapped, self.switching, self.voltage, CYCLES - 1)


def traffic(payloads: list[int]) -> Traffic:
    for payload in payloads:
        yield {"i__payload": [payload]}


@pytest.fixture(name="counted", scope="module")
def counted_fixture(
    tmp_path_factory: pytest.TempPathFactory, gated_library: tuple[Path, ...]
) -> Callable[[bool], Counted]:
    """Random numbers on a netlist; one that holds has gated clocks and is loaded in every third cycle."""

    @cache
    def made(holds: bool) -> Counted:
        files = gated_library if holds else gated_library[:1]
        return Counted(tmp_path_factory.mktemp("sum"), files, holds=holds)

    return made


@pytest.mark.verilator
@pytest.mark.parametrize("holds", [False, True], ids=["running", "gated"])
def test_every_net_switches_as_in_python(counted: Callable[[bool], Counted], holds: bool) -> None:
    each = counted(holds)
    assert bool(each.mapped.netlist.clock_gates) == holds
    clocks = {*each.mapped.netlist.clock_gates, *(each.mapped.netlist.inputs["clk"])}
    seen: set[Bit] = set()
    for name, net in each.mapped.names.items():
        if name in each.switching.changes and not isinstance(net, str) and net not in clocks:
            assert each.switching.changes[name] == each.found.settled[net], name
            seen.add(net)
    assert seen >= each.found.settled.keys() - clocks - {"0", "1", "x"}
    assert sum(each.found.settled.values()) > 10 * CYCLES


@pytest.mark.verilator
@pytest.mark.parametrize("holds", [False, True], ids=["running", "gated"])
def test_uncompiled_every_net_switches_alike(counted: Callable[[bool], Counted], holds: bool, tmp_path: Path) -> None:
    each = counted(holds)
    simulation = Simulation(each.mapped, "clk")
    for cycle, payload in enumerate(each.payloads):
        simulation.write("i__payload", [payload >> bit & 1 for bit in range(8)])
        simulation.settle()
        simulation.edge(counts=cycle > 0)
    found = simulation.switching
    gated = {name for name, net in each.mapped.names.items() if net in each.mapped.netlist.clock_gates}
    assert found.changes.keys() >= each.switching.changes.keys()
    for name, count in each.switching.changes.items():
        # The last cycle has no edge in a waveform, and the first none that counts here.
        assert found.changes[name] == pytest.approx(count, abs=4 if name in gated else 0), name
        assert 0 <= found.high[name] <= found.duration
    (tmp_path / "a.saif").write_text(saif_text(found, "sum"))
    again = read_saif(tmp_path / "a.saif", "sum")
    assert again.changes == found.changes and again.duration == found.duration


@pytest.mark.verilator
@pytest.mark.parametrize("holds", [False, True], ids=["running", "gated"])
def test_energy_is_that_of_the_netlist_in_python(counted: Callable[[bool], Counted], holds: bool) -> None:
    each = counted(holds)
    expected = energy(each.mapped.netlist, each.found, each.voltage)
    total = each.power.total
    assert total.switching + total.internal == pytest.approx(expected.settled)
    # The last cycle has no edge: of a clock that runs in one cycle of three, that is seen.
    assert total.clock == pytest.approx(expected.clock, rel=3 / CYCLES if holds else 1e-9)
    assert total.dynamic > 0 and each.power.unseen == 0
    assert total.leakage == pytest.approx(each.mapped.netlist.leakage)


@pytest.mark.verilator
def test_modules_are_the_whole(counted: Callable[[bool], Counted]) -> None:
    found = counted(False).power
    assert {module.place for module in found.modules} == {".", "first", "second"}
    assert sum(module.cells for module in found.modules) == len(counted(False).mapped.netlist.instances)
    registers = [module for module in found.modules if module.place != "."]
    assert all(module.clock > 0 for module in registers)
    assert found.total.energy(2.0) == pytest.approx(sum(module.energy(2.0) for module in found.modules))


def test_units() -> None:
    module = ModulePower("macro", 10, clock=100.0, switching=50.0, internal=50.0, leakage=1000.0)
    # 200 fJ in 2 ns are 0.1 mW, and 1 uW for 2 ns is 2 fJ.
    assert module.energy(2.0) == pytest.approx(202.0)
    assert module.power(2.0) == pytest.approx(0.101)


@pytest.mark.verilator
def test_nets_that_nobody_saw_rest(counted: Callable[[bool], Counted]) -> None:
    mapped = counted(False).mapped
    found = power(mapped, Switching(0, {"clk": 20}), 1.0, 10)
    assert found.unseen == found.nets - 1 and found.total.clock > 0 and found.total.internal == 0


def test_a_netlist_has_its_top(tmp_path: Path, small_library: Path) -> None:
    (tmp_path / "some.v").write_text("module some(input i, output o); assign o = i; endmodule\n")
    with pytest.raises(InvalidInput, match=r"^Netlist .*some\.v must have the module 'top', and has it not$"):
        read_netlist(tmp_path / "some.v", "top", Library([small_library]))
