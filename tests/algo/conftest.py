"""Networks to test with, and data to train small ones on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from quadrille.algo.data import DATASETS, Dataset
from quadrille.algo.integer import tensor_of
from quadrille.algo.nn import ModesRecipe, Phase, Precision, TrainedModes, scalable_mlp, train_modes
from quadrille.algo.quant import PerChannel
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


def draw_bars() -> Dataset:
    """Bright or dark bars, upright or not: learnt in a few epochs."""
    generator = np.random.default_rng(0)
    labels = np.arange(120) % 4
    stripes = np.array([6, 2, 6, 2])
    upright = np.broadcast_to(stripes, (4, 4))
    patterns = np.stack([upright, upright.T, upright + 6, upright.T + 6])
    images = (patterns[labels] + generator.integers(0, 3, (120, 4, 4))).astype(np.uint8)
    return Dataset("bars", IntFormat(4), 4, images[:80], labels[:80], images[80:], labels[80:])


@pytest.fixture
def named_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes may name the bars as their data."""
    monkeypatch.setitem(DATASETS, "bars", draw_bars)


@pytest.fixture(scope="session")
def bars() -> Dataset:
    return draw_bars()


@pytest.fixture(scope="session")
def tiny_modes() -> ModesRecipe:
    """A recipe of four precisions on the bars."""
    return ModesRecipe(
        name="tiny",
        summary="for tests",
        data="bars",
        network=partial(scalable_mlp, shape=(4, 4), widths=(12, 4)),
        bits=(8, 4, 2, 1),
        precision=Precision(granularity=PerChannel(0)),
        phases=(Phase(epochs=10, learning_rate=3e-2, converters=False),),
        distillation=0.1,
        batch=16,
    )


@pytest.fixture(scope="session")
def trained_modes(tiny_modes: ModesRecipe, bars: Dataset) -> TrainedModes:
    return train_modes(tiny_modes, seed=1, data=bars)


@pytest.fixture(scope="session")
def make_network() -> Callable[..., Network]:
    return build_network
