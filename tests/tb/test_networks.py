"""The random networks that other tests stand on: valid, repeatable, and alive."""

from random import Random

import numpy as np
import pytest

from quadrille.algo.integer import execute
from quadrille.algo.spec import Add, Conv2d, Dequantize, Linear, MaxPool, Requantize, Subsample, SumPool
from quadrille.tb.networks import random_convolutional_network, random_network

SETTINGS = {
    "chain": {"pool": "max"},
    "chain, summed": {"pool": "sum", "adc_bits": 5, "exact_first": True, "rows": 20},
    "feature map": {"stride": 2, "classes": None, "weight_bits": 4, "cell_bits": 2},
    "depthwise": {"channels": (4, 4, 8), "groups": 4, "signed": True, "fill_rows": True},
    "option A": {"residual": "subsample", "channels": (4, 4, 8), "stride": 2, "pool": "sum", "adc_bits": 4},
    "option B": {"residual": "projection", "channels": (4, 8), "stride": 2, "pool": "sum", "exact_last": True},
    "no pool": {"residual": "subsample", "channels": (4,), "row_sums": False, "adc_bits": 3, "uniform": False},
    "wide kernels": {"kernel": 5, "padding": 1, "rows": 16, "channels": (2, 3), "argmax": False},
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("seed", range(4))
def test_networks_are_alive(name, seed):
    network = random_convolutional_network(Random(seed), **SETTINGS[name])
    interval = network.input.format.interval
    images = np.random.default_rng(seed).integers(interval.lo, interval.hi + 1, (20, *network.input.shape))
    tensors = execute(network, images)
    for node in network.nodes:
        if isinstance(node, Conv2d | Linear | Dequantize | Add | Requantize | MaxPool | SumPool):
            assert len(np.unique(tensors[node.name])) > 1, f"{node.name} is constant"
    assert network == random_network(seed, **{"shape": (3, 8, 8), **SETTINGS[name]})


def test_each_form_has_its_nodes():
    def kinds(name):
        return {type(node) for node in random_convolutional_network(Random(0), **SETTINGS[name]).nodes}

    assert {MaxPool, Linear} <= kinds("chain")
    assert {SumPool, Requantize} <= kinds("chain, summed")
    assert {Add, Subsample, SumPool} <= kinds("option A")
    assert Subsample not in kinds("option B")
    assert Linear not in kinds("feature map")
