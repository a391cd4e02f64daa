"""How often each component of an accelerator does something for an image: counts that follow from the program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from quadrille.hw.engine.timing import Timing

__all__ = ["EVENTS", "events_of", "group_of"]

EVENTS: Mapping[str, tuple[str, ...]] = {
    "top": ("steps",),
    "loader": ("input words",),
    "inputs": ("reads", "input words"),
    "features": ("reads", "slots"),
    "patches": ("reads",),
    "sequencer": ("instructions",),
    "program": ("instructions",),
    "tiles": ("instructions",),
    "modes": ("instructions",),
    "weight_loader": ("weight rows",),
    "weights": ("weight rows",),
    "macro": ("planes", "weight rows"),
    "reader": ("steps",),
    "converter": ("steps",),
    "dequantizer": ("steps",),
    "path": ("slots",),
}
"""By group of components what it does something at, first what lets its registers take something."""


def group_of(module: str) -> str:
    """The group of a component by its path below the top: what a netlist's report tells apart."""
    first = module.partition(".")[0].rstrip("_")
    return "macro" if first.startswith("macro") else first or "top"


def events_of(timing: Timing, mode: int = 0) -> dict[str, float]:
    """Counts for one image of full batches back to back, exactly.

    `planes` and `windows` go through the macros, `steps` through reader, converter and dequantizer, `slots` leave
    those; `reads` are words of the activation memories, `weight rows` words of the weight memory.
    """
    found: Counter[str] = Counter()
    frames, stages = timing.frames, timing.modes[mode]
    loaded = timing.switches or len(stages) > timing.weight_planes
    for stage in stages:
        rows = stage.down * frames
        windows = rows * stage.across
        found["windows"] += windows
        found["planes"] += windows * stage.planes
        found["steps"] += windows * len(stage.completes)
        found["slots"] += windows * sum(stage.completes)
        found["reads"] += rows * (stage.first_reads + (stage.across - 1) * stage.next_reads)
        found["weight rows"] += stage.rows * loaded
        found["instructions"] += 1
    found["input words"] = timing.input_words * frames
    return {name: count / frames for name, count in sorted(found.items())}
