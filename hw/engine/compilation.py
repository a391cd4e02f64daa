"""From a Network, or several modes of one, to the Program of the least accelerator that can hold it."""

from __future__ import annotations

from typing import Any

from quadrille.algo.spec import Modes, Network

from .configuration import Configuration
from .conversions import Converters
from .encoding import encode_all
from .fitting import check_fit, check_named, needed_by_all
from .program import Program
from .sizing import Sizing, for_array, plans_on
from .tables import datapath
from .targets import Target
from .weight_memory import WeightMemory

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
    **others: Any,
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
    network of convolutions, whose windows share each tile, and 32 for others. `others` are further parameters of
    `Configuration`, which choose registers.

    Raises
    ------
    InvalidInput
        If the network cannot run on such an accelerator: names the node, or the parameter and what it would have to be;
        or if its modes read their images in different ways.
    """
    modes = network if isinstance(network, Modes) else Modes.of(network)
    if configuration is None:
        size = Sizing(modes).size(
            engine=engine,
            unit=unit,
            rows=rows,
            columns=columns,
            macros=macros,
            banks=banks,
            lanes=lanes,
            word=word,
            frames=frames,
            weight_planes=weight_planes,
            cuts=cuts,
            activation_cuts=activation_cuts,
            converter=converter,
            **others,
        )
        modes, plans, configuration = size.modes, size.plans, size.configuration
        converters, weights = size.converters, size.weights
    else:
        check_named({"engine": engine, "unit": unit})
        if configuration.engine == "mac":
            modes = for_array(modes, configuration.rows, configuration.unit)
        plans = plans_on(modes, configuration)
        converters = Converters(plans, configuration.converter_shift)
        check_fit(modes.default, needed_by_all(plans, converters, configuration.converter), configuration)
        weights = WeightMemory(plans, configuration).tiles
    parts = datapath(configuration, {}).inspected()
    images = encode_all(plans, configuration, converters, parts, weights)
    down, across = plans[0].layers[-1].pooled
    return Program(modes, plans, configuration, parts, {**images, Target.START: [down * across]}, weights, baked)
