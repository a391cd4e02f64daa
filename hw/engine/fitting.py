"""The least accelerator for a network, and whether a network fits one that is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from quadrille.algo.spec import Interval, InvalidInput, Network
from quadrille.algo.spec.array_precision import text_of

from .configuration import Configuration
from .conversions import Converters
from .layers import Layer
from .layouts import check_array
from .mapping import Plan
from .once import Once, anew
from .parameters import PARAMETERS

__all__ = ["check_fit", "check_given", "check_named", "needed_by_all"]

NOTHING = Interval(-1, 0)
"""What every signed field holds at least."""


def check_given(given: dict[str, int], per_data_word: int) -> None:
    """Refuse parameters of the array that are out of range, or at odds with one another, before anything is laid out.

    Raises
    ------
    InvalidInput
        Naming the parameter.
    """
    check_named(given)
    check_array(given, per_data_word)


def check_named(given: Mapping[str, Any]) -> None:
    """Refuse parameters that are out of range, or none of what there is.

    Raises
    ------
    InvalidInput
        Naming the parameter.
    """
    for parameter in PARAMETERS:
        if parameter.name in given:
            parameter.check("accelerator", given[parameter.name])


ADDED = ("weight_tiles", "table_rows", "bias_rows", "routes")
"""What the modes of a program have one behind the other; of everything else they share the most that one needs."""


def needed_by_all(
    layouts: Sequence[Plan], converters: Converters, converter: str | None, known: Sequence[Once] | None = None
) -> dict[str, Any]:
    """The parameters that follow from the numbers of all modes of a network and from how they are cut; `known` may
    remember those of the numbers for each mode."""
    each = known or [anew] * len(layouts)
    needs = [once("needed", partial(needed, layout)) | laid(layout) for once, layout in zip(each, layouts, strict=True)]
    together: dict[str, Any] = {"modes": len(layouts)}
    for name in needs[0]:
        values = [need[name] for need in needs]
        if name in ("functions", "precisions"):
            together[name] = tuple(dict.fromkeys(item for items in values for item in items))
        else:
            together[name] = sum(values) if name in ADDED else max(values)
    return together | converters.parameters(converter)


def needed(layout: Plan) -> dict[str, Any]:
    """The parameters that follow from a network's numbers, but for those of its converters."""
    layers = layout.layers
    accumulator = _accumulator_bits(layout)
    values = Interval.hull(NOTHING, *(interval for layer in layers for interval in _values(layout.network, layer)))
    stored = [layout.network.edges[layer.stored].interval for layer in layers if layer.stored]
    pooled = [layout.network.edges[layer.pool.name].interval for layer in layers if layer.pool]
    pool_width = Interval.hull(NOTHING, *pooled, values).format.bits
    scales = [m for layer in layers for m in _scales(layer)]
    shifts = [shift for layer in layers for shift in _shifts(layer)]
    sources = [layer.edge.format for layer in layers]
    kernels = [layer.window.kernel for layer in layers] + [layer.pool.window.kernel for layer in layers if layer.pool]
    maps = [(*layer.shape[1:], *layer.windows) for layer in layers]
    pads = [layer.window.padding for layer in layers]
    mantissas = [layer.dequantize.mantissa.interval for layer in layers]
    mantissas += [layer.dequantize.sum_mantissa.interval for layer in layers if layer.dequantize.sum_mantissa]
    return {
        "activation_bits": max(form.bits for form in sources),
        "signed": any(form.signed for form in sources),
        "precisions": layout.precisions if layout.unit else Configuration.defaults()["precisions"],
        "cell_bits": max(layer.matrix.cell_value_bits for layer in layers),
        "mantissa_bits": max(2, Interval.hull(NOTHING, *mantissas).format.bits),
        "accumulator_bits": accumulator,
        "bias_bits": accumulator,
        "shift_bits": max(1, max(shifts).bit_length()),
        "result_bits": max(2, values.format.bits, *(form.bits for form in sources)),
        "scale_bits": max(2, Interval.hull(NOTHING, *(Interval(m, m) for m in scales)).format.bits),
        "stored_bits": Interval.hull(NOTHING, *stored).format.bits,
        "pool_bits": pool_width,
        "functions": tuple(dict.fromkeys(layer.function for layer in layers if layer.function)),
        "residual": any(layer.shortcut for layer in layers),
        "pooling": any(layer.pool for layer in layers),
        "requantizing": any(layer.requantize for layer in layers),
        "map_size": max(size for sizes in maps for size in sizes),
        "kernel_size": max(size for sizes in (*kernels, *pads) for size in sizes),
    }


def laid(layout: Plan) -> dict[str, Any]:
    """The parameters that follow from how a network is cut and where it stands."""
    slots = [-(-layer.matrix.outputs // layout.lanes) for layer in layout.layers]
    return {
        "input_words": -(-layout.frames * layout.placement.image.size // layout.word),
        "feature_words": max(1, layout.placement.feature_words),
        "stored_words": max(1, layout.placement.stored_words),
        "pool_words": max(
            (layer.pooled[1] * n for layer, n in zip(layout.layers, slots, strict=True) if layer.pool), default=1
        ),
        "weight_tiles": len(layout.tiles),
        "table_rows": sum(len(tile.steps) for tile in layout.tiles),
        "bias_rows": sum(slots),
        "routes": len(layout.routes),
        "accumulators": layout.accumulators,
        "steps": max(len(tile.steps) for tile in layout.tiles),
    }


def _accumulator_bits(layout: Plan) -> int:
    """Width of every sum on the way."""
    network = layout.network
    intervals = [NOTHING]
    for layer in layout.layers:
        intervals += layer.dequantize.accumulator_intervals(network.input_edges(layer.dequantize))
        intervals.append(layer.dequantize.bias.interval)
    return max(2, Interval.hull(*intervals).format.bits)


def _values(network: Network, layer: Layer) -> list[Interval]:
    """What the values of a layer can be, from the dequantizer to what is stored; pooled ones apart."""
    intervals = [layer.dequantize.format.interval]
    if layer.shortcut is not None:
        intervals.append(layer.shortcut.add.format.interval)
    if layer.activation is not None:
        intervals.append(layer.activation.format.interval)
    if layer.requantize is not None:
        intervals.append(layer.requantize.format.interval)
    if layer.requantize is None:
        intervals.append(network.edges[layer.result].interval)
    return intervals


def _scales(layer: Layer) -> list[int]:
    """The mantissas behind the dequantizer."""
    scales = [layer.shortcut.mantissa_value, layer.shortcut.mantissa_stored] if layer.shortcut else []
    return scales + ([layer.requantize.mantissa] if layer.requantize else [])


def _shifts(layer: Layer) -> list[int]:
    """The rounding shifts of the dequantizer and behind it."""
    shifts = [layer.dequantize.shift]
    if layer.shortcut is not None:
        shifts.append(layer.shortcut.add.shift)
    if layer.requantize is not None:
        shifts.append(layer.requantize.shift)
    return shifts


def check_fit(network: Network, wanted: dict[str, Any], configuration: Configuration) -> None:
    """Refuse a network whose needs go beyond an accelerator that is there.

    Raises
    ------
    InvalidInput
        Naming the parameter, and what it would have to be.
    """
    given = configuration.values
    for name, need in wanted.items():
        relation = ""
        if isinstance(need, bool):
            fits = given[name] or not need
        elif name == "functions":
            if not set(need) <= set(given[name]):
                raise InvalidInput(
                    f"Network {network.name!r} must have functions that the accelerator has, and "
                    f"{len(set(need) - set(given[name]))} of its {len(need)} are none of those"
                )
            continue
        elif name == "precisions":
            missing = [str(precision) for precision in need if precision not in given[name]]
            if missing and configuration.engine == "mac":
                raise InvalidInput(
                    f"Network {network.name!r} must have precisions that the accelerator has, {text_of(given[name])}, "
                    f"and {', '.join(missing)} is none of those"
                )
            continue
        elif name == "converter":
            fits = given[name] == need
        else:
            fits, relation = given[name] >= need, "at least "
        if not fits:
            raise InvalidInput(
                f"Parameter {name} of accelerator must be {relation}{need} for network {network.name!r}, "
                f"not {given[name]}"
            )
