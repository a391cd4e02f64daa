"""Edges: the register map, what is generated from it, and what is refused. Their buses are tested in tb."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from amaranth.sim import Simulator

from quadrille.algo.spec import InvalidInput, MissingTool
from quadrille.algo.spec import edge_registers as known
from quadrille.hw.edge import Access, AxiAccelerator, Field, Register, RegisterMap, UartAccelerator, WishboneAccelerator
from quadrille.hw.edge.register_file import RegisterFile
from quadrille.hw.edge.register_texts import header_text, page_text
from quadrille.hw.edge.registers import configuration_hash
from quadrille.hw.engine import Accelerator
from quadrille.hw.export import design_files
from quadrille.tb.accelerator_cases import AxiCase

SMALL: Any = {"rows": 8, "columns": 6, "lanes": 2}
EDGES = (AxiAccelerator, UartAccelerator, WishboneAccelerator)


def field(name: str = "bits", low: int = 0, bits: int = 4, access: Access = Access.READ_WRITE, reset: int = 0) -> Field:
    return Field(name, low, bits, access, "what it means", reset)


def refused(message: str):
    return pytest.raises(InvalidInput, match=f"^{re.escape(message.removeprefix(chr(94)))}$")


def test_a_map_that_contradicts_itself_is_refused() -> None:
    one = Register("one", 0, "first", (field(),))
    with refused("^Field name must be words in lower case with single underscores, not 'Bits'"):
        field("Bits")
    with refused("^Register name must be words in lower case with single underscores, not 'one__two'"):
        Register("one__two", 0, "", ())
    with refused("^Field bits must lie in the 32 bits of a register, not in 30 to 33"):
        field(low=30)
    with refused("^Reset value of field bits must fit 4 bits, not be 16"):
        field(reset=16)
    with refused("^Offset of register one must be a multiple of 4, not 6"):
        replace(one, offset=6)
    with refused("^Fields of register one must not overlap, and more does"):
        replace(one, fields=(field(), field("more", low=3)))
    with refused("^Fields of register one must be distinct, and bits stands twice"):
        replace(one, fields=(field(), field(low=4)))
    with refused("^Registers must be distinct, and one stands twice"):
        RegisterMap((one, replace(one, offset=4)))
    with refused("^Offsets of registers must be distinct, and 0 stands twice"):
        RegisterMap((one, replace(one, name="two")))
    with refused("^Offset of register one must be below 16, not 16"):
        RegisterMap((replace(one, offset=16),), address_bits=4)
    with refused("^Register must be one of one, not 'two'"):
        RegisterMap((one,)).register("two")
    with refused("^Field of register one must be one of bits, not 'more'"):
        one.field("more")


@pytest.mark.parametrize("edge", EDGES)
def test_impossible_edges_are_refused(edge: type) -> None:
    with refused(f"^Parameter rows of {edge.block_name} must be from 1 to 4096, not 0"):
        edge(rows=0)
    with refused("^Lanes must be at most the 6 columns of the macros, not 8"):
        edge(rows=8, columns=6, lanes=8)


def test_the_queues_of_wishbone_have_a_depth() -> None:
    with refused("^Parameter depth of wishbone-accelerator must be from 2 to 128, not 1"):
        WishboneAccelerator(depth=1)


@pytest.mark.parametrize("edge", EDGES)
def test_what_is_generated_says_what_the_map_says(edge: type, tmp_path: Path) -> None:
    block = edge(**SMALL, modes=3)
    files = design_files(block)
    top = edge.block_name.replace("-", "_")
    manifest = json.loads(files[f"{top}.json"])
    assert manifest["registers"] == json.loads(json.dumps(block.register_map.record()))
    assert (manifest["files"]["h"], manifest["files"]["md"]) == (f"{top}.h", f"{top}.md")
    names = [register.name for register in block.register_map.registers]
    assert {"mode", "seed", "errors", "control"} < set(names)
    # Every constant of the header, by a compiler.
    checks = []
    for register in block.register_map.registers:
        name = f"{top}_{register.name}".upper()
        checks += [(f"{name}_OFFSET", register.offset), (f"{name}_RESET", register.reset)]
        for part in register.fields:
            checks += [(f"{name}_{part.name.upper()}_SHIFT", part.low), (f"{name}_{part.name.upper()}_MASK", part.mask)]
    (tmp_path / f"{top}.h").write_text(files[f"{top}.h"])
    asserts = "".join(f'_Static_assert({name} == {value}u, "{name}");\n' for name, value in checks)
    (tmp_path / "check.c").write_text(f'#include "{top}.h"\n#include "{top}.h"\n{asserts}')
    command = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "check.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = files[f"{top}.md"]
    assert all(f"## `{name}`, 0x" in page for name in names)
    assert all(f"| `{part.name}` |" in page for r in block.register_map.registers for part in r.fields)
    assert {AxiAccelerator: "s_axis", UartAccelerator: "`rx`", WishboneAccelerator: "wb_cyc_i"}[edge] in page


def test_ports_are_called_as_vendors_expect() -> None:
    manifest = json.loads(design_files(AxiAccelerator(**SMALL))["axi_accelerator.json"])
    ports = {port["name"]: (port["direction"], port["width"]) for port in manifest["ports"]}
    channels = {
        "s_axis": "tdata tvalid tready tlast",
        "m_axis": "tdata tvalid tready tlast",
        "s_axi": "awaddr awprot awvalid awready wdata wstrb wvalid wready bresp bvalid bready "
        "araddr arprot arvalid arready rdata rresp rvalid rready",
    }
    expected = {f"{prefix}_{name}" for prefix, names in channels.items() for name in names.split()}
    assert set(ports) == expected | {"interrupt"}
    assert ports["s_axis_tdata"] == ("in", 64) and ports["s_axi_wstrb"] == ("in", 4)


def test_the_hash_tells_configurations_apart() -> None:
    def hash_of(**parameters: int) -> int:
        accelerator = Accelerator(**{**SMALL, **parameters})
        accelerator.inspected()
        return configuration_hash(accelerator.configuration)

    assert hash_of() == hash_of() and hash_of() != hash_of(rows=9)


def test_what_a_host_knows_of_old_is_where_it_was() -> None:
    edge = AxiAccelerator(**SMALL)
    edge.inspected()
    registers = edge.register_map
    offsets = {name: getattr(known, name.upper()) for name in ("identification", "version", "configuration", "control")}
    assert {name: registers.register(name).offset for name in offsets} == offsets
    assert registers.register("control").field("soft_reset").mask == known.SOFT_RESET
    assert registers.register("version").reset >> 16 == known.MAJOR


def test_one_mode_has_no_registers_for_modes() -> None:
    edge = AxiAccelerator(**SMALL)
    edge.inspected()
    assert not {"mode", "seed"} & {register.name for register in edge.register_map.registers}


def test_texts_of_a_small_map() -> None:
    small = RegisterMap((Register("control", 4, "actions", (field("go", 1, 1, Access.START),)),))
    assert "#define TOP_CONTROL_OFFSET 0x004u\n" in header_text(small, "top")
    assert "| 1 | `go` | write 1 to start, reads 0 | 0x0 | what it means |" in page_text(small, "top", "Contract.")


def test_what_the_hardware_sets_wins_over_what_software_clears() -> None:
    flag = Register("flags", 0, "", (field("seen", 0, 1, Access.CLEAR),))
    dut = RegisterFile(RegisterMap((flag, Register("go", 4, "", (field("now", 0, 1, Access.START),)))))
    seen: list[tuple[int, int]] = []

    async def bench(ctx) -> None:
        ctx.set(dut.data, 1)
        # (write, address, strobes, set by the hardware)
        for write, address, strobes, event in (
            (0, 0, 15, 1),
            (1, 0, 15, 1),
            (1, 0, 14, 0),
            (1, 0, 1, 0),
            (1, 1, 1, 0),
            (0, 0, 0, 0),
        ):
            ctx.set(dut.write, write)
            ctx.set(dut.write_address, address)
            ctx.set(dut.strobes, strobes)
            ctx.set(dut.field("flags", "seen"), event)
            await ctx.tick()
            seen.append((ctx.get(dut.held("flags", "seen")), ctx.get(dut.field("go", "now"))))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == [(1, 0), (1, 0), (1, 0), (0, 0), (0, 1), (0, 0)]


def test_models_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quadrille.tb.accelerator_cases.find_spec", lambda name: None)
    with pytest.raises(MissingTool, match=r"^Models of AXI must be installed to test axi-accelerator: pip install"):
        AxiCase("axi-accelerator", "quadrille.tb.test_axi_accelerator").prepare(tmp_path)
