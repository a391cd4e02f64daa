"""resnet20-cifar10-w4a4: ResNet-20 on CIFAR-10, 4-bit weights in 2-bit cells, 4-bit activations, 128-row arrays.

Scales of weights and of partial sums are column-wise (ColumnQuant); the converters have 5 bits. The residual stream
keeps 8 bits: 16 of its units make one of the activations'. Everything else is that of the binary recipe.
"""

from dataclasses import replace

from quadrille.algo.nn import CimStyle, resnet20

from .resnet20_cifar10_w1a4 import RECIPE as BINARY

STYLE = CimStyle(array_rows=128, weight_bits=4, cell_bits=2, activation_bits=4, adc_bits=5)

RECIPE = replace(
    BINARY,
    name="resnet20-cifar10-w4a4",
    summary="ResNet-20, 4-bit weights in 2-bit cells, 4-bit activations, 5-bit column-wise ADC on 128-row tiles",
    network=lambda: resnet20(STYLE),
    calibration_images=64,
)
