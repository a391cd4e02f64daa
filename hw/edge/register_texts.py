"""What people and drivers read of a register map: a C header and a page."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .register_map import Register, RegisterMap

__all__ = ["header_text", "page_text"]


def header_text(register_map: RegisterMap, top: str, numbers: Mapping[str, int] = MappingProxyType({})) -> str:
    """A C header with the offset and reset value of each register and the shift and mask of each field.

    For the field BUSY of the register STATUS of `top`: TOP_STATUS_OFFSET, TOP_STATUS_RESET, TOP_STATUS_BUSY_SHIFT and
    TOP_STATUS_BUSY_MASK, the latter within the register. Further `numbers` stand there by their names.
    """
    prefix = top.upper()
    lines = [f"/* Registers of {top}, 32 bits each; offsets in bytes. */"]
    lines += [f"#ifndef {prefix}_H", f"#define {prefix}_H", ""]
    for register in register_map.registers:
        name = f"{prefix}_{register.name.upper()}"
        lines.append(f"/* {register.meaning} */")
        lines.append(f"#define {name}_OFFSET 0x{register.offset:03X}u")
        lines.append(f"#define {name}_RESET 0x{register.reset:08X}u")
        for field in register.fields:
            lines.append(f"/* {field.access.value}: {field.meaning} */")
            lines.append(f"#define {name}_{field.name.upper()}_SHIFT {field.low}u")
            lines.append(f"#define {name}_{field.name.upper()}_MASK 0x{field.mask:08X}u")
        lines.append("")
    lines += [f"#define {prefix}_{name.upper()} 0x{number:02X}u" for name, number in numbers.items()]
    lines += [*([""] if numbers else []), "#endif"]
    return "\n".join(lines) + "\n"


def page_text(register_map: RegisterMap, top: str, contract: str) -> str:
    """A Markdown page: the `contract` of the edge, a table of registers, and a table of the fields of each."""
    lines = [f"# Registers of `{top}`", "", contract, ""]
    lines += ["| offset | register | reset | holds |", "|---|---|---|---|"]
    for register in register_map.registers:
        lines.append(f"| 0x{register.offset:03X} | `{register.name}` | 0x{register.reset:08X} | {register.meaning} |")
    for register in register_map.registers:
        lines += ["", f"## `{register.name}`, 0x{register.offset:03X}", ""]
        lines += ["| bits | field | access | reset | meaning |", "|---|---|---|---|---|"]
        lines += fields_of(register)
    return "\n".join(lines) + "\n"


def fields_of(register: Register) -> list[str]:
    """A line of the table for each field."""
    lines: list[str] = []
    for field in register.fields:
        high = field.low + field.bits - 1
        bits = f"{field.low}" if field.bits == 1 else f"{high}:{field.low}"
        lines.append(f"| {bits} | `{field.name}` | {field.access.value} | 0x{field.reset:X} | {field.meaning} |")
    return lines
