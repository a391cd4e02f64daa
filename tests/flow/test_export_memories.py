"""Memories of an exported design: as macros or as flip-flops, what they compute, and contents that silicon cannot give.

Where a macro may give anything for a word that is read while it is written, its model gives the inverted word.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from quadrille.algo.spec import InvalidInput
from quadrille.boards.asic.levels import Simulation
from quadrille.boards.asic.liberty import Library
from quadrille.boards.asic.power import read_netlist
from quadrille.flow.export_asic import export_asic
from quadrille.hw.export import export, mapped_manifest
from quadrille.sim.manifest import read_manifest
from quadrille.sim.model import Model
from quadrille.sim.payload import pack, unpack_bits

LIBRARY = [Path(__file__).parents[1] / "boards" / name for name in ("small.lib", "gates.lib")]
"""Two files: gates and a flip-flop, and a clock gate and constants."""
LARGE, LITTLE = (40, 64), (6, 8)
"""Words and bits of memories that become macros, and of those that do not."""


class Store(wiring.Component):
    """Memories that are written while they are read: two give the old word, one of them by halves, one the new."""

    i: Any
    o: Any

    def __init__(self, words: int, bits: int) -> None:
        self.words, self.bits = words, bits
        beat = data.StructLayout({"write": 2, "read": 1, "written": range(words), "taken": range(words), "word": bits})
        result = data.StructLayout({"old": bits, "new": bits, "parts": bits})
        super().__init__(
            {
                "i": In(stream.Signature(beat, always_ready=True)),
                "o": Out(stream.Signature(result, always_ready=True)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beat: Any = self.i.payload
        write = beat.write & self.i.valid.replicate(2)
        for name, granularity in (("old", None), ("new", self.bits // 2), ("parts", self.bits // 2)):
            m.submodules[name] = memory = Memory(shape=self.bits, depth=self.words, init=[])
            writer = memory.write_port(granularity=granularity)
            reader = memory.read_port(transparent_for=(writer,) if name == "new" else ())
            m.d.comb += [
                writer.en.eq(write.any() if granularity is None else write),
                writer.addr.eq(beat.written),
                writer.data.eq(beat.word),
                reader.en.eq(self.i.valid & beat.read),
                reader.addr.eq(beat.taken),
                self.o.payload[name].eq(reader.data),
            ]
        valid = Signal()
        m.d.sync += valid.eq(self.i.valid & beat.read)
        m.d.comb += self.o.valid.eq(valid)
        return m


def answers(folder: Path, inputs: dict[str, Any], count: int, **conditions: Any) -> dict[str, Any]:
    with Model(folder) as model:
        return model.run(inputs, {"o": count}, **conditions).streams["o"].fields


@pytest.mark.verilator
@pytest.mark.parametrize(
    ("size", "memories"), [(LARGE, "black-boxes"), (LITTLE, "black-boxes"), (LITTLE, "flip-flops")], ids=str
)
def test_memories_either_way(tmp_path: Path, size: tuple[int, int], memories: str) -> None:
    words, bits = size
    store = export(Store(words, bits), tmp_path / "store", "store")
    folder = tmp_path / "netlist"
    mapped = export_asic(store, folder, liberty=LIBRARY, memories=memories)
    shapes = [(memory["words"], memory["mask_bits"], memory["read_during_write"]) for memory in mapped.memories]
    if size == LARGE:
        assert sorted(shapes) == [(words, bits // 2, "any"), (words, bits // 2, "old word"), (words, bits, "old word")]
        assert mapped.flip_flops < 4 * bits and sum(module.memories for module in mapped.modules) == 3
        assert "ADDITIONAL_LEFS" in (folder / "openroad" / "nangate45" / "config.mk").read_text()
        assert (folder / "openroad" / "store.v").read_text().count("memory_40x64") >= 2
    else:
        assert shapes == [] and mapped.flip_flops > 2 * words * bits
    draw = np.random.default_rng(1)
    count = 100 + words
    written = np.concatenate([np.arange(words), draw.integers(0, words, 100)])
    beats = {
        "write": np.where(np.arange(count) < words, 3, draw.integers(0, 4, count)),
        "read": np.arange(count) >= words,
        "written": written,
        # Every other word is read while it is written.
        "taken": np.where(np.arange(count) % 2, written, draw.integers(0, words, count)),
        "word": draw.integers(0, 1 << min(bits, 63), count, dtype=np.uint64),
    }
    expected, found = (answers(place, {"i": beats}, 100) for place in (store, folder))
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    assert np.any(expected["old"] != expected["new"])
    if size == LARGE:
        uncompiled(folder, beats, expected)
        for name, values in answers(in_openram(folder), {"i": beats}, 100).items():
            np.testing.assert_array_equal(values, expected[name], err_msg=name)


OPENRAM = """
module {name} (clk0, csb0, {mask}addr0, din0, clk1, csb1, addr1, dout1);
  input clk0, csb0, clk1, csb1;
  input [5:0] addr0, addr1;
  input [63:0] din0;
  {declared}
  output reg [63:0] dout1;
  reg csb0_reg, csb1_reg;
  reg [5:0] addr0_reg, addr1_reg;
  reg [63:0] din0_reg, mem [0:63];
  always @(posedge clk0) begin
    csb0_reg <= csb0;
    addr0_reg <= addr0;
    din0_reg <= din0;
  end
  always @(posedge clk1) begin
    csb1_reg <= csb1;
    addr1_reg <= addr1;
  end
  always @(negedge clk0) begin
    {written}
  end
  // What is not read is lost, and what is written meanwhile comes wrong.
  always @(negedge clk1)
    dout1 <= csb1_reg ? ~dout1 : mem[addr1_reg] ^ (!csb0_reg && addr0_reg == addr1_reg ? {lost} : 64'd0);
endmodule
"""
"""A macro of OpenRAM as its own models behave, but for what they leave unknown, which comes inverted."""
WRITTEN = "if (!csb0_reg) mem[addr0_reg] <= din0_reg;"
MASKED = """
    if (!csb0_reg && wmask_reg[0]) mem[addr0_reg][31:0] <= din0_reg[31:0];
    if (!csb0_reg && wmask_reg[1]) mem[addr0_reg][63:32] <= din0_reg[63:32];
"""


def in_openram(folder: Path) -> Path:
    """The same netlist with the wrappers around macros of OpenRAM in place of its memories."""
    place = folder.with_name("openram")
    shutil.copytree(folder, place)
    plain = OPENRAM.format(name="openram_40x64_1r1w", mask="", declared="", written=WRITTEN, lost="~64'd0")
    kept = "input [1:0] wmask0; reg [1:0] wmask_reg; always @(posedge clk0) wmask_reg <= wmask0;"
    lost = "{{32{wmask_reg[1]}}, {32{wmask_reg[0]}}}"
    masked = OPENRAM.format(name="openram_40x64_m32_1r1w", mask="wmask0, ", declared=kept, written=MASKED, lost=lost)
    models = {name: (folder / name).read_text() for name in ("cells.v",)}
    models["memories.v"] = (folder / "memories" / "openram" / "memories.v").read_text() + plain + masked
    manifest = json.loads((folder / "store.json").read_text())
    changed = mapped_manifest(manifest, (folder / "store.v").read_text(), models, manifest["mapping"])
    (place / "memories.v").write_text(models["memories.v"])
    (place / "store.json").write_text(json.dumps(changed))
    asked = (folder / "memories" / "openram" / "openram_40x64_m32_1r1w.py").read_text()
    assert "word_size = 64\nnum_words = 40\nwrite_size = 32\n" in asked and "OpenRAM has none for small" in asked
    return place


def uncompiled(folder: Path, beats: dict[str, Any], expected: dict[str, Any]) -> None:
    """The same without a compiler, where the memories are black boxes."""
    mapped = read_netlist(folder / "store.v", "store", Library(LIBRARY), [folder / "memories.blackbox.v"])
    simulation = Simulation(mapped, "clk")
    manifest = read_manifest(folder)
    (given,), (taken,) = manifest.inputs, manifest.outputs
    payloads = unpack_bits(pack(given, beats), given.width)
    simulation.write(str(given.valid), 1)
    found: dict[str, list[Any]] = {field.name: [] for field in taken.fields}
    for payload in [*payloads, payloads[-1]]:
        simulation.write(str(given.payload), payload)
        simulation.settle()
        if simulation.read(str(taken.valid))[0]:
            bits = simulation.read(str(taken.payload))
            for field in taken.fields:
                found[field.name].append(bits[field.offset : field.offset + field.width])
        simulation.edge()
    for name, bits in found.items():
        words = np.packbits(np.array(bits), axis=1, bitorder="little").view("<u8")
        np.testing.assert_array_equal(words.reshape(-1), expected[name].view("<u8").reshape(-1), err_msg=name)


class Begun(wiring.Component):
    """A memory that would have to start with contents."""

    i: Any
    write: Any
    o: Any

    def __init__(self) -> None:
        super().__init__({"i": In(5), "write": In(1), "o": Out(8)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(shape=8, depth=32, init=range(32))
        writer, reader = memory.write_port(), memory.read_port()
        m.d.comb += [
            writer.addr.eq(self.i),
            writer.data.eq(self.i),
            writer.en.eq(self.write),
            reader.addr.eq(self.i),
            self.o.eq(reader.data),
        ]
        return m


def test_a_memory_that_starts_with_contents_is_refused(tmp_path: Path) -> None:
    source = export(Begun(), tmp_path / "begun", "begun")
    with pytest.raises(InvalidInput, match=r"^Memory memory of begun must start with zeros or be read only, and "):
        export_asic(source, tmp_path / "netlist", liberty=LIBRARY)
