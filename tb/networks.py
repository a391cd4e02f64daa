"""Small random networks for tests of every room: every table random, thresholds and shifts where the sums are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import gcd
from random import Random
from typing import Any

from quadrille.algo.spec import (
    Argmax,
    CellEncoding,
    Conv2d,
    Dequantize,
    Flatten,
    Input,
    IntFormat,
    IntTensor,
    Linear,
    Modes,
    Network,
    Node,
    RowSum,
    Window,
)

from .growth import Growth, cut, random_tensor, random_weights, wide_adc

__all__ = ["random_convolutional_network", "random_linear_network", "random_network", "truncated_modes"]


def random_network(seed: int, **settings: Any) -> Network:
    """A network of convolutions if the settings have a `shape`, else one of linear layers; see the two functions."""
    make = random_convolutional_network if "shape" in settings else random_linear_network
    return make(Random(seed), **settings)


def random_linear_network(
    random: Random,
    sizes: Sequence[int] = (10, 7, 4),
    *,
    tile_rows: int = 8,
    weight_bits: int = 1,
    cell_bits: int = 1,
    activation_bits: int = 3,
    signed: bool = False,
    adc_bits: int = 0,
    uniform: bool = True,
    row_sums: bool = True,
    argmax: bool = True,
    result_bits: int = 8,
) -> Network:
    """Linear layers of `sizes` (inputs of the first, outputs of each), each with a dequantizer and maybe row sums.

    `tile_rows` is the most rows of a tile; with `adc_bits` 0 the column sums stay exact; ladders are even steps unless
    not `uniform`.
    """
    activation = IntFormat(activation_bits, signed)
    nodes: list[Node] = [Input(name="image", shape=(sizes[0],), format=activation)]
    encoding = CellEncoding(weight_bits, cell_bits)
    for number, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False), start=1):
        source, final = nodes[-1].name, number == len(sizes) - 1
        tiles = cut(inputs, tile_rows)
        linear = Linear(
            name=f"linear{number}",
            inputs=(source,),
            weight=random_weights(random, encoding, (outputs, inputs)),
            weight_bits=weight_bits,
            cell_bits=cell_bits,
            tile_rows=tiles,
        )
        if adc_bits:
            linear = replace(linear, adc=wide_adc(random, linear, activation.interval, adc_bits, uniform))
        nodes.append(linear)
        sum_mantissa = None
        if row_sums:
            nodes.append(RowSum(name=f"sum{number}", inputs=(source,), tile_rows=tiles))
            sum_mantissa = random_tensor(random, -99, 99, (len(tiles), outputs))
        nodes.append(
            Dequantize(
                name=f"layer{number}",
                inputs=(linear.name, f"sum{number}") if row_sums else (linear.name,),
                mantissa=random_tensor(random, -512, 511, linear.columns),
                bias=random_tensor(random, -9999, 9999, (outputs,)),
                shift=random.randint(5, 10),
                format=IntFormat(result_bits, signed=True) if final else activation,
                sum_mantissa=sum_mantissa,
            )
        )
    if argmax:
        nodes.append(Argmax(name="class", inputs=(nodes[-1].name,)))
    return Network("random", tuple(nodes))


def random_convolutional_network(
    random: Random,
    *,
    shape: tuple[int, int, int] = (3, 8, 8),
    channels: Sequence[int] = (4, 8),
    kernel: int = 3,
    stride: int = 1,
    padding: int | None = None,
    groups: int = 1,
    residual: str | None = None,
    pool: str | None = None,
    function: str | None = None,
    classes: int | None = 5,
    activation_bits: int = 4,
    signed: bool = False,
    weight_bits: int = 1,
    cell_bits: int = 1,
    adc_bits: int = 0,
    uniform: bool = True,
    rows: int = 32,
    fill_rows: bool = False,
    exact_first: bool = False,
    exact_last: bool = False,
    row_sums: bool = True,
    differential: bool = False,
    argmax: bool = True,
) -> Network:
    """A chain of convolutions or of residual blocks, then a pool, a linear layer and an argmax.

    Without `residual`, one convolution for each of `channels`, all after the first with `stride`, and the `pool` ("max"
    or "sum", windows of 2 x 2) after each that leaves a map for it. With `residual`, "subsample" or "projection" (the
    shortcuts of options A and B), a stem of `channels[0]` and a block of two convolutions for each of `channels`, the
    first one with `stride` where the channels change; the pool at the end takes the whole map.
    With a `function`, "wave" or "pieces", it follows every layer that makes activations and every residual sum.
    `classes` None leaves the linear layer out: the result is a feature map. `groups` holds for every convolution that
    it divides (its greatest common divisor with the channels). Tiles hold whole kernels, or with `fill_rows` just
    `rows` rows. `exact_first` gives the first layer 8-bit inputs and exact sums, `exact_last` the last one exact sums.
    """
    growth = Growth(random, weight_bits, cell_bits, adc_bits, uniform, rows, fill_rows, row_sums, differential)
    activation = IntFormat(activation_bits, signed)
    growth.add(Input(name="image", shape=shape, format=IntFormat(8) if exact_first else activation))
    border = kernel // 2 if padding is None else padding

    def window(inputs: int, outputs: int, step: int) -> Window:
        side = border if residual is None else kernel // 2  # a block adds maps of one size
        return Window((kernel, kernel), (step, step), (side, side), gcd(groups, inputs, outputs))

    def convolve(source: str, outputs: int, step: int, form: IntFormat, *, exact: bool = False) -> str:
        place = window(growth.edges[source].shape[0], outputs, step)
        if function is None or form != activation:
            return growth.layer(source, outputs, place, form, exact=exact)
        wide = growth.layer(source, outputs, place, IntFormat(form.bits + 5, signed=True), exact=exact)
        return growth.activate(function, wide, form)

    if residual is None:
        last = "image"
        for number, outputs in enumerate(channels):
            first = number == 0
            last = convolve(last, outputs, 1 if first else stride, activation, exact=first and exact_first)
            if pool is not None and min(growth.edges[last].shape[1:]) > 2:
                last = growth.pool(pool, last, 2, activation)
    else:
        stream = IntFormat(activation_bits + 4, signed)
        last = convolve("image", channels[0], 1, stream, exact=exact_first)
        for outputs in channels:
            start = growth.requantize(last, activation, mantissa=1, shift=4)
            step = stride if outputs != growth.edges[start].shape[0] else 1
            middle = convolve(start, outputs, step, activation)
            ahead = convolve(middle, outputs, 1, IntFormat(stream.bits + 2, signed=True))
            past = growth.shortcut(residual, last, start, growth.edges[ahead].shape, step)
            last = growth.merge(ahead, past, stream)
            if function is not None:
                last = growth.activate(function, last, stream)
        if pool is not None:
            last = growth.pool(pool, last, min(growth.edges[last].shape[1:]), activation)
        elif classes is not None:
            last = growth.requantize(last, activation, mantissa=1, shift=4)
    if classes is not None:
        last = growth.add(Flatten(name="flat", inputs=(last,)))
        last = growth.layer(last, classes, None, IntFormat(12, signed=True), exact=exact_last)
        if argmax:
            growth.add(Argmax(name="class", inputs=(last,)))
    return Network("random", tuple(growth.nodes))


def truncated_modes(network: Network, bits: Sequence[int]) -> Modes:
    """`network`, of weights of one width in one slice, at every width of `bits`: weights and hidden activations cut.

    A weight of mode k is the first k bits of the network's own, `q >> s`, or `2 * (q >> s) + 1` of one bit.
    """
    last = next(node for node in reversed(network.nodes) if isinstance(node, Dequantize))
    modes: dict[str, Network] = {}
    for width in bits:
        nodes: list[Node] = []
        for node in network.nodes:
            if isinstance(node, Linear | Conv2d):
                weight = [q >> (node.weight_bits - width) for q in node.weight.flat]
                weight = [2 * q + 1 for q in weight] if width == 1 else weight
                table = IntTensor.of(weight, node.weight.shape)
                nodes.append(replace(node, weight=table, weight_bits=width, cell_bits=width))
            elif isinstance(node, Dequantize) and node is not last:
                nodes.append(replace(node, format=IntFormat(min(width, node.format.bits), node.format.signed)))
            else:
                nodes.append(node)
        modes[str(width)] = replace(network, nodes=tuple(nodes))
    return Modes(network.name, modes)
