"""Perturbed networks: their integers by the letter of the equations, their distributions, their streams."""

import dataclasses
from fractions import Fraction
from math import ceil, erf, exp, log, pi, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer import array_of, execute, read_network, tensor_of, write_network
from quadrille.algo.integer.cim import adc_codes, column_sums, stored_cells
from quadrille.algo.integer.variation import LEAST_GAIN, Variation, varied_nodes
from quadrille.algo.integer.variation import perturb as perturb_network
from quadrille.algo.spec import Adc, Conductance, Input, IntFormat, IntTensor, InvalidInput, Linear, Network


def perturb(*arguments: Any) -> Any:
    """The perturbed network, whose nodes are matrices wherever a test asks for one."""
    return perturb_network(*arguments)


def layer(digit=1, *, rows=128, outputs=128, weight_bits=1, cell_bits=1, adc_bits=3) -> Any:
    """A network of one layer whose every weight is stored as one cell of value `digit`."""
    weight = 2 * digit - 1 if weight_bits == 1 else digit - (1 << (weight_bits - 1))
    ladder = np.arange(-30, 30, 60 // ((1 << adc_bits) - 1))[: (1 << adc_bits) - 1]
    node = Linear(
        name="fc",
        inputs=("image",),
        weight=tensor_of(np.full((outputs, rows), weight), "int8"),
        weight_bits=weight_bits,
        cell_bits=cell_bits,
        tile_rows=(rows,),
        adc=Adc(adc_bits, 0, tensor_of(np.broadcast_to(ladder, (1, 1, outputs, len(ladder))))),
    )
    return Network("one", (Input(name="image", shape=(rows,), format=IntFormat(4)), node))


def levels(network):
    """The cells of `layer` in levels."""
    node = network.node("fc")
    return array_of(node.conductance.values).ravel() / (1 << node.fraction_bits)


def close(sample, mean, deviation):
    """Whether mean and deviation of `sample` are these, within 4.5 standard errors."""
    kurtosis = np.mean((sample - sample.mean()) ** 4) / sample.var() ** 2
    error = deviation / sqrt(len(sample))
    assert abs(sample.mean() - mean) < 4.5 * error
    assert abs(sample.std() / deviation - 1) < 4.5 * sqrt((kurtosis - 1) / 4 / len(sample))


def normal(x):
    return (1 + erf(x / sqrt(2))) / 2


def rounded(below, fraction_bits):
    """Mean and deviation of `floor(g*2**f + 1/2) / 2**f` for the distribution function `below` of g."""
    edges = [(k - 0.5) / (1 << fraction_bits) for k in range(257)]
    share = np.diff([0.0, *(below(edge) for edge in edges[1:256]), 1.0])
    values = np.arange(256) / (1 << fraction_bits)
    mean = float((values * share).sum())
    return mean, sqrt(float((values**2 * share).sum()) - mean**2)


@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.1, 0.25])
@pytest.mark.parametrize("fraction_bits", [3, 5])
def test_log_normal_cells(sigma, fraction_bits):
    network = perturb(layer(), Variation(log_normal=sigma, fraction_bits=fraction_bits), 1)
    sample = levels(network)
    mean, deviation = rounded(lambda g: normal(log(g) / sigma) if g > 0 else 0.0, fraction_bits)
    if deviation < 1e-3:
        assert (sample == 1).mean() > 0.999  # far less than half a unit: it vanishes
        return
    close(sample, mean, deviation)
    true_mean = exp(sigma**2 / 2)
    true_variance = true_mean**2 * (exp(sigma**2) - 1)
    unit = 1 / (1 << fraction_bits)
    if sqrt(true_variance) >= unit:
        assert mean == pytest.approx(true_mean, abs=unit / 1000)
        assert deviation**2 == pytest.approx(true_variance + unit**2 / 12, rel=0.01)


@pytest.mark.parametrize(("digit", "bits", "sigma"), [(1, 1, 0.15), (2, 2, 0.3), (9, 4, 0.5)])
def test_gaussian_cells(digit, bits, sigma):
    node = layer(digit, weight_bits=bits, cell_bits=bits)
    sample = levels(perturb(node, Variation(gaussian=sigma, fraction_bits=4), 2))
    close(sample, *rounded(lambda g: normal((g - digit) / sigma), 4))
    assert sample.mean() == pytest.approx(digit, abs=0.02)


def test_cells_at_nothing():
    assert not levels(perturb(layer(0), Variation(log_normal=0.25), 3)).any()
    sample = levels(perturb(layer(0), Variation(gaussian=0.2, fraction_bits=7), 3))
    assert sample.min() == 0
    assert sample.mean() == pytest.approx(0.2 / sqrt(2 * pi), rel=0.02)


def test_log_normal_cells_scale_with_their_digit():
    one, nine = (
        levels(perturb(layer(d, weight_bits=4, cell_bits=4), Variation(log_normal=0.1, fraction_bits=4), 4))
        for d in (1, 9)
    )
    close(nine, *rounded(lambda g: normal(log(g / 9) / 0.1) if g > 0 else 0.0, 4))
    assert np.abs(nine - 9 * one).max() <= 9.5 / 16


@pytest.mark.parametrize(("zero", "one"), [(0.1, 0.0), (0.0, 0.1), (0.02, 0.07), (0.4, 0.6)])
def test_stuck_cells(zero, one):
    network = layer(1, weight_bits=2, cell_bits=2)
    sample = levels(perturb(network, Variation(stuck_at_zero=zero, stuck_at_one=one), 5))
    assert set(sample) <= {0, 1, 3}
    for share, value in ((zero, 0), (one, 3), (1 - zero - one, 1)):
        error = sqrt(max(share * (1 - share), 0) / len(sample))
        assert abs((sample == value).mean() - share) <= 4.5 * error + 1e-12


def test_a_stuck_cell_does_not_vary():
    sample = levels(perturb(layer(), Variation(log_normal=0.2, gaussian=0.2, stuck_at_one=1), 6))
    assert (sample == 1).all()


def test_what_no_cell_holds_is_clipped():
    values = levels(perturb(layer(15, weight_bits=4, cell_bits=4), Variation(gaussian=9, fraction_bits=4), 7))
    assert (values.min(), values.max()) == (0, 255 / 16)


@given(
    weight_bits=st.integers(1, 8),
    cell_bits=st.integers(1, 4),
    adc_bits=st.integers(1, 4),
    fraction_bits=st.integers(0, 7),
    source=st.sampled_from(["u1", "u4", "s4"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(derandomize=True, deadline=None, max_examples=80)
def test_without_variation_every_integer_stays(make_network, weight_bits, cell_bits, adc_bits, fraction_bits, **draw):
    seed, source = draw["seed"], draw["source"]
    network = make_network(
        seed=seed, weight_bits=weight_bits, cell_bits=cell_bits, adc_bits=adc_bits, source=source, hidden=source
    )
    fraction_bits = min(fraction_bits, 8 - min(cell_bits, weight_bits))
    still = perturb(network, Variation(fraction_bits=fraction_bits), seed)
    images = np.random.default_rng(seed).integers(0, 1 << int(source[1]) - (source[0] == "s"), (16, 12))
    expected, found = execute(network, images), execute(still, images)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    for name in ("linear0", "linear1"):
        before, after = network.node(name), still.node(name)
        assert after.cell_values().tolist() == (stored_cells(before) << fraction_bits).tolist()
        inputs = np.random.default_rng(seed).integers(0, 9, (5, before.rows))
        assert (column_sums(after, inputs) == column_sums(before, inputs) << fraction_bits).all()


@given(
    weight_bits=st.integers(1, 6),
    cell_bits=st.integers(1, 3),
    fraction_bits=st.integers(0, 5),
    seed=st.integers(0, 2**32 - 1),
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_a_layer_against_loops(make_network, weight_bits, cell_bits, fraction_bits, seed):
    network = make_network(seed=seed, sizes=(9, 4), tile_rows=4, weight_bits=weight_bits, cell_bits=cell_bits)
    varied = perturb(
        network, Variation(log_normal=0.3, gaussian=0.2, offset=1, gain=0.2, fraction_bits=fraction_bits), seed
    )
    node, encoding = varied.node("linear0"), varied.node("linear0").encoding
    images = np.random.default_rng(seed).integers(0, 16, (3, 9))
    images[0] = 15
    sums = column_sums(node, images)
    values = node.cell_values()
    columns = iter(node.column_intervals(varied.input.format.interval))
    codes = adc_codes(node, sums)
    for t, (start, rows) in enumerate(zip((0, 4, 8), node.tile_rows, strict=True)):
        for s in range(encoding.slices):
            for o in range(4):
                interval, ladder = next(columns), node.adc.thresholds.view
                for n, image in enumerate(images.tolist()):
                    cells = sum(values[s, o, i] * image[i] for i in range(start, start + rows))
                    reference = (encoding.reference_weight(s) << fraction_bits) * sum(image[start : start + rows])
                    total = encoding.gain(s) * cells - reference
                    assert sums[n, t, s, o] == total
                    assert total in interval
                    passed = sum(total >= ladder[t, s, o, j] for j in range(7))
                    assert codes[n, t, s, o] == node.adc.low + passed


def test_thresholds_by_the_equation(make_network):
    """The converter's errors, drawn from the streams that the docstring names, in exact fractions."""
    network = make_network(adc_bits=3)
    variation = Variation(offset=0.5, gain=0.1, fraction_bits=4)
    varied = perturb(network, variation, 11)
    for place, node in enumerate(network.nodes):
        if node not in varied_nodes(network):
            continue
        offset, gain = (
            np.random.default_rng(np.random.SeedSequence(11, spawn_key=(place, kind))).standard_normal(node.columns)
            for kind in (3, 4)
        )
        before, after = array_of(node.adc.thresholds), array_of(varied.node(node.name).adc.thresholds)
        for column in np.ndindex(*node.columns):
            ladder = before[column].tolist()
            step = Fraction(ladder[-1] - ladder[0], 6)
            factor = 1 + Fraction(0.1 * gain[column])
            moved = Fraction(0.5 * offset[column]) * step
            points = [(threshold - Fraction(1, 2) - moved) / factor * 16 for threshold in ladder]
            assert after[column].tolist() == [ceil(point) for point in points]


def test_a_gain_never_turns_a_ladder_over():
    after = perturb(layer(), Variation(gain=5), 1).node("fc").adc
    ladders = array_of(after.thresholds)
    assert (np.diff(ladders, axis=-1) >= 0).all()
    assert ladders[..., -1].max() == ceil(8 * (array_of(layer().node("fc").adc.thresholds).max() - 0.5) / LEAST_GAIN)


def test_offsets_and_gains_are_of_the_stated_size():
    network = layer(rows=4, outputs=4000)
    before = array_of(network.node("fc").adc.thresholds)[0, 0]
    step = (before[0, -1] - before[0, 0]) / 6
    after = array_of(perturb(network, Variation(offset=0.5, fraction_bits=6), 8).node("fc").adc.thresholds)[0, 0]
    close((before[:, 3] - 0.5 - after[:, 3] / 64) / step, 0.0, 0.5)
    after = array_of(perturb(network, Variation(gain=0.05, fraction_bits=6), 8).node("fc").adc.thresholds)[0, 0]
    close((before[:, 0] - 0.5) / (after[:, 0] / 64) - 1, 0.0, 0.05)


ALL = Variation(log_normal=0.2, gaussian=0.1, stuck_at_zero=0.02, stuck_at_one=0.01, offset=0.5, gain=0.05)


def test_the_same_seed_gives_the_same_network(make_network, tmp_path):
    network = make_network()
    varied = perturb(network, ALL, 5)
    assert varied == perturb(network, ALL, 5)
    assert varied != perturb(network, ALL, 6)
    assert varied.notes["variation"] == (
        "log normal 0.2, gaussian 0.1, stuck at zero 0.02, stuck at one 0.01, offset 0.5, gain 0.05 "
        "(3 fraction bits), seed 5"
    )
    assert read_network(write_network(varied, tmp_path / "varied.safetensors")) == varied
    # Pinned: the integers of a seed are part of the format, whatever numpy comes.
    assert varied.node("linear0").cell_values().tolist()[0][0] == PINNED


PINNED = [9, 6, 6, 0, 0, 1, 0, 0, 0, 0, 11, 8]


@pytest.mark.parametrize("kind", ["log_normal", "gaussian", "stuck_at_zero", "offset", "gain"])
def test_kinds_have_streams_of_their_own(make_network, kind):
    network = make_network()
    alone = Variation(log_normal=0.2)
    both = dataclasses.replace(alone, **{kind: getattr(ALL, kind)})
    first, second = (perturb(network, variation, 5).node("linear1") for variation in (alone, both))
    if kind in ("offset", "gain"):
        assert first.conductance == second.conductance
        assert first.adc != second.adc
    elif kind == "stuck_at_zero":
        kept = array_of(second.conductance.values) > 0
        assert (array_of(first.conductance.values)[kept] == array_of(second.conductance.values)[kept]).all()
        assert first.adc == second.adc


def test_layers_vary_on_their_own(make_network):
    network = make_network(sizes=(12, 9, 5))
    exact = Network("x", tuple(dataclasses.replace(n, adc=None) if n.name == "linear0" else n for n in network.nodes))
    varied, half = perturb(network, ALL, 5), perturb(exact, ALL, 5)
    assert [node.name for node in varied_nodes(exact)] == ["linear1"]
    assert half.node("linear0") == exact.node("linear0")
    assert half.node("linear1") == varied.node("linear1")


def test_refusals(make_network):
    for noun in ("log normal", "gaussian", "stuck at zero", "stuck at one", "offset", "gain"):
        for value in (-0.1, float("nan"), float("inf")):
            sentence = rf"^Variation {noun} must be a finite number of 0 or more, not {value}$"
            fields: dict[str, Any] = {noun.replace(" ", "_"): value}
            with pytest.raises(InvalidInput, match=sentence):
                Variation(**fields)
    with pytest.raises(InvalidInput, match=r"^Stuck cells must be a share of at most 1, not 1\.5$"):
        Variation(stuck_at_zero=0.75, stuck_at_one=0.75)
    with pytest.raises(InvalidInput, match=r"^Fraction bits of a variation must be from 0 to 7, not 8$"):
        Variation(fraction_bits=8)
    network = make_network()
    with pytest.raises(InvalidInput, match=r"^Seed must be 0 or more, not -1$"):
        perturb(network, ALL, -1)
    with pytest.raises(InvalidInput, match=r"^Network 'random' must have a layer with an ADC to vary, and has none$"):
        perturb(make_network(adc_bits=0), ALL, 0)
    sentence = r"^Node 'linear0' must hold the digits of its weights to vary, and holds conductances$"
    with pytest.raises(InvalidInput, match=sentence):
        perturb(perturb(network, ALL, 0), ALL, 0)
    sentence = r"^Node 'linear0' must vary with at most 4 fraction bits, as its cells have 4 bits, not 5$"
    with pytest.raises(InvalidInput, match=sentence):
        perturb(make_network(weight_bits=4, cell_bits=4), Variation(fraction_bits=5), 0)
    sentence = r"^Node 'linear0' must have an ADC of 2 or more bits for an offset in its steps$"
    with pytest.raises(InvalidInput, match=sentence):
        perturb(make_network(adc_bits=1), Variation(offset=0.5), 0)
    wide = layer(rows=1, outputs=1, adc_bits=1)
    node = dataclasses.replace(wide.node("fc"), adc=Adc(1, 0, IntTensor.of([-(1 << 44)], (1, 1, 1, 1))))
    with pytest.raises(InvalidInput, match=r"^Node 'fc' must have thresholds of 44 bits to vary, not more$"):
        perturb(Network("wide", (wide.nodes[0], node)), Variation(), 0)
    with pytest.raises(InvalidInput, match=r"^Inputs must have 12 elements"):
        column_sums(perturb(network, ALL, 0).node("linear0"), np.zeros((1, 3), dtype=int))


def test_conductances_of_any_type():
    node = layer(rows=2, outputs=1, adc_bits=1).node("fc")
    sums = [
        column_sums(
            dataclasses.replace(node, conductance=Conductance(IntTensor.of([7, 100], (1, 1, 2), dtype), 3)),
            np.array([[1, 2]]),
        ).tolist()
        for dtype in ("int8", "int64")
    ]
    assert sums == [[[[[2 * 207 - 24]]]]] * 2
