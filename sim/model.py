"""A simulated design: whole batches of stimulus in, every beat of its outputs back, the clock in between in C++."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import InvalidInput, QuadrilleError

from .build import Progress, build
from .library import NEVER, InputPlan, Library, Outcome, OutputPlan, Plan
from .manifest import Manifest, Stream, read_manifest
from .payload import Words, empty_field, pack

__all__ = ["Capture", "Model", "Run", "SimulationFault", "Stall"]

SLICE = 2_000_000
"""Cycles between two returns to Python, so that Ctrl-C is heard."""

IDLE_CYCLES = 1_000_000


class SimulationFault(QuadrilleError, RuntimeError):
    """The design did not do what its streams promise: names the stream and the cycle."""


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


@dataclass(frozen=True)
class Run:
    """What a simulation gave: output streams and taps by name, when inputs were accepted, and how long it took."""

    streams: dict[str, Capture]
    input_cycles: dict[str, NDArray[np.int64]]
    total_cycles: int
    pins: dict[str, int]


class Model:
    """The design of an exported folder, ready to run; memories keep their contents from one run to the next.

    Parameters
    ----------
    folder : an exported design.
    trace : True or "vcd" for a model that can write VCD, "fst" for FST; such a model is slower.
    progress : told what is being built, when the cache has no such model.

    Raises
    ------
    InvalidInput, MissingTool, BuildFailed
        As `build` does.
    """

    def __init__(
        self, folder: Path | str | Manifest, *, trace: bool | str = False, progress: Progress | None = None
    ) -> None:
        self.manifest = folder if isinstance(folder, Manifest) else read_manifest(folder)
        self.trace: str | None = "vcd" if trace is True else trace or None
        self._library = Library(build(self.manifest, trace=self.trace, progress=progress))
        self._simulation = self._library.open()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the simulation; a model that is garbage does so itself."""
        if self._simulation:
            self._library.close(self._simulation)
            self._simulation = None

    def __del__(self) -> None:
        if getattr(self, "_simulation", None):
            self.close()

    def run(
        self,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, int],
        *,
        max_cycles: int | None = None,
        idle_cycles: int = IDLE_CYCLES,
        stall: Stall | None = None,
        check: bool | None = None,
        reset: bool = True,
        reset_at: int | None = None,
        wave: Path | str | None = None,
        pins: Mapping[str, int] | None = None,
    ) -> Run:
        """Reset, feed every input stream its beats, and stop when every listed output has delivered its number.

        Parameters
        ----------
        inputs : beats by stream: values by field, or payloads already packed (see `payload.pack`).
        outputs : expected beats by stream or tap; what others deliver is dropped.
        max_cycles, idle_cycles : give up after so many cycles in all (None: no limit), or without any transfer.
        stall : random stalls.
        check : whether the rules of streams are checked on every output (valid is not withdrawn, payload is stable
            while it waits); by default when there are stalls.
        reset : False to go on from where the last run ended.
        reset_at : reset the design in this cycle as well, discard what was delivered and start the stimulus again.
        wave : a file for the waveform, which a model with `trace` writes.
        pins : values of inputs that belong to no stream, 0 by default.

        Raises
        ------
        InvalidInput
            If the stimulus does not fit the design.
        SimulationFault
            If an output is short of beats when a limit is reached, or breaks a rule.
        """
        rows = {name: pack(self.manifest.input(name), beats) for name, beats in inputs.items()}
        for name, beats in outputs.items():
            if beats < 0:
                raise InvalidInput(f"Expected beats of stream {name} must be 0 or more, not {beats}")
            self.manifest.output(name)
        if wave is not None:
            self._check_wave(Path(wave))
        self._set_pins(pins or {})
        careful = stall is not None if check is None else check or stall is not None
        stimulus = _Stimulus(self.manifest, rows, outputs, stall or Stall(0.0))
        plan = stimulus.plan(careful, max_cycles, idle_cycles, reset_at)
        try:
            if wave is not None:
                self._library.wave(self._simulation, str(wave).encode())
            if reset:
                self._library.restart(self._simulation)
            self._library.begin(self._simulation, plan)
            outcome = Outcome.PAUSED
            while outcome == Outcome.PAUSED:
                plan.pause_at = plan.cycle + SLICE
                outcome = Outcome(self._library.run(self._simulation, plan))
        finally:
            if wave is not None:
                self._library.end_wave(self._simulation)
        self._judge(outcome, plan, stimulus)
        return Run(
            streams=stimulus.captures(),
            input_cycles=stimulus.input_cycles(),
            total_cycles=plan.cycle,
            pins={pin.name: self._read_pin(index) for index, pin in enumerate(self._narrow_pins)},
        )

    def _check_wave(self, wave: Path) -> None:
        kind = wave.suffix.removeprefix(".")
        if self.trace is None:
            raise InvalidInput("Waveforms need a model built with trace, and this one is not")
        if kind != self.trace:
            raise InvalidInput(f"Waveform file of this model must end in .{self.trace}, not {wave.name!r}")
        if not wave.absolute().parent.is_dir():
            raise InvalidInput(f"Waveform must be in a folder that exists, not {wave}")

    def _judge(self, outcome: Outcome, plan: Plan, stimulus: _Stimulus) -> None:
        """Raise what went wrong."""
        if outcome == Outcome.DONE:
            return
        if outcome in (Outcome.LIMIT, Outcome.IDLE):
            why = (
                f"after {plan.cycle} cycles, the limit"
                if outcome == Outcome.LIMIT
                else f"at cycle {plan.cycle} after {plan.idle} cycles without a transfer"
            )
            raise SimulationFault(f"Stream {stimulus.short()} {why}")
        stream = self.manifest.outputs[plan.fault]
        rule = "withdrew valid" if outcome == Outcome.WITHDRAWN else "changed its payload"
        raise SimulationFault(f"Stream {stream.name} {rule} before the beat was taken, at cycle {plan.cycle}")

    @property
    def _narrow_pins(self) -> list[Any]:
        return [pin for pin in self.manifest.pins if pin.width <= 64]

    def _set_pins(self, values: Mapping[str, int]) -> None:
        known = {pin.name: (index, pin) for index, pin in enumerate(self._narrow_pins) if pin.input}
        for name, value in values.items():
            if name not in known:
                raise InvalidInput(f"Input pin must be one of {', '.join(known) or 'none'}, not {name!r}")
            _, pin = known[name]
            low = -(1 << (pin.width - 1)) if pin.signed else 0
            if not low <= value < low + (1 << pin.width):
                raise InvalidInput(f"Pin {name} must fit {'s' if pin.signed else 'u'}{pin.width}, not {value}")
        for name, (index, pin) in known.items():
            self._library.write_pin(self._simulation, index, values.get(name, 0) & ((1 << pin.width) - 1))

    def _read_pin(self, index: int) -> int:
        pin = self._narrow_pins[index]
        value = self._library.read_pin(self._simulation, index)
        return value - (1 << pin.width) if pin.signed and value >> (pin.width - 1) else value


class _Stimulus:
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
