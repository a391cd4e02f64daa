"""The syntheses of a study of activation costs, one by one, each kept when it is done."""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quadrille.algo.functions.baselines import Candidate
from quadrille.algo.functions.methods import Formats
from quadrille.algo.integer.activation import evaluate
from quadrille.algo.spec import Function, IntFormat, InvalidInput

from .activation_subjects import SUBJECTS, rows_of
from .cost_records import RESULTS, TARGETS, check_names, find_targets, records_bytes
from .executors import as_done
from .progress import Report

__all__ = ["ActivationOptions", "ActivationWork", "measure_function"]

MOST_CODES = 4096
CUTS = ("0", "3", "full")


@dataclass(frozen=True)
class ActivationOptions:
    """Formats (signed, `bits` in and out, `fraction` of them after the point), the error allowed, and what to measure.

    Raises
    ------
    InvalidInput
        If a name is unknown or the numbers make no format.
    """

    bits: int = 12
    fraction: int = 8
    error: float = 1.0
    functions: tuple[str, ...] = tuple(SUBJECTS)
    targets: tuple[str, ...] = TARGETS
    cuts: tuple[str, ...] = CUTS

    def __post_init__(self) -> None:
        check_names("Function", self.functions, tuple(SUBJECTS))
        check_names("Target", self.targets, TARGETS)
        check_names("Cuts", self.cuts, CUTS)
        if not 4 <= self.bits <= 20 or not 1 <= self.fraction <= self.bits - 3:
            raise InvalidInput(
                f"Formats of the study must have 4 to 20 bits and 3 before the point or more, not {self.bits} with "
                f"{self.fraction} after it"
            )
        if not self.error >= 0.5:
            raise InvalidInput(
                f"Error of the study must be 0.5 units or more, which rounding costs, not {self.error:g}"
            )

    @property
    def formats(self) -> Formats:
        """The formats of every function."""
        format = IntFormat(self.bits, signed=True)
        return Formats(format, format, self.fraction, self.fraction)


class ActivationWork:
    """The syntheses of one study."""

    def __init__(
        self, options: ActivationOptions, folder: Path | None, records: dict[str, Any], on_run: Callable[[str], None]
    ) -> None:
        from quadrille.boards.targets import CellLibrary

        self.options, self.folder, self.records, self.on_run = options, folder, records, on_run
        self.found, self.skipped = find_targets(options.targets)
        self.libraries = {name for name, target in self.found.items() if isinstance(target, CellLibrary)}

    @property
    def targets(self) -> tuple[str, ...]:
        """Those that are there, cell libraries first: the first one chooses among candidates."""
        return tuple(self.found)

    def cuts(self, target: str) -> tuple[str, ...]:
        """The cuts to measure: of an FPGA, whose clock is not known, 3 alone if they are among them."""
        return ("3",) if target not in self.libraries and "3" in self.options.cuts else self.options.cuts

    def wanted(self) -> list[dict[str, Any]]:
        """The records that the options ask for, in their order."""
        order = {
            (name, target, cuts): n
            for n, (name, target, cuts) in enumerate(
                (name, target, cuts)
                for name in self.options.functions
                for target in self.options.targets
                for cuts in self.options.cuts
            )
        }
        keyed = [(order.get(_key(record)), record) for record in self.records["records"]]
        return [
            record
            for place, record in sorted(
                ((place, record) for place, record in keyed if place is not None), key=lambda each: each[0]
            )
        ]

    def measure(self, name: str, target: str) -> None:
        """Synthesize the function `name` for `target` with all cuts that are not measured yet.

        A function that no candidate comes near enough to is left out, and the sentence says so.
        """
        have = {_key(record) for record in self.records["records"]}
        missing = [cuts for cuts in self.cuts(target) if (name, target, cuts) not in have]
        if not missing:
            return
        try:
            candidate, error = self.choice(name)
            full = max(_full(function) for function in candidate)
            for cuts in missing:
                self.add(name, target, cuts, full if cuts == "full" else int(cuts), candidate, error)
        except InvalidInput as refusal:
            sentence = f"{name} was left out: {refusal}"
            if sentence not in self.skipped:
                self.skipped.append(sentence)

    def share(self, pool: Executor, progress: Report) -> None:
        """The same of all functions for all targets, each function by a worker of `pool`."""
        tasks = []
        for name in self.options.functions:
            own = [record for record in self.records["records"] if record["name"] == name]
            choices = {key: choice for key, choice in self.records["choices"].items() if key == name}
            tasks.append((name, (self.options, name, own, choices)))
        for done, (name, found) in enumerate(as_done(pool, measure_function, tasks), 1):
            records, choices, skipped = found
            self.records["records"] += records
            self.records["choices"] |= choices
            self.skipped += [sentence for sentence in skipped if sentence not in self.skipped]
            self.save()
            for record in records:
                self.on_run(f"{name}, {record['target']}, {record['cuts']} cuts: {_line(record)}")
            progress(f"synthesis, {name}", done, len(tasks))

    def add(self, name: str, target: str, cuts: str, count: int, candidate: Candidate, error: float) -> None:
        """Synthesize and keep one record."""
        subject = SUBJECTS[name]
        record = {
            **{"name": name, "function": subject.function, "method": subject.method, "ours": subject.ours},
            **{"target": target, "cuts": cuts, "latency": count, "error": error, "rows": rows_of(candidate)},
            **self.synthesize(candidate, target, count),
        }
        self.records["records"].append(record)
        self.save()
        self.on_run(f"{name}, {target}, {cuts} cuts: {_line(record)}")

    def choice(self, name: str) -> tuple[Candidate, float]:
        """The cheapest candidate for the function `name`, and its error."""
        if name not in self.records["choices"]:
            found = SUBJECTS[name].candidates(self.options.formats, self.options.error)
            target = self.targets[0]
            areas = [self.area(candidate, target) for candidate, _ in found] if len(found) > 1 else [0.0]
            best = areas.index(min(areas))
            candidate, error = found[best]
            self.records["choices"][name] = {
                "functions": [function.record() for function in candidate],
                "error": error,
                "target": target,
                "areas": [area if math.isfinite(area) else None for area in areas],
            }
            self.save()
            self.on_run(f"{name}: candidate {best + 1} of {len(found)}")
        chosen = self.records["choices"][name]
        return tuple(Function.from_record(record) for record in chosen["functions"]), chosen["error"]

    def area(self, candidate: Candidate, target: str) -> float:
        """What decides between candidates: um2, or look-up tables; infinite if no pipeline can be made of it."""
        try:
            found = self.synthesize(candidate, target, 0, check=False)
        except InvalidInput:
            return math.inf
        return float(found["area"] if target in self.libraries else found["luts_alone"])

    def synthesize(self, candidate: Candidate, target: str, cuts: int, *, check: bool = True) -> dict[str, Any]:
        """The figures of one synthesis; with `check`, of a library, those of its netlist too, which is simulated."""
        from quadrille.boards.bare import BareFunctions
        from quadrille.boards.synthesis import synthesize, synthesize_netlist
        from quadrille.hw.export import export

        with tempfile.TemporaryDirectory(prefix="quadrille-") as place:
            verilog = export(BareFunctions(candidate, cuts), Path(place) / "design", "function") / "function.v"
            if target not in self.libraries:
                found = synthesize(verilog, "function", self.found[target])
                figures = {name: getattr(found, name) for name in ("luts", "flip_flops", "multipliers", "carries")}
                # What takes no multiplier is the same without.
                if found.multipliers:
                    found = synthesize(verilog, "function", self.found[target], multipliers=False)
                return {**figures, "luts_alone": found.luts}
            mapped = synthesize_netlist(verilog, "function", self.found[target])
        found = mapped.resources
        names = ("area", "gates", "flip_flops", "critical_path", "leakage")
        figures = {name: getattr(found, name) for name in names}
        figures["latency_ns"] = (found.critical_path or 0.0) * max(cuts, 1)
        return {**figures, **(_simulated(candidate, mapped, cuts) if check else {})}

    def save(self) -> None:
        """Write results.json, whole; a worker has none."""
        from quadrille.hw.export import publish

        if self.folder is not None:
            publish(self.folder, {RESULTS: records_bytes(self.records)})


def measure_function(
    options: ActivationOptions, name: str, records: Sequence[dict[str, Any]], choices: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any], list[str]]:
    """What is missing of the function `name`, of which `records` and `choices` are known: new records, its choice, and
    a sentence for what was left out."""
    work = ActivationWork(options, None, {"records": [*records], "choices": {**choices}}, lambda line: None)
    for target in work.targets:
        work.measure(name, target)
    return work.records["records"][len(records) :], work.records["choices"], work.skipped


def _simulated(candidate: Candidate, mapped: Any, cuts: int) -> dict[str, Any]:
    """Energy of one result in fJ; every output of the netlist must be that of the integer function.

    The stimulus is every input code once, or 4,096 of them, in random order.
    """
    from quadrille.boards.asic.activity import activity, energy

    interval = candidate[0].input.interval
    codes = list(range(interval.lo, interval.hi + 1))
    draw = random.Random(0)
    codes = draw.sample(codes, min(len(codes), MOST_CODES))
    bits = candidate[0].input.bits
    mask = (1 << bits) - 1
    # As many more as the last result needs to come out.
    found = activity(mapped.netlist, {"i": [code & mask for code in [*codes, *codes[:cuts]]]})
    for n, function in enumerate(candidate):
        got = found.outputs[f"o_{n}"][cuts : cuts + len(codes)]
        expected = [value & (1 << function.output.bits) - 1 for value in evaluate(function, codes).tolist()]
        assert list(got) == expected, f"netlist of {function.name} differs from its integers"
    cost = energy(mapped.netlist, found, mapped.library.voltage)
    return {"energy": cost.total, "energy_settled": cost.settled + cost.clock, "energy_clock": cost.clock}


def _key(record: Mapping[str, Any]) -> tuple[str, str, str]:
    return record["name"], record["target"], record["cuts"]


def _full(function: Function) -> int:
    from quadrille.hw.activation.stages import dataflow_of

    return dataflow_of(function).full


def _line(record: Mapping[str, Any]) -> str:
    if "area" in record:
        return f"{record['area']:,.1f} um2, {record['latency_ns']:.2f} ns, {record['energy'] / 1000:.2f} pJ"
    return f"{record['luts']} LUT, {record['multipliers']} DSP, {record['luts_alone']} LUT without DSP"
