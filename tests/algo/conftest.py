"""Networks to test with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from quadrille.algo.integer import tensor_of
from quadrille.algo.spec import Adc, Argmax, CellEncoding, Dequantize, Input, IntFormat, Linear, Network, Node, RowSum


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Layers draw their first weights from PyTorch's own generator: each test gets the same ones, in any order."""
    torch.manual_seed(0)


def build_network(
    *,
    seed: int = 0,
    sizes: tuple[int, ...] = (12, 9, 5),
    weight_bits: int = 1,
    cell_bits: int = 1,
    adc_bits: int = 3,
    tile_rows: int = 5,
    source: str = "u4",
    hidden: str = "u4",
    affine: bool = True,
    shape: tuple[int, ...] | None = None,
) -> Network:
    """A network of linear layers of random tables; `adc_bits` 0 is exact, `affine` adds row sums."""
    generator = np.random.default_rng(seed)
    encoding = CellEncoding(weight_bits, cell_bits)
    nodes: list[Node] = [Input(name="image", shape=shape or (sizes[0],), format=IntFormat.parse(source))]
    for layer, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False)):
        previous = nodes[-1].name
        weight = generator.integers(encoding.interval.lo, encoding.interval.hi + 1, (outputs, inputs))
        if encoding.binary:
            weight = np.where(weight < 0, -1, 1)
        tiles = tuple(min(tile_rows, inputs - begin) for begin in range(0, inputs, tile_rows))
        columns = (len(tiles), encoding.slices, outputs)
        adc = None
        if adc_bits:
            thresholds = np.sort(generator.integers(-60, 60, (*columns, (1 << adc_bits) - 1)), axis=-1)
            adc = Adc(adc_bits, -(1 << (adc_bits - 1)), tensor_of(thresholds))
        nodes.append(
            Linear(
                name=f"linear{layer}",
                inputs=(previous,),
                weight=tensor_of(weight, "int8"),
                weight_bits=weight_bits,
                cell_bits=cell_bits,
                tile_rows=tiles,
                adc=adc,
            )
        )
        if affine:
            nodes.append(RowSum(name=f"sums{layer}", inputs=(previous,), tile_rows=tiles))
        last = layer == len(sizes) - 2
        nodes.append(
            Dequantize(
                name=f"values{layer}",
                inputs=(f"linear{layer}", f"sums{layer}") if affine else (f"linear{layer}",),
                mantissa=tensor_of(generator.integers(-200, 200, columns), "int16"),
                bias=tensor_of(generator.integers(-900, 900, outputs)),
                shift=int(generator.integers(0, 9)),
                format=IntFormat(16, signed=True) if last else IntFormat.parse(hidden),
                sum_mantissa=tensor_of(generator.integers(-20, 20, (len(tiles), outputs))) if affine else None,
            )
        )
    nodes.append(Argmax(name="class", inputs=(nodes[-1].name,)))
    return Network("random", tuple(nodes), {"recipe": "none", "accuracy": "0.1"})


@pytest.fixture(scope="session")
def make_network() -> Callable[..., Network]:
    return build_network
