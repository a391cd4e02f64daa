"""resnet20-cifar10-w4a4: ResNet-20 on CIFAR-10, 4-bit weights in 2-bit cells, 4-bit activations, 128-row arrays.

Scales of weights and of partial sums are column-wise (ColumnQuant); the converters have 5 bits. The residual stream
keeps 8 bits: 16 of its units make one of the activations'.
"""

from quadrille.algo.nn import CimStyle, float_resnet20, resnet20
from quadrille.algo.nn.recipe import Phase, Recipe, Schedule

STYLE = CimStyle(array_rows=128, weight_bits=4, cell_bits=2, activation_bits=4, adc_bits=5)

RECIPE = Recipe(
    name="resnet20-cifar10-w4a4",
    summary="ResNet-20, 4-bit weights in 2-bit cells, 4-bit activations, 5-bit column-wise ADC on 128-row tiles",
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
    calibration_images=64,
    evaluation_images=500,
)
