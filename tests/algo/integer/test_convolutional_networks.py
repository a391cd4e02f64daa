"""Whole random networks of convolutions and residual blocks: in their intervals, in chunks, in a file."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer import Executor, execute, execution, read_network, write_network
from quadrille.algo.spec import InvalidInput, as_thresholds


def images_of(network, seed, count=4):
    interval = network.input.format.interval
    images = np.random.default_rng(seed).integers(
        interval.lo, interval.hi, (count, *network.input.shape), endpoint=True
    )
    images[0], images[1] = interval.lo, interval.hi
    return images


SETTINGS = st.fixed_dictionaries(
    {
        "shape": st.sampled_from([(3, 8, 8), (2, 7, 9)]),
        "channels": st.sampled_from([(4,), (4, 6), (2, 4, 4)]),
        "stride": st.integers(1, 2),
        "groups": st.sampled_from([1, 2, 4]),
        "residual": st.sampled_from([None, "subsample", "projection"]),
        "pool": st.sampled_from([None, "max", "sum"]),
        "signed": st.booleans(),
        "adc_bits": st.sampled_from([0, 3, 5]),
        "uniform": st.booleans(),
        "weight_bits": st.sampled_from([1, 3]),
        "cell_bits": st.sampled_from([1, 2]),
        "fill_rows": st.booleans(),
        "exact_first": st.booleans(),
        "row_sums": st.booleans(),
    }
)


@given(settings=SETTINGS, seed=st.integers(0, 2**32 - 1))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_every_value_lies_in_its_interval(make_convolutional_network, settings, seed):
    network = make_convolutional_network(Random(seed), **settings)
    for name, tensor in execute(network, images_of(network, seed)).items():
        edge = network.edges[name]
        assert tensor.shape[1:] == edge.shape
        assert int(tensor.min()) in edge.interval
        assert int(tensor.max()) in edge.interval
        assert edge.interval in edge.format.interval
        if edge.channels is not None:
            channels = tensor.reshape(len(tensor), len(edge.channels), -1)
            for c, interval in enumerate(edge.channels):
                assert int(channels[:, c].min()) in interval
                assert int(channels[:, c].max()) in interval


@pytest.fixture(params=["subsample", "projection", None])
def network(request, make_convolutional_network):
    settings = {"residual": request.param, "pool": "max" if request.param is None else "sum", "stride": 2}
    return make_convolutional_network(Random(1), adc_bits=3, channels=(4, 8), **settings)


def test_chunks_make_no_difference(network, monkeypatch):
    images = images_of(network, 2, 13)
    whole = execute(network, images)
    monkeypatch.setattr(execution, "CHUNK_BYTES", 1)
    executor = Executor(network)
    assert executor.chunk == 1
    parts = executor.run(images.astype(np.int16))
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)


def test_an_executor_gives_the_same_again(network):
    """Operations work in place on their own results only."""
    executor, images = Executor(network), images_of(network, 3, 5)
    first = executor.run(images)
    kept = executor.run(images, keep=[network.result.name])
    again = executor.run(images)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert np.array_equal(first[network.result.name], kept[network.result.name])


def test_files(network, tmp_path):
    path = write_network(network, tmp_path / "network")
    again = read_network(path)
    assert again == network
    assert write_network(again, tmp_path / "again").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("adc_bits", [0, 5])
def test_thresholds_for_mantissas(make_convolutional_network, adc_bits):
    """Rewritten layers have other codes; every other tensor is the same."""
    settings = {"rows": 64, "row_sums": False, "pool": "max", "argmax": False}
    network = make_convolutional_network(Random(4), adc_bits=adc_bits, **settings)
    rewritten, choices = as_thresholds(network, always=True)
    assert [choice.name for choice in choices] == ["layer1", "layer2"]
    assert all(choice.cheaper == (adc_bits == 5) for choice in choices)
    images = images_of(network, 4, 20)
    tensors, others = execute(network, images), execute(rewritten, images)
    for codes in ("conv1", "conv2"):
        assert not np.array_equal(tensors.pop(codes), others.pop(codes))
    assert all(np.array_equal(tensors[name], others[name]) for name in tensors)


def test_a_map_of_another_size(network):
    with pytest.raises(InvalidInput, match=r"^Images must have shape \[n, 3, 8, 8\], not \[2, 3, 8, 9\]$"):
        execute(network, np.zeros((2, 3, 8, 9), dtype=int))
