"""A Program: what an accelerator of a given shape is loaded with to run a Network, and what will leave it when."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

from quadrille.algo.spec import Network, Node

from .accelerator import Accelerator
from .configuration import Configuration
from .encoding import Converters, encode, tile_words
from .fitting import check_fit, check_given, needed
from .layers import layers_of
from .loader import HEADER
from .mapping import Plan, Tile, plan
from .packing import packet
from .placement import power_of_two
from .tables import Datapath, datapath
from .targets import PORT_BITS, Target, elements_per_data_word
from .tiles import WeightTiles
from .timing import Timing
from .value_path import TAPS

__all__ = ["Program", "compile_network"]

POOLED = (Target.POOLING, Target.REQUANTIZER)
"""Whose taps show windows after the pool."""


@dataclass(frozen=True)
class Program:
    """The contents of an accelerator's memories for one network.

    Attributes
    ----------
    plan : the layout of the network on the macros
    configuration : the accelerator that it is for
    parts : its datapath, to be asked about widths and latencies
    images : the rows of every table, by Target
    weights : of its instructions
    baked : whether the tables are part of the hardware and nothing has to be loaded
    """

    plan: Plan
    configuration: Configuration
    parts: Datapath
    images: dict[int, list[int]]
    weights: WeightTiles
    baked: bool = False

    def accelerator(self) -> Accelerator:
        """The hardware that it is for; with the program inside, if it is baked."""
        return Accelerator(**self.configuration.values, images=self.images if self.baked else None)

    @property
    def network(self) -> Network:
        """The network that it computes."""
        return self.plan.network

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
        start = packet(Target.START, self.images[Target.START][0], [0] * len(self.plan.tiles), 0)
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
        rows = [count for _, count in self.weights.places]
        return Timing.of(self.plan, self.configuration, self.input_words, self.parts, rows)

    def description(self) -> dict[str, Any]:
        """What simulation needs to know to feed it and to read its taps: the file program.json."""
        plan_, configuration = self.plan, self.configuration
        return {
            "schema": 2,
            "network": plan_.network.name,
            "content_hash": hashlib.sha256(self.data).hexdigest(),
            "port_bits": PORT_BITS,
            "frames": configuration.frames,
            "header": {name: [HEADER[name].offset, HEADER[name].width] for name in ("target", "address", "count")},
            "input": {
                "node": plan_.network.input.name,
                "element_bits": configuration.activation_bits,
                "elements_per_word": configuration.elements_per_word,
                "words_per_frame": self.input_words,
                "order": self.input_slots,
            },
            "steps": [self._step(tile) for tile in plan_.tiles],
            "results": [self._slots(tile, plan_.layers[tile.layer].dequantize) for tile in plan_.tiles],
            "taps": {
                tap: [
                    self._slots(tile, layer.behind[unit], pooled=target in POOLED)
                    for tile in plan_.tiles
                    for layer in [plan_.layers[tile.layer]]
                ]
                for unit, (target, tap) in enumerate(TAPS.items())
                if target in self.parts.units
            },
            "output": self._output(),
            "cycles": {"batch": [self.timing.batch_cycles(n) for n in (1, configuration.frames)]},
        }

    def _step(self, tile: Tile) -> dict[str, Any]:
        """What an instruction shows on the tap of codes, at every window."""
        layer = self.plan.layers[tile.layer]
        down, across = layer.windows
        return {
            "node": layer.matrix.name,
            "row_sum": layer.row_sum.name if layer.row_sum else None,
            "group": tile.group,
            "planes": layer.edge.format.bits,
            "windows": down * across,
            "columns": [{"tile": step.tile, "slice": step.slice, "outputs": list(step.outputs)} for step in tile.steps],
        }

    def _slots(self, tile: Tile, node: Node | None, *, pooled: bool = False) -> dict[str, Any]:
        """The slots that an instruction completes at every window, as elements of `node`."""
        layer = self.plan.layers[tile.layer]
        down, across = layer.pooled if pooled else layer.windows
        lanes, outputs = self.plan.lanes, layer.matrix.outputs
        done = [step.slot for step in tile.steps if step.last and node]
        slots = [range(slot * lanes, (slot + 1) * lanes) for slot in done]
        return {
            "windows": down * across,
            "groups": [
                {"node": node and node.name, "outputs": [o if o < outputs else -1 for o in slot]} for slot in slots
            ],
        }

    def _output(self) -> dict[str, Any]:
        """Words that leave, in the order of `results`; a group of values fills words of its own."""
        configuration, argmax = self.configuration, self.plan.argmax
        if argmax is not None:
            return {
                "node": argmax.name,
                "kind": "index",
                "element_bits": PORT_BITS,
                "signed": False,
                "elements_per_word": 1,
            }
        return {
            "node": self.plan.layers[-1].result,
            "kind": "values",
            "element_bits": configuration.result_bits,
            "signed": True,
            "elements_per_word": configuration.results_per_word,
        }


def compile_network(
    network: Network,
    *,
    rows: int = 128,
    columns: int = 128,
    macros: int = 1,
    banks: int = 1,
    lanes: int | None = None,
    word: int | None = None,
    frames: int | None = None,
    weight_planes: int = 2,
    cuts: int = 1,
    activation_cuts: int = 3,
    converter: str | None = None,
    baked: bool = False,
    configuration: Configuration | None = None,
) -> Program:
    """The program that runs `network`, and the least accelerator with macros of that shape that can hold it.

    With `configuration` given the accelerator is that one, and the network must fit it. `lanes` is by default a quarter
    of the columns of a macro, to a power of two: with 4-bit activations the lanes then take as many cycles as the
    array. `word`, the activations in a word of memory, is by default the most channels that a pixel has, up to the rows
    of a macro. `frames`, the images of a batch, is by default 1 for a network of convolutions, whose windows share each
    tile, and 32 for others.

    Raises
    ------
    InvalidInput
        If the network cannot run on such an accelerator: names the node, or the parameter and what it would have to be.
    """
    if configuration is not None:
        layout = plan(
            network,
            rows=configuration.rows,
            columns=configuration.all_columns,
            banks=configuration.banks,
            lanes=configuration.lanes,
            frames=configuration.frames,
            word=configuration.word,
            per_data_word=configuration.elements_per_word,
        )
        converters = Converters(layout, configuration.converter_shift)
        check_fit(network, needed(layout, converters, configuration.converter), configuration)
        weights = WeightTiles.of(tile_words(layout, configuration))
    else:
        layers = layers_of(network)
        chosen = power_of_two(max(1, columns // 4)) if lanes is None else lanes
        if frames is None:
            frames = 32 if all(layer.windows == (1, 1) for layer in layers) else 1
        activation_bits = max(layer.edge.format.bits for layer in layers)
        per_data_word = elements_per_data_word(activation_bits)
        if word is None:
            channels = max(layer.shape[0] for layer in layers)
            word = max(power_of_two(min(channels, rows)), per_data_word, chosen)
        given = {
            "rows": rows,
            "columns": columns,
            "macros": macros,
            "banks": banks,
            "lanes": chosen,
            "word": word,
            "frames": frames,
            "weight_planes": weight_planes,
            "cuts": cuts,
            "activation_cuts": activation_cuts,
        }
        check_given(given, per_data_word)
        layout = plan(
            network,
            rows=rows,
            columns=columns * macros,
            banks=banks,
            lanes=chosen,
            frames=frames,
            word=word,
            per_data_word=per_data_word,
        )
        converters = Converters(layout)
        values: dict[str, Any] = Configuration.defaults() | given | needed(layout, converters, converter)
        configuration = Configuration(**values)
        weights = WeightTiles.of(tile_words(layout, configuration))
        configuration = replace(configuration, weight_rows=len(weights.rows))
    parts = datapath(configuration, {}).inspected()
    images = encode(layout, configuration, converters, parts, weights)
    down, across = layout.layers[-1].pooled
    return Program(layout, configuration, parts, {**images, Target.START: [down * across]}, weights, baked)
