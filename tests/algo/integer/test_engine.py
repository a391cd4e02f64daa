"""The accelerator's twin is the Network, whatever the accelerator's size."""

import numpy as np

from quadrille.algo.integer import execute
from quadrille.algo.integer.engine import accelerator


def test_sizes_do_not_change_what_is_computed(make_network):
    network = make_network()
    images = np.random.default_rng(0).integers(0, 16, (20, 12))
    expected = execute(network, images)
    tensors = accelerator(network, images, rows=64, columns=32, frames=4)
    assert set(tensors) == set(expected)
    assert all(np.array_equal(tensors[name], expected[name]) for name in expected)
