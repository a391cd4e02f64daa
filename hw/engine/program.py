"""A Program: what an accelerator of a given shape is loaded with to run a Network, and what will leave it when."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from quadrille.algo.spec import Interval, InvalidInput, Network

from .accelerator import Accelerator
from .configuration import PARAMETERS, PORT_BITS, Configuration, Target
from .encoding import Converters, encode, packet
from .loader import HEADER
from .mapping import Plan, plan
from .tables import Datapath, datapath
from .timing import Timing

__all__ = ["Program", "compile_network"]


@dataclass(frozen=True)
class Program:
    """The contents of an accelerator's memories for one network.

    Attributes
    ----------
    plan : the layout of the network on the macros
    configuration : the accelerator that it is for
    parts : its datapath, to be asked about widths and latencies
    images : the rows of every table, by Target
    baked : whether the tables are part of the hardware and nothing has to be loaded
    """

    plan: Plan
    configuration: Configuration
    parts: Datapath
    images: dict[int, list[int]]
    baked: bool = False

    def accelerator(self) -> Accelerator:
        """The hardware that it is for; with the program inside, if it is baked."""
        return Accelerator(**asdict(self.configuration), images=self.images if self.baked else None)

    @property
    def network(self) -> Network:
        """The network that it computes."""
        return self.plan.network

    @cached_property
    def words(self) -> list[int]:
        """The data-port words that load and start it; none if it is baked."""
        if self.baked:
            return []
        packets = [packet(target, 0, rows, self.parts.row_width(target)) for target, rows in self.images.items()]
        start = packet(Target.START, 0, [0] * len(self.plan.tiles), 0)
        return [*chain.from_iterable(packets), start[0]]

    @cached_property
    def data(self) -> bytes:
        """`words`, each 64 bits little-endian: the file program.bin."""
        return struct.pack(f"<{len(self.words)}Q", *self.words)

    @property
    def input_words(self) -> int:
        """Data words of one image: whole vectors, but only the filled part of the last."""
        return len(self.input_slots) // self.configuration.elements_per_word

    @cached_property
    def input_slots(self) -> list[int]:
        """For each element of an image's data words the flat index of the image element, or -1."""
        per_word, words = self.configuration.elements_per_word, self.configuration.input_words
        slots: list[int] = []
        for vector in self.plan.input_order:
            slots += [*vector, *[-1] * (per_word * words - len(vector))]
        while slots and all(slot == -1 for slot in slots[-per_word:]):
            del slots[-per_word:]
        return slots

    @property
    def timing(self) -> Timing:
        """The exact cycle count of every batch."""
        return Timing.of(self.plan, self.configuration, self.input_words, self.parts.latencies)

    def description(self) -> dict[str, Any]:
        """What simulation needs to know to feed it and to read its taps: the file program.json."""
        plan_, configuration = self.plan, self.configuration
        return {
            "schema": 1,
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
            "steps": [
                {
                    "node": layer.linear.name,
                    "row_sum": layer.row_sum.name if layer.row_sum else None,
                    "tile": tile.index,
                    "planes": layer.source.format.bits,
                    "columns": [
                        {"slice": step.slice, "outputs": list(layer.groups[step.group].outputs)} for step in tile.steps
                    ],
                }
                for tile in plan_.tiles
                for layer in [plan_.layers[tile.layer]]
            ],
            "results": [
                [
                    {"node": layer.dequantize.name, "outputs": list(layer.groups[step.group].outputs)}
                    for step in tile.steps
                    if step.last
                ]
                for tile in plan_.tiles
                for layer in [plan_.layers[tile.layer]]
            ],
            "output": self._output(),
            "cycles": {"batch": [self.timing.batch_cycles(n) for n in (1, configuration.frames)]},
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
            "node": self.plan.layers[-1].dequantize.name,
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
    lanes: int | None = None,
    frames: int = 32,
    weight_planes: int = 2,
    cuts: int = 1,
    converter: str | None = None,
    baked: bool = False,
    configuration: Configuration | None = None,
) -> Program:
    """The program that runs `network`, and the least accelerator with macros of that shape that can hold it.

    With `configuration` given the accelerator is that one, and the network must fit it. `lanes` is by default a quarter
    of the columns of a macro: with 4-bit activations the lanes then take as many cycles as the array.

    Raises
    ------
    InvalidInput
        If the network cannot run on such an accelerator: names the node, or the parameter and what it would have to be.
    """
    if configuration is not None:
        layout = plan(network, rows=configuration.rows, columns=configuration.all_columns, lanes=configuration.lanes)
        converters = Converters(layout, configuration.converter_shift)
        _check_fit(network, _needed(layout, converters, configuration.converter), configuration)
    else:
        chosen = max(1, columns // 4) if lanes is None else lanes
        given = {
            "rows": rows,
            "columns": columns,
            "macros": macros,
            "lanes": chosen,
            "frames": frames,
            "weight_planes": weight_planes,
            "cuts": cuts,
        }
        for parameter in PARAMETERS:
            if parameter.name in given:
                parameter.check("accelerator", given[parameter.name])
        layout = plan(network, rows=rows, columns=columns * macros, lanes=chosen)
        converters = Converters(layout)
        values: dict[str, Any] = Configuration.defaults() | given | _needed(layout, converters, converter)
        configuration = Configuration(**values)
    parts = datapath(configuration, {}).inspected()
    return Program(layout, configuration, parts, encode(layout, configuration, converters, parts), baked)


def _needed(layout: Plan, converters: Converters, converter: str | None) -> dict[str, Any]:
    """The parameters that follow from a network's numbers and from how it is cut."""
    network = layout.network
    sources = [layer.source.format for layer in layout.layers]
    accumulators: list[Interval] = []
    for layer in layout.layers:
        accumulators += layer.dequantize.accumulator_intervals(network.input_edges(layer.dequantize))
        accumulators.append(layer.dequantize.bias.interval)
    mantissas = [layer.dequantize.mantissa.interval for layer in layout.layers]
    mantissas += [
        layer.dequantize.sum_mantissa.interval for layer in layout.layers if layer.dequantize.sum_mantissa is not None
    ]
    signed_least = Interval(-1, 0)
    accumulator = max(2, Interval.hull(signed_least, *accumulators).format.bits)
    formats = [layer.dequantize.format for layer in layout.layers]
    results = Interval.hull(signed_least, *(form.interval for form in formats))
    return {
        "activation_bits": max(form.bits for form in sources),
        "signed": any(form.signed for form in sources),
        "cell_bits": max(layer.linear.cell_bits for layer in layout.layers),
        "mantissa_bits": max(2, Interval.hull(signed_least, *mantissas).format.bits),
        "accumulator_bits": accumulator,
        "bias_bits": accumulator,
        "shift_bits": max(1, max(layer.dequantize.shift for layer in layout.layers).bit_length()),
        "result_bits": max(2, results.format.bits, *(form.bits for form in sources)),
        "input_vectors": len(layout.input_order),
        "vectors": layout.vectors,
        "weight_rows": len(layout.tiles) * layout.rows,
        "table_rows": sum(len(tile.steps) for tile in layout.tiles),
        "bias_rows": sum(len(layer.groups) for layer in layout.layers),
        "groups": max(step.accumulator for _, step in layout.steps()) + 1,
        "steps": max(len(tile.steps) for tile in layout.tiles),
        "instructions": len(layout.tiles),
    } | converters.parameters(converter)


def _check_fit(network: Network, needed: dict[str, Any], configuration: Configuration) -> None:
    """Refuse a network whose needs go beyond an accelerator that is there."""
    given = asdict(configuration)
    for name, need in needed.items():
        relation = ""
        if isinstance(need, bool):
            fits = given[name] or not need
        elif name == "converter":
            fits = given[name] == need
        else:
            fits, relation = given[name] >= need, "at least "
        if not fits:
            raise InvalidInput(
                f"Parameter {name} of accelerator must be {relation}{need} for network {network.name!r}, "
                f"not {given[name]}"
            )
