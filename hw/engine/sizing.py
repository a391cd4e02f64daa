"""The least accelerator of a given shape that can hold a network, and how it is laid out on it: all but the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from quadrille.algo.spec import InvalidInput, Modes, Network, retile, whole_weights

from .configuration import Configuration
from .conversions import Converters
from .delays import delays_of
from .fitting import check_given, check_named, needed_by_all
from .layers import Layer, layers_of
from .mapping import Plan, precision_of, rows_of
from .once import Known, Once, anew
from .placement import power_of_two
from .planning import plan
from .targets import elements_per_data_word
from .tiles import WeightTiles
from .timing import Timing, stages_of
from .weight_memory import WeightMemory

__all__ = ["Size", "Sizing", "for_array", "plans_of", "plans_on"]


LATEST = 128
"""Plans, weights, instructions and timings of shapes that are kept: those that points next to one another in a grid
share."""


@dataclass(frozen=True)
class Size:
    """A network on the least accelerator of a shape, as it runs there.

    Attributes
    ----------
    modes : the networks, cut for the accelerator; plans, converters : theirs
    memory : of their weights
    configuration : the accelerator
    timing : the exact cycle count of every batch
    """

    modes: Modes
    plans: tuple[Plan, ...]
    converters: Converters
    memory: WeightMemory
    configuration: Configuration
    timing: Timing

    @property
    def weights(self) -> WeightTiles:
        """The row words of the weight memory, and where the tiles stand in it."""
        return self.memory.tiles


class Sizing:
    """One network on accelerators of many shapes; what these have in common is worked out once."""

    def __init__(self, network: Network | Modes) -> None:
        self.modes = network if isinstance(network, Modes) else Modes.of(network)
        self.known = Known()

    def size(
        self,
        *,
        engine: str = "cim",
        unit: str = "spatio-temporal",
        rows: int | None = None,
        columns: int | None = None,
        macros: int = 1,
        lanes: int | None = None,
        word: int | None = None,
        frames: int | None = None,
        converter: str | None = None,
        **others: Any,
    ) -> Size:
        """The least accelerator with macros of that shape; what is None is chosen as `compile_network` says.

        `others` are further parameters of `Configuration`, each by default its default.

        Raises
        ------
        InvalidInput
            As `compile_network`.
        """
        check_named({"engine": engine, "unit": unit})
        usual = 32 if engine == "mac" else 128
        rows, columns = usual if rows is None else rows, usual if columns is None else columns
        chosen_unit = unit if engine == "mac" else None
        cut = self.known(("cut", chosen_unit, rows if chosen_unit else 0), partial(self._cut, chosen_unit, rows))
        layers = cut.layers
        chosen = power_of_two(max(1, columns // 4)) if lanes is None else lanes
        if frames is None:
            frames = 32 if all(layer.windows == (1, 1) for layer in layers) else 1
        activation_bits = max(layer.edge.format.bits for layer in layers)
        per_data_word = elements_per_data_word(activation_bits)
        if word is None:
            channels = max(layer.shape[0] for layer in layers)
            tallest = max(rows_of(layer, rows, chosen_unit) for layer in layers)
            word = max(power_of_two(min(channels, tallest)), per_data_word, chosen)
        values: dict[str, Any] = Configuration.defaults() | others
        given: dict[str, Any] = {
            name: values[name] for name in ("banks", "weight_planes", "cuts", "activation_cuts")
        } | others
        given |= {"engine": engine, "unit": unit, "rows": rows, "columns": columns, "macros": macros}
        given |= {"lanes": chosen, "word": word, "frames": frames}
        check_given(given, per_data_word)
        shape = {"rows": rows, "columns": columns * macros, "banks": given["banks"], "lanes": chosen}
        place = (frames, word, *shape.values())

        def planned() -> tuple[Plan, ...]:
            others = {"frames": frames, "word": word, "per_data_word": per_data_word}
            return plans_of(cut.modes, chosen_unit, known=cut.each, **others, **shape)

        plans = cut.latest(("plans", place), planned)
        converters = cut.together("converters", lambda: Converters(plans))
        needs = cut.latest(("needs", place, converter), lambda: needed_by_all(plans, converters, converter, cut.each))
        configuration = Configuration(**values | given | needs)
        # Planes of weights, converters and registers change nothing of where weights stand and of what is to do.
        memory = cut.latest(("weights", place), lambda: WeightMemory(plans, configuration, cut.together))
        program = ("stages", place, configuration.results_per_word)
        stages = cut.latest(program, lambda: stages_of(plans, configuration, memory.heights))
        configuration = replace(configuration, weight_rows=memory.rows)
        timing = Timing.of(plans, configuration, delays_of(configuration, self.known), stages)
        # Macros side by side are timed as one as wide as all of them is.
        timing = cut.timings((program, timing.hardware), lambda: timing)
        return Size(cut.modes, plans, converters, memory, configuration, timing)

    def _cut(self, unit: str | None, rows: int) -> _Cut:
        modes = self.modes if unit is None else for_array(self.modes, rows, unit)
        each = tuple(Known() for _ in modes.networks)
        layers = [
            layer
            for once, network in zip(each, modes.networks.values(), strict=True)
            for layer in once("layers", partial(layers_of, network))
        ]
        return _Cut(modes, each, Known(), Known(LATEST), Known(LATEST), tuple(layers))


@dataclass(frozen=True)
class _Cut:
    """Modes as an engine runs them, the layers of all; what is known of each mode, of all together, of the latest
    shapes, and of how the latest accelerators are timed."""

    modes: Modes
    each: tuple[Known, ...]
    together: Known
    latest: Known
    timings: Known
    layers: tuple[Layer, ...]


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


def plans_of(modes: Modes, unit: str | None, known: Sequence[Once] | None = None, **shape: int) -> tuple[Plan, ...]:
    """A plan for each mode; all must take an image's words alike, as what a batch is for is known only in hardware."""
    each = known or [anew] * len(modes.networks)
    plans = tuple(
        plan(network, unit=unit, once=once, **shape)
        for network, once in zip(modes.networks.values(), each, strict=True)
    )
    for mode, layout in zip(modes.names, plans, strict=True):
        if layout.placement.image != plans[0].placement.image:
            raise InvalidInput(
                f"Mode {mode!r} of network {modes.name!r} must read its images as mode {modes.names[0]!r} does, "
                f"as {_reading(plans[0])}, not as {_reading(layout)}"
            )
    return plans


def plans_on(modes: Modes, configuration: Configuration, known: Sequence[Once] | None = None) -> tuple[Plan, ...]:
    """The plans for an accelerator of `configuration`, whatever its memories hold."""
    c = configuration
    return plans_of(
        modes,
        c.unit if c.engine == "mac" else None,
        known,
        rows=c.rows,
        columns=c.all_columns,
        banks=c.banks,
        lanes=c.lanes,
        frames=c.frames,
        word=c.word,
        per_data_word=c.elements_per_word,
    )


def _reading(layout: Plan) -> str:
    """How images are read, in words."""
    image = layout.placement.image
    return "vectors" if (image.height, image.width) == (1, 1) else "maps"
