"""What the records of a study of multiply-accumulate units show, computed from the numbers alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .mac_designs import DESIGNS, OURS, REFERENCE, MacDesign

__all__ = ["AVERAGED", "PRECISIONS", "Field", "fields", "findings", "geometric_mean", "throughput"]

Record = Mapping[str, Any]
AVERAGED = (2, 4, 8)
PRECISIONS = (2, 3, 4, 5, 6, 8, 16)
MEAN_AIM, LEAST_AIM = 1.3, 0.8
FIGURES = {"area": "um2", "luts_alone": "LUT without DSP"}
"""What throughput is divided by: the first that a record has."""


def throughput(record: Record, bits: int, *, clocked: bool = False) -> float | None:
    """Products in a cycle for each um2 (or look-up table), and `clocked` for each ns of the critical path too."""
    products = DESIGNS[record["name"]].products(bits, record["units"])
    if products is None:
        return None
    size = next(record[key] for key in FIGURES if key in record)
    return products * record["units"] / size / (record["critical_path"] if clocked else 1.0)


def geometric_mean(values: Sequence[float]) -> float:
    """The n-th root of the product of n numbers."""
    return math.exp(sum(map(math.log, values)) / len(values))


@dataclass(frozen=True)
class Field:
    """Our unit beside others on one target: at one clock for all, or `clocked` at that which each reaches."""

    ours: Record
    others: tuple[Record, ...]
    clocked: bool

    def mean(self, record: Record) -> float:
        """Throughput per area, the geometric mean over 2, 4 and 8 bits."""
        values = [throughput(record, bits, clocked=self.clocked) for bits in AVERAGED]
        return geometric_mean([value for value in values if value is not None])

    @property
    def best(self) -> Record:
        """The other with the greatest mean."""
        return max(self.others, key=self.mean)

    def ratio(self, bits: int, other: Record) -> float | None:
        """Ours over one other at a precision; none where that has it not."""
        ours, theirs = (throughput(record, bits, clocked=self.clocked) for record in (self.ours, other))
        return None if ours is None or theirs is None else ours / theirs

    def least(self, bits: int) -> tuple[float, str] | None:
        """Ours over whichever other is best at this precision, and its name; none where no other has it."""
        ratios = [(ratio, other["name"]) for other in self.others if (ratio := self.ratio(bits, other)) is not None]
        return min(ratios, default=None)


SETS: Mapping[str, Callable[[MacDesign], bool]] = {
    "precision-scalable designs that are given operands once": lambda design: design.scalable and design.once,
    "precision-scalable designs": lambda design: design.scalable,
    "all designs": lambda design: True,
}
"""What our unit is compared with."""


def fields(records: Sequence[Record], *, clocked: bool = False) -> Iterator[tuple[str, str, Field]]:
    """For every target the field of each of `SETS` that has a member: target, which, field."""
    for target in dict.fromkeys(record["target"] for record in records):
        some = [record for record in records if record["target"] == target]
        ours = [record for record in some if record["name"] == OURS]
        if not ours or (clocked and "critical_path" not in ours[0]):
            continue
        for noun, belongs in SETS.items():
            others = tuple(each for each in some if each["name"] != OURS and belongs(DESIGNS[each["name"]]))
            if others:
                yield target, noun, Field(ours[0], others, clocked)


def findings(records: Sequence[Record]) -> Iterator[str]:
    """Our unit beside the best of the others: on the average, and at each precision."""
    for clocked in (False, True):
        clock = "at the clock that each reaches" if clocked else "at one clock for all"
        for target, noun, field in fields(records, clocked=clocked):
            best = field.best
            mean = field.mean(field.ours) / field.mean(best)
            single = {bits: ratio for bits in PRECISIONS if (ratio := field.ratio(bits, best)) is not None}
            least = {bits: found for bits in PRECISIONS if (found := field.least(bits)) is not None}
            over = geometric_mean([least[bits][0] for bits in AVERAGED if bits in least])
            each = ", ".join(f"{bits}: {ratio:.2f}" for bits, ratio in single.items())
            any_best = ", ".join(f"{bits}: {ratio:.2f} ({name})" for bits, (ratio, name) in least.items())
            yield (
                f"{target}, throughput per area {clock}, {noun}: the best by the mean over 2, 4 and 8 bits is "
                f"{best['name']}; {OURS} has {mean:.2f} times its mean (aim {MEAN_AIM}: {_verdict(mean, MEAN_AIM)}) "
                f"and by bits {each} (aim {LEAST_AIM}: {_verdict(min(single.values()), LEAST_AIM)}); beside "
                f"whichever is best at each precision {over:.2f} times on the mean and by bits {any_best}"
            )
    yield from _carry_save(records)


def _carry_save(records: Sequence[Record]) -> Iterator[str]:
    """Carry-save accumulation beside carry-propagate, both at the clock that they reach."""
    for target in dict.fromkeys(record["target"] for record in records):
        by_name = {record["name"]: record for record in records if record["target"] == target}
        ours, plain = by_name.get("carry-save"), by_name.get(REFERENCE)
        if ours is None or plain is None or "critical_path" not in ours:
            continue
        clocks = [1000 / record["critical_path"] for record in (ours, plain)]
        rates = [throughput(record, 8, clocked=True) or 0.0 for record in (ours, plain)]
        yield (
            f"{target}, carry-save accumulation (OPT1) beside carry-propagate: {clocks[0]:,.0f} MHz against "
            f"{clocks[1]:,.0f}, {ours['area']:,.0f} um2 against {plain['area']:,.0f}: {rates[0] / rates[1]:.2f} times "
            "the throughput per area (the paper: 1.27 to 1.56)"
        )


def _verdict(value: float, aim: float) -> str:
    return "reached" if value >= aim else "missed"
