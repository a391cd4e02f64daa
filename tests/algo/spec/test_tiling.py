"""Row tiles chosen anew: fewer of them, the same results."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from quadrille.algo.integer.execution import execute
from quadrille.algo.spec import Conv2d, Dequantize, IntTensor, InvalidInput, Linear, Network, retile, whole_weights
from quadrille.tb.networks import random_network


def even(network: Network) -> Network:
    """`network` with the mantissas of the first tile for all tiles."""

    def first(node: Dequantize) -> Dequantize:
        tables = {"mantissa": node.mantissa, "sum_mantissa": node.sum_mantissa}
        return replace(
            node,
            **{
                name: replace(table, data=table.data[: len(table.data) // table.shape[0]] * table.shape[0])
                for name, table in tables.items()
                if table is not None
            },
        )

    return replace(network, nodes=tuple(first(n) if isinstance(n, Dequantize) else n for n in network.nodes))


def drawn(seed: int, **options: object) -> Network:
    shape = {"shape": (6, 5, 5), "channels": (7, 9), "weight_bits": 3, "cell_bits": 2, "rows": 20}
    return random_network(Random(seed).randrange(1000), **shape | options)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("row_sums", [True, False])
@pytest.mark.parametrize("rows", [9, 21, 31, 64])
def test_results_stay(rows: int, row_sums: bool) -> None:
    network = even(drawn(rows, row_sums=row_sums))
    changed, changes = retile(network, rows)
    assert changes
    images = np.random.default_rng(1).integers(0, 16, (20, *network.input.shape))
    before, after = execute(network, images), execute(changed, images)
    for node in network.nodes:
        if node.kind not in ("linear", "conv2d", "row-sum"):
            assert np.array_equal(before[node.name], after[node.name]), node.name
    for change in changes:
        layer = changed.node(change.name)
        assert isinstance(layer, Linear | Conv2d) and layer.tile_rows == change.after
        assert max(change.after) <= rows and sum(change.after) == sum(change.before)
        assert len(change.after) < len(change.before) or max(change.before) > rows


def test_fills_rows_only_where_that_saves_a_tile() -> None:
    network = even(drawn(1, row_sums=False))
    _, changes = retile(network, 28)
    forms = {change.name: change.after for change in changes}
    # 54 rows: two tiles of 27 as well as 28 + 26; 63 rows: three either way; both stay with whole kernels.
    assert forms["conv1"] == (27, 27) and forms["conv2"] == (27, 27, 9)
    _, changes = retile(network, 32)
    assert {change.name: change.after for change in changes}["conv2"] == (32, 31)


def test_tiles_that_count_stay() -> None:
    network = drawn(2)  # each tile has mantissas of its own
    assert retile(network, 200) == (network, ())
    converted = even(drawn(3, adc_bits=4))
    assert retile(converted, 200) == (converted, ())


def test_rows_are_positive() -> None:
    with pytest.raises(InvalidInput, match=r"^Rows of a macro must be a positive integer, not 0$"):
        retile(drawn(1), 0)


def in_ratio(network: Network) -> Network:
    """`network` with mantissas in the ratio of the places of the slices."""
    nodes = {node.name: node for node in network.nodes}
    for node in network.nodes:
        if isinstance(node, Linear | Conv2d):
            dequantize = network.readers(node.name)[0]
            assert isinstance(dequantize, Dequantize)
            tiles, slices, outputs = dequantize.mantissa.shape
            whole = np.array(dequantize.mantissa.flat).reshape(tiles, slices, outputs)[:, :1] % 97 - 48
            places = np.array([node.encoding.place(s) for s in range(slices)])[:, np.newaxis]
            table = IntTensor.of((whole * places).reshape(-1).tolist(), (tiles, slices, outputs))
            nodes[dequantize.name] = replace(dequantize, mantissa=table)
    return replace(network, nodes=tuple(nodes.values()))


@pytest.mark.parametrize(("weight_bits", "cell_bits"), [(1, 1), (3, 2), (4, 1), (8, 3)])
def test_whole_weights_change_no_result(weight_bits: int, cell_bits: int) -> None:
    network = in_ratio(drawn(3, weight_bits=weight_bits, cell_bits=cell_bits))
    whole = whole_weights(network)
    assert all(node.encoding.slices == 1 for node in whole.nodes if isinstance(node, Linear | Conv2d))
    images = np.random.default_rng(1).integers(0, 16, (10, *network.input.shape))
    before, after = execute(network, images), execute(whole, images)
    for node in network.nodes:
        if node.kind not in ("linear", "conv2d"):
            assert np.array_equal(before[node.name], after[node.name]), node.name


def test_networks_of_converters_have_no_whole_weights() -> None:
    network = drawn(1)
    ratio = r"^Node '.*': an array of multipliers needs mantissas in the ratio of the slices' places$"
    with pytest.raises(InvalidInput, match=ratio):
        whole_weights(network)
    bare = Network("bare", network.nodes[:2])
    with pytest.raises(
        InvalidInput, match=r"^Node '.*': an array of multipliers needs one dequantize node to read it$"
    ):
        whole_weights(bare)
    with pytest.raises(InvalidInput, match=r"^Node '.*': an array of multipliers needs exact sums, not an ADC$"):
        whole_weights(drawn(1, adc_bits=4))
