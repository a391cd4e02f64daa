"""A Program: what an accelerator of a given shape is loaded with to run a Network, and what will leave it when."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from quadrille.algo.spec import Modes, Network, Node

from .accelerator import Accelerator
from .configuration import Configuration
from .delays import Delays
from .loader import HEADER
from .mapping import Plan, Tile, rows_of
from .packing import packet
from .tables import Datapath
from .targets import PORT_BITS, Target
from .tiles import WeightTiles
from .timing import Timing, stages_of, window_cycles
from .value_path import TAPS

__all__ = ["Program"]

POOLED = (Target.POOLING, Target.REQUANTIZER)
"""Whose taps show windows after the pool."""


@dataclass(frozen=True)
class Program:
    """The contents of an accelerator's memories for one network, or for several modes of one.

    Attributes
    ----------
    modes : the networks
    plans : the layout of each mode on the macros, one behind the other in the tables
    configuration : the accelerator that it is for
    parts : its datapath, to be asked about widths and latencies
    images : the rows of every table, by Target
    weights : of its instructions
    baked : whether the tables are part of the hardware and nothing has to be loaded
    """

    modes: Modes
    plans: tuple[Plan, ...]
    configuration: Configuration
    parts: Datapath
    images: dict[int, list[int]]
    weights: WeightTiles
    baked: bool = False

    def accelerator(self) -> Accelerator:
        """The hardware that it is for; with the program inside, if it is baked."""
        return Accelerator(**self.configuration.values, images=self.images if self.baked else None)

    @property
    def plan(self) -> Plan:
        """The layout of the first mode."""
        return self.plans[0]

    @property
    def network(self) -> Network:
        """The network of the first mode."""
        return self.modes.default

    @property
    def instructions(self) -> int:
        """Of all modes."""
        return len(self.weights.strips)

    @cached_property
    def words(self) -> list[int]:
        """The data-port words that load and start it; none if it is baked."""
        if self.baked:
            return []
        packets = [
            packet(target, 0, rows, self.parts.row_width(target))
            for target, rows in self.images.items()
            if target != Target.START
        ]
        start = packet(Target.START, self.images[Target.START][0], [0] * self.instructions, 0)
        return [*chain.from_iterable(packets), start[0]]

    @cached_property
    def data(self) -> bytes:
        """`words`, each 64 bits little-endian: the file program.bin."""
        return struct.pack(f"<{len(self.words)}Q", *self.words)

    @property
    def input_words(self) -> int:
        """Data words of one image."""
        return self.plan.placement.image.size // self.configuration.elements_per_word

    @cached_property
    def input_slots(self) -> list[int]:
        """For each element of an image's data words the flat index of the image element, or -1."""
        place = self.plan.placement.image
        slots = [-1] * place.size
        for pixel in range(place.height * place.width):
            for channel in range(place.channels):
                slots[pixel * place.pitch + channel] = channel * place.height * place.width + pixel
        return slots

    @property
    def timing(self) -> Timing:
        """The exact cycle count of every batch."""
        rows = [strip.rows for strip in self.weights.strips]
        stages = stages_of(self.plans, self.configuration, rows)
        return Timing.of(self.plans, self.configuration, Delays.of(self.parts), stages)

    def description(self) -> dict[str, Any]:
        """What simulation needs to know to feed it and to read its taps: the file program.json."""
        configuration = self.configuration
        return {
            "schema": 3,
            "network": self.modes.name,
            "content_hash": hashlib.sha256(self.data).hexdigest(),
            "port_bits": PORT_BITS,
            "frames": configuration.frames,
            "header": {name: [HEADER[name].offset, HEADER[name].width] for name in ("target", "address", "count")},
            "packets": {"frames": Target.FRAMES, "mode": Target.MODE, "seed": Target.SEED},
            "switches": configuration.modes > 1,
            "input": {
                "node": self.network.input.name,
                "element_bits": configuration.activation_bits,
                "elements_per_word": configuration.elements_per_word,
                "words_per_frame": self.input_words,
                "order": self.input_slots,
            },
            "modes": [
                {"mode": mode, **self._shown(layout), "cycles": {"batch": self._cycles(number)}}
                for number, (mode, layout) in enumerate(zip(self.modes.names, self.plans, strict=True))
            ],
        }

    def _cycles(self, mode: int) -> list[int]:
        """Of a batch of one image and of a full one."""
        return [self.timing.batch_cycles(count, mode) for count in (1, self.configuration.frames)]

    def _shown(self, layout: Plan) -> dict[str, Any]:
        """What a mode shows on every tap, and what leaves."""
        return {
            "steps": [_step(layout, tile) for tile in layout.tiles],
            "results": [_slots(layout, tile, layout.layers[tile.layer].dequantize) for tile in layout.tiles],
            "taps": {
                tap: [
                    _slots(layout, tile, layout.layers[tile.layer].behind[unit], pooled=target in POOLED)
                    for tile in layout.tiles
                ]
                for unit, (target, tap) in enumerate(TAPS.items())
                if target in self.parts.units
            },
            "output": self._output(layout),
        }

    def _output(self, layout: Plan) -> dict[str, Any]:
        """Words that leave, in the order of `results`; a group of values fills words of its own."""
        configuration = self.configuration
        if layout.argmax is not None:
            return {
                "node": layout.argmax.name,
                "kind": "index",
                "element_bits": PORT_BITS,
                "signed": False,
                "elements_per_word": 1,
            }
        return {
            "node": layout.layers[-1].result,
            "kind": "values",
            "element_bits": configuration.result_bits,
            "signed": True,
            "elements_per_word": configuration.results_per_word,
        }


def _step(layout: Plan, tile: Tile) -> dict[str, Any]:
    """What an instruction shows on the tap of codes, at every window."""
    layer = layout.layers[tile.layer]
    down, across = layer.windows
    return {
        "node": layer.matrix.name,
        "row_sum": layer.row_sum.name if layer.row_sum else None,
        "group": tile.group,
        "rows": rows_of(layer, layout.rows, layout.unit),
        "cycles": window_cycles(layer, layout.unit),
        "windows": down * across,
        "columns": [{"tile": step.tile, "slice": step.slice, "outputs": list(step.outputs)} for step in tile.steps],
    }


def _slots(layout: Plan, tile: Tile, node: Node | None, *, pooled: bool = False) -> dict[str, Any]:
    """The slots that an instruction completes at every window, as elements of `node`."""
    layer = layout.layers[tile.layer]
    down, across = layer.pooled if pooled else layer.windows
    lanes, outputs = layout.lanes, layer.matrix.outputs
    done = [step.slot for step in tile.steps if step.last and node]
    slots = [range(slot * lanes, (slot + 1) * lanes) for slot in done]
    return {
        "windows": down * across,
        "groups": [{"node": node and node.name, "outputs": [o if o < outputs else -1 for o in slot]} for slot in slots],
    }
