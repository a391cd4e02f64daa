"""Convolutions of every form against loops over Python's integers, by the letter of the nodes' docstrings."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer import array_of, convolution, execute, tensor_of
from quadrille.algo.spec import (
    Adc,
    CellEncoding,
    Conv2d,
    Dequantize,
    Input,
    IntFormat,
    Network,
    RowSum,
    Window,
)

FORMATS = st.sampled_from(["u1", "u4", "s4", "u8"])
SIDES = st.tuples(st.integers(1, 3), st.integers(1, 3))


def element(image, channel, y, x):
    inside = 0 <= y < image.shape[1] and 0 <= x < image.shape[2]
    return int(image[channel, y, x]) if inside else 0


def under(image, window, group, y, x):
    """What stands under each row of the group's kernels at window (y, x)."""
    channels = image.shape[0] // window.groups
    return [
        element(
            image,
            group * channels + c,
            y * window.stride[0] - window.padding[0] + i,
            x * window.stride[1] - window.padding[1] + j,
        )
        for c in range(channels)
        for i in range(window.kernel[0])
        for j in range(window.kernel[1])
    ]


def tiles_of(node):
    start = 0
    for rows in node.tile_rows:
        yield range(start, start + rows)
        start += rows


def naive_codes(node, image, size):
    """The codes [t, s, o, y, x] of one image, as {index: code}."""
    encoding, result = node.encoding, {}
    for y in range(size[0]):
        for x in range(size[1]):
            for o in range(node.outputs):
                row = under(image, node.window, o // (node.outputs // node.window.groups), y, x)
                kernel = node.weight.flat[o * len(row) : (o + 1) * len(row)]
                for t, inputs in enumerate(tiles_of(node)):
                    for s in range(encoding.slices):
                        total = encoding.gain(s) * sum(encoding.digit(kernel[i], s) * row[i] for i in inputs)
                        total -= encoding.reference_weight(s) * sum(row[i] for i in inputs)
                        if node.adc is not None:
                            total = node.adc.code((t * encoding.slices + s) * node.outputs + o, total)
                        result[t, s, o, y, x] = total
    return result


@st.composite
def layers(draw):
    """A convolution with its row sum and its dequantizer, alone in a network."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    encoding = CellEncoding(draw(st.integers(1, 8)), draw(st.integers(1, 4)))
    groups, per_group, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    window = Window(draw(SIDES), draw(SIDES), draw(st.tuples(st.integers(0, 2), st.integers(0, 2))), groups)
    shape = (groups * per_group, window.kernel[0] + draw(st.integers(0, 3)), window.kernel[1] + draw(st.integers(0, 3)))
    size = window.output_size(*shape[1:])
    rows = window.rows(shape[0])
    tile = draw(st.sampled_from([window.taps, 2 * window.taps, rows, draw(st.integers(1, rows))]))
    tiles = tuple(min(tile, rows - begin) for begin in range(0, rows, tile))
    columns = (len(tiles), encoding.slices, groups * outputs)
    weight = random.integers(
        encoding.interval.lo, encoding.interval.hi + 1, (groups * outputs, per_group, *window.kernel)
    )
    if encoding.binary:
        weight = np.where(weight < 0, -1, 1)
    adc = None
    if bits := draw(st.integers(0, 5)):
        reach = draw(st.sampled_from([20, 200, 2**30]))
        ladder = np.sort(random.integers(-reach, reach, (*columns, (1 << bits) - 1)), axis=-1)
        if draw(st.booleans()):
            starts = random.integers(-reach, reach, (*columns, 1))
            ladder = starts + np.arange((1 << bits) - 1) * random.integers(1, 20, (*columns, 1))
        adc = Adc(bits, draw(st.integers(-20, 20)), tensor_of(ladder))
    conv = Conv2d(
        name="conv",
        inputs=("image",),
        weight=tensor_of(weight, "int8"),
        weight_bits=encoding.weight_bits,
        cell_bits=encoding.cell_bits,
        tile_rows=tiles,
        window=window,
        adc=adc,
    )
    affine, greatest = draw(st.booleans()), draw(st.sampled_from([9, 2**15 - 1]))
    affine_table = tensor_of(random.integers(-greatest, greatest, (len(tiles), groups * outputs)))
    values = Dequantize(
        name="values",
        inputs=("conv", "sums") if affine else ("conv",),
        mantissa=tensor_of(random.integers(-greatest, greatest, columns)),
        bias=tensor_of(random.integers(-900, 900, groups * outputs)),
        shift=draw(st.integers(0, 12)),
        format=IntFormat.parse(draw(st.sampled_from(["u4", "s6", "u8", "s40"]))),
        sum_mantissa=affine_table if affine else None,
    )
    sums = RowSum(name="sums", inputs=("image",), tile_rows=tiles, window=window)
    image = Input(name="image", shape=shape, format=IntFormat.parse(draw(FORMATS)))
    images = random.integers(image.format.interval.lo, image.format.interval.hi + 1, (2, *shape))
    nodes = (image, conv, sums, values) if affine else (image, conv, values)
    return Network("layer", nodes), images, size


@given(layers())
@settings(derandomize=True, deadline=None, max_examples=120)
def test_a_layer_against_loops(layer):
    network, images, size = layer
    conv, values = network.node("conv"), network.node("values")
    tensors = execute(network, images)
    for name, tensor in tensors.items():
        assert tensor.dtype == np.int64
        assert tensor.shape == (2, *network.edges[name].shape)
    for n, image in enumerate(images):
        codes = naive_codes(conv, image, size)
        assert codes == {index: int(tensors["conv"][n][index]) for index in np.ndindex(tensors["conv"][n].shape)}
        groups = conv.window.groups
        sums = {
            (t, g, y, x): sum(under(image, conv.window, g, y, x)[i] for i in inputs)
            for t, inputs in enumerate(tiles_of(conv))
            for g in range(groups)
            for y in range(size[0])
            for x in range(size[1])
        }
        if values.sum_mantissa is not None:
            assert sums == {index: int(tensors["sums"][n][index]) for index in np.ndindex(tensors["sums"][n].shape)}
        for o, y, x in np.ndindex(tensors["values"][n].shape):
            tiles, slices, outputs = conv.columns
            total = values.bias.flat[o] + sum(
                values.mantissa.view[t, s, o] * codes[t, s, o, y, x] for t in range(tiles) for s in range(slices)
            )
            if values.sum_mantissa is not None:
                group = o // (outputs // groups)
                total += sum(values.sum_mantissa.view[t, o] * sums[t, group, y, x] for t in range(tiles))
            total = (total + (1 << values.shift >> 1)) >> values.shift
            interval = values.format.interval
            assert int(tensors["values"][n][o, y, x]) == min(max(total, interval.lo), interval.hi)
        for name in tensors:
            edge = network.edges[name]
            if edge.channels is not None:
                flat = tensors[name][n].reshape(len(edge.channels), -1)
                assert all(int(v) in edge.channel(c) for c, row in enumerate(flat) for v in row), name


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("fill", [False, True])
def test_slices_and_tiles_add_up_to_the_convolution(groups, stride, fill, monkeypatch):
    """Against PyTorch's float64 convolution, in several blocks of patches."""
    monkeypatch.setattr(convolution, "BLOCK_BYTES", 20000)
    random = np.random.default_rng(groups)
    window = Window((3, 3), (stride, stride), (1, 1), groups)
    rows = window.rows(8)
    tile = 10 if fill else 9
    node = Conv2d(
        name="conv",
        inputs=("image",),
        weight=tensor_of(random.integers(-8, 8, (16, 8 // groups, 3, 3)), "int8"),
        weight_bits=4,
        cell_bits=2,
        tile_rows=tuple(min(tile, rows - begin) for begin in range(0, rows, tile)),
        window=window,
    )
    network = Network("net", (Input(name="image", shape=(8, 9, 7), format=IntFormat(8)), node))
    images = random.integers(0, 256, (5, 8, 9, 7))
    sums = execute(network, images)["conv"]
    places = np.array([node.encoding.place(s) for s in range(2)])
    whole = (sums * places[:, None, None, None]).sum(axis=(1, 2))
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(images).double(),
        torch.from_numpy(array_of(node.weight)).double(),
        stride=stride,
        padding=1,
        groups=groups,
    )
    assert np.array_equal(whole, expected.long().numpy())
