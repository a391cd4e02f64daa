"""Small designs to simulate: with every kind of port, with streams that break on demand, without a clock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from amaranth import Module, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec import Network
from quadrille.hw.base import Queue
from quadrille.hw.engine import compile_network
from quadrille.hw.export import export

BEAT = data.StructLayout(
    {
        "small": signed(3),
        "lanes": data.ArrayLayout(signed(7), 9),
        "word": unsigned(150),
        "pairs": data.ArrayLayout(data.StructLayout({"low": unsigned(1), "high": signed(40)}), 3),
        "long": signed(64),
        "full": unsigned(64),
        "odd": unsigned(33),
    }
)
"""Scalars and arrays, narrow, wide and across every word boundary."""


class Sampler(wiring.Component):
    """`o = i` through a queue, with `small + offset` on a tap for each beat taken; `held` counts what waits."""

    i: stream.Interface
    o: stream.Interface
    o_tap: stream.Interface
    offset: Signal
    held: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "i": In(stream.Signature(BEAT)),
                "o": Out(stream.Signature(BEAT)),
                "o_tap": Out(stream.Signature(signed(5), always_ready=True)),
                "offset": In(signed(4)),
                "held": Out(range(5)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = Queue(BEAT, 4)
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        m.d.comb += self.held.eq(queue.level)
        m.d.sync += [
            self.o_tap.valid.eq(self.i.valid & self.i.ready),
            self.o_tap.payload.eq(self.i.payload.small + self.offset),
        ]
        return m


class Doubler(wiring.Component):
    """`o = 2 * i`, without a clock."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self) -> None:
        super().__init__({"i": In(stream.Signature(signed(8))), "o": Out(stream.Signature(signed(9)))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [
            self.o.payload.eq(self.i.payload * 2),
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
        ]
        return m


class Faulty(wiring.Component):
    """Passes beats on through one register; `fault` 1 drops what waits, 2 changes it, 3 stops after a few."""

    i: stream.Interface
    o: stream.Interface
    fault: Signal

    def __init__(self) -> None:
        super().__init__(
            {"i": In(stream.Signature(8)), "o": Out(stream.Signature(data.StructLayout({"n": 8}))), "fault": In(2)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        valid = Signal()
        payload = Signal(8)
        m.d.comb += [self.o.valid.eq(valid), self.o.payload.n.eq(payload), self.i.ready.eq(~valid | self.o.ready)]
        with m.If(self.i.ready):
            m.d.sync += [
                valid.eq(self.i.valid & ((self.fault != 3) | (self.i.payload < 5))),
                payload.eq(self.i.payload),
            ]
        with m.Elif(payload == 77):
            m.d.sync += [valid.eq(self.fault != 1), payload.eq(payload + (self.fault == 2))]
        return m


FRAMES = 4


@pytest.fixture(scope="session")
def folder(
    make_network: Callable[..., Network],
    write_program: Callable[[Any, Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A network of two layers, row sums and several row tiles on one small macro."""
    network = make_network(Random(1), (6, 5, 3), tile_rows=4)
    program = compile_network(network, rows=4, columns=4, lanes=2, frames=FRAMES)
    return write_program(program, tmp_path_factory.mktemp("accelerator"))


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The same in a folder that a test may change."""
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture(scope="session")
def sampler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(Sampler(), tmp_path_factory.mktemp("sampler"))


@pytest.fixture(scope="session")
def doubler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(Doubler(), tmp_path_factory.mktemp("doubler"))


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(Faulty(), tmp_path_factory.mktemp("faulty"))


@pytest.fixture(scope="session")
def rewrite() -> Callable[[Path, Path, Callable[[str], str]], Path]:
    """Copies an exported folder with its Verilog changed, and the manifest's hash to match."""

    def rewritten(source: Path, target: Path, change: Callable[[str], str]) -> Path:
        target.mkdir(parents=True, exist_ok=True)
        for path in source.iterdir():
            (target / path.name).write_bytes(path.read_bytes())
        (verilog,) = target.glob("*.v")
        text = change(verilog.read_text())
        assert text != verilog.read_text()
        verilog.write_text(text)
        manifest: dict[str, Any] = json.loads(verilog.with_suffix(".json").read_text())
        manifest["content_hash"] = hashlib.sha256(text.encode()).hexdigest()
        verilog.with_suffix(".json").write_text(json.dumps(manifest))
        return target

    return rewritten
