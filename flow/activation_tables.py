"""The tables of a study of activation costs: Markdown to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .activation_findings import SPOKEN, comparisons
from .cost_records import markdown_table

__all__ = ["activation_markdown"]

Record = Mapping[str, Any]

NOTES = """
Each function is a core alone: no handshake, every stage always on, one result a cycle, one lane. Cuts are registers:
the first after the input, the others where they shorten the longest path; 0 is gates alone. Latency is the cuts times
the longest path, or that path without cuts. Rows are those of the tables; the error is the worst over all input codes,
in units of the output's last place, against the function that the row names: a wave is its own function and stands for
no other.

Cell libraries: Yosys and ABC, flattened; area is that of the cells, gates are that area in smallest two-input NANDs.
The longest path comes from the library's tables of delay over slew and load, with clock-to-output and set-up times;
loads are pins, wires are left out, so that a layout is slower. Energy of one result: the netlist is simulated with
every input code once in random order (at most 4,096), one unit of delay for each gate, so that glitches count, and
toggles are weighted with internal energy and half C V^2 of the pins; registers' clock pins are in it, wires, clock tree
and leakage are not. In that simulation every netlist gave the integers of its function.

FPGA: cells after Yosys' synthesis, no place and route, so no clock is given. LUT, FF and DSP as Yosys chooses, and LUT
alone where no hard multiplier may be used; inverters count as LUT, a carry cell of ECP5 as two.
"""


def activation_markdown(
    settings: Mapping[str, Any], records: Sequence[Record], findings: Sequence[str], skipped: Sequence[str]
) -> str:
    """The whole study on one page."""
    formats = f"s{settings['bits']} to s{settings['bits']} with {settings['fraction']} fraction bits in and out"
    near = f"off by at most {settings['error']:g} in the last place from the real function it is named for"
    lines = ["# Cost of activation functions", "", f"All functions from {formats}, {near}."]
    lines += ["Of each method the candidate of least area is shown.", "", *(f"- {sentence}." for sentence in skipped)]
    for target in settings["targets"]:
        some = [record for record in records if record["target"] == target]
        if some:
            table = _library_table(some) if "area" in some[0] else _fpga_table(some)
            lines += ["", f"## {target}", "", *table]
    lines += ["", "## Findings", "", *(f"- {sentence}." for sentence in findings)]
    lines += ["", *_comparison_table(records), "", "## How it was measured", NOTES]
    return "\n".join(lines)


def _comparison_table(records: Sequence[Record]) -> list[str]:
    """A row for each target, quantity and cuts: beside each function's cheapest and dearest method."""
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for each in comparisons(records):
        row = rows.setdefault((each.target, each.quantity.noun, _cuts(each.cuts)), {})
        ends = (-100 * each.cheapest, -100 * each.dearest)[: len(each.others)]
        row[each.function] = " to ".join(f"{end:+.0f}" for end in ends) + " %"
    body = [[*key, *(row.get(function, "") for function in SPOKEN)] for key, row in rows.items()]
    if not body:
        return []
    note = "The wave beside the cheapest method of each function, and beside the dearest; FINER beside quad-finer:"
    return [note, "", *markdown_table(["target", "quantity", "cuts", *SPOKEN.values()], body)]


def _by_name(records: Sequence[Record]) -> dict[str, dict[str, Record]]:
    """Records by function and cuts."""
    found: dict[str, dict[str, Record]] = {}
    for record in records:
        found.setdefault(record["name"], {})[record["cuts"]] = record
    return found


def _library_table(records: Sequence[Record]) -> list[str]:
    cuts = list(dict.fromkeys(record["cuts"] for record in records))
    headings = ["function", "method", "error", "rows"]
    for cut in cuts:
        headings += [f"{_cuts(cut)}: um2", "gates", "cycles", "ns", "latency, ns", "pJ"]
    rows: list[list[str]] = []
    for name, found in _by_name(records).items():
        first = next(iter(found.values()))
        row = [f"**{name}**" if first["ours"] else name, first["method"], f"{first['error']:.2f}", str(first["rows"])]
        for cut in cuts:
            record = found.get(cut)
            if record is None:
                row += [""] * 6
                continue
            digits = 1 if record["area"] < 100 else 0
            row += [
                *(f"{record['area']:,.{digits}f}", f"{record['gates']:,.0f}", str(record["latency"])),
                *(f"{record['critical_path']:.2f}", f"{record['latency_ns']:.2f}", f"{record['energy'] / 1000:.3f}"),
            ]
        rows.append(row)
    return markdown_table(headings, rows)


def _fpga_table(records: Sequence[Record]) -> list[str]:
    cuts = list(dict.fromkeys(record["cuts"] for record in records))
    headings = ["function", "method", "error"]
    for cut in cuts:
        headings += [f"{_cuts(cut)}: LUT", "FF", "DSP", "LUT alone"]
    rows: list[list[str]] = []
    for name, found in _by_name(records).items():
        first = next(iter(found.values()))
        row = [f"**{name}**" if first["ours"] else name, first["method"], f"{first['error']:.2f}"]
        for cut in cuts:
            record = found.get(cut)
            names = ("luts", "flip_flops", "multipliers", "luts_alone")
            row += [""] * 4 if record is None else [f"{record[each]:,}" for each in names]
        rows.append(row)
    return markdown_table(headings, rows)


def _cuts(cuts: str) -> str:
    return f"{cuts} cuts" if cuts != "full" else "all cuts"
