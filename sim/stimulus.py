"""The arrays of one run: what goes in, where it lands, and how the streams stall."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import InvalidInput

from .library import NEVER, InputPlan, OutputPlan, Plan
from .manifest import Manifest, Stream
from .payload import Words, empty_field

__all__ = ["Capture", "Stall", "Stimulus"]


@dataclass(frozen=True)
class Stall:
    """Random stalls: `probability` that a stream waits in a cycle, one for all or by stream name, and a `seed`.

    Inputs withhold `valid` before a beat is first offered, never after; outputs withhold `ready`. Taps never wait.

    Raises
    ------
    InvalidInput
        If a probability is not from 0 to less than 1.
    """

    probability: float | Mapping[str, float] = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        each = self.probability.values() if isinstance(self.probability, Mapping) else [self.probability]
        for value in each:
            if not 0 <= value < 1:
                raise InvalidInput(f"Stall probability must be from 0 to less than 1, not {value}")

    def of(self, stream: str) -> float:
        """The probability for one stream."""
        return self.probability.get(stream, 0.0) if isinstance(self.probability, Mapping) else self.probability


@dataclass(frozen=True)
class Capture:
    """The beats of one output stream.

    Attributes
    ----------
    fields : values by field name: [n] for scalars, [n, count] for arrays, int32 where every value fits, else int64
        (uint64 for u64); fields of more than 64 bits have a last axis of 64-bit words.
    cycles : int64 [n], the cycle in which each beat was transferred; 0 is the first after reset.
    surplus : beats that followed the expected ones before the run ended.
    """

    fields: dict[str, NDArray[Any]]
    cycles: NDArray[np.int64]
    surplus: int


class Stimulus:
    """The arrays of one run and the plan that points to them."""

    def __init__(self, manifest: Manifest, rows: dict[str, Words], outputs: Mapping[str, int], stall: Stall) -> None:
        self.inputs, self.outputs = manifest.inputs, manifest.outputs
        self.rows = [rows.get(stream.name, np.zeros((0, stream.words), np.uint64)) for stream in self.inputs]
        self.accepted = [np.zeros(len(row), np.int64) for row in self.rows]
        self.listed = set(outputs)
        self.beats = [outputs.get(stream.name, 0) for stream in self.outputs]
        self.fields = [
            [empty_field(field, beats) for field in stream.fields]
            for stream, beats in zip(self.outputs, self.beats, strict=True)
        ]
        self.cycles = [np.zeros(beats, np.int64) for beats in self.beats]
        self.input_plans = (InputPlan * max(1, len(self.inputs)))()
        self.output_plans = (OutputPlan * max(1, len(self.outputs)))()
        seeds = np.random.SeedSequence(stall.seed).generate_state(len(self.inputs) + len(self.outputs) + 1, np.uint64)
        for index, (plan, row) in enumerate(zip(self.input_plans, self.rows, strict=False)):
            plan.rows, plan.count, plan.cycles = row.ctypes.data, len(row), self.accepted[index].ctypes.data
            plan.stall, plan.random = _threshold(stall, self.inputs[index]), int(seeds[index]) | 1
        self.pointers = [
            (ctypes.c_void_p * max(1, len(arrays)))(*(a.ctypes.data for a in arrays)) for arrays in self.fields
        ]
        for index, (plan, beats) in enumerate(zip(self.output_plans, self.beats, strict=False)):
            plan.count, plan.cycles = beats, self.cycles[index].ctypes.data
            plan.fields = ctypes.addressof(self.pointers[index])
            plan.stall, plan.random = _threshold(stall, self.outputs[index]), int(seeds[len(self.inputs) + index]) | 1

    def plan(self, careful: bool, max_cycles: int | None, idle_cycles: int, reset_at: int | None) -> Plan:
        """What the driver is given."""
        return Plan(
            limit=NEVER if max_cycles is None else max_cycles,
            idle_limit=idle_cycles,
            reset_at=NEVER if reset_at is None else reset_at,
            careful=careful,
            inputs=self.input_plans,
            outputs=self.output_plans,
        )

    def short(self) -> str:
        """The first listed output that is short, in words."""
        for stream, plan, beats in zip(self.outputs, self.output_plans, self.beats, strict=False):
            if plan.taken < beats:
                return f"{stream.name} delivered {plan.taken} of {beats} beats"
        raise AssertionError("a run that stops early is short of a beat")

    def share(self) -> float:
        """How many of the expected beats have come."""
        taken = sum(plan.taken for plan, _ in zip(self.output_plans, self.outputs, strict=False))
        return taken / max(1, sum(self.beats))

    def captures(self) -> dict[str, Capture]:
        """The listed outputs."""
        return {
            stream.name: Capture(
                fields={field.name: array for field, array in zip(stream.fields, self.fields[index], strict=True)},
                cycles=self.cycles[index],
                surplus=self.output_plans[index].surplus,
            )
            for index, stream in enumerate(self.outputs)
            if stream.name in self.listed
        }

    def input_cycles(self) -> dict[str, NDArray[np.int64]]:
        """When the beats of each input were accepted; beats left over when the run ended are not listed."""
        plans = zip(self.inputs, self.input_plans, self.accepted, strict=False)
        return {stream.name: cycles[: plan.next] for stream, plan, cycles in plans if len(cycles)}


def _threshold(stall: Stall, stream: Stream) -> int:
    if stream.tap or (stream.input and stream.valid is None):
        return 0
    return int(stall.of(stream.name) * 2.0**64)
