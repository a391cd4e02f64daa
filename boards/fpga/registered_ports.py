"""A module around another whose ports are all registered, so that only registers bound its paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["registered_ports"]


def registered_ports(manifest: Mapping[str, Any], inner: str, top: str) -> str:
    """Verilog of a module `top` with few pins around the module `inner` that `manifest` describes.

    Inputs are the bits of a shift register; outputs go to a register, and are folded by a pipelined tree of exclusive
    ors into one pin: nothing is optimized away, and no path of the wrapper's own is long.
    """
    clock, reset = manifest["clock"], manifest.get("reset")
    ports = [port for port in manifest["ports"] if port["name"] not in (clock, reset)]
    inputs = [port for port in ports if port["direction"] == "in"]
    outputs = [port for port in ports if port["direction"] == "out"]
    lines = [f"module {top}(input clk, input rst, input si, output so);"]
    connections = [f".{clock}(clk)", *([f".{reset}(rst)"] if reset else [])]
    connections += [f".{port['name']}(\\{port['name']} )" for port in ports]
    lines += [f"  wire [{port['width'] - 1}:0] \\{port['name']} ;" for port in ports]
    width = sum(port["width"] for port in inputs)
    lines += [f"  reg [{width - 1}:0] chain;", "  always @(posedge clk) chain <= {chain, si};"]
    at = 0
    for port in inputs:
        lines.append(f"  assign \\{port['name']}  = chain[{at + port['width'] - 1}:{at}];")
        at += port["width"]
    fold = "{" + ", ".join(f"\\{port['name']} " for port in outputs) + "}"
    width, level = sum(port["width"] for port in outputs), 0
    lines += [f"  reg [{width - 1}:0] caught;", f"  always @(posedge clk) caught <= {fold};"]
    last = "caught"
    while width > 1:
        parts = [f"^{last}[{min(width, n + 4) - 1}:{n}]" for n in range(0, width, 4)]
        width = len(parts)
        lines.append(f"  reg [{width - 1}:0] fold_{level};")
        lines.append(f"  always @(posedge clk) fold_{level} <= {{{', '.join(reversed(parts))}}};")
        last, level = f"fold_{level}", level + 1
    lines += [f"  assign so = {last}[0];", f"  {inner} inside({', '.join(connections)});", "endmodule", ""]
    return "\n".join(lines)
