"""Registers as designers write them: one clocked block with its conditions, instead of a next value beside a flip-flop.

Amaranth describes a register in two parts, a combinational block that computes its next value, by default the present
one, and a flip-flop that takes it in every cycle. A simulator then copies every register in every cycle, and evaluates
the inputs of those that hold. Written as one block, `if (enable) register <= value`, it skips what does not move.
"""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["merge_registers"]

NEXT = r"\\\$\d+ "
MODULE = re.compile(r"^module .*?^endmodule\n", re.MULTILINE | re.DOTALL)
FLIP_FLOP = re.compile(rf"^  always @\(posedge (\S+)\)\n    (\S+ ?) <= ({NEXT});\n", re.MULTILINE)
BLOCK = re.compile(
    rf"^  always @\* begin\n    if \(\\\$auto\S+ \) begin end\n    ({NEXT}) = (.+);\n((?:    .*\n)*)  end\n",
    re.MULTILINE,
)
DECLARATION = re.compile(rf"^  reg (?:\[\d+:\d+\] )?({NEXT});\n", re.MULTILINE)
TARGET = re.compile(r"^( +)(\\\S+ |[A-Za-z_]\w*)((?:\[[\d:]+\])?) = ", re.MULTILINE)


def merge_registers(text: str) -> str:
    """The Verilog `text` that Yosys wrote, with each next value moved into the clocked block of its register.

    What does not have exactly the form that is expected stays as it is: the meaning is the same either way.
    """
    return MODULE.sub(lambda module: _merge_module(module[0]), text)


def _merge_module(text: str) -> str:
    uses = Counter(re.findall(NEXT, text))
    blocks = {block[1]: block for block in BLOCK.finditer(text)}
    merged: dict[str, str] = {}
    for flip_flop in FLIP_FLOP.finditer(text):
        clock, register, name = flip_flop.groups()
        block = blocks.get(name)
        if block is None:
            continue
        default, body = block[2], block[3]
        targets = TARGET.findall(body)
        # Declared once, taken once, and otherwise only assigned: by its default and by the statements of the block.
        if any(target != name for _, target, _ in targets) or uses[name] != len(targets) + 3:
            continue
        body = TARGET.sub(lambda found, register=register: f"{found[1]}{register}{found[3]} <= ", body)
        if default != register:
            body = f"    {register} <= {default};\n{body}"
        merged[name] = f"  always @(posedge {clock}) begin\n{body}  end\n"
    text = BLOCK.sub(lambda block: "" if block[1] in merged else block[0], text)
    text = DECLARATION.sub(lambda declared: "" if declared[1] in merged else declared[0], text)
    return FLIP_FLOP.sub(lambda flip_flop: merged.get(flip_flop[3], flip_flop[0]), text)
