"""A simulated design: whole batches of stimulus in, every beat of its outputs back, the clock in between in C++."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import InvalidInput, QuadrilleError

from .build import Progress, build
from .library import Library, Outcome, Plan
from .manifest import Manifest, read_manifest
from .payload import pack
from .pins import Pins
from .stimulus import Capture, Stall, Stimulus

__all__ = ["Capture", "Model", "Run", "SimulationFault", "Stall"]

SLICE = 200_000
"""Cycles between two returns to Python, so that Ctrl-C is heard and progress told."""

IDLE_CYCLES = 1_000_000


class SimulationFault(QuadrilleError, RuntimeError):
    """The design did not do what its streams promise: names the stream and the cycle."""


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
        write, read = (partial(call, self._simulation) for call in (self._library.write_pin, self._library.read_pin))
        self._pins = Pins(self.manifest, write, read)

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
        wave_from: int = 0,
        pins: Mapping[str, int] | None = None,
        progress: Callable[[float], None] | None = None,
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
        wave_from : the first cycle that the waveform shows; with 0, reset comes before it.
        pins : values of inputs that belong to no stream, 0 by default.
        progress : told now and then what share of the expected beats has come.

        Raises
        ------
        InvalidInput
            If the stimulus does not fit the design, or the model is closed.
        SimulationFault
            If an output is short of beats when a limit is reached, or breaks a rule.
        """
        if not self._simulation:
            raise InvalidInput("Simulation must be open to run, and is closed")
        rows = {name: pack(self.manifest.input(name), beats) for name, beats in inputs.items()}
        for name, beats in outputs.items():
            if beats < 0:
                raise InvalidInput(f"Expected beats of stream {name} must be 0 or more, not {beats}")
            self.manifest.output(name)
        if wave is not None:
            self._check_wave(Path(wave))
        self._pins.set(pins or {})
        careful = stall is not None if check is None else check or stall is not None
        stimulus = Stimulus(self.manifest, rows, outputs, stall or Stall(0.0))
        plan = stimulus.plan(careful, max_cycles, idle_cycles, reset_at)
        try:
            if wave is not None:
                self._library.wave(self._simulation, str(wave).encode(), _nanoseconds(wave_from, reset))
            if reset:
                self._library.restart(self._simulation)
            self._library.begin(self._simulation, plan)
            outcome = Outcome.PAUSED
            while outcome == Outcome.PAUSED:
                plan.pause_at = plan.cycle + SLICE
                outcome = Outcome(self._library.run(self._simulation, plan))
                if progress is not None and outcome == Outcome.PAUSED:
                    progress(stimulus.share())
        finally:
            if wave is not None:
                self._library.end_wave(self._simulation)
        self._judge(outcome, plan, stimulus)
        return Run(
            streams=stimulus.captures(),
            input_cycles=stimulus.input_cycles(),
            total_cycles=plan.cycle,
            pins=self._pins.values(),
        )

    def _check_wave(self, wave: Path) -> None:
        kind = wave.suffix.removeprefix(".")
        if self.trace is None:
            raise InvalidInput("Waveforms need a model built with trace, and this one is not")
        if kind != self.trace:
            raise InvalidInput(f"Waveform file of this model must end in .{self.trace}, not {wave.name!r}")
        if not wave.absolute().parent.is_dir():
            raise InvalidInput(f"Waveform must be in a folder that exists, not {wave}")

    def _judge(self, outcome: Outcome, plan: Plan, stimulus: Stimulus) -> None:
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


def _nanoseconds(cycle: int, reset: bool) -> int:
    """When a cycle begins in a waveform, of 10 ns each; two of reset come before the first."""
    return 0 if cycle == 0 else 10 * (cycle + 2 * reset)
