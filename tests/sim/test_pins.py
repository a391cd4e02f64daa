"""Designs without streams, cycle by cycle; ports whose names are words of C++ have them in simulation too."""

from pathlib import Path

import pytest
from amaranth import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec import InvalidInput
from quadrille.hw.export import export
from quadrille.sim.model import Model
from quadrille.sim.pins import PinModel

pytestmark = pytest.mark.verilator


class Counter(wiring.Component):
    """`new` is added up, one cycle late; `interrupt` shows the sum at once."""

    new: Signal
    interrupt: Signal
    wide__word: Signal

    def __init__(self) -> None:
        super().__init__(
            {"new": In(signed(4)), "class": Out(signed(12)), "interrupt": Out(signed(13)), "wide__word": Out(70)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.sync += self.total.eq(self.total + self.new)
        m.d.comb += [self.interrupt.eq(self.total + self.new), self.wide__word.eq(self.total)]
        return m

    @property
    def total(self) -> Signal:
        return getattr(self, "class")


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(Counter(), tmp_path_factory.mktemp("counter"))


def test_pins_are_played_cycle_by_cycle(counter: Path) -> None:
    model, total = PinModel(counter), 0
    for value in (3, -8, -8, 7, 0, -1):
        shown = model.cycle(new=value)
        assert shown["new"] == value and "wide__word" not in shown
        assert (shown["class"], shown["interrupt"]) == (total, total + value)
        total += value
    assert total != 0 and model.cycle()["class"] == total
    model.reset()
    assert model.cycle()["class"] == 0
    model.close()
    with pytest.raises(InvalidInput, match=r"^Simulation must be open to play a cycle, and is closed$"):
        model.cycle()


def test_values_must_fit_and_pins_must_be_inputs(counter: Path) -> None:
    model = PinModel(counter)
    with pytest.raises(InvalidInput, match=r"^Pin new must fit s4, not 8$"):
        model.cycle(new=8)
    with pytest.raises(InvalidInput, match=r"^Input pin must be one of new, not 'interrupt'$"):
        model.cycle(interrupt=1)


def test_streams_are_no_condition(counter: Path) -> None:
    with Model(counter) as model:
        assert model.run({}, {}).pins["interrupt"] == 0
    with pytest.raises(InvalidInput, match=r"^Simulation must be open to run, and is closed$"):
        model.run({}, {})
