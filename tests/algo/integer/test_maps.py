"""Additions, rescalings, pools and shortcuts of feature maps against loops over Python's integers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer import execute
from quadrille.algo.spec import (
    Add,
    Flatten,
    Input,
    IntFormat,
    MaxPool,
    Network,
    Requantize,
    Subsample,
    SumPool,
    Window,
)

FORMATS = st.sampled_from(["u1", "u4", "s4", "u8", "s16", "s31", "s46"]).map(IntFormat.parse)
MANTISSAS = st.sampled_from([1, -1, 3, -32768, 32767]) | st.integers(-32768, 32767)
SHIFTS = st.integers(0, 20) | st.integers(0, 62)
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5))


def settle(total, shift, form):
    total = (total + (1 << shift >> 1)) >> shift
    return min(max(total, form.interval.lo), form.interval.hi)


def images_of(node, seed, count=3):
    """Random images of the node's format, its ends among them."""
    interval = node.format.interval
    images = np.random.default_rng(seed).integers(interval.lo, interval.hi, (count, *node.shape), endpoint=True)
    images[0], images[1] = interval.lo, interval.hi
    return images


def check(network, images, expected):
    """The result of `network`, element by element `expected(image, index)`; every tensor in its interval."""
    tensors = execute(network, images)
    result = tensors[network.result.name]
    assert result.dtype == np.int64
    assert result.shape == (len(images), *network.edges[network.result.name].shape)
    for n, image in enumerate(images):
        for index in np.ndindex(result.shape[1:]):
            assert int(result[n][index]) == expected(image, index)
    for name, tensor in tensors.items():
        assert int(tensor.min()) in network.edges[name].interval
        assert int(tensor.max()) in network.edges[name].interval


@given(shape=SHAPES, source=FORMATS, form=FORMATS, mantissa=MANTISSAS, shift=SHIFTS, seed=st.integers(0, 99))
@settings(derandomize=True, deadline=None, max_examples=150)
def test_requantize(shape, source, form, mantissa, shift, seed):
    image = Input(name="image", shape=shape, format=source)
    node = Requantize(name="out", inputs=("image",), mantissa=mantissa, shift=shift, format=form)
    check(
        Network("net", (image, node)),
        images_of(image, seed),
        lambda image, index: settle(mantissa * int(image[index]), shift, form),
    )


@given(
    shape=SHAPES,
    source=FORMATS,
    middle=FORMATS,
    form=FORMATS,
    mantissas=st.tuples(MANTISSAS, MANTISSAS),
    shift=SHIFTS,
    seed=st.integers(0, 99),
)
@settings(derandomize=True, deadline=None, max_examples=150)
def test_add(shape, source, middle, form, mantissas, shift, seed):
    image = Input(name="image", shape=shape, format=source)
    other = Requantize(name="other", inputs=("image",), mantissa=-3, shift=1, format=middle)
    node = Add(name="out", inputs=("image", "other"), mantissas=mantissas, shift=shift, format=form)

    def expected(image, index):
        a = int(image[index])
        return settle(mantissas[0] * a + mantissas[1] * settle(-3 * a, 1, middle), shift, form)

    check(Network("net", (image, other, node)), images_of(image, seed), expected)


@given(
    shape=SHAPES,
    source=FORMATS,
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    kind=st.sampled_from([MaxPool, SumPool]),
    seed=st.integers(0, 99),
)
@settings(derandomize=True, deadline=None, max_examples=150)
def test_pools(shape, source, kernel, stride, kind, seed):
    kernel = (min(kernel[0], shape[1]), min(kernel[1], shape[2]))
    image = Input(name="image", shape=shape, format=source)
    node = kind(name="out", inputs=("image",), window=Window(kernel, stride))

    def expected(image, index):
        channel, y, x = index
        return (max if kind is MaxPool else sum)(
            int(image[channel, y * stride[0] + i, x * stride[1] + j])
            for i in range(kernel[0])
            for j in range(kernel[1])
        )

    check(Network("net", (image, node)), images_of(image, seed), expected)


@given(shape=SHAPES, stride=st.integers(1, 3), more=st.integers(0, 3), seed=st.integers(0, 99))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_subsample(shape, stride, more, seed):
    image = Input(name="image", shape=shape, format=IntFormat(4, signed=True))
    node = Subsample(name="out", inputs=("image",), stride=stride, channels=shape[0] + more)

    def expected(image, index):
        channel, y, x = index
        return int(image[channel, y * stride, x * stride]) if channel < shape[0] else 0

    check(Network("net", (image, node)), images_of(image, seed), expected)


def test_flatten_is_row_major():
    image = Input(name="image", shape=(2, 3, 4), format=IntFormat(8))
    images = images_of(image, 0)
    network = Network("net", (image, Flatten(name="out", inputs=("image",))))
    check(network, images, lambda image, index: int(np.ravel(image)[index[0]]))


def test_no_images():
    image = Input(name="image", shape=(2, 4, 4), format=IntFormat(8))
    pool = MaxPool(name="pool", inputs=("image",), window=Window((2, 2), (2, 2)))
    network = Network("net", (image, pool, Flatten(name="flat", inputs=("pool",))))
    tensors = execute(network, np.zeros((0, 2, 4, 4), dtype=int))
    assert tensors["flat"].shape == (0, 8)
