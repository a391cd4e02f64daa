"""Networks for tests of every room."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

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


def cut(total: int, most: int) -> tuple[int, ...]:
    """`total` rows in tiles of `most`, the last one smaller."""
    return tuple(min(most, total - start) for start in range(0, total, most))


def make_network(
    chance: random.Random,
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
    """A random multi-layer network: every table random, every format small, thresholds where the sums are."""
    activation = IntFormat(activation_bits, signed)
    nodes: list[Node] = [Input(name="image", shape=(sizes[0],), format=activation)]
    encoding = CellEncoding(weight_bits, cell_bits)
    for number, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False), start=1):
        source, final = nodes[-1].name, number == len(sizes) - 1
        tiles = cut(inputs, tile_rows)
        values = [-1, 1] if weight_bits == 1 else range(encoding.interval.lo, encoding.interval.hi + 1)
        weight = IntTensor.of([chance.choice(values) for _ in range(inputs * outputs)], (outputs, inputs), "int8")
        linear = Linear(
            name=f"linear{number}",
            inputs=(source,),
            weight=weight,
            weight_bits=weight_bits,
            cell_bits=cell_bits,
            tile_rows=tiles,
        )
        shape = (len(tiles), encoding.slices, outputs)
        columns = shape[0] * shape[1] * outputs
        if adc_bits:
            thresholds: list[int] = []
            levels = (1 << adc_bits) - 1
            for interval in linear.column_intervals(activation.interval):
                if uniform:
                    step = max(1.0, (interval.hi - interval.lo) / levels * chance.uniform(0.2, 1.1))
                    start = chance.uniform(interval.lo, interval.hi) - step * levels / 2
                    thresholds += [int(start + step * j) for j in range(levels)]
                else:
                    thresholds += sorted(chance.randint(interval.lo - 2, interval.hi + 2) for _ in range(levels))
            adc = Adc(
                adc_bits, chance.choice([0, -(1 << adc_bits >> 1), -1]), IntTensor.of(thresholds, (*shape, levels))
            )
            linear = Linear(
                name=linear.name,
                inputs=linear.inputs,
                weight=weight,
                weight_bits=weight_bits,
                cell_bits=cell_bits,
                tile_rows=tiles,
                adc=adc,
            )
        nodes.append(linear)
        sum_mantissa = None
        if row_sums:
            nodes.append(RowSum(name=f"sum{number}", inputs=(source,), tile_rows=tiles))
            sum_mantissa = IntTensor.of(
                [chance.randint(-99, 99) for _ in range(len(tiles) * outputs)], (len(tiles), outputs)
            )
        span = Interval(-(1 << 9), (1 << 9) - 1)
        nodes.append(
            Dequantize(
                name=f"layer{number}",
                inputs=(linear.name, f"sum{number}") if row_sums else (linear.name,),
                mantissa=IntTensor.of([chance.randint(span.lo, span.hi) for _ in range(columns)], shape),
                bias=IntTensor.of([chance.randint(-9999, 9999) for _ in range(outputs)], (outputs,)),
                shift=chance.randint(5, 10),
                format=IntFormat(result_bits, signed=True) if final else activation,
                sum_mantissa=sum_mantissa,
            )
        )
    if argmax:
        nodes.append(Argmax(name="class", inputs=(nodes[-1].name,)))
    return Network("random", tuple(nodes))


@pytest.fixture(name="make_network", scope="session")
def make_network_fixture() -> Callable[..., Network]:
    """`make_network` for tests, which cannot import a neighbour."""
    return make_network


BESIDE = Path(__file__).parents[2] / "shared" / "data"  # where some machines have the real data sets


@pytest.fixture
def data_set(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """`dataset` for real data in files: the test is skipped where the folder of data sets has none of that name."""
    if not os.environ.get("QUADRILLE_DATA") and BESIDE.is_dir():
        monkeypatch.setenv("QUADRILLE_DATA", str(BESIDE))

    def load(name: str) -> Any:
        if not (Path(os.environ.get("QUADRILLE_DATA") or os.devnull) / name).is_dir():
            pytest.skip(f"real data set {name} is not here: QUADRILLE_DATA names no folder that has it")
        from quadrille.algo.data import dataset  # takes seconds, which few tests need

        return dataset(name)

    return load
