"""Images on the netlist of an accelerator, which nothing compiles before: what switches, and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import InvalidInput

if TYPE_CHECKING:
    from quadrille.boards.asic.power import MappedNetlist
    from quadrille.boards.asic.saif import Switching
    from quadrille.sim.accelerator import Accelerator
    from quadrille.sim.schedule import Schedule

__all__ = ["run_netlist"]

IDLE_CYCLES = 100_000
"""Without a beat in or out, after which a netlist is given up."""


def run_netlist(
    accelerator: Accelerator,
    mapped: MappedNetlist,
    images: NDArray[Any],
    schedule: Schedule,
    progress: Callable[[float], None] = lambda share: None,
) -> tuple[Switching, NDArray[np.uint64]]:
    """Reset, load the program, and run `images` in the modes of `schedule`, as `sim.comparison.simulate` does.

    Half a million cells take a hundredth of a second for a cycle, and no compiler, which would take most of an hour.

    What switches counts from where the program is loaded. Second, the words of the stream `o`; `progress` is told the
    share of them that has come.

    Raises
    ------
    InvalidInput
        If the netlist has latches or black boxes that are no memories, or stops before the last word has come.
    """
    from quadrille.boards.asic.levels import Simulation
    from quadrille.sim.payload import unpack_bits

    manifest = accelerator.manifest
    given, taken = manifest.input("i"), manifest.output("o")
    words = np.concatenate([accelerator.program, accelerator.input_words(images, schedule)])
    beats = unpack_bits(words[:, np.newaxis], given.width)
    (data,) = (field for field in taken.fields if field.name == "data")
    wanted = accelerator.expected(schedule)["o"]
    design = Simulation(mapped, str(manifest.clock))
    _reset(design, manifest.reset)
    for stream in manifest.outputs:
        if stream.ready is not None:
            design.write(stream.ready, 1)
    sent, idle = 0, 0
    results: list[NDArray[np.uint8]] = []
    while len(results) < wanted:
        if given.valid is not None:
            design.write(given.valid, sent < len(beats))
        if given.payload is not None and sent < len(beats):
            design.write(given.payload, beats[sent])
        design.settle()
        moves = sent < len(beats) and (given.ready is None or bool(design.read(given.ready)[0]))
        comes = taken.valid is None or bool(design.read(taken.valid)[0])
        if comes:
            results.append(design.read(str(taken.payload))[data.offset : data.offset + data.width])
            progress(len(results) / wanted)
        idle = 0 if moves or comes else idle + 1
        if idle > IDLE_CYCLES:
            raise InvalidInput(
                f"Netlist of {manifest.top} must give {wanted} words, and stopped after {len(results)} of them"
            )
        design.edge(counts=sent >= len(accelerator.program))
        sent += moves
    packed = np.packbits(np.array(results), axis=1, bitorder="little").view("<u8")[:, 0]
    return design.switching, packed


def _reset(design: Any, reset: str | None) -> None:
    if reset is not None:
        for value in (1, 1, 0):
            design.write(reset, value)
            if value:
                design.settle()
                design.edge(counts=False)
