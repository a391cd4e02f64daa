"""Perturbed cells in training: the same devices as algo.integer.variation, fresh in every step, unseen backward."""

from math import exp, sqrt

import pytest
import torch

from quadrille.algo.integer.sweep import sweep
from quadrille.algo.integer.variation import Variation
from quadrille.algo.nn import CimLinear, Phase, Recipe, cim_mlp, convert, float_mlp, train
from quadrille.algo.nn.variation import CellVariation, vary_factors
from quadrille.algo.quant import BinaryWeights, ColumnWeights, PartialSumQuantizer, PerChannel, slice_factors
from quadrille.algo.spec import CellEncoding, InvalidInput

ALL = Variation(log_normal=0.2, gaussian=0.1, stuck_at_zero=0.05, stuck_at_one=0.05)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def factors_of(encoding, outputs=40, rows=300):
    span = encoding.interval
    weights = torch.randint(span.lo, span.hi + 1, (outputs, rows)).double()
    return slice_factors(torch.where(weights < 0, -1.0, 1.0).double() if encoding.binary else weights, encoding)


def digits_of(factors, encoding):
    slices = range(encoding.slices)
    return torch.stack([(factors[s] + encoding.reference_weight(s)) / encoding.gain(s) for s in slices])


ENCODINGS = [CellEncoding(1), CellEncoding(3, 1), CellEncoding(4, 2), CellEncoding(5, 2)]


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_nothing_varies_without_variation(encoding):
    factors = factors_of(encoding)
    assert torch.equal(vary_factors(factors, encoding, Variation(), 1), factors)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_log_normal_cells(encoding):
    factors = factors_of(encoding)
    before, after = (
        digits_of(factors, encoding),
        digits_of(vary_factors(factors, encoding, Variation(log_normal=0.2), 1), encoding),
    )
    assert torch.allclose(after[before == 0], torch.zeros(1, dtype=torch.double), atol=1e-12)
    theta = torch.log(after[before > 0] / before[before > 0])
    error = 0.2 / sqrt(len(theta))
    assert abs(float(theta.mean())) < 4 * error
    assert abs(float(theta.std()) - 0.2) < 4 * error
    mean = float((after[before > 0] / before[before > 0]).mean())
    assert mean == pytest.approx(exp(0.02), abs=5 * error)


def test_gaussian_cells_are_never_negative():
    encoding = CellEncoding(4, 2)
    factors = factors_of(encoding)
    before = digits_of(factors, encoding)
    after = digits_of(vary_factors(factors, encoding, Variation(gaussian=0.3), 2), encoding)
    assert after.min() == 0
    noise = (after - before)[before == 3]
    assert abs(float(noise.mean())) < 4 * 0.3 / sqrt(len(noise))
    assert float(noise.std()) == pytest.approx(0.3, abs=4 * 0.3 / sqrt(len(noise)))


def test_stuck_cells():
    encoding = CellEncoding(4, 2)
    after = digits_of(
        vary_factors(factors_of(encoding), encoding, Variation(stuck_at_zero=0.25, stuck_at_one=0.75), 3), encoding
    )
    assert set(after.unique().tolist()) == {0.0, 3.0}
    assert float((after == 0).double().mean()) == pytest.approx(0.25, abs=0.02)


def test_the_gradient_does_not_see_the_noise():
    encoding = CellEncoding(4, 2)
    factors = factors_of(encoding).requires_grad_()
    slope = torch.randn_like(factors)
    (vary_factors(factors, encoding, ALL, 1) * slope).sum().backward()
    assert factors.grad is not None and torch.equal(factors.grad, slope)


def test_noise_is_of_its_seed():
    factors = factors_of(CellEncoding(1))
    state = torch.random.get_rng_state()
    first, again, other = (vary_factors(factors, CellEncoding(1), ALL, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("bits", [1, 4])
def test_a_layer_computes_with_the_cells_of_a_step(bits):
    weights = BinaryWeights(PerChannel(0)) if bits == 1 else ColumnWeights((6, 20), bits=4, cell_bits=2, tile_rows=8)
    layer = CimLinear(20, 6, weights, tile_rows=8, adc=PartialSumQuantizer(4, (3, weights.encoding.slices, 6)))
    code = torch.randint(0, 16, (5, 20)).float()
    assert layer.adc is not None
    layer.adc.calibrate(layer.exact_sums(code))
    still = layer.exact_sums(code)
    layer.perturbation = CellVariation(ALL)(layer, 7)
    sums = layer.exact_sums(code)
    assert torch.equal(sums, layer.exact_sums(code))
    assert not torch.equal(sums, still)
    integer = layer.integers().float()
    factors = vary_factors(slice_factors(integer, layer.encoding), layer.encoding, ALL, 7)
    for t, begin in enumerate((0, 8, 16)):
        rows = slice(begin, min(begin + 8, 20))
        expected = torch.einsum("nr,sor->nso", code[:, rows], factors[..., rows])
        assert torch.allclose(sums[:, t], expected, atol=1e-3)


def test_refusals():
    sentence = r"^Variation in training must be of cells alone, not offset 0\.5 \(3 fraction bits\)$"
    with pytest.raises(InvalidInput, match=sentence):
        CellVariation(Variation(offset=0.5))


@pytest.fixture(scope="module")
def trained():
    """Networks of the same budget, without and with cells that vary in the last phase, and the data they know."""
    networks = {}
    for sigma in (0.0, 0.25):
        perturbation = CellVariation(Variation(log_normal=sigma)) if sigma else None
        phases = (
            Phase(epochs=4, learning_rate=1e-2, converters=False),
            Phase(epochs=2, learning_rate=5e-3, converters=True),
            Phase(epochs=4, learning_rate=5e-3, converters=True, perturbation=perturbation),
        )
        recipe = Recipe(
            name="small",
            summary="64-48-10",
            data="digits",
            network=lambda: cim_mlp((8, 8), (48, 10), adc_bits=5, tile_rows=64),
            twin=lambda: float_mlp((8, 8), (48, 10)),
            phases=phases,
        )
        networks[sigma] = train(recipe, seed=0, twin=False)
    return networks


def test_training_with_variation_helps_under_variation(trained):
    """The same epochs, rates and seed: with noise in the last four, devices that differ by 0.3 do less harm."""
    data = trained[0.0].data
    means = {}
    for sigma, result in trained.items():
        network = convert(result.network, data.train_images).network
        (point,) = sweep(network, data.held_out_images, data.held_out_labels, values=(0.3,), seeds=range(6))
        means[sigma] = point.mean
    assert means[0.25] > means[0.0] + 0.02


def test_training_leaves_no_perturbation_behind(trained):
    for result in trained.values():
        assert [layer.perturbation for layer in result.network.layers] == [None, None]
