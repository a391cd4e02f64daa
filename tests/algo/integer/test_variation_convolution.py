"""Perturbed networks of convolutions."""

import numpy as np
import pytest

from quadrille.algo.integer import execute
from quadrille.algo.integer.variation import Variation, perturb
from quadrille.algo.spec import Conv2d
from quadrille.tb.networks import random_network


@pytest.mark.parametrize(
    "settings", [{}, {"weight_bits": 3, "cell_bits": 2}, {"residual": "projection"}, {"groups": 2}]
)
def test_convolutions_without_variation(settings):
    network = random_network(
        3, shape=(4, 6, 6), channels=(4, 6), adc_bits=3, exact_first=True, activation_bits=4, **settings
    )
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 6))
    expected, found = execute(network, images), execute(perturb(network, Variation(fraction_bits=4), 0), images)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_convolutions_against_loops():
    network = random_network(5, shape=(4, 5, 5), channels=(6,), groups=2, adc_bits=4, weight_bits=2, rows=9)
    varied = perturb(network, Variation(log_normal=0.3, offset=0.4, fraction_bits=4), 1)
    node = next(varied.of_kind(Conv2d))
    assert node.adc is not None
    tiles, slices, outputs = node.columns
    assert (tiles, slices, node.window.groups) == (2, 2, 2)
    image = np.random.default_rng(1).integers(0, 16, (4, 5, 5))
    codes = execute(varied, image[None])[node.name][0]
    wide, values = np.pad(image, ((0, 0), (1, 1), (1, 1))), node.cell_values()
    for t, s, o, y, x in np.ndindex(tiles, slices, outputs, 5, 5):
        group = o // (outputs // 2)
        under = wide[2 * group : 2 * group + 2, y : y + 3, x : x + 3].ravel().tolist()
        start = sum(node.tile_rows[:t])
        rows = range(start, start + node.tile_rows[t])
        total = sum((values[s, o, i] - node.reference(s)) * under[i] for i in rows)
        assert codes[t, s, o, y, x] == node.adc.code((t * slices + s) * outputs + o, total)
