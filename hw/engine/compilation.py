"""From a Network, or several modes of one, to the Program of the least accelerator that can hold it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from quadrille.algo.spec import InvalidInput, Modes, Network, retile, whole_weights

from .configuration import Configuration
from .conversions import Converters
from .encoding import encode_all
from .fitting import check_fit, check_given, check_named, needed_by_all
from .layers import layers_of
from .mapping import Plan, plan, precision_of, rows_of
from .placement import power_of_two
from .program import Program
from .tables import datapath
from .targets import Target, elements_per_data_word
from .tiles import WeightTiles
from .weights import weights_of

__all__ = ["compile_network"]


def compile_network(
    network: Network | Modes,
    *,
    engine: str = "cim",
    unit: str = "spatio-temporal",
    rows: int | None = None,
    columns: int | None = None,
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

    With several modes their plans stand one behind the other in every table, and equal tiles of weights once.

    Macros have 128 rows and columns unless others are given, arrays 32.

    With `engine` "mac" an array of `rows` x `columns` units of the kind `unit` multiplies. A network's weights then
    stand whole in their columns, and its row tiles are cut anew to the rows that the units hold at each layer's
    precision: the program's network agrees with the one given on every tensor but column sums and row sums.

    With `configuration` given the accelerator is that one, and the network must fit it. `lanes` is by default a quarter
    of the columns of a macro, to a power of two: with 4-bit activations the lanes then take as many cycles as the
    array. `word`, the activations in a word of memory, is by default the most channels that a pixel has, up to the rows
    of a macro or the rows that the units of a column hold. `frames`, the images of a batch, is by default 1 for a
    network of convolutions, whose windows share each tile, and 32 for others.

    Raises
    ------
    InvalidInput
        If the network cannot run on such an accelerator: names the node, or the parameter and what it would have to be;
        or if its modes read their images in different ways.
    """
    modes = network if isinstance(network, Modes) else Modes.of(network)
    check_named({"engine": engine, "unit": unit})
    usual = 32 if engine == "mac" else 128
    rows, columns = usual if rows is None else rows, usual if columns is None else columns
    if configuration is not None:
        engine, unit, rows = configuration.engine, configuration.unit, configuration.rows
    chosen_unit = unit if engine == "mac" else None
    if chosen_unit is not None:
        modes = for_array(modes, rows, chosen_unit)
    if configuration is not None:
        plans = _plans(
            modes,
            chosen_unit,
            rows=configuration.rows,
            columns=configuration.all_columns,
            banks=configuration.banks,
            lanes=configuration.lanes,
            frames=configuration.frames,
            word=configuration.word,
            per_data_word=configuration.elements_per_word,
        )
        converters = Converters(plans, configuration.converter_shift)
        check_fit(modes.default, needed_by_all(plans, converters, configuration.converter), configuration)
        weights = _weights(plans, configuration)
    else:
        layers = [layer for each in modes.networks.values() for layer in layers_of(each)]
        chosen = power_of_two(max(1, columns // 4)) if lanes is None else lanes
        if frames is None:
            frames = 32 if all(layer.windows == (1, 1) for layer in layers) else 1
        activation_bits = max(layer.edge.format.bits for layer in layers)
        per_data_word = elements_per_data_word(activation_bits)
        if word is None:
            channels = max(layer.shape[0] for layer in layers)
            tallest = max(rows_of(layer, rows, chosen_unit) for layer in layers)
            word = max(power_of_two(min(channels, tallest)), per_data_word, chosen)
        given: dict[str, Any] = {
            "engine": engine,
            "unit": unit,
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
        plans = _plans(
            modes,
            chosen_unit,
            rows=rows,
            columns=columns * macros,
            banks=banks,
            lanes=chosen,
            frames=frames,
            word=word,
            per_data_word=per_data_word,
        )
        converters = Converters(plans)
        values: dict[str, Any] = Configuration.defaults() | given | needed_by_all(plans, converters, converter)
        configuration = Configuration(**values)
        weights = _weights(plans, configuration)
        configuration = replace(configuration, weight_rows=len(weights.rows))
    parts = datapath(configuration, {}).inspected()
    images = encode_all(plans, configuration, converters, parts, weights)
    down, across = plans[0].layers[-1].pooled
    return Program(modes, plans, configuration, parts, {**images, Target.START: [down * across]}, weights, baked)


def _weights(plans: Sequence[Plan], configuration: Configuration) -> WeightTiles:
    """The tiles of all modes."""
    return WeightTiles.of(part for layout in plans for part in weights_of(layout, configuration))


def for_array(modes: Modes, rows: int, unit: str) -> Modes:
    """The networks with whole weights, and row tiles for columns of `rows` units of the kind `unit`.

    Raises
    ------
    InvalidInput
        If a network has sums that are not exact, or a precision that the units have not; names the node.
    """
    found: dict[str, Network] = {}
    for mode, network in modes.networks.items():
        whole = whole_weights(network)
        heights: dict[str, int] = {}
        for layer in layers_of(whole):
            try:
                precision_of(layer).check(unit)
            except InvalidInput as error:
                raise InvalidInput(f"Node {layer.matrix.name!r}: {error}") from None
            most, taps = rows_of(layer, rows, unit), layer.window.taps
            # Whole kernels where they fit: then the modes are cut of the same rows (hw.engine.weights).
            heights[layer.matrix.name] = (most // taps * taps or most) if len(modes.networks) > 1 else most
        found[mode], _ = retile(whole, lambda node, heights=heights: heights[node.name])
    return replace(modes, networks=found)


def _plans(modes: Modes, unit: str | None, **shape: int) -> tuple[Plan, ...]:
    """A plan for each mode; all must take an image's words alike, as what a batch is for is known only in hardware."""
    plans = tuple(plan(network, unit=unit, **shape) for network in modes.networks.values())
    for mode, layout in zip(modes.names, plans, strict=True):
        if layout.placement.image != plans[0].placement.image:
            raise InvalidInput(
                f"Mode {mode!r} of network {modes.name!r} must read its images as mode {modes.names[0]!r} does, "
                f"as {_reading(plans[0])}, not as {_reading(layout)}"
            )
    return plans


def _reading(layout: Plan) -> str:
    """How images are read, in words."""
    image = layout.placement.image
    return "vectors" if (image.height, image.width) == (1, 1) else "maps"
