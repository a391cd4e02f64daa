"""What the records of a study of activation costs show, computed from the numbers alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Comparison", "comparisons", "findings"]

Record = Mapping[str, Any]
SPOKEN = {"sine": "sine", "gauss": "Gauss", "wire": "WIRE (real)", "wire-complex": "WIRE (complex)", "finer": "FINER"}
CUTS = {"0": "without registers", "3": "with 3 cuts", "full": "with all cuts"}
CORE_AIM = 1200.0


@dataclass(frozen=True)
class Quantity:
    """A figure of the records, and how much less of it the wave aims to take."""

    key: str
    noun: str
    unit: str
    aim: float


QUANTITIES = (
    Quantity("area", "area", "um2", 0.90),
    Quantity("latency_ns", "latency", "ns", 0.80),
    Quantity("energy", "energy", "fJ", 0.90),
    Quantity("luts_alone", "look-up tables without multipliers", "LUT", 0.90),
)


@dataclass(frozen=True)
class Comparison:
    """A wave against the methods for one baseline function, by one quantity: from the least of them to the most.

    The variable-period wave is compared with FINER, the quad wave with all others.
    """

    target: str
    cuts: str
    quantity: Quantity
    function: str
    ours: Record
    others: tuple[Record, ...]

    def saved(self, other: Record) -> float:
        """How much less the wave takes, as a share of the other; negative where it takes more."""
        return 1 - self.ours[self.quantity.key] / other[self.quantity.key]

    @property
    def cheapest(self) -> float:
        """The share saved against the method that takes least."""
        return self.saved(self.others[0])

    @property
    def dearest(self) -> float:
        """The same against the one that takes most."""
        return self.saved(self.others[-1])


def comparisons(records: Sequence[Record]) -> list[Comparison]:
    """Every comparison that the records allow: by target, quantity, cuts and function."""
    found: list[Comparison] = []
    for target in dict.fromkeys(record["target"] for record in records):
        for quantity in QUANTITIES:
            for cuts in CUTS:
                some = [each for each in records if (each["target"], each["cuts"]) == (target, cuts)]
                some = [each for each in some if quantity.key in each]
                names = {each["name"]: each for each in some}
                for function in SPOKEN:
                    ours = names.get("quad-finer" if function == "finer" else "quad")
                    others = [each for each in some if each["function"] == function and not each["ours"]]
                    if ours is not None and others:
                        others.sort(key=lambda each: each[quantity.key])
                        found.append(Comparison(target, cuts, quantity, function, ours, tuple(others)))
    return found


def findings(records: Sequence[Record]) -> Iterator[str]:
    """The quad wave's figures beside the cheapest and the dearest methods, the aims, and the core by itself."""
    every = comparisons(records)
    grouped: dict[tuple[str, str], list[Comparison]] = {}
    for each in every:
        if each.cuts == "0" or each.quantity.key == "luts_alone":
            grouped.setdefault((each.target, each.quantity.noun), []).append(each)
    for (target, noun), some in grouped.items():
        first = some[0]
        wave = f"{first.ours['name']} takes {_number(first.ours, first.quantity)} {first.quantity.unit}"
        least, most = (
            ", ".join(f"{_noun(each)} {_share(saved)} ({other['method']})" for each, saved, other in picked)
            for picked in (
                [(each, each.cheapest, each.others[0]) for each in some],
                [(each, each.dearest, each.others[-1]) for each in some],
            )
        )
        yield (
            f"{target}, {noun} {CUTS[first.cuts]}: {wave}; beside the cheapest method for each function: {least}; "
            f"beside the dearest: {most}"
        )
    for quantity in QUANTITIES:
        some = [each for each in every if each.quantity == quantity]
        if some:
            least, most = (
                sum(saved >= quantity.aim for saved in values)
                for values in ([each.cheapest for each in some], [each.dearest for each in some])
            )
            yield (
                f"{quantity.noun}, the aim of {100 * quantity.aim:.0f} % less: of {len(some)} comparisons (targets, "
                f"cuts, functions) reached against the cheapest method in {least}, against the dearest in {most}"
            )
    yield from _core(records)


def _noun(each: Comparison) -> str:
    return SPOKEN[each.function] if each.ours["name"] == "quad" else f"{SPOKEN[each.function]} by {each.ours['name']}"


def _number(record: Record, quantity: Quantity) -> str:
    return f"{record[quantity.key]:,.4g}" if record[quantity.key] < 1000 else f"{record[quantity.key]:,.0f}"


def _share(saved: float) -> str:
    """The sign is that of the change: -77 % is 77 % less."""
    return f"{-100 * saved:+.0f} %"


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
