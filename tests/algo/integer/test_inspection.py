"""What a Network says of itself."""

import json

import numpy as np

from quadrille.algo.integer import array_of, describe, execute


def test_description(make_network):
    network = make_network(weight_bits=3, cell_bits=2, adc_bits=1, tile_rows=5)
    description = describe(network)
    assert json.loads(json.dumps(description)) == description
    assert description["notes"] == {"accuracy": "0.1", "recipe": "none"}
    assert [node["kind"] for node in description["nodes"]] == [node.kind for node in network.nodes]
    assert description["totals"] == {
        "nodes": 8,
        "products": 12 * 9 + 9 * 5,
        "cells": 2 * (12 * 9 + 9 * 5),
        "codes": 3 * 2 * 9 + 2 * 2 * 5,
        "table_bytes": sum(
            np.prod(table["shape"]) * np.dtype(table["dtype"]).itemsize
            for node in description["nodes"]
            for table in node["tables"].values()
        ),
    }
    linear, values = description["nodes"][1], description["nodes"][3]
    assert linear["tiles"] == [5, 5, 2]
    assert linear["slices"] == [1, 2]
    assert linear["adc"]["bits"] == 1
    assert linear["adc"]["multiply_shift"]["shift"] >= 0
    assert set(linear["tables"]) == {"weight", "adc.thresholds"}
    weight = array_of(network.nodes[1].weight)
    assert linear["tables"]["weight"]["interval"] == [weight.min(), weight.max()]
    low, high = values["accumulator"]["interval"]
    assert -(2 ** (values["accumulator"]["bits"] - 1)) <= low <= high < 2 ** (values["accumulator"]["bits"] - 1)


def test_intervals_hold_what_occurs(make_network):
    network = make_network(adc_bits=0)
    tensors = execute(network, np.random.default_rng(0).integers(0, 16, (500, 12)))
    for node in describe(network)["nodes"]:
        low, high = node["interval"]
        assert low <= tensors[node["name"]].min()
        assert tensors[node["name"]].max() <= high
        assert "adc" not in node or node["adc"] is None
