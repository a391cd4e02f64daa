"""The page of a study of multiply-accumulate units: tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .cost_records import markdown_table
from .mac_designs import DESIGNS, OURS, REFERENCE
from .mac_findings import PRECISIONS, throughput
from .mac_work import ENERGY_BITS

__all__ = ["mac_markdown"]

Record = Mapping[str, Any]

NOTES = """
Every design has the same shell: a stream that brings a word of 16 bits of either operand for each unit, as long as a
beat takes at most one a cycle, registers for it, the sum over all units, an accumulator of 48 bits and a stream out
that may stall. All go through one script in one run of the study. Products are those of a unit in a cycle, both
operands signed and of so many bits: elements of a beat over its cycles. A precision between is rounded up.

Throughput per area is products in a cycle times units over area (over look-up tables where no hard multiplier may be
used), as a multiple of that of `plain-8` at 8 bits. "At one clock": every design runs at the clock that is given with
the table, the slowest of the cell library's designs. "At its own clock": each at what its longest path allows.

Cell libraries: Yosys and ABC, flattened, registers of one enable with a gated clock, logic mapped for delay. The
longest path comes from the library's tables of delay over slew and load, with clock-to-output and set-up times; loads
are pins, wires are left out. No design was given more registers than it has of its own: the clocks differ.

Energy of one product, in the first library: the netlist is replayed with random signed operands, two sequences of 64
cycles or more, every sum compared with the exact one; each gate a unit of time late, so that glitches count. Toggles
are weighted with internal energy and half C V^2 of the pins. Clock pins of registers count while their clock runs;
wires, clock tree, leakage and the memories that operands come from are not.

FPGA: cells after Yosys' synthesis, no place and route, so no clock is given. LUT, FF and DSP as Yosys chooses, and LUT
alone where no hard multiplier may be used; a carry cell of ECP5 counts as two.
"""


def mac_markdown(
    settings: Mapping[str, Any], records: Sequence[Record], findings: Sequence[str], skipped: Sequence[str]
) -> str:
    """The whole study on one page."""
    lines = ["# Cost of multiply-accumulate units", "", f"Groups of {settings['units']} units.", ""]
    lines += [f"- {sentence}." for sentence in skipped]
    names = list(dict.fromkeys(record["name"] for record in records))
    lines += ["", "## Products of a unit in a cycle", "", *_products_table(names, settings["units"])]
    lines += ["", "Bits of words that are given for a product:", "", *_bits_table(names)]
    for target in settings["targets"]:
        some = [record for record in records if record["target"] == target]
        if not some:
            continue
        lines += ["", f"## {target}", "", *(_library_table(some) if "area" in some[0] else _fpga_table(some))]
        if any(record["name"] == REFERENCE for record in some):
            lines += ["", _clock(some), "", *_throughput_table(some, clocked=False)]
            if "critical_path" in some[0]:
                lines += ["", "Throughput per area, each at its own clock:", ""]
                lines += _throughput_table(some, clocked=True)
    lines += ["", "## Findings", "", *(f"- {sentence}." for sentence in findings)]
    return "\n".join([*lines, "", "## How it was measured", NOTES])


def _clock(records: Sequence[Record]) -> str:
    if "critical_path" not in records[0]:
        return "Throughput per look-up table, at one clock:"
    slowest = max(record["critical_path"] for record in records)
    return f"Throughput per area, all at one clock that all reach, {1000 / slowest:,.0f} MHz:"


def _name(name: str) -> str:
    return f"**{name}**" if name == OURS else name


def _bits(bits: int) -> str:
    return f"{bits} bits"


def _products_table(names: Sequence[str], units: int) -> list[str]:
    rows: list[list[str]] = []
    for name in names:
        rates = [DESIGNS[name].products(bits, units) for bits in PRECISIONS]
        rows.append([_name(name), DESIGNS[name].method, *("" if rate is None else f"{rate:.4g}" for rate in rates)])
    return markdown_table(["unit", "method", *map(_bits, PRECISIONS)], rows)


def _bits_table(names: Sequence[str]) -> list[str]:
    rows: list[list[str]] = []
    for name in names:
        given = [DESIGNS[name].operand_bits(bits) for bits in PRECISIONS]
        rows.append([_name(name), *("" if value is None else f"{value:.4g}" for value in given)])
    return markdown_table(["unit", *map(_bits, PRECISIONS)], rows)


def _library_table(records: Sequence[Record]) -> list[str]:
    headings = ["unit", "um2", "um2 each", "gates", "FF", "ns", "MHz", *(f"pJ, {bits} bits" for bits in ENERGY_BITS)]
    rows = [
        [
            _name(record["name"]),
            f"{record['area']:,.0f}",
            f"{record['area'] / record['units']:,.0f}",
            f"{record['gates']:,.0f}",
            f"{record['flip_flops']:,}",
            f"{record['critical_path']:.2f}",
            f"{1000 / record['critical_path']:,.0f}",
            *(f"{record[key] / 1000:.3f}" if (key := f"energy_{bits}") in record else "" for bits in ENERGY_BITS),
        ]
        for record in records
    ]
    return markdown_table(headings, rows)


def _fpga_table(records: Sequence[Record]) -> list[str]:
    names = ("luts", "flip_flops", "multipliers", "luts_alone")
    rows = [[_name(record["name"]), *(f"{record[each]:,}" for each in names)] for record in records]
    return markdown_table(["unit", "LUT", "FF", "DSP", "LUT alone"], rows)


def _throughput_table(records: Sequence[Record], *, clocked: bool) -> list[str]:
    reference = next(record for record in records if record["name"] == REFERENCE)
    unit = throughput(reference, 8, clocked=clocked)
    assert unit is not None
    rows: list[list[str]] = []
    for record in records:
        values = [throughput(record, bits, clocked=clocked) for bits in PRECISIONS]
        rows.append([_name(record["name"]), *("" if value is None else f"{value / unit:.3f}" for value in values)])
    return markdown_table(["unit", *map(_bits, PRECISIONS)], rows)
