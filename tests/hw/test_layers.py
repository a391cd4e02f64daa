"""The layers that the engine finds in a graph, and the graphs that it refuses."""

from __future__ import annotations

import re

import pytest

from quadrille.algo.spec import (
    Add,
    Argmax,
    Conv2d,
    Dequantize,
    Flatten,
    Input,
    IntFormat,
    IntTensor,
    InvalidInput,
    Linear,
    MaxPool,
    Network,
    Requantize,
    RowSum,
    Window,
)
from quadrille.hw.engine.layers import layers_of
from quadrille.hw.engine.placement import place_all


def refused(message: str):
    return pytest.raises(InvalidInput, match=f"^{re.escape(message.removeprefix(chr(94)))}$")


IMAGE = Input(name="image", shape=(2,), format=IntFormat(2))
WEIGHT = IntTensor.of([1, -1, 1, 1], (2, 2), "int8")
MAP = Input(name="image", shape=(2, 4, 4), format=IntFormat(2))


def linear(name: str, source: str, tiles: tuple[int, ...] = (2,)) -> Linear:
    return Linear(name=name, inputs=(source,), weight=WEIGHT, weight_bits=1, cell_bits=1, tile_rows=tiles)


def convolution(name: str, source: str) -> Conv2d:
    weight = IntTensor.of([1, -1, 1, 1], (2, 2, 1, 1), "int8")
    window = Window((1, 1))
    return Conv2d(name=name, inputs=(source,), weight=weight, weight_bits=1, cell_bits=1, tile_rows=(2,), window=window)


def dequantize(name: str, *sources: str, tiles: int = 1) -> Dequantize:
    ones = IntTensor.of([1] * (2 * tiles), (tiles, 1, 2))
    return Dequantize(
        name=name,
        inputs=sources,
        mantissa=ones,
        bias=IntTensor.of([0, 0], (2,)),
        shift=0,
        format=IntFormat(4),
        sum_mantissa=IntTensor.of([1] * (2 * tiles), (tiles, 2)) if len(sources) == 2 else None,
    )


def row_sum(name: str, source: str, tiles: tuple[int, ...] = (2,)) -> RowSum:
    return RowSum(name=name, inputs=(source,), tile_rows=tiles)


def requantize(name: str, source: str) -> Requantize:
    return Requantize(name=name, inputs=(source,), mantissa=1, shift=1, format=IntFormat(2))


def pool(name: str, source: str, stride: int) -> MaxPool:
    return MaxPool(name=name, inputs=(source,), window=Window((2, 2), (stride, stride)))


@pytest.mark.parametrize(
    "nodes, message",
    [
        (
            (IMAGE, Argmax(name="best", inputs=("image",))),
            "^Network 'n' must have a linear or conv2d node for the engine to run, and has none",
        ),
        (
            (IMAGE, linear("a", "image")),
            "^Node 'a': the engine needs one dequantize node, and no other, to read it",
        ),
        (
            (IMAGE, row_sum("s", "image"), linear("a", "image"), dequantize("c", "a"), linear("b", "c"))
            + (dequantize("d", "b", "s"),),
            "^Node 's': the engine needs it to read what 'b' reads, alike",
        ),
        (
            (IMAGE, requantize("r", "image"), linear("a", "r"), dequantize("c", "a")),
            "^Node 'r': the engine runs a requantize node only behind a dequantize node of its own",
        ),
        (
            (MAP, convolution("a", "image"), dequantize("c", "a"), pool("p", "c", 1)),
            "^Node 'p': the engine needs windows that do not overlap, stride [2, 2], not [1, 1]",
        ),
        (
            (MAP, convolution("a", "image"), dequantize("c", "a"), requantize("r", "c"), convolution("b", "c"))
            + (dequantize("d", "b"), convolution("e", "r"), dequantize("f", "e"))
            + (Add(name="g", inputs=("d", "f"), mantissas=(1, 1), shift=0, format=IntFormat(4)),),
            (
                "^Node 'c': the engine stores its values for one requantize node or for the matrices that read it, "
                "not for requantize 'r', conv2d 'b'"
            ),
        ),
        (
            (MAP, convolution("a", "image"), dequantize("c", "a"), requantize("r", "c"), convolution("b", "r"))
            + (dequantize("d", "b"), Add(name="g", inputs=("d", "r"), mantissas=(1, 1), shift=0, format=IntFormat(4))),
            "^Node 'g': the engine adds what a layer stored before, not requantize 'r'",
        ),
        (
            (IMAGE, linear("a", "image"), dequantize("c", "a"), requantize("r", "c"), Argmax(name="b", inputs=("r",))),
            "^Node 'b': the engine needs argmax to read a dequantize node",
        ),
        (
            (IMAGE, row_sum("s", "image"), linear("a", "image"), dequantize("c", "a", "s"), linear("b", "image"))
            + (dequantize("d", "b", "s"),)
            + (Add(name="g", inputs=("c", "d"), mantissas=(1, 1), shift=0, format=IntFormat(4)),),
            "^Node 's': the engine needs 'c' alone to read it",
        ),
        (
            (IMAGE, linear("a", "image"), dequantize("c", "a"), linear("b", "c"), dequantize("d", "b"))
            + (Add(name="g", inputs=("d", "c"), mantissas=(1, 1), shift=0, format=IntFormat(4)),)
            + (
                linear("e", "c"),
                dequantize("f", "e"),
                Add(name="h", inputs=("f", "g"), mantissas=(1, 1), shift=0, format=IntFormat(4)),
            )
            + (Argmax(name="i", inputs=("h",)),),
            None,
        ),
        (
            (MAP, convolution("a", "image"), dequantize("c", "a"), requantize("r", "c"), convolution("b", "r"))
            + (dequantize("d", "b"), Add(name="g", inputs=("d", "c"), mantissas=(1, 1), shift=0, format=IntFormat(4)))
            + (pool("p", "g", 2), Flatten(name="z", inputs=("p",)))
            + (
                Linear(
                    name="l",
                    inputs=("z",),
                    weight=IntTensor.of([1] * 16, (2, 8), "int8"),
                    weight_bits=1,
                    cell_bits=1,
                    tile_rows=(8,),
                ),
            )
            + (dequantize("m", "l"),),
            None,
        ),
        (
            (MAP, convolution("a", "image"), dequantize("c", "a"), convolution("b", "c"), dequantize("d", "b"))
            + (Add(name="g", inputs=("c", "d"), mantissas=(1, 1), shift=0, format=IntFormat(4)),)
            + (Flatten(name="z", inputs=("g",)),),
            "^Node 'z': the engine runs a flatten node only behind a dequantize node of its own",
        ),
    ],
)
def test_graphs_that_the_engine_cannot_run_are_refused(nodes, message):
    if message is None:
        assert layers_of(Network("n", nodes))
        return
    with refused(message):
        layers_of(Network("n", nodes))


def test_images_are_read_in_one_form():
    matrix = Linear(
        name="l",
        inputs=("image",),
        weight=IntTensor.of([1] * 64, (2, 32), "int8"),
        weight_bits=1,
        cell_bits=1,
        tile_rows=(32,),
    )
    one = Network("n", (MAP, convolution("a", "image"), dequantize("c", "a")))
    other = Network("n", (MAP, matrix, dequantize("d", "l")))
    layers = [*layers_of(one), *layers_of(other)]
    with refused("^Node 'image': the engine needs its readers to be of one kind, not conv2d 'a' and linear 'l'"):
        place_all(one, layers, lanes=2, word=16, per_data_word=4, frames=1)


def test_row_sums_must_match_their_layer():
    image = Input(name="image", shape=(3,), format=IntFormat(2))
    weight = IntTensor.of([1, -1, 1, 1, 1, -1], (2, 3), "int8")
    split = Linear(name="a", inputs=("image",), weight=weight, weight_bits=1, cell_bits=1, tile_rows=(1, 2))
    final = dequantize("c", "a", "s", tiles=2)
    good = Network("n", (image, split, row_sum("s", "image", (1, 2)), final))
    assert layers_of(good)[0].row_sum == good.node("s")
    with refused("^Node 's': row tiles must be those of 'a', [1, 2], not [2, 1]"):
        layers_of(Network("n", (image, split, row_sum("s", "image", (2, 1)), final)))


def test_what_is_added_is_computed_before():
    """The projection's matrix stands after the main branch's, its values before: it runs first."""
    nodes = (MAP, convolution("a", "image"), convolution("b", "image"), dequantize("d", "b"), dequantize("c", "a"))
    add = Add(name="g", inputs=("c", "d"), mantissas=(1, 2), shift=0, format=IntFormat(4))
    first, second = layers_of(Network("n", (*nodes, add)))
    assert (first.matrix.name, first.stored) == ("b", "d")
    assert second.shortcut is not None and second.shortcut.stored == "d" and second.shortcut.mantissa_stored == 2
