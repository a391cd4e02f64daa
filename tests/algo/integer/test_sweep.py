"""Sweeps: the same numbers as perturbing and executing one network at a time."""

import dataclasses

import numpy as np
import pytest

from quadrille.algo.integer import execute, tensor_of
from quadrille.algo.integer.sweep import SweepPoint, accuracy, sweep
from quadrille.algo.integer.variation import Variation, perturb
from quadrille.algo.spec import Dequantize, InvalidInput, Network


@pytest.fixture(scope="module")
def task(make_network):
    """A network whose classes differ from image to image, and what it answers."""
    drawn = make_network(seed=28, sizes=(12, 9, 7, 5), adc_bits=4, affine=False, hidden="s7")
    nodes = [
        dataclasses.replace(node, bias=tensor_of([0] * node.bias.shape[0]), shift=4 if node.format.bits == 7 else 0)
        if isinstance(node, Dequantize)
        else node
        for node in drawn.nodes
    ]
    network = Network("drawn", tuple(nodes))
    images = np.random.default_rng(0).integers(0, 16, (60, 12))
    labels = execute(network, images, keep=["class"])["class"]
    assert len(set(labels.tolist())) == 5
    return network, images, labels


def exact(network, *names):
    """`network` with exact sums in the nodes of `names`."""
    return Network(
        "part", tuple(dataclasses.replace(node, adc=None) if node.name in names else node for node in network.nodes)
    )


@pytest.mark.parametrize("still", [(), ("linear0",), ("linear0", "linear1"), ("linear1",)])
def test_a_sweep_is_one_network_after_another(task, still):
    network, images, labels = exact(task[0], *still), task[1], task[2]
    base = Variation(offset=0.3, fraction_bits=4)
    told = []
    points = sweep(
        network,
        images,
        labels,
        values=(0.0, 0.2, 0.5),
        seeds=(3, 1, 4),
        variation=base,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(n, 9) for n in range(1, 10)]
    assert [point.value for point in points] == [0.0, 0.2, 0.5]
    for point in points:
        variation = dataclasses.replace(base, log_normal=point.value)
        assert point.seeds == (3, 1, 4)
        assert list(point.accuracies) == [
            accuracy(perturb(network, variation, seed), images, labels) for seed in point.seeds
        ]


def test_no_variation_is_the_network_itself(task):
    (point,) = sweep(*task, values=(0,), seeds=range(4), parameter="gain")
    assert point == SweepPoint(0, (0, 1, 2, 3), (1.0,) * 4)
    assert (point.mean, point.deviation) == (1.0, 0.0)


def test_more_variation_is_worse(task):
    points = sweep(*task, values=(0.0, 0.1, 0.8), seeds=range(6))
    means = [point.mean for point in points]
    assert means[0] == 1 > means[1] > means[2]
    assert points[1].deviation == pytest.approx(np.std(points[1].accuracies) * (6 / 5) ** 0.5)
    assert SweepPoint(0.1, (0,), (0.5,)).deviation == 0


def test_refusals(task):
    network, images, labels = task
    with pytest.raises(InvalidInput, match=r"^Parameter of a sweep must be one of log_normal, .*, not 'sigma'$"):
        sweep(*task, values=(0.1,), seeds=(0,), parameter="sigma")
    with pytest.raises(InvalidInput, match=r"^Sweep must have one or more values and seeds, not 0 and 1$"):
        sweep(*task, values=(), seeds=(0,))
    sentence = r"^Labels must be one for each of 60 images, one or more, not shape \[59\]$"
    with pytest.raises(InvalidInput, match=sentence):
        accuracy(network, images, labels[1:])
    logits = Network("logits", network.nodes[:-1])
    sentence = r"^Network 'logits' must end in an argmax for an accuracy, not dequantize$"
    with pytest.raises(InvalidInput, match=sentence):
        sweep(logits, images, labels, values=(0.1,), seeds=(0,))


def test_what_varies_may_be_read_beside_what_came_before(make_network):
    """Row sums stand before the columns here: the node before the first that varies is not all that is read later."""
    drawn = make_network(sizes=(12, 9, 5))
    order = ["image", "sums0", "linear0", "values0", "sums1", "linear1", "values1", "class"]
    network = Network("mixed", tuple(drawn.node(name) for name in order))
    images = np.random.default_rng(0).integers(0, 16, (20, 12))
    for part in (network, exact(network, "linear0")):
        labels = execute(part, images, keep=["class"])["class"]
        (point,) = sweep(part, images, labels, values=(0.5,), seeds=(1,))
        varied = perturb(part, Variation(log_normal=0.5), 1)
        assert point.accuracies == (accuracy(varied, images, labels),)
