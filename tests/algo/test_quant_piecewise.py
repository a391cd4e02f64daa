"""Functions as torch activations: the integers of the function forward, its derivative backward."""

import math
from typing import cast

import numpy as np
import pytest
import torch

from quadrille.algo.functions import NAMES, WAVES, fit, named, usual_formats, wave
from quadrille.algo.integer.activation import evaluate, every_code
from quadrille.algo.quant import PiecewiseQuadraticActivation
from quadrille.algo.quant.piecewise import stage_slope
from quadrille.algo.spec import (
    Clamp,
    Cordic,
    Function,
    IntFormat,
    InvalidInput,
    Polynomial,
    Product,
    Rectify,
    Round,
    Scale,
    Segment,
    Square,
    Stage,
    Wrap,
)

S8, S12, S16 = (IntFormat(bits, signed=True) for bits in (8, 12, 16))


def usual(name: str, bits: int) -> Function:
    formats = usual_formats(name, bits)
    if name in WAVES:
        return wave(name, formats.input, formats.output, formats.input_fraction, formats.output_fraction)
    return fit(
        name,
        formats.input,
        formats.output,
        input_fraction=formats.input_fraction,
        output_fraction=formats.output_fraction,
    ).function


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_forward_is_the_integer_function(name: str, dtype: torch.dtype) -> None:
    function = usual(name, 8)
    codes = every_code(function)
    module = PiecewiseQuadraticActivation(function)
    found = module(torch.from_numpy(codes).to(dtype) / 2**function.input_fraction)
    expected = evaluate(function, codes) / 2**function.output_fraction
    assert found.dtype == dtype and found.numpy().tolist() == expected.tolist()
    assert module.to_function() is function


def test_forward_rounds_half_up_and_saturates() -> None:
    module = PiecewiseQuadraticActivation(usual("tanh", 8))
    step = 2.0**-5
    x = torch.tensor([0.5 * step, -0.5 * step, 1.49 * step, 100.0, -100.0])
    expected = evaluate(module.function, [1, 0, 1, 127, -128]) / 2**7
    assert module(x).tolist() == expected.tolist()


def test_shape_is_kept() -> None:
    module = PiecewiseQuadraticActivation(usual("quad", 8))
    assert module(torch.zeros(2, 3, 4)).shape == (2, 3, 4)
    assert list(module.state_dict()) == [] and "quad, s8 to s8" in repr(module)


def test_wave_has_the_gradient_of_its_parabolas() -> None:
    function = wave("quad", S16, IntFormat(14, signed=True), 10, 12)
    x = torch.tensor(every_code(function)[::7] / 1024, requires_grad=True)
    PiecewiseQuadraticActivation(function)(x).sum().backward()
    u = torch.remainder(x.detach() + 2, 4) - 2
    assert x.grad is not None and torch.equal(x.grad, 2 - 2 * u.abs())


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu", "silu", "softplus", "gauss", "mish", "sin", "exp"])
def test_gradient_is_near_the_real_derivative(name: str) -> None:
    function = usual(name, 12)
    x = torch.tensor(every_code(function) / 2**function.input_fraction, requires_grad=True)
    PiecewiseQuadraticActivation(function)(x).sum().backward()
    assert x.grad is not None
    scalar, h = named(name), 1e-5
    exact = np.array([(scalar(v + h) - scalar(v - h)) / (2 * h) for v in x.tolist()])
    y = evaluate(function, every_code(function))
    inner = (y > function.output.interval.lo) & (y < function.output.interval.hi)
    # A quadratic within a unit of the function over a segment may lean by some units over its length.
    assert np.abs(x.grad.numpy() - exact)[inner].mean() < 0.02


def test_gradient_is_zero_outside_input_clamp_and_output() -> None:
    one = Polynomial((Segment(-(1 << 7), -(1 << 7), 1),))
    function = Function("line", S8, (Clamp(-100, 100), one, Round(0, IntFormat(7, signed=True))), 4, 4)
    x = torch.tensor([-9.0, -6.5, -4.5, -4.0, 0.0, 63 / 16, 4.5, 6.5, 9.0], requires_grad=True)
    PiecewiseQuadraticActivation(function)(x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0]


def cordic(bits: int) -> Cordic:
    angles = tuple(round(math.atan(2.0**-i) / (2 * math.pi) * 2 ** (bits + 4)) for i in range(12))
    return Cordic(bits, 4, round(4096 / 1.6467602581210656), angles)


@pytest.mark.parametrize(
    "stages",
    [
        (Scale(3, 1),),
        (Rectify(), Scale(5, 0)),
        (Square(2),),
        (Square(0), Polynomial((Segment(0, 5, 3), Segment(200, 605, -2)), 0)),
        (Wrap(7), Polynomial((Segment(-64, 0, 2, 3),), inner_shift=1)),
        (Wrap(8), cordic(8)),
        (Product((Scale(2, 0),), (Square(0), Polynomial((Segment(0, 7, -1),)))),),
    ],
)
def test_slopes_are_those_of_the_stages(stages: tuple[Stage, ...]) -> None:
    """Against differences of the integers two codes apart, away from joints: steps of rounding are less than 2."""
    function = Function("chain", S8, (*stages, Round(0, IntFormat(40, signed=True))))
    x = torch.tensor(every_code(function).astype(float), requires_grad=True)
    y = PiecewiseQuadraticActivation(function)(x)
    y.sum().backward()
    assert x.grad is not None
    values = y.detach().numpy()
    central = (values[2:] - values[:-2]) / 2
    off = np.abs(x.grad.numpy()[1:-1] - central) / (1 + np.abs(central))
    assert np.median(off) < 0.2 and (off < 0.5).mean() > 0.9


def test_training_moves_through_the_activation() -> None:
    torch.manual_seed(1)
    model = torch.nn.Sequential(
        torch.nn.Linear(1, 16), PiecewiseQuadraticActivation(usual("quad", 12)), torch.nn.Linear(16, 1)
    )
    x = torch.linspace(-1, 1, 64)[:, None]
    target = torch.sin(3 * x)
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    losses = []
    for _ in range(120):
        optimiser.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), target)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.05 * losses[0]


def test_refusals() -> None:
    wide = Function("wide", IntFormat(24, signed=True), (Round(0, S8),))
    with pytest.raises(InvalidInput, match=r"^Input of function 'wide' must have at most 20 bits to be trained, not"):
        PiecewiseQuadraticActivation(wide)
    with pytest.raises(TypeError, match=r"^Stage must be one with a derivative, not object$"):
        stage_slope(cast(Stage, object()), np.zeros(1, dtype=np.int64))
