"""What workers do in an exploration: a network of another arithmetic, or the costs of many points."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrille.algo.spec import InvalidInput, Network, retile

from .cost import CLOCK
from .explore_grid import Point, Variant
from .results import digest

if TYPE_CHECKING:
    from quadrille.hw.engine.sizing import Size, Sizing

__all__ = ["clocked", "cost_points", "make_variant"]


def make_variant(
    contents: bytes, variant: Variant, training: Any, held_out: Any, labels: Any
) -> tuple[bytes, tuple[str, ...], float | None] | str:
    """The network in `contents` in the arithmetic of `variant`: its file, the layers that changed, and its accuracy.

    `training` are images to calibrate with; without `labels` there is no accuracy. Why there is no such network, if
    there is none.
    """
    from quadrille.algo.integer import accuracy

    network, changed = network_of(contents), ()
    if variant != Variant():
        from quadrille.algo.integer.network_file import network_bytes
        from quadrille.algo.nn.resolution import with_converters

        try:
            network, changed = with_converters(network, training, bits=variant.adc_bits, rows=variant.rows)
        except InvalidInput as error:
            return str(error)
        network = Network(network.name, network.nodes, {**network.notes, "converters": variant.name})
        contents = network_bytes(network)
    return contents, changed, None if labels is None else accuracy(network, held_out, labels)


def cost_points(
    contents: bytes, points: Sequence[Point], target: str, clock: float | None = None
) -> list[dict[str, Any]]:
    """A record of each of `points`, all of which run the network in `contents`: what it costs, or why it cannot be."""
    found: list[dict[str, Any]] = []
    for point in points:
        try:
            found.append({"point": point.number, **costs_of(contents, point, target, clock)})
        except InvalidInput as error:
            found.append({"point": point.number, "skipped": str(error)})
    return found


def costs_of(contents: bytes, point: Point, target: str, clock: float | None) -> dict[str, Any]:
    """Cycles and resources of one point, with the registers that a `clock` needs where those are known.

    Raises
    ------
    InvalidInput
        As `generate`.
    """
    sizing, shape = _sizing(_Contents(contents), None if point.engine == "mac" else point.rows), point.shape()
    size = sizing.size(**shape)
    cuts: dict[str, Any] = {}
    if clock is not None and clocked(target):
        cuts = chosen_cuts(size.configuration, point.settings, clock, target)
        size = sizing.size(**shape, **cuts)
    configuration, cycles = size.configuration, size.timing.cycles_per_image()
    return {
        "lanes": configuration.lanes,
        "word": configuration.word,
        "frames": configuration.frames,
        "converter": configuration.converter,
        **cuts,
        "tiles": configuration.weight_tiles,
        "cycles": cycles,
        **resources_of(configuration, target),
        **energies_of(size, target, cycles, CLOCK if clock is None else clock),
    }


def chosen_cuts(configuration: Any, settings: Sequence[tuple[str, Any]], clock: float, family: str) -> dict[str, int]:
    """The registers that `generate` chooses for a clock."""
    from quadrille.boards.fpga.clock_choice import choose_cuts
    from quadrille.hw.engine.cuts import CUTS

    for name, _ in settings:
        if name in CUTS:
            raise InvalidInput(f"Setting {name} must be left to the clock, where one is given")
    return choose_cuts(configuration, family, clock).settings


def clocked(target: str) -> bool:
    """Whether it is known what registers a clock needs on `target`."""
    from quadrille.boards.fpga.clock_choice import FAMILIES

    return target in FAMILIES


def resources_of(configuration: Any, target: str) -> Mapping[str, float]:
    """What `configuration` takes of `target`; `area` is what counts: look-up tables, or um2."""
    from quadrille.boards.cost import cost_of

    total = cost_of(configuration, target).total
    if total.area:
        return {"area": round(total.area, 1), "gates": round(total.gates, 1), "memory_bits": total.memory_bits}
    return {
        "area": round(total.luts + total.memory_luts),
        "flip_flops": round(total.flip_flops),
        "multipliers": total.multipliers,
        "block_rams": total.block_rams,
        "large_rams": total.large_rams,
    }


def energies_of(size: Size, target: str, cycles: float, clock: float) -> Mapping[str, float]:
    """What an image takes in pJ, leakage at `clock` among it; nothing where that is not known."""
    from quadrille.boards.cost import energy_of, events_of
    from quadrille.boards.cost.energy import energy_models

    if target not in energy_models():
        return {}
    found = energy_of(size.configuration, target, cycles=cycles, events=events_of(size.timing), period=1e9 / clock)
    return {} if found is None else {"energy": round(found.total, 1)}


class _Contents:
    """A network's file that is told from others by its digest, not by all its bytes each time."""

    def __init__(self, data: bytes) -> None:
        self.data, self.digest = data, _digest(data)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Contents) and self.digest == other.digest


@lru_cache(maxsize=4)
def _digest(data: bytes) -> str:
    return digest(data)


@lru_cache(maxsize=16)
def _sizing(contents: _Contents, rows: int | None) -> Sizing:
    """The sizing of a network, its exact sums cut anew for macros of `rows` rows."""
    from quadrille.hw.engine.sizing import Sizing

    network = _network(contents)
    if rows is None:
        return Sizing(network)
    again, changes = retile(network, rows)
    return Sizing(again) if changes else _sizing(contents, None)


@lru_cache(maxsize=4)
def _network(contents: _Contents) -> Network:
    return network_of(contents.data)


def network_of(contents: bytes) -> Network:
    """The network that a file holds."""
    from quadrille.algo.integer import read_network

    with tempfile.TemporaryDirectory(prefix="quadrille-") as folder:
        path = Path(folder) / "network.safetensors"
        path.write_bytes(contents)
        return read_network(path)
