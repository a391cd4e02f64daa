"""A small network with everything in it that the chain has: row tiles, an ADC, row sums, argmax."""

import random
from collections.abc import Callable

import pytest

from quadrille.algo.spec import Adc, Argmax, Dequantize, Input, IntFormat, IntTensor, Linear, Network, RowSum


def perceptron(seed: int = 1, widths: tuple[int, ...] = (64, 12, 10), tile_rows: int = 40) -> Network:
    """Binary weights, 4-bit activations, 3-bit ADCs, random tables that keep values in range."""
    draw = random.Random(seed)
    nodes: list = [Input(name="image", shape=(8, 8), format=IntFormat(4))]
    source = "image"
    for number, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False), start=1):
        last = number == len(widths) - 1
        tiles = tuple(min(tile_rows, inputs - start) for start in range(0, inputs, tile_rows))
        columns = (len(tiles), 1, outputs)
        steps = range(-60, 80, 20)
        ladder = [step + draw.randint(-9, 9) for _ in range(len(tiles) * outputs) for step in steps]
        linear = Linear(
            name=f"linear{number}",
            inputs=(source,),
            weight=IntTensor.of([draw.choice((-1, 1)) for _ in range(inputs * outputs)], (outputs, inputs), "int8"),
            weight_bits=1,
            cell_bits=1,
            tile_rows=tiles,
            adc=Adc(3, -4, IntTensor.of(ladder, (*columns, 7), "int32")),
        )
        sums = RowSum(name=f"sums{number}", inputs=(source,), tile_rows=tiles)
        count = len(tiles) * outputs
        dequantize = Dequantize(
            name=f"dequantize{number}",
            inputs=(linear.name, sums.name),
            mantissa=IntTensor.of([draw.randint(20, 99) for _ in range(count)], columns, "int16"),
            sum_mantissa=IntTensor.of([draw.randint(-3, 3) for _ in range(count)], (len(tiles), outputs), "int16"),
            bias=IntTensor.of([draw.randint(0, 300) for _ in range(outputs)], (outputs,), "int32"),
            shift=2 if last else 5,
            format=IntFormat(16, signed=True) if last else IntFormat(4),
        )
        nodes += [linear, sums, dequantize]
        source = dequantize.name
    nodes.append(Argmax(name="class", inputs=(source,)))
    return Network("small", tuple(nodes), {"dataset": "digits", "recipe": "none"})


@pytest.fixture(scope="session")
def small_network() -> Network:
    return perceptron()


@pytest.fixture(scope="session")
def make_perceptron() -> Callable[..., Network]:
    return perceptron
