"""resnet20-cifar10-w3a3: ResNet-20 on CIFAR-10, 3-bit weights in 1-bit cells, 3-bit activations, 128-row arrays.

Scales of weights and of partial sums are column-wise (ColumnQuant); the converters have 4 bits. The residual stream
keeps 8 bits: 32 of its units make one of the activations'.
"""

from quadrille.algo.nn import CimStyle, float_resnet20, resnet20
from quadrille.algo.nn.recipe import Phase, Recipe, Schedule

STYLE = CimStyle(array_rows=128, weight_bits=3, cell_bits=1, activation_bits=3, adc_bits=4)

RECIPE = Recipe(
    name="resnet20-cifar10-w3a3",
    summary="ResNet-20, 3-bit weights in 1-bit cells, 3-bit activations, 4-bit column-wise ADC on 128-row tiles",
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
