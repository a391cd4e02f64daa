"""resnet20-cifar10-w1a4: ResNet-20 on CIFAR-10, binary weights, 4-bit activations, 128-row arrays, 5-bit converters.

Three phases: exact sums on images cut to 24 x 24, which is half the work; exact sums on whole images; then the
converters, one step for each column, calibrated on the partial sums that occur in training.
"""

from quadrille.algo.nn import CimStyle, float_resnet20, resnet20
from quadrille.algo.nn.recipe import Phase, Recipe, Schedule

STYLE = CimStyle(array_rows=128, weight_bits=1, activation_bits=4, adc_bits=5)

RECIPE = Recipe(
    name="resnet20-cifar10-w1a4",
    summary="ResNet-20, binary weights, 4-bit activations, 5-bit column-wise ADC on 128-row tiles",
    data="cifar10",
    network=lambda: resnet20(STYLE),
    twin=float_resnet20,
    phases=(
        Phase(epochs=10, learning_rate=2e-3, last_rate=1e-3, schedule=Schedule.ONE_CYCLE, converters=False, size=24),
        Phase(epochs=10, learning_rate=1e-3, last_rate=1e-5, converters=False),
        Phase(epochs=1, learning_rate=2e-4, converters=True),
    ),
    batch=64,
    most_shift=4,
    flip=True,
    twin_rate=2.0,
    calibration_images=128,
    evaluation_images=500,
)
