"""The rows that steer an accelerator: its program, and what each route does behind the dequantizer."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from amaranth.lib.data import StructLayout

from quadrille.algo.spec import MaxPool

from .activation import ActivationUnit
from .configuration import Configuration
from .layers import Layer
from .mapping import Plan, Route, Tile, precision_of
from .packing import pack
from .placement import Place
from .pooling import PoolingKind
from .tables import Datapath
from .targets import Target

__all__ = ["instructions", "slides", "store_rows", "unit_rows"]


def slides(layer: Layer, tile: Tile) -> bool:
    """Whether the windows of a tile take over the taps that they share with the one before."""
    return (
        all(channels.even for channels in tile.channels)
        and layer.window.kernel[1] > layer.window.stride[1]
        and layer.windows[1] > 1
    )


def instructions(plan: Plan, configuration: Configuration, table: int) -> Iterable[int]:
    """For each tile its instruction; the column steps of the first stand from row `table` of their tables on."""
    modulus = 1 << configuration.element_bits
    for number, tile in enumerate(plan.tiles):
        layer = plan.layers[tile.layer]
        feature = layer.source != plan.network.input.name
        place = plan.placement.features[layer.source] if feature else plan.placement.image
        window, (down, across) = layer.window, layer.windows
        row_pitch = place.width * place.pitch
        channels = layer.shape[0] // window.groups
        shared = max(0, window.kernel[1] - window.stride[1])
        slide = slides(layer, tile)
        # Where a batch has but one window, its accumulators may be all that there are: nothing stands behind them.
        accumulators = tile.accumulators % (1 << configuration.position_bits)
        origin = place.base - window.padding[0] * row_pitch - window.padding[1] * place.pitch
        yield pack(
            configuration.instruction,
            {
                "feature": int(feature),
                "origin": origin % modulus,
                "frame_step": place.size % modulus,
                "row_step": window.stride[0] * row_pitch % modulus,
                "window_step": window.stride[1] * place.pitch % modulus,
                "tap_row_step": row_pitch % modulus,
                "tap_step": place.pitch % modulus,
                "slide_step": shared * place.pitch % modulus,
                "height": place.height,
                "width": place.width,
                "down": down,
                "across": across,
                "stride_down": window.stride[0],
                "stride_across": window.stride[1],
                "padding_down": window.padding[0],
                "padding_across": window.padding[1],
                "kernel_down": window.kernel[0],
                "kernel_across": window.kernel[1],
                "banks": [
                    {
                        "low": tile.group * channels + bank.low,
                        "low_tap": bank.low_tap,
                        "high": tile.group * channels + bank.high,
                        "high_tap": bank.high_tap,
                        "slide_rows": window.stride[1] * window.kernel[0] * len(bank.under(0)) if slide else 0,
                        "slide_start": shared * window.kernel[0] * len(bank.under(0)) if slide else 0,
                    }
                    for bank in tile.channels
                ],
                "slide": int(slide),
                "slide_column": shared if slide else 0,
                "planes": layer.edge.format.bits,
                "negative": int(layer.edge.format.signed),
                **({"precision": configuration.precisions.index(precision_of(layer))} if plan.unit else {}),
                "steps": len(tile.steps),
                "table": table,
                "accumulators": accumulators,
                "barrier": int(tile.barrier),
                "last": int(number == len(plan.tiles) - 1),
            },
        )
        table += len(tile.steps)


def store_rows(plan: Plan, configuration: Configuration, parts: Datapath) -> dict[int, list[int]]:
    """For each route where its slots go in the feature memory and, where there is one, in the residual memory."""
    features = [plan.placement.features.get(plan.layers[route.layer].result) for route in plan.routes]
    rows = {
        Target.STORES: [
            _store_row(parts.feature_store.row, route, place, configuration.lanes)
            for route, place in zip(plan.routes, features, strict=True)
        ]
    }
    if parts.residual_store is not None:
        stored = [plan.placement.stored.get(plan.layers[route.layer].stored or "") for route in plan.routes]
        rows[Target.RESIDUAL_STORES] = [
            _store_row(parts.residual_store.row, route, place, 1)
            for route, place in zip(plan.routes, stored, strict=True)
        ]
    return rows


def _store_row(row: StructLayout, route: Route, place: Place | None, unit: int) -> int:
    """`place` counts units of `unit` elements to a slot."""
    if place is None:
        return 0
    return pack(
        row,
        {
            "store": 1,
            "base": place.base // unit + route.first,
            "slots": route.slots,
            "step": place.pitch // unit % (1 << row["step"].width),
        },
    )


def unit_rows(plan: Plan, parts: Datapath) -> dict[int, list[int]]:
    """For each unit behind the dequantizer and each route, what it does."""
    makers = {
        Target.RESIDUAL: _residual_row,
        Target.ACTIVATION: partial(_activation_row, parts),
        Target.POOLING: _pooling_row,
        Target.REQUANTIZER: _requantizer_row,
    }
    return {
        target: [
            pack(unit.row, {name: 0 for name in unit.row.members} | makers[target](plan, route, unit.row))
            for route in plan.routes
        ]
        for target, unit in parts.units.items()
    }


def _residual_row(plan: Plan, route: Route, row: StructLayout) -> dict[str, Any]:
    """What an Add adds: the slots of the route, as far as the stored map has them, from every `stride`-th pixel."""
    layer = plan.layers[route.layer]
    shortcut = layer.shortcut
    if shortcut is None:
        return {}
    place = plan.placement.stored[shortcut.stored]
    down, across = layer.windows
    modulus = 1 << row["base"].width
    window = shortcut.stride * place.pitch
    last_column = (across - 1) * window
    last_row = (down - 1) * shortcut.stride * place.width * place.pitch
    next_row = shortcut.stride * place.width * place.pitch
    interval = shortcut.add.format.interval
    return {
        "enable": 1,
        "mantissa_value": shortcut.mantissa_value,
        "mantissa_residual": shortcut.mantissa_stored,
        "shift": shortcut.add.shift,
        "low": interval.lo,
        "high": interval.hi,
        "base": (place.base + route.first) % modulus,
        "groups": route.slots,
        "present": min(max(place.pitch - route.first, 0), route.slots),
        "width": across,
        "height": down,
        "step_window": window % modulus,
        "step_row": (next_row - last_column) % modulus,
        "step_frame": (place.size - last_row - last_column) % modulus,
    }


def _activation_row(parts: Datapath, plan: Plan, route: Route, row: StructLayout) -> dict[str, Any]:
    """The function of the route's layer, by its number among those of the hardware."""
    function, unit = plan.layers[route.layer].function, parts.units[Target.ACTIVATION]
    assert isinstance(unit, ActivationUnit)
    return {"select": unit.functions.index(function) + 1} if function else {}


def _pooling_row(plan: Plan, route: Route, row: StructLayout) -> dict[str, Any]:
    """The pool of the route's layer."""
    layer = plan.layers[route.layer]
    if layer.pool is None:
        return {}
    down, across = layer.windows
    return {
        "kind": PoolingKind.MAX if isinstance(layer.pool, MaxPool) else PoolingKind.SUM,
        "groups": route.slots,
        "window_width": layer.pool.window.kernel[1],
        "window_height": layer.pool.window.kernel[0],
        "width": across,
        "height": down,
    }


def _requantizer_row(plan: Plan, route: Route, row: StructLayout) -> dict[str, Any]:
    """The other scale of the route's layer."""
    node = plan.layers[route.layer].requantize
    if node is None:
        return {}
    interval = node.format.interval
    return {
        "enable": 1,
        "mantissa": node.mantissa,
        "shift": node.shift,
        "low": interval.lo,
        "high": interval.hi,
    }
