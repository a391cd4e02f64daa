"""Whole networks, tensor by tensor, against loops over Python's integers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer import Executor, accuracy, array_of, execute, execution
from quadrille.algo.integer.execution import argmax, executes
from quadrille.algo.spec import NODE_KINDS, Dequantize, InvalidInput, Linear, Network, Node, RowSum


def naive(network, image):
    """Every tensor for one image, as nested lists flattened in row-major order."""
    tensors = {network.input.name: [int(v) for v in np.ravel(image)]}
    for node in network.nodes[1:]:
        values = [tensors[name] for name in node.inputs]
        if isinstance(node, RowSum):
            edges = np.cumsum([0, *node.tile_rows])
            out = [sum(values[0][b:e]) for b, e in zip(edges[:-1], edges[1:], strict=True)]
        elif isinstance(node, Linear):
            out, start, encoding = [], 0, node.encoding
            for rows in node.tile_rows:
                inputs = range(start, start + rows)
                for s in range(encoding.slices):
                    for o in range(node.outputs):
                        column = sum(encoding.digit(node.weight.view[o, i], s) * values[0][i] for i in inputs)
                        total = sum(values[0][i] for i in inputs)
                        recovered = encoding.gain(s) * column - encoding.reference_weight(s) * total
                        out.append(recovered if node.adc is None else node.adc.code(len(out), recovered))
                start += rows
        elif isinstance(node, Dequantize):
            tiles, _, outputs = node.mantissa.shape
            out = []
            for o in range(outputs):
                total = node.bias.flat[o] + sum(
                    m * c for m, c in zip(node.mantissa.flat[o::outputs], values[0][o::outputs], strict=True)
                )
                if node.sum_mantissa is not None:
                    total += sum(node.sum_mantissa.view[t, o] * values[1][t] for t in range(tiles))
                total = (total + (1 << node.shift >> 1)) >> node.shift
                out.append(min(max(total, node.format.interval.lo), node.format.interval.hi))
        else:
            out = [values[0].index(max(values[0]))]
        tensors[node.name] = out
    return tensors


@given(
    seed=st.integers(0, 2**32 - 1),
    bits=st.sampled_from([(1, 1), (2, 1), (4, 3), (8, 4)]),
    adc_bits=st.integers(0, 5),
    formats=st.tuples(st.sampled_from(["u1", "u4", "s8"]), st.sampled_from(["u4", "s5", "u8"])),
    affine=st.booleans(),
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_every_tensor_against_loops(make_network, seed, bits, adc_bits, formats, affine):
    network = make_network(
        seed=seed,
        weight_bits=bits[0],
        cell_bits=bits[1],
        adc_bits=adc_bits,
        source=formats[0],
        hidden=formats[1],
        affine=affine,
        sizes=(7, 6, 4),
    )
    interval = network.input.format.interval
    images = np.random.default_rng(seed).integers(interval.lo, interval.hi + 1, (3, 7))
    tensors = execute(network, images)
    assert set(tensors) == {node.name for node in network.nodes}
    for n, image in enumerate(images):
        for name, expected in naive(network, image).items():
            tensor = tensors[name]
            assert tensor.dtype == np.int64
            assert tensor.shape == (3, *network.edges[name].shape)
            assert np.ravel(tensor[n]).tolist() == expected, name
            edge = network.edges[name]
            assert all(value in edge.channel(c) for c, value in enumerate(expected)), name


def test_chunks_make_no_difference(make_network, monkeypatch):
    network = make_network(shape=(3, 4))
    images = np.random.default_rng(0).integers(0, 16, (50, 3, 4))
    whole = execute(network, images)
    monkeypatch.setattr(execution, "CHUNK_BYTES", 7 * 8 * 27)
    executor = Executor(network)
    assert executor.chunk == 7
    parts = executor.run(images)
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)
    again = executor.run(images[:8].astype(np.uint8), keep=["class", "linear1"])
    assert set(again) == {"class", "linear1"}
    assert np.array_equal(again["class"], whole["class"][:8])


def test_no_images(make_network):
    tensors = execute(make_network(), np.zeros((0, 12), dtype=int))
    assert tensors["class"].shape == (0,)
    assert tensors["linear0"].shape == (0, 3, 1, 9)


def test_accuracy_is_the_share_of_right_classes(make_network):
    images = np.random.default_rng(3).integers(0, 16, (20, 12))
    classes = execute(make_network(), images)["class"]
    labels = np.where(np.arange(20) < 13, classes, classes + 1)
    assert accuracy(make_network(), images, labels) == 13 / 20


def test_results_do_not_share_the_images(make_network):
    images = np.zeros((2, 12), dtype=np.int64)
    tensors = execute(make_network(), images)
    tensors["image"][:] = 9
    assert not images.any()


def test_argmax_takes_the_lowest_index():
    assert argmax(np.array([[1, 3, 3], [2, 2, 2], [-5, -4, -3]])).tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 11), dtype=int), r"^Images must have shape \[n, 12\], not \[2, 11\]$"),
        (np.zeros(12, dtype=int), r"^Images must have shape \[n, 12\], not \[12\]$"),
        (3, r"^Images must have shape \[n, 12\], not \[\]$"),
        (np.zeros((2, 12)), r"^Images must be integers, not float64$"),
        ([["a"] * 12], r"^Images must be integers, not <U1$"),
        (np.full((2, 12), 16), r"^Images must lie in \[0, 15\], not in \[16, 16\]$"),
        (np.full((2, 12), -1), r"^Images must lie in \[0, 15\], not in \[-1, -1\]$"),
    ],
)
def test_images_refused(make_network, images, message):
    with pytest.raises(InvalidInput, match=message):
        execute(make_network(), images)


def test_nothing_to_keep(make_network):
    with pytest.raises(InvalidInput, match=r"^Network 'random' must have a node called 'fc9', and has none$"):
        execute(make_network(), np.zeros((1, 12), dtype=int), keep=["class", "fc9"])


def test_a_new_kind_is_an_addition(make_network):
    """A class, and a function that is registered for it: nothing else needs to know."""
    try:

        @dataclass(frozen=True, kw_only=True)
        class Negate(Node):
            kind: ClassVar[str] = "negate"
            arity: ClassVar[tuple[int, int]] = (1, 1)

            def infer(self, inputs):
                return inputs[0]

        network = make_network()
        first = network.nodes[:-1]
        network = Network("negated", (*first, Negate(name="negated", inputs=(first[-1].name,))))
        with pytest.raises(InvalidInput, match=r"^Node 'negated': a negate node must have an operation, and has none$"):
            Executor(network)

        @executes(Negate)
        def _negate(node, inputs):
            return lambda tensors: -tensors[0]

        tensors = execute(network, np.ones((2, 12), dtype=int))
        assert (tensors["negated"] == -tensors["values1"]).all()
        execution._PREPARE.pop(Negate)
    finally:
        NODE_KINDS.pop("negate", None)


def test_matrix_product_of_a_binary_layer(make_network):
    network = make_network(adc_bits=0, sizes=(12, 9))
    images = np.random.default_rng(1).integers(0, 16, (5, 12))
    sums = execute(network, images, keep=["linear0"])["linear0"].sum(axis=(1, 2))
    assert np.array_equal(sums, images @ array_of(network.node("linear0").weight).T)
