"""Coordinate networks: waves, fixed point, and a Network that is the same function."""

from fractions import Fraction
from math import inf, pi

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.data import CoordinateGrid, coordinates_of, drawn_picture, picture_shape, psnr
from quadrille.algo.integer import execute
from quadrille.algo.integer.activation import evaluate, every_code
from quadrille.algo.integer.network_file import read_network, write_network
from quadrille.algo.nn.inr import (
    WAVES,
    CoordinateNetwork,
    CoordinateSizes,
    Precision,
    differing_pixels,
    error_spectrum,
    find_wave,
    network_of,
    quadratic_wave,
    render,
    rendered,
    ssim,
    tangent_kernel_eigenvalues,
    wave_function,
)
from quadrille.algo.spec import IntFormat, InvalidInput, PiecewiseQuadratic

GRID = CoordinateGrid.covering((7, 9, 1))


def network(wave: str = "quad", grid: CoordinateGrid = GRID, hidden: int = 12, seed: int = 0) -> CoordinateNetwork:
    torch.manual_seed(seed)
    sizes = CoordinateSizes(len(grid.sizes), grid.channels, hidden, 2, grid.interval.hi)
    return CoordinateNetwork(sizes, wave, 20.0)


def codes_of(grid: CoordinateGrid) -> torch.Tensor:
    return torch.tensor(grid.codes(), dtype=torch.float32)


def test_the_wave_has_the_golden_values_and_its_period():
    u = torch.tensor([-1024, -700, -256, -100, -1, 0, 64, 100, 256, 300, 511, 512, 640, 1023]).double() / 256
    expected = [0, 238, -256, -161, -2, 0, 112, 161, 256, 248, 2, 0, -192, -2]
    assert torch.floor(quadratic_wave(u) * 256 + 0.5).tolist() == expected
    assert torch.allclose(quadratic_wave(u + 4), quadratic_wave(u))


def test_gradient_of_the_wave():
    u = torch.linspace(-5.9, 6.1, 41, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(quadratic_wave, (u,))


def test_the_wave_is_near_to_a_sine():
    u = torch.linspace(-4, 4, 1001, dtype=torch.float64)
    assert float((quadratic_wave(u) - torch.sin(pi * u / 2)).abs().max()) == pytest.approx(0.0560, abs=2e-4)


@pytest.mark.parametrize("fraction", [4, 6, 8])
def test_the_function_of_the_node_is_the_wave(fraction):
    function = wave_function("quad", IntFormat(fraction + 5, signed=True), fraction, IntFormat(8, signed=True), 7)
    codes = every_code(function)
    exact = quadratic_wave(torch.tensor(codes).double() / 2**fraction)
    expected = torch.floor(exact * 128 + 0.5).clamp(-128, 127)
    assert np.array_equal(evaluate(function, codes), expected.numpy())


@pytest.mark.parametrize("wave", sorted(WAVES))
def test_every_wave_trains(wave):
    model = network(wave)
    loss = model(codes_of(GRID)).square().mean()
    loss.backward()
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in model.parameters())
    before = model(codes_of(GRID)).detach()
    model.quantize(Precision.of(12), codes_of(GRID))
    assert float((model(codes_of(GRID)).detach() - before).abs().max()) < 0.05


def test_hidden_weights_start_within_the_bound_of_siren():
    model = network(hidden=64)
    scaled = model.effective(1).detach().abs().max()
    bound = 2 / pi * (6 / 64) ** 0.5
    assert 0.9 * bound < float(scaled) <= bound


@settings(derandomize=True, deadline=None, max_examples=12)
@given(
    bits=st.integers(4, 16),
    shape=st.sampled_from([(5, 6, 1), (4, 4, 3), (3, 4, 5, 1)]),
    hidden=st.integers(1, 20),
    seed=st.integers(0, 1000),
)
def test_the_network_equals_its_model_everywhere(bits, shape, hidden, seed):
    grid = CoordinateGrid.covering(shape)
    model = network("quad", grid, hidden, seed)
    model.quantize(Precision.of(bits), codes_of(grid))
    made = network_of(model, grid)
    assert set(differing_pixels(model, made, grid.codes()).values()) == {0}
    assert picture_shape(made)[-1] == shape[-1]


@pytest.mark.parametrize("bits", [8, 12])
def test_a_fitted_sine_equals_its_network_too(bits):
    model, other = network("sine"), network("sine")
    other.quantize(Precision.of(bits), codes_of(GRID))
    model.quantize(Precision.of(bits), codes_of(GRID), fitted=True)
    assert model.integral and not other.integral
    made = network_of(model, GRID)
    assert set(differing_pixels(model, made, GRID.codes()).values()) == {0}
    near = rendered(model.double(), GRID.codes()) - rendered(other.double(), GRID.codes())
    assert 0 < float(np.abs(near).max()) < 2**11 / 2**bits
    model.float()(codes_of(GRID)).sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())


def test_a_changed_network_is_found():
    model = network()
    model.quantize(Precision.of(12), codes_of(GRID))
    other = network(seed=1)
    other.quantize(Precision.of(12), codes_of(GRID))
    assert all(count > 0 for count in differing_pixels(model, network_of(other, GRID), GRID.codes()).values())


def test_formats_of_the_network():
    model = network()
    model.quantize(Precision.of(12), codes_of(GRID))
    made = network_of(model, GRID, name="p", notes={"picture": "drawn"})
    assert (made.name, made.notes["picture"], made.notes["grid"]) == ("p", "drawn", "7x9")
    assert made.edges["layer1"].format == IntFormat(12, signed=True)
    assert made.edges["pixels"].format == IntFormat(8)
    assert all(len(node.segments.flat) == 4 for node in made.of_kind(PiecewiseQuadratic))


def test_rendering_by_file(tmp_path):
    model = network()
    model.quantize(Precision.of(8), codes_of(GRID))
    made = read_network(write_network(network_of(model, GRID), tmp_path / "n.safetensors"))
    pixels = render(made)
    assert pixels.shape == (63, 1) and pixels.dtype == np.uint8
    assert np.array_equal(pixels, execute(made, coordinates_of(made))["pixels"])
    assert np.array_equal(pixels, np.floor(rendered(model.double(), GRID.codes()) + 0.5))


def test_sizes_of_more_rows_than_a_tile():
    model = network(hidden=130)
    model.quantize(Precision.of(12), codes_of(GRID))
    made = network_of(model, GRID)
    assert made.edges["layer2_codes"].shape[0] == 2
    assert set(differing_pixels(model, made, GRID.codes()).values()) == {0}


def test_positional_encoding_reaches_the_frequency():
    model = network("relu")
    assert model.octaves == 4
    assert model.linear[0].in_features == 2 * (1 + 2 * 4)
    assert find_wave("quad").octaves(20.0) == 0


def test_psnr_of_a_known_error():
    picture = np.zeros((12, 12, 1))
    assert psnr(picture, picture + 16) == pytest.approx(10 * np.log10(255**2 / 256))
    assert psnr(picture, picture) == inf
    assert psnr(picture, picture + 255) == 0


def test_ssim_of_equal_and_of_flat_pictures():
    picture = drawn_picture(24, colour=True)
    assert ssim(picture, picture) == pytest.approx(1.0)
    c1 = (0.01 * 255) ** 2
    flat = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert ssim(np.full((16, 16, 1), 100), np.full((16, 16, 1), 150)) == pytest.approx(flat)


def test_ssim_by_its_definition():
    generator = np.random.default_rng(0)
    x, y = (generator.integers(0, 256, (13, 12, 1)).astype(float) for _ in range(2))
    places = np.arange(11) - 5
    window = np.exp(-(places[:, None] ** 2 + places[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for top in range(3):
        for left in range(2):
            a, b = (each[top : top + 11, left : left + 11, 0] for each in (x, y))
            ma, mb = (window * a).sum(), (window * b).sum()
            va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
            cab = (window * (a - ma) * (b - mb)).sum()
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            values.append((2 * ma * mb + c1) * (2 * cab + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    assert ssim(x, y) == pytest.approx(np.mean(values))


def test_spectrum_of_a_grating_is_one_ring():
    x = np.arange(16)
    grating = 8 * np.cos(2 * np.pi * 3 * x / 16)[None, :, None] * np.ones((16, 1, 1))
    power = error_spectrum(grating, np.zeros((16, 16, 1)))
    assert power[3] == pytest.approx(32.0) and power.sum() == pytest.approx(32.0)
    assert power.shape == (9,)


def test_kernel_of_a_linear_model_is_known():
    grid = CoordinateGrid.covering((3, 3, 1))
    values = tangent_kernel_eigenvalues(network("quad", grid), grid)
    assert values.shape == (9,) and values[0] == 1.0
    assert np.all(np.diff(values) <= 1e-12) and np.all(values >= 0)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: find_wave("cosine"), r"^Activation of a coordinate network must be one of quad, .*, not 'cosine'$"),
        (lambda: Precision.of(3), r"^Weights of a coordinate network must have from 4 to 16 bits, not 3$"),
        (lambda: Precision(8, 17, 17), r"^Activations of a coordinate network must have from 4 to 16 bits, not 17$"),
        (lambda: Precision(8, 8, 6), r"^Fraction of a wave's argument must have from 7 to 20 bits, not 6$"),
        (
            lambda: CoordinateSizes(2, 1, 8, 0, 9),
            r"^Hidden layers of a coordinate network must be a positive integer, not 0$",
        ),
        (
            lambda: CoordinateNetwork(CoordinateSizes(2, 1, 8, 1, 9), "quad", 0.0),
            r"^Frequency of a coordinate network must be positive, not 0.0$",
        ),
        (
            lambda: network_of(network("gauss"), GRID),
            r"^Wave of a coordinate network must be one of quad, sine to have a Network, not gauss$",
        ),
        (
            lambda: psnr(np.zeros((2, 2, 1)), np.zeros((2, 3, 1))),
            r"^Pictures to compare must have one shape \(height, width, channels\) or ",
        ),
        (
            lambda: ssim(np.zeros((9, 20, 1)), np.zeros((9, 20, 1))),
            r"^Pictures must have 11 x 11 pixels or more for SSIM, not \[9, 20, 1\]$",
        ),
        (
            lambda: error_spectrum(np.zeros((4, 5, 1)), np.zeros((4, 5, 1))),
            r"^Spectrum must be of a square picture, not one of shape \[4, 5, 1\]$",
        ),
        (
            lambda: tangent_kernel_eigenvalues(network(), CoordinateGrid.covering((65, 65, 1))),
            r"^Tangent kernel must be of at most 4096 points, not 4225$",
        ),
    ],
)
def test_refused(action, message):
    with pytest.raises(InvalidInput, match=message):
        action()


def test_scales_are_exact_fractions():
    model = network()
    model.quantize(Precision.of(12), codes_of(GRID))
    scale = Fraction(float(model.double().weights(0).scale(model.effective(0))[0]))
    assert scale.denominator & (scale.denominator - 1) == 0
