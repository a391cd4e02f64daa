"""lenet-fashion-mnist: small convolutions on Fashion-MNIST, binary weights, 4-bit activations, 5-bit converters."""

from quadrille.algo.nn import CimStyle, float_lenet, lenet
from quadrille.algo.nn.recipe import Phase, Recipe, Schedule

STYLE = CimStyle(array_rows=128, weight_bits=1, activation_bits=4, adc_bits=5)

RECIPE = Recipe(
    name="lenet-fashion-mnist",
    summary="16-32-64 channels of 3 x 3, binary weights, 4-bit activations, 5-bit column-wise ADC on 128-row tiles",
    data="fashion-mnist",
    network=lambda: lenet(STYLE),
    twin=float_lenet,
    phases=(
        Phase(epochs=6, learning_rate=4e-3, schedule=Schedule.ONE_CYCLE, converters=False),
        Phase(epochs=2, learning_rate=5e-4, converters=True),
    ),
    batch=64,
    most_shift=1,
    shift_share=0.5,
    flip=True,
    calibration_images=128,
    evaluation_images=1000,
)
