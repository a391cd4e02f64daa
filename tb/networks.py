"""Small random networks for the accelerator's testbench: every table random, thresholds where the sums are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from quadrille.algo.spec import (
    Adc,
    Argmax,
    CellEncoding,
    Dequantize,
    Input,
    Interval,
    IntFormat,
    IntTensor,
    Linear,
    Network,
    Node,
    RowSum,
)

__all__ = ["random_network"]


def random_network(
    seed: int,
    sizes: Sequence[int],
    *,
    tile_rows: int,
    weight_bits: int = 1,
    cell_bits: int = 1,
    activation_bits: int = 4,
    adc_bits: int = 0,
    argmax: bool = True,
) -> Network:
    """Linear layers of `sizes` (inputs of the first, outputs of each), each with a row sum and a dequantizer.

    `tile_rows` is the most rows of a tile; with `adc_bits` 0 the column sums stay exact.
    """
    random = Random(seed)
    activation = IntFormat(activation_bits)
    encoding = CellEncoding(weight_bits, cell_bits)
    weights = [-1, 1] if encoding.binary else range(encoding.interval.lo, encoding.interval.hi + 1)
    nodes: list[Node] = [Input(name="image", shape=(sizes[0],), format=activation)]
    for number, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False), start=1):
        source = nodes[-1].name
        tiles = tuple(min(tile_rows, inputs - start) for start in range(0, inputs, tile_rows))
        shape = (len(tiles), encoding.slices, outputs)
        linear = Linear(
            name=f"linear{number}",
            inputs=(source,),
            weight=_tensor(random, weights, (outputs, inputs)),
            weight_bits=weight_bits,
            cell_bits=cell_bits,
            tile_rows=tiles,
        )
        if adc_bits:
            linear = replace(linear, adc=_adc(random, linear, activation.interval, adc_bits))
        last = number == len(sizes) - 1
        nodes += [
            linear,
            RowSum(name=f"sum{number}", inputs=(source,), tile_rows=tiles),
            Dequantize(
                name=f"layer{number}",
                inputs=(linear.name, f"sum{number}"),
                mantissa=_tensor(random, range(-512, 512), shape),
                sum_mantissa=_tensor(random, range(-99, 100), (len(tiles), outputs)),
                bias=_tensor(random, range(-9999, 10000), (outputs,)),
                shift=random.randint(6, 10),
                format=IntFormat(9, signed=True) if last else activation,
            ),
        ]
    if argmax:
        nodes.append(Argmax(name="class", inputs=(nodes[-1].name,)))
    return Network("random", tuple(nodes))


def _tensor(random: Random, values: Sequence[int], shape: tuple[int, ...]) -> IntTensor:
    count = 1
    for size in shape:
        count *= size
    return IntTensor.of([random.choice(values) for _ in range(count)], shape)


def _adc(random: Random, linear: Linear, source: Interval, bits: int) -> Adc:
    """Even steps over a part of what the sums of each column can be."""
    levels = (1 << bits) - 1
    thresholds: list[int] = []
    intervals = linear.column_intervals(source)
    for interval in intervals:
        step = max(1, (interval.hi - interval.lo) // (levels + random.randint(0, levels)))
        start = random.randint(interval.lo, interval.hi) - step * levels // 2
        thresholds += [start + step * level for level in range(levels)]
    columns = (len(linear.tile_rows), linear.encoding.slices, linear.weight.shape[0])
    return Adc(bits, -(1 << bits >> 1), IntTensor.of(thresholds, (*columns, levels)))
