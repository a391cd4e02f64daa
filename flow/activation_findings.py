"""What the records of a study of activation costs show, in sentences, computed from the numbers alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["findings"]

Record = Mapping[str, Any]
COMPARED = ("sine", "gauss", "wire", "wire-complex", "finer")
SPOKEN = {"sine": "sine", "gauss": "Gauss", "wire": "WIRE (real)", "wire-complex": "WIRE (complex)", "finer": "FINER"}
QUANTITIES: tuple[tuple[str, str, float, str], ...] = (
    ("area", "area", 0.90, "um2"),
    ("latency_ns", "latency", 0.80, "ns"),
    ("energy", "energy a result", 0.90, "fJ"),
)
CORE_AIM = 1200.0
CUTS = {"0": "without registers", "3": "with 3 cuts", "full": "with all cuts"}


def findings(records: Sequence[Record]) -> Iterator[str]:
    """The quadratic wave against the baselines: each quantity for each library and number of cuts, and the aims."""
    libraries = dict.fromkeys(record["target"] for record in records if "area" in record)
    for target in libraries:
        for key, noun, aim, unit in QUANTITIES:
            for cuts in CUTS:
                some = [each for each in records if (each["target"], each["cuts"]) == (target, cuts)]
                yield from _against(some, target, cuts, key, noun, aim, unit)
    for target in dict.fromkeys(record["target"] for record in records if "area" not in record):
        some = [each for each in records if (each["target"], each["cuts"]) == (target, "3")]
        yield from _against(some, target, "3", "luts_alone", "look-up tables, no multipliers used,", 0.90, "LUT")
    yield from _core(records)


def _against(
    records: Sequence[Record], target: str, cuts: str, key: str, noun: str, aim: float, unit: str
) -> Iterator[str]:
    """One sentence: the quad wave, and the least and greatest of each baseline function."""
    by_name = {record["name"]: record for record in records}
    parts: list[str] = []
    met = compared = 0
    for function in COMPARED:
        ours = by_name.get("quad-finer" if function == "finer" else "quad")
        others = sorted(
            (each for each in records if each["function"] == function and not each["ours"]), key=lambda each: each[key]
        )
        if ours is None or not others:
            continue
        value = ours[key]
        spans = [f"{_less(value, each[key])} than {each[key]:,.5g} of {each['method']}" for each in _ends(others)]
        subject = " (variable-period wave)" if function == "finer" else ""
        parts.append(f"{SPOKEN[function]}{subject}: {' and '.join(spans)}")
        met += value <= (1 - aim) * others[0][key]
        compared += 1
    if parts and "quad" in by_name:
        value = by_name["quad"][key]
        yield (
            f"{target}, {noun} {CUTS[cuts]}: the quad wave takes {value:,.5g} {unit}; {'; '.join(parts)}; "
            f"the aim of {100 * aim:.0f} % less is reached against the cheapest of {met} of {compared} functions"
        )


def _ends(others: Sequence[Record]) -> list[Record]:
    return [others[0], others[-1]] if len(others) > 1 else [others[0]]


def _less(value: float, other: float) -> str:
    share = 100 * (1 - value / other)
    return f"{share:.0f} % less" if share >= 0 else f"{-share:.0f} % more"


def _core(records: Sequence[Record]) -> Iterator[str]:
    """The periodic core by itself: area in 45 nm, and power at the clock it reaches."""
    cores = {each["cuts"]: each for each in records if (each["name"], each["target"]) == ("quad", "nangate45")}
    plain, cut = cores.get("0"), cores.get("3")
    if plain is not None:
        verdict = "reached" if plain["area"] < CORE_AIM else "missed"
        piped = "" if cut is None else f", {cut['area']:,.0f} um2 with 3 cuts"
        yield (
            f"nangate45, the periodic core alone: {plain['area']:,.0f} um2{piped}; the aim of under "
            f"{CORE_AIM:,.0f} um2 is {verdict} (the paper: 1,914 um2 in 28 nm, of a unit and format it does not give)"
        )
    if cut is not None:
        clock = cut["critical_path"]
        power = cut["energy"] / clock / 1000 + cut["leakage"] / 1e6
        yield (
            f"nangate45, the periodic core with 3 cuts at its clock of {1000 / clock:,.0f} MHz: about {power:.2f} mW "
            "by simulated switching, without wires and clock tree (the paper: 6.14 mW at a clock it does not give)"
        )
