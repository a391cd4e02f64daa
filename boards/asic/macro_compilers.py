"""Memories by the compilers that make macros: a wrapper with their pins around each macro, and what to ask them for."""

from __future__ import annotations

from collections.abc import Iterable

from .memories import MemoryShape, module_header

__all__ = ["compiler_files", "openram_text"]

TECHNOLOGIES = {"nangate45": "freepdk45", "sky130hd": "sky130"}
"""Of OpenRAM, by the library that goes with them."""


def compiler_files(shapes: Iterable[MemoryShape], library: str) -> dict[str, str]:
    """For OpenRAM by file name: the wrappers, which take the place of the black boxes, and one configuration a macro.

    `library` is the name of that of the cells, which tells the technology.
    """
    shapes = list(shapes)
    if not shapes:
        return {}
    folder = "memories/openram"
    head = "// The memories as macros of OpenRAM, in place of memories.blackbox.v.\n"
    return {
        f"{folder}/memories.v": "\n".join([head, *map(openram_text, shapes)]),
        **{f"{folder}/{_macro(shape)}.py": _configuration(shape, library) for shape in shapes},
    }


def openram_text(shape: MemoryShape) -> str:
    """The module of `shape` around a macro of OpenRAM with a port that writes, 0, and one that reads, 1.

    Chip selects are low where a port is used. What such a macro reads is there at the end of the cycle after it was
    asked for and is lost in the next, so that a register holds it. Bits that are read while they are written are lost
    too: where those before are wanted, writes go into the macro a cycle late, and what waits for that is read from the
    register in which it waits.
    """
    late, lanes = shape.old_on_collision, shape.mask_width
    word, address, mask = (f"[{bits - 1}:0]" for bits in (shape.bits, shape.address_bits, lanes))
    lane = f"[n * {shape.mask_bits} +: {shape.mask_bits}]"
    written = "w_mask" if lanes > 1 else "1'b1"
    lines = [
        *module_header(shape.name, shape.ports),
        f"  wire {word} read;",
        f"  reg {word} held;",
        f"  reg {mask} fresh;",
        f"  wire {mask} waits;",
    ]
    if late:
        lines += [
            "  reg late_en;",
            f"  reg {address} late_addr;",
            f"  reg {word} late_data;",
            f"  reg {mask} late_mask;",
            f"  assign waits = late_en && late_addr == r_addr ? late_mask : {lanes}'d0;",
            "  always @(posedge clk) begin",
            "    late_en <= w_en;",
            "    if (w_en) begin",
            "      late_addr <= w_addr;",
            "      late_data <= w_data;",
            f"      late_mask <= {written};",
            "    end",
            "  end",
        ]
    else:
        lines += [f"  assign waits = {lanes}'d0;"]
    lines += [
        "  genvar n;",
        f"  generate for (n = 0; n < {lanes}; n = n + 1) begin : lane",
        "    always @(posedge clk) begin",
        "      fresh[n] <= r_en && !waits[n];",
        *([f"      if (r_en && waits[n]) held{lane} <= late_data{lane};", "      else"] if late else []),
        f"      if (fresh[n]) held{lane} <= read{lane};",
        "    end",
        f"    assign r_data{lane} = fresh[n] ? read{lane} : held{lane};",
        "  end endgenerate",
        *_macro_pins(shape, "late_" if late else "w_"),
        "endmodule",
        "",
    ]
    return "\n".join(lines)


def _macro_pins(shape: MemoryShape, write: str) -> list[str]:
    """The macro, whose writing port is at the nets that begin with `write`."""
    mask = f" .wmask0({write}mask)," if shape.mask_width > 1 else ""
    return [
        f"  {_macro(shape)} store (",
        f"    .clk0(clk), .csb0(!{write}en),{mask} .addr0({write}addr), .din0({write}data),",
        "    .clk1(clk), .csb1(!r_en || &waits), .addr1(r_addr), .dout1(read)",
        "  );",
    ]


def _macro(shape: MemoryShape) -> str:
    return f"openram_{shape.name.removeprefix('memory_').removesuffix('_old')}"


def _configuration(shape: MemoryShape, library: str) -> str:
    """What OpenRAM's sram_compiler.py is given."""
    technology = TECHNOLOGIES.get(library)
    lines = [
        f"# For OpenRAM: python3 $OPENRAM_HOME/../sram_compiler.py {_macro(shape)}",
        f"word_size = {shape.bits}",
        f"num_words = {shape.words}",
        *([f"write_size = {shape.mask_bits}"] if shape.mask_width > 1 else []),
        "num_rw_ports = 0",
        "num_r_ports = 1",
        "num_w_ports = 1",
        f'tech_name = "{technology}"' if technology else f"# tech_name must be given: OpenRAM has none for {library}",
        f'output_name = "{_macro(shape)}"',
        f'output_path = "{_macro(shape)}"',
    ]
    return "\n".join([*lines, ""])
