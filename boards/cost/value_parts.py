"""What stands behind the dequantizer, in operations: the units of the value path, stores, and what leaves."""

from __future__ import annotations

from collections.abc import Iterator

from quadrille.hw.engine.targets import PORT_BITS

from .geometry import Geometry, address_bits, count_bits, store_row
from .parts import Memory, Part, Product

__all__ = ["value_parts"]


def value_parts(geometry: Geometry) -> Iterator[Part]:
    """From the dequantizer to the memories and the output."""
    c = geometry.of
    yield path(geometry)
    if c.residual:
        yield residual(geometry)
        yield store(geometry, "path.residual_store", address_bits(c.stored_words))
    if c.functions:
        yield activation(geometry)
    if c.pooling:
        yield pooling(geometry)
    if c.requantizing:
        yield requantizer(geometry)
    yield store(geometry, "path.feature_store", geometry.store_address)
    yield argmax(geometry)
    yield packer(geometry)


def path(g: Geometry) -> Part:
    """What stands between the units: values that are held while their address is found."""
    c = g.of
    stored = c.lanes * c.stored_bits if c.residual else 0
    return Part("path", "path", {"held": c.lanes * c.activation_bits + stored, "output": PORT_BITS, "one": 1})


def residual(g: Geometry) -> Part:
    """`y = clamp(round_shift(mantissa * v + other * r, shift))`."""
    c, lanes = g.of, g.lanes
    value, sums = c.result_bits, max(c.result_bits, c.stored_bits) + c.scale_bits + 1
    address = address_bits(c.stored_words)
    return Part(
        "path.added",
        "residual unit",
        {
            "values": lanes * 2 * value,
            "product registers": lanes * (value + c.scale_bits),
            "sums": lanes * sums,
            "shifts": lanes * sums * c.shift_bits,
            "lane cuts": c.lane_cuts * lanes * sums,
            "waiting": c.memory_cuts * (lanes * value + g.residual_row),
            "walk": 3 * address + g.steps + 2 * g.map,
            "control": 4 * g.sideband + 3 * (c.shift_bits + 2 * c.result_bits),
            "one": 1,
        },
        (Memory(c.routes, g.residual_row), Memory(c.stored_words, lanes * c.stored_bits)),
        (Product(lanes, value, c.scale_bits), Product(lanes, c.stored_bits, c.scale_bits)),
    )


def activation(g: Geometry) -> Part:
    """Each function side by side: of every segment three coefficients to choose from, a square, two products."""
    c, lanes = g.of, g.lanes
    segments = sum(len(function.stages) for function in c.functions)
    inputs = sum(function.input.bits for function in c.functions)
    beside = g.sideband + count_bits(len(c.functions)) + lanes * c.result_bits
    return Part(
        "path.activated",
        "activation unit",
        {
            "values": lanes * 2 * c.result_bits,
            "beside": beside * c.activation_cuts,
            "squares": lanes * sum(function.input.bits**2 for function in c.functions),
            "segments": lanes * segments,
            "inputs": lanes * inputs * c.activation_cuts,
            "control": 2 * g.sideband,
            "one": 1,
        },
        (Memory(c.routes, count_bits(len(c.functions))),),
    )


def pooling(g: Geometry) -> Part:
    """The maximum or the sum of each window."""
    c, lanes = g.of, g.lanes
    return Part(
        "path.pooled",
        "pooling unit",
        {
            "values": lanes * c.result_bits,
            "pooled": lanes * c.pool_bits,
            "waiting": c.memory_cuts * lanes * (c.result_bits + c.pool_bits),
            "walk": 8 * g.map + 2 * g.steps + 4 * address_bits(c.pool_words),
            "control": 3 * g.sideband,
            "one": 1,
        },
        (Memory(c.routes, g.pool_row), Memory(c.pool_words, lanes * c.pool_bits, forwards=True)),
    )


def requantizer(g: Geometry) -> Part:
    """`y = clamp(round_shift(mantissa * v, shift))`."""
    c, lanes = g.of, g.lanes
    products = g.pooled_bits + c.scale_bits
    return Part(
        "path.requantized",
        "requantizer",
        {
            "values": lanes * (g.pooled_bits + c.result_bits),
            "product registers": lanes * products,
            "sums": lanes * products,
            "shifts": lanes * products * c.shift_bits,
            "lane cuts": c.lane_cuts * lanes * products,
            "waiting": c.memory_cuts * lanes * g.pooled_bits,
            "control": 4 * g.sideband + 2 * (c.shift_bits + 2 * c.result_bits),
            "one": 1,
        },
        (Memory(c.routes, c.scale_bits + 1 + c.shift_bits + 2 * c.result_bits),),
        (Product(lanes, g.pooled_bits, c.scale_bits),),
    )


def store(g: Geometry, module: str, address: int) -> Part:
    """Addresses counted along."""
    row = store_row(g, address)
    features = {"addresses": address, "slots": g.steps, "waiting": g.of.memory_cuts * row, "one": 1}
    return Part(module, "store walker", features, (Memory(g.of.routes, row),))


def argmax(g: Geometry) -> Part:
    """A tournament over the lanes, and the best of every frame."""
    c = g.of
    index = address_bits(c.bias_rows * c.lanes)
    return Part(
        "path.argmax",
        "argmax unit",
        {
            "compared": (c.lanes - 1) * c.result_bits,
            "indices": (c.lanes - 1) * count_bits(c.lanes - 1),
            "best": c.result_bits + index,
            "control": g.destination + 2 * count_bits(c.frames) + index,
            "lane cuts": c.lane_cuts * (c.result_bits + index + g.destination + count_bits(c.frames)),
            "one": 1,
        },
        (Memory(c.frames, c.result_bits + index, forwards=True),),
    )


def packer(g: Geometry) -> Part:
    """A slot that moves down a word at a time."""
    c = g.of
    return Part(
        "path.packer", "output packer", {"held": c.lanes * c.result_bits, "words": count_bits(c.lanes), "one": 1}
    )
